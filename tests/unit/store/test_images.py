from __future__ import annotations

import json
import threading

import pytest

from archiver.core.descriptor import CONTAINERD_NAME, OCI_MANIFEST, REF_NAME, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument, NotArchived
from archiver.store.images import ImageLayout, read_index


def manifest(layout, content):
    """Store bytes as if they were a manifest and describe them."""
    return Descriptor(OCI_MANIFEST, layout.blobs.put(content), len(content))


def names(layout):
    """Return name and digest of each entry."""
    return [(entry.annotations.get(REF_NAME, ""), entry.digest) for entry in layout.entries()]


def test_a_new_layout_is_valid_and_empty(tmp_path):
    """The marker and an empty index are there from the beginning."""
    layout = ImageLayout(tmp_path / "images")
    assert json.loads((layout.root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert layout.entries() == ()


def test_a_name_stands_in_both_annotations(tmp_path):
    """Podman and skopeo read the one, containerd the other; both are full references."""
    layout = ImageLayout(tmp_path)
    layout.point([("docker.io/library/a:1", manifest(layout, b"one"))])
    (entry,) = layout.entries()
    assert entry.annotations == {REF_NAME: "docker.io/library/a:1", CONTAINERD_NAME: "docker.io/library/a:1"}


def test_a_moved_tag_keeps_its_old_target_without_a_name(tmp_path):
    """Nothing that a snapshot may still name disappears from the index when upstream moves a tag."""
    layout = ImageLayout(tmp_path)
    old, new = manifest(layout, b"one"), manifest(layout, b"two")
    layout.point([("a:1", old)])
    layout.point([("a:1", new)])
    assert names(layout) == [("", old.digest), ("a:1", new.digest)]
    layout.point([("a:1", old)])
    assert sorted(names(layout)) == sorted([("a:1", old.digest), ("", new.digest)])


def test_naming_what_is_named_changes_nothing(tmp_path):
    """A run that finds everything as it was does not rewrite the index."""
    layout = ImageLayout(tmp_path)
    target = manifest(layout, b"one")
    layout.point([("a:1", target), ("b:1", target), ("", target)])
    before = (tmp_path / "index.json").stat().st_ino
    layout.point([("a:1", target), ("", target)])
    assert (tmp_path / "index.json").stat().st_ino == before
    assert names(layout) == [("a:1", target.digest), ("b:1", target.digest)]


def test_many_names_at_once_end_as_one_by_one(tmp_path):
    """A batch leaves the same entries as its names in turn: moved tags, repeated names, digests with a name already."""
    batch, single = ImageLayout(tmp_path / "batch"), ImageLayout(tmp_path / "single")
    for layout in (batch, single):
        one, two, three = (manifest(layout, content) for content in (b"1", b"2", b"3"))
        layout.point([("a:1", one), ("b:1", one), ("", two)])
    steps = [("a:1", two), ("", one), ("a:1", three), ("c:1", two), ("b:1", one), ("", three)]
    batch.point(steps)
    for step in steps:
        single.point([step])
    assert batch.entries() == single.entries()
    assert len(names(batch)) == 3


def test_nothing_is_named_that_is_not_here(tmp_path):
    """The index never points to a manifest that is not in the store."""
    layout = ImageLayout(tmp_path)
    with pytest.raises(NotArchived):
        layout.point([("a:1", Descriptor(OCI_MANIFEST, Digest.of(b"no"), 2))])
    assert layout.entries() == ()


def test_concurrent_writers_lose_no_entry(tmp_path):
    """Two runs that name images at the same time both find their names afterwards."""
    layouts = [ImageLayout(tmp_path), ImageLayout(tmp_path)]

    def work(layout, prefix):
        for number in range(20):
            layout.point([(f"{prefix}:{number}", manifest(layout, f"{prefix}{number}".encode()))])

    threads = [
        threading.Thread(target=work, args=(layout, prefix))
        for layout, prefix in zip(layouts, "ab", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(layouts[0])) == 40


@pytest.mark.parametrize("content", [b"", b"[]", b'{"manifests":3}', b'{"manifests":[{}]}'])
def test_a_damaged_index_is_a_typed_error(tmp_path, content):
    """What is not an index is refused with its path, and with what to do about it."""
    ImageLayout(tmp_path)
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(InvalidDocument) as caught:
        read_index(tmp_path)
    assert "index.json" in caught.value.place
    assert "archive each project again" in caught.value.hint
