"""What a delta leaves out, and what it can build on."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from archiver.bundle.build import build_bundle
from archiver.bundle.since import read_base
from archiver.core.descriptor import Platform
from archiver.core.digest import Digest
from archiver.core.errors import BundleDamaged, FormatUnsupported, NotABundle, UsageError
from archiver.core.progress import NullProgress
from archiver.offline.search.reading import open_index
from archiver.offline.verify import verify_bundle
from archiver.store.snapshots import read_snapshot
from servers.small_archive import EARLIER, FILE_URL, IMAGE, SITE, SNAPSHOT, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def builder(tmp_path: Path) -> ArchiveBuilder:
    """An archive with a finished snapshot, of one of everything."""
    builder = ArchiveBuilder(tmp_path / "archives")
    builder.page(f"{SITE}/", html("Start", "text"))
    builder.image(IMAGE, ("linux/amd64", "linux/arm64"))
    builder.file(FILE_URL, b"tool" * 1000)
    builder.finish(EARLIER)
    return builder


def _manifest(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as tar:
        member = tar.extractfile("bundle.json")
        assert member is not None
        return json.load(member)  # type: ignore[no-any-return]  # it is an object


class _Warnings(NullProgress):
    """Keeps what is warned of."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, message: str) -> None:
        self.said.append(message)


