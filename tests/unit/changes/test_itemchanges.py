"""Images and files of two snapshots: tags that moved, platform by platform, and files replaced under their name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archiver.changes.items import compare_files, compare_images
from archiver.store.snapshots import read_snapshot
from servers.changed_pump import AFTER, BEFORE, changed_pump

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.snapshot import Snapshot


def _both(tmp_path: Path) -> tuple[Snapshot, Snapshot]:
    paths = changed_pump(tmp_path / "archives").paths
    return read_snapshot(paths, BEFORE), read_snapshot(paths, AFTER)


def test_a_tag_that_moved_says_which_platforms_did(tmp_path: Path) -> None:
    """A moved tag has both digests, and each platform whether it changed, came or went."""
    earlier, later = _both(tmp_path)
    changes = compare_images(earlier, later)
    (moved,) = changes.moved
    assert moved.now.name == "docker.io/example/pump:latest"
    assert moved.was.digest != moved.now.digest
    assert [(each.platform, each.what) for each in moved.platforms] == [
        ("linux/amd64", "changed"), ("linux/arm64", "changed"), ("linux/s390x", "added")
    ]  # fmt: skip
    assert moved.note == "linux/amd64, linux/arm64 changed; linux/s390x added"
    (back,) = compare_images(later, earlier).moved
    assert [each.what for each in back.platforms] == ["changed", "changed", "removed"]


def test_an_index_may_change_around_what_is_kept(tmp_path: Path) -> None:
    """Where only the index is another one, the platforms that are kept are the same, and that is said."""
    earlier, _ = _both(tmp_path)
    rebuilt = replace(earlier.images[0], digest="sha256:" + "0" * 64)
    (moved,) = compare_images(earlier, replace(earlier, images=(rebuilt, *earlier.images[1:]))).moved
    assert moved.note == "what is kept of it is the same"


def test_images_come_go_and_vanish_upstream(tmp_path: Path) -> None:
    """New ones, ones the spec has no longer, and ones that upstream deleted are told apart; and deleted ones that are back."""
    earlier, later = _both(tmp_path)
    changes = compare_images(earlier, later)
    assert [each.name for each in changes.added] == ["docker.io/example/pump:1.1"]
    assert [each.name for each in changes.removed] == ["docker.io/example/old:1.0"]
    assert [(each.name, each.gone[:10]) for each in changes.gone] == [
        ("docker.io/example/tool:1.0", "2026-03-28")
    ]
    assert [each.name for each in compare_images(later, earlier).returned] == ["docker.io/example/tool:1.0"]
    assert (changes.before, changes.after) == (3, 3)


def test_signatures_are_told_of_where_their_image_stayed(tmp_path: Path) -> None:
    """A signature that came for an image both have is news; one that came with a new image is part of that."""
    earlier, later = _both(tmp_path)
    kept, new = later.images[1], later.images[2]
    signatures = [
        replace(
            image,
            reference=f"{image.reference}.sig",
            digest=f"sha256:{n}" + "0" * 63,
            refers_to=image.digest,
            gone="",
        )
        for n, image in enumerate((kept, new))
    ]
    changes = compare_images(earlier, replace(later, images=(*later.images, *signatures)))
    assert [(each.name, each.refers_to) for each in changes.added if each.refers_to] == [
        ("docker.io/example/tool:1.0.sig", kept.digest)
    ]
    assert changes.after == 3, "signatures are no images"


def test_a_file_replaced_under_its_name_has_both_digests_and_sizes(tmp_path: Path) -> None:
    """What may be an attack is told with all that is needed to look into it; a file that stayed is not."""
    earlier, later = _both(tmp_path)
    changes = compare_files(earlier, later)
    (replaced,) = changes.replaced
    assert replaced.now.name == "https://dl.example.org/pump-1.0.tar.gz"
    assert (replaced.was.size, replaced.now.size) == (1_200_000, 1_200_400)
    assert replaced.was.digest == earlier.files[0].digest != replaced.now.digest == later.files[0].digest
    assert [each.name for each in changes.added] == ["https://dl.example.org/pump-1.1.tar.gz"]


def test_snapshots_that_have_the_same_have_no_changes(tmp_path: Path) -> None:
    """Nothing is told of images and files that stayed as they are."""
    earlier, _ = _both(tmp_path)
    images, files = compare_images(earlier, earlier), compare_files(earlier, earlier)
    assert not any((images.moved, images.added, images.removed, images.gone, images.returned))
    assert not any((files.replaced, files.added, files.removed, files.gone, files.returned))
