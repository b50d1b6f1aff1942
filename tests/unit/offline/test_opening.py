"""Opening bundles and archive folders as holdings, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.digest import Digest
from archiver.core.errors import (
    BundleDamaged,
    FormatUnsupported,
    NotABundle,
    NotArchived,
    RecordCorrupt,
    StoreError,
)
from archiver.core.urlkey import surt_key
from archiver.offline.archive import open_project
from archiver.offline.opening import open_holdings
from archiver.store.snapshots import good_snapshot, read_snapshot, write_snapshot
from servers.handmade_bundle import CHART, IMAGE, SINGLE, Bundle, sha256
from servers.small_archive import FILE_URL, SITE, ArchiveBuilder, small_archive

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.holdings import Holding


def bundle_file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "bundle.tar"
    path.write_bytes(data)
    return path


def test_bundle_is_one_holding(tmp_path: Path) -> None:
    """A bundle opens as its project, with images, files and search index readable in place."""
    bundle = Bundle()
    (holding,) = open_holdings(bundle_file(tmp_path, bundle.pack()))
    assert (holding.project, holding.title, holding.snapshot) == ("demo", "Demo", "20260301T120000Z")
    assert holding.created == "2026-03-01T12:00:30Z"
    assert [image.reference for image in holding.images.images] == [IMAGE, SINGLE, CHART]
    layer = Digest.parse(sha256(b"shared layer"))
    assert holding.images.size(layer) == 12
    with holding.images.open(layer) as stream:
        assert stream.read() == b"shared layer"
        assert stream.seek(7) == 7
        assert stream.read() == b"layer"
    (file,) = holding.files.files
    assert (file.path, file.url) == ("dl.example.org/tool.bin", "https://dl.example.org/tool.bin")
    with holding.files.open(file) as stream:
        assert stream.read() == b"tool" * 200
    assert holding.search is not None
    with holding.open_search() as stream:
        assert Digest.of_stream(stream) == (holding.search.digest, holding.search.size)
    holding.close()


def test_absent_blobs_and_files_are_not_archived(tmp_path: Path) -> None:
    """What a bundle does not have is NotArchived, by name."""
    (holding,) = open_holdings(bundle_file(tmp_path, Bundle().pack()))
    absent = Digest.parse(sha256(b"absent"))
    assert holding.images.size(absent) is None
    with pytest.raises(NotArchived):
        holding.images.open(absent)
    with pytest.raises(NotArchived):
        holding.files.open(replace(holding.files.files[0], path="../README.txt"))


def test_bundle_without_docs_or_images(tmp_path: Path) -> None:
    """A bundle of files only has no sites, no images and no search index."""
    bundle = Bundle()
    for name in ("docs/guide.wacz", "docs/search.sqlite", "images/images.tar"):
        bundle.members.pop(name)
    bundle.document |= {"docs": [], "images": []}
    bundle.images.blobs.clear()
    (holding,) = open_holdings(bundle_file(tmp_path, bundle.pack()))
    assert (list(holding.sites), holding.images.images, holding.search) == ([], (), None)
    with pytest.raises(NotArchived):
        holding.open_search()


def test_damaged_structure_is_refused_with_its_place(tmp_path: Path) -> None:
    """Opening names the file, the member that is wrong, and says how to get the whole list."""
    data = Bundle().pack(document=lambda d: d["members"][6].update(size=1 << 40))
    with pytest.raises(BundleDamaged) as caught:
        open_holdings(bundle_file(tmp_path, data))
    assert caught.value.place == f"{tmp_path / 'bundle.tar'}: files/dl.example.org/tool.bin"
    assert "verify" in (caught.value.hint or "")


@pytest.mark.parametrize("cut", [1, 700, 20_000])
def test_truncated_bundle_is_refused(tmp_path: Path, cut: int) -> None:
    """A bundle that lost its end does not open."""
    with pytest.raises(BundleDamaged) as caught:
        open_holdings(bundle_file(tmp_path, Bundle().pack()[:-cut]))
    assert str(caught.value).startswith(str(tmp_path / "bundle.tar"))


def test_damaged_data_is_no_reason_not_to_open(tmp_path: Path) -> None:
    """Opening reads no data: a flipped bit in a layer is for verify, and for who reads the layer."""
    data = bytearray(Bundle().pack())
    data[data.find(b"shared layer")] ^= 1
    (holding,) = open_holdings(bundle_file(tmp_path, bytes(data)))
    holding.close()


def test_other_files_are_no_bundles(tmp_path: Path) -> None:
    """A text file is not a bundle; a file that is not there is a StoreError."""
    with pytest.raises(NotABundle):
        open_holdings(bundle_file(tmp_path, b"hello" * 1000))
    with pytest.raises(StoreError):
        open_holdings(tmp_path / "none.tar")


def test_newer_format_says_so(tmp_path: Path) -> None:
    """A bundle of a later format is not called damaged."""
    data = Bundle().pack(document=lambda d: d.update(format="archiver-bundle/2"))
    with pytest.raises(FormatUnsupported):
        open_holdings(bundle_file(tmp_path, data))


def bodies(holding: Holding) -> dict[str, bytes]:
    found = {}
    for site in holding.sites:
        for capture in site.all_captures():
            assert capture in site.captures(surt_key(capture.url))
            with site.response(capture).body as body:
                found[capture.url] = body.read()
    return found


def test_archive_folder_is_a_holding_a_project(tmp_path: Path) -> None:
    """Each project opens at its good snapshot, by name; one without a good snapshot is left out."""
    small_archive(tmp_path)
    other = ArchiveBuilder(tmp_path, "another", "Another")
    other.page(f"{SITE}/", b"another")
    other.finish()
    unfinished = ArchiveBuilder(tmp_path, "bad")
    unfinished.page(f"{SITE}/", b"x")
    unfinished.finish()
    unfinished.paths.good.unlink()
    holdings = open_holdings(tmp_path)
    assert [holding.project for holding in holdings] == ["another", "small"]
    (image, *_) = holdings[1].images.images
    assert holdings[1].images.size(image.digest) == image.size
    (file,) = holdings[1].files.files
    assert file.url == FILE_URL
    with holdings[1].files.open(file) as stream:
        assert Digest.of_stream(stream) == (file.digest, file.size)
    assert holdings[1].search is None


def test_archive_and_bundle_of_it_give_the_same_bodies(tmp_path: Path) -> None:
    """What is read from the archive folder and from the bundle made of it is the same, revisits included."""
    made = small_archive(tmp_path / "archive")
    packed = build_bundle(made.archive, "small", output=tmp_path / "small.tar")
    (from_archive,) = open_holdings(tmp_path / "archive")
    (from_bundle,) = open_holdings(packed.path)
    there, here = bodies(from_archive), bodies(from_bundle)
    assert there == here
    assert len(there) == 7
    assert [site.newest for site in from_archive.sites] == [site.newest for site in from_bundle.sites]


def test_missing_warc_file_is_record_corrupt(tmp_path: Path) -> None:
    """A capture whose WARC file is gone is an error when it is read, not when the project is opened."""
    made = small_archive(tmp_path)
    holding = open_project(made.paths)
    site = holding.sites[0]
    capture = next(site.all_captures())
    for path in made.paths.warc.iterdir():
        path.unlink()
    with pytest.raises(RecordCorrupt):
        site.response(capture)


def test_archive_without_locator_is_read(tmp_path: Path) -> None:
    """The locator is a cache: without it the WARC files are scanned."""
    made = small_archive(tmp_path)
    expected = bodies(open_project(made.paths))
    made.paths.locator.unlink()
    assert bodies(open_project(made.paths)) == expected


def test_unknown_snapshot_and_empty_folders_are_not_archived(tmp_path: Path) -> None:
    """What is not in an archive is NotArchived."""
    made = small_archive(tmp_path / "a")
    with pytest.raises(NotArchived):
        open_project(made.paths, "20200101T000000Z")
    made.paths.good.unlink()
    with pytest.raises(NotArchived):
        open_holdings(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotArchived):
        open_holdings(tmp_path / "empty")


def test_body_closes_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing a body from an archive folder closes the WARC files it was read from."""
    from archiver.offline import archive  # noqa: PLC0415 - only this test looks inside

    opened = []
    real = archive.FileAccess

    class Watched(real):  # type: ignore[misc,valid-type]  # the class is taken from the module
        closed = False

        def __init__(self, path: Path) -> None:
            super().__init__(path)
            opened.append(self)

        def close(self) -> None:
            super().close()
            self.closed = True

    monkeypatch.setattr(archive, "FileAccess", Watched)
    assert len(bodies(open_project(small_archive(tmp_path).paths))) == 7
    assert opened
    assert all(source.closed for source in opened)