def test_a_base_is_all_that_its_reader_has(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """Blobs, files, records and documents of a full bundle; the same and what it requires of a delta."""
    full = build_bundle(builder.archive, "small", output=tmp_path).path
    second = builder.page(f"{SITE}/second", html("Second", "text"))
    builder.finish(SNAPSHOT)
    made = build_bundle(builder.archive, "small", output=tmp_path, since=full)
    assert made.new is not None
    assert made.new.bundle == full.name
    delta = made.path
    builder.finish("20260302T120000Z")
    latest = read_snapshot(builder.paths, "20260302T120000Z")
    first, both = (read_base(path, builder.paths, latest) for path in (full, delta))
    assert first.blobs == both.blobs
    assert Digest.of(b"tool" * 1000) in first.blobs
    assert both.records - first.records == {second.record}
    assert None not in (first.search_digest, both.search_digest)
    assert first.search_digest != both.search_digest, "of all pages, not of those that are in the delta"
    assert (first.since, both.since) == ("", EARLIER)
    chained = build_bundle(builder.archive, "small", output=tmp_path, since=delta).new
    assert chained is not None
    assert chained.bundle == delta.name


def _documents(bundle: Path) -> list[tuple[str, str]]:
    """Return URL and title of what a bundle's search index has."""
    with tarfile.open(bundle) as tar:
        member = tar.extractfile("docs/search.sqlite")
        assert member is not None
        path = bundle.with_suffix(".sqlite")
        path.write_bytes(member.read())
    with open_index(path) as index:
        return [(url, title) for (_, url, _), title in index.titles()]


def test_a_second_name_of_a_page_becomes_a_document_when_the_first_changes(
    builder: ArchiveBuilder, tmp_path: Path
) -> None:
    """Twins are one document: when one of them changes, the other's old capture is a document that readers lack."""
    folder = builder.page(f"{SITE}/a/", html("A", "same"))
    builder.page(f"{SITE}/a/index.html", html("A", "same"))
    builder.finish(EARLIER)
    base = build_bundle(builder.archive, "small", output=tmp_path).path
    builder.captures.remove(folder)
    builder.page(f"{SITE}/a/", html("Changed", "text"), timestamp="20260301120005")
    builder.finish(SNAPSHOT)
    delta = build_bundle(builder.archive, "small", output=tmp_path, since=base).path
    assert verify_bundle(delta).problems == ()
    assert sorted(_documents(delta)) == [(f"{SITE}/a/", "Changed"), (f"{SITE}/a/index.html", "A")]


def test_pages_that_were_captured_again_and_say_the_same_are_no_documents(
    builder: ArchiveBuilder, tmp_path: Path
) -> None:
    """A refresh gives every page a new time; readers have the text, and get that of the page that changed only."""
    old = [builder.page(f"{SITE}/{number}", html(f"Page {number}", "text")) for number in range(5)]
    builder.finish(EARLIER)
    base = build_bundle(builder.archive, "small", output=tmp_path).path
    builder.captures.clear()
    for page in old[1:]:
        builder.revisit(page.url, page, not_modified=True)
    builder.page(old[0].url, html("Page 0, rewritten", "text"), timestamp="20260301120009")
    builder.finish(SNAPSHOT)
    delta = build_bundle(builder.archive, "small", output=tmp_path, since=base).path
    assert _documents(delta) == [(f"{SITE}/0", "Page 0, rewritten")]
    assert verify_bundle(delta).problems == ()


def test_an_index_of_another_builder_is_packed_whole(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """Where the base's index is not the archive's, its texts may be others: readers get all of the new one."""
    base = build_bundle(builder.archive, "small", output=tmp_path).path
    described = {**_manifest(base), "search_digest": str(Digest.of(b"another"))}
    described["members"] = [each for each in described["members"] if each["role"] != "search"]
    other = tmp_path / "bundle.json"
    other.write_text(json.dumps(described))
    builder.page(f"{SITE}/second", html("Second", "text"))
    builder.finish(SNAPSHOT)
    delta = build_bundle(builder.archive, "small", output=tmp_path, since=other).path
    assert [url for url, _ in _documents(delta)] == [f"{SITE}/", f"{SITE}/second"]


def test_what_cannot_be_built_on_is_refused(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """The same snapshot, a newer one, another project's or archive's: each error says what to do."""
    base = build_bundle(builder.archive, "small", output=tmp_path).path
    record = read_snapshot(builder.paths, EARLIER)
    with pytest.raises(UsageError, match="nothing can be new"):
        read_base(base, builder.paths, record)
    builder.page(f"{SITE}/second", html("Second", "text"))
    later = builder.finish(SNAPSHOT)
    newer = build_bundle(builder.archive, "small", output=tmp_path).path
    with pytest.raises(UsageError, match="newer than"):
        read_base(newer, builder.paths, record)
    other = ArchiveBuilder(tmp_path / "other", "other")
    other.page(f"{SITE}/", html("Start", "text"))
    with pytest.raises(UsageError, match="a bundle of small"):
        read_base(base, other.paths, other.finish(SNAPSHOT))
    elsewhere = ArchiveBuilder(tmp_path / "elsewhere")
    elsewhere.page(f"{SITE}/else", html("Else", "text"))
    elsewhere.finish(EARLIER)
    with pytest.raises(UsageError, match="not the archive's snapshot"):
        read_base(base, elsewhere.paths, later)


@pytest.mark.parametrize("data", [b"", b"text", b"{}", b"{", b'{"format": 7}'])
def test_what_is_no_bundle_is_refused(builder: ArchiveBuilder, tmp_path: Path, data: bytes) -> None:
    """Neither a tar of the bundle's form nor a bundle.json: a typed error, never an exception of another kind."""
    path = tmp_path / "base"
    path.write_bytes(data)
    with pytest.raises((NotABundle, BundleDamaged, FormatUnsupported)) as refused:
        read_base(path, builder.paths, read_snapshot(builder.paths, EARLIER))
    assert str(path) in str(refused.value)


def test_where_the_archive_lost_the_bases_snapshot_it_is_said(
    builder: ArchiveBuilder, tmp_path: Path
) -> None:
    """All captures are new then; blobs are not, for the base lists them itself."""
    base = build_bundle(builder.archive, "small", output=tmp_path).path
    later = builder.finish(SNAPSHOT)
    builder.paths.record(EARLIER).unlink()
    warnings = _Warnings()
    found = read_base(base, builder.paths, later, warnings)
    assert found.records == frozenset()
    assert Digest.of(b"tool" * 1000) in found.blobs
    assert any("all pages are packed" in text for text in warnings.said)


def test_a_file_of_known_content_is_not_packed_under_its_new_name(
    builder: ArchiveBuilder, tmp_path: Path
) -> None:
    """What a reader has under one URL he has: the digest is required, and no member has it again."""
    base = build_bundle(builder.archive, "small", output=tmp_path).path
    builder.file(f"{FILE_URL}.copy", b"tool" * 1000)
    builder.finish(SNAPSHOT)
    bundled = build_bundle(builder.archive, "small", output=tmp_path, since=base)
    document = _manifest(bundled.path)
    assert len(document["files"]) == 2
    assert not [member for member in document["members"] if member["role"] == "file"]
    assert str(Digest.of(b"tool" * 1000)) in document["requires"]
    assert bundled.new is not None
    assert (bundled.new.files, bundled.new.blobs, bundled.new.records) == (0, 0, 0)
    assert verify_bundle(bundled.path).problems == ()


def test_an_index_that_leads_to_something_new_comes_along(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """The base has one platform: the other one comes with the index, which the base has, too."""
    base = build_bundle(
        builder.archive, "small", output=tmp_path, platforms=[Platform("linux", "amd64")]
    ).path
    builder.finish(SNAPSHOT)
    delta = build_bundle(builder.archive, "small", output=tmp_path, since=base).path
    assert verify_bundle(delta).problems == ()
    document = _manifest(delta)
    packed = {blob["digest"] for blob in document["blobs"]}
    assert document["images"][0]["digest"] in packed
    assert not packed.intersection(document["requires"])
    assert document["images"][0]["platforms"] == ["linux/amd64", "linux/arm64"]