@pytest.mark.parametrize(
    "wrong",
    [
        {"reference": "Not A Reference"}, {"reference": "docker.io/a:b:c"}, {"reference": ""}, {"size": 10**30},
        {"platforms": ["linux"]}, {"platforms": ["linux/amd64", "a/b/c/d"]}, {"default_platform": "amd64"},
        {"size": -1}, {"digest": "sha256:1"},
    ],
)  # fmt: skip
def test_malformed_images_are_refused_with_the_files_name(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """What the registry and the pages could not show is damage, told when the bundle is opened."""
    data = Bundle().pack(document=lambda document: document["images"][0].update(wrong))
    path = bundle_file(tmp_path, data)
    with pytest.raises(BundleDamaged) as caught:
        open_holdings(path)
    assert str(caught.value).startswith(f"{path}: bundle.json: images[0]: ")


def test_malformed_reference_in_a_snapshot_is_record_corrupt(tmp_path: Path) -> None:
    """An archive's record that names no image is damaged, whoever made it so."""
    made = small_archive(tmp_path)
    record = read_snapshot(made.paths, good_snapshot(made.paths))
    image = replace(record.images[0], reference="Not A Reference")
    write_snapshot(made.paths, replace(record, images=(image,)))
    with pytest.raises(RecordCorrupt):
        open_project(made.paths)
