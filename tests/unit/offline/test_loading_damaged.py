"""Bundles that lie, and what loading them into a folder makes of that: an error, and nothing that points to a lie."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tarfile
from contextlib import closing
from typing import TYPE_CHECKING, Any, Callable

import pytest

from archiver.core.errors import ArchiverError, BundleDamaged
from archiver.core.progress import NullProgress
from archiver.offline.bundle import read_bundle
from archiver.offline.loading.archive import load_archive
from archiver.offline.opening import open_holdings
from archiver.offline.search.provenance import side_file
from archiver.store.paths import ProjectPaths
from archiver.store.snapshots import list_snapshots
from servers.handmade_bundle import (
    IMAGE,
    SITE,
    SNAPSHOT,
    Bundle,
    as_json,
    identity,
    sample_docs,
    sample_images,
    sha256,
    warc_record,
)

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.loading.project import LoadedArchive
    from servers.handmade_bundle import Docs

_INFO = {"WARC-Type": "warcinfo", "WARC-Record-ID": identity("more"), "WARC-Date": "2026-03-01T12:00:00Z"}


class _Warnings(NullProgress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, message: str) -> None:
        self.said.append(message)


def _load(folder: Path, data: bytes, progress: NullProgress | None = None) -> LoadedArchive:
    """Load a bundle into ``folder/inside/archives``."""
    path = folder / "bundle.tar"
    folder.mkdir(exist_ok=True)
    path.write_bytes(data)
    with read_bundle(path) as bundle:
        (loaded,) = load_archive([bundle], folder / "inside" / "archives", progress)
    return loaded


def _refused(folder: Path, data: bytes) -> str:
    """Load a bundle that must be refused; return what is said of it. Nothing may be outside, and no snapshot inside."""
    (folder / "inside").mkdir(exist_ok=True)
    with pytest.raises(ArchiverError) as refusal:
        _load(folder, data)
    assert {path.name for path in folder.iterdir()} <= {"bundle.tar", "inside"}
    assert {path.name for path in (folder / "inside").iterdir()} <= {"archives"}
    archives = folder / "inside" / "archives"
    if archives.is_dir():
        assert not list(archives.rglob("good"))
        assert not [
            name
            for each in archives.iterdir()
            if each.is_dir()
            for name in list_snapshots(ProjectPaths(each))
        ]
        assert {path.name for path in archives.iterdir()} <= {"archive.json", "images", "demo"}
    return str(refusal.value)


def test_a_sound_bundle_is_loaded(tmp_path: Path) -> None:
    """What the tests below spoil is taken in as it is: pages, revisits, images, and a file."""
    loaded = _load(tmp_path, Bundle().pack())
    assert (loaded.project, loaded.snapshot, loaded.good) == ("demo", SNAPSHOT, True)
    assert (loaded.blobs.copied, loaded.records.copied, loaded.files.copied) == (8, 6, 1)
    (holding,) = open_holdings(tmp_path / "inside" / "archives")
    with closing(holding):
        (site,) = holding.sites
        for capture in site.all_captures():
            with closing(site.response(capture).body) as body:
                assert body.read()


# Records


def _with_docs(change: Callable[[Docs], None]) -> bytes:
    docs = sample_docs()
    change(docs)
    return Bundle(docs).pack()


def _spoil_content(docs: Docs) -> None:
    docs.records["guide"] = gzip.compress(
        gzip.decompress(docs.records["guide"]).replace(b"guide<", b"GUIDE<"), mtime=0
    )


def _cut_member(docs: Docs) -> None:
    docs.records["copy?"] = docs.records["copy?"][:-5]


def _drop_request(docs: Docs) -> None:
    del docs.records["home?"]


def _drop_last_request(docs: Docs) -> None:
    del docs.records["copy?"]


def _swap_requests(docs: Docs) -> None:
    docs.records["home?"], docs.records["guide?"] = docs.records["guide?"], docs.records["home?"]


def _second_info(docs: Docs) -> None:
    docs.records["more"] = warc_record(_INFO, b"software: others\r\n")


def _foreign_type(docs: Docs) -> None:
    docs.records["more"] = warc_record({**_INFO, "WARC-Type": "resource"}, b"anything")


def _no_info(docs: Docs) -> None:
    del docs.records["info"]


def _undigested(docs: Docs) -> None:
    plain = gzip.decompress(docs.records["guide?"])
    head, _, rest = plain.partition(b"WARC-Block-Digest: ")
    docs.records["guide?"] = gzip.compress(head + rest.partition(b"\r\n")[2], mtime=0)


@pytest.mark.parametrize(
    "change",
    [
        _spoil_content,
        _cut_member,
        _drop_request,
        _drop_last_request,
        _swap_requests,
        _second_info,
        _foreign_type,
        _no_info,
        _undigested,
    ],
)
def test_docs_whose_records_are_not_as_they_should_be_are_refused(
    tmp_path: Path, change: Callable[[Docs], None]
) -> None:
    """All checksums of the bundle agree with the record; the record contradicts itself or stands where none may."""
    said = _refused(tmp_path, _with_docs(change))
    assert "docs/guide.wacz" in said
    assert not list((tmp_path / "inside" / "archives" / "demo" / "warc").glob("*"))


def test_docs_that_are_not_what_their_checksum_says_are_refused(tmp_path: Path) -> None:
    """A changed byte that no record is made of (here in the list of pages) is found by the member's checksum."""
    data = Bundle().pack()
    at = data.index(b'"id": "pages"')
    said = _refused(tmp_path, data[:at] + b'"id": "pagez"' + data[at + 13 :])
    assert "docs/guide.wacz" in said
    assert "checksum" in said


def _other_content(docs: Docs) -> None:
    docs.response("guide", "/guide", b"<title>guide</title>" * 39 + b"<title>forge</title>")


def test_a_record_that_is_here_and_sound_is_not_displaced(tmp_path: Path) -> None:
    """A later bundle has another record of a name that the folder has: it is refused, and what was there is read as before."""
    _load(tmp_path, Bundle().pack())
    docs = sample_docs()
    _other_content(docs)
    with pytest.raises(BundleDamaged, match="another one than the folder has"):
        _load(tmp_path, _later(docs))
    archives = tmp_path / "inside" / "archives"
    assert list_snapshots(ProjectPaths(archives / "demo")) == (SNAPSHOT,)
    (archives / "demo" / "locator").unlink()  # made again of the files, it finds the same
    (holding,) = open_holdings(archives)
    with closing(holding):
        (site,) = holding.sites
        for capture in site.all_captures():
            with closing(site.response(capture).body) as body:
                assert b"forge" not in body.read()


def test_a_record_that_is_packed_otherwise_is_the_same_record(tmp_path: Path) -> None:
    """Only what a record says counts: another gzip member of it is no reason to refuse a bundle."""
    _load(tmp_path, Bundle().pack())
    docs = sample_docs()
    docs.records["guide"] = gzip.compress(gzip.decompress(docs.records["guide"]), 1, mtime=0)
    assert _load(tmp_path, _later(docs)).snapshot == "20260401T120000Z"


def _later(docs: Docs) -> bytes:
    bundle = Bundle(docs)
    bundle.document["snapshot"] = "20260401T120000Z"
    return bundle.pack()


@pytest.mark.parametrize(
    "member",
    [
        *("docs/guide.wacz", "docs/search.sqlite", "files/dl.example.org/tool.bin"),
        *(
            "record/snapshot.json",
            "record/captures.cdxj.gz",
            "record/files.jsonl",
            "bundle.json",
            "SHA256SUMS",
        ),
    ],
)
def test_no_byte_is_taken_in_unchecked(tmp_path: Path, member: str) -> None:
    """A signature is over the checksums: who asked for it must get nothing that they do not cover."""
    data = Bundle().pack()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        place = tar.getmember(member)
    for number in range(12):
        at = place.offset_data + number * (place.size - 1) // 11
        with pytest.raises(ArchiverError):
            _load(tmp_path / str(number), data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


# What record/ says


def _captures(change: Callable[[list[bytes]], None]) -> Callable[[dict[str, bytes]], None]:
    def edit(record: dict[str, bytes]) -> None:
        lines = gzip.decompress(record["record/captures.cdxj.gz"]).splitlines(keepends=True)
        change(lines)
        record["record/captures.cdxj.gz"] = gzip.compress(b"".join(lines), mtime=0)
        snapshot = json.loads(record["record/snapshot.json"])
        snapshot |= {"captures": len(lines), "captures_digest": sha256(record["record/captures.cdxj.gz"])}
        record["record/snapshot.json"] = as_json(snapshot)

    return edit


def _foreign_record(lines: list[bytes]) -> None:
    lines[0] = lines[0].replace(identity("home").encode(), identity("nowhere").encode())


def _foreign_site(lines: list[bytes]) -> None:
    lines[0] = lines[0].replace(b'"guide"', b'"elsewhere"')


def _unsorted(lines: list[bytes]) -> None:
    lines.reverse()


def _no_url(lines: list[bytes]) -> None:
    lines[0] = lines[0].replace(SITE.encode(), b"javascript:")


def _one_less(lines: list[bytes]) -> None:
    del lines[0]


@pytest.mark.parametrize("change", [_foreign_record, _foreign_site, _unsorted, _no_url, _one_less])
def test_a_capture_index_that_lies_is_refused(tmp_path: Path, change: Callable[[list[bytes]], None]) -> None:
    """Captures without a record, of no doc site, out of order, without a URL, or too few."""
    said = _refused(tmp_path, Bundle().pack(record=_captures(change)))
    assert "record/captures.cdxj.gz" in said


def test_a_capture_index_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """A small file that unpacks to millions of lines: as soon as there are more captures than records, it is refused."""

    def many(record: dict[str, bytes]) -> None:
        line = gzip.decompress(record["record/captures.cdxj.gz"]).splitlines()[0]
        key, _, rest = line.partition(b" ")
        lines = (
            b"%s %014d %s\n" % (key, 20260301120000 + number, rest.partition(b" ")[2])
            for number in range(200_000)
        )
        record["record/captures.cdxj.gz"] = gzip.compress(b"".join(lines), mtime=0)
        snapshot = json.loads(record["record/snapshot.json"])
        snapshot |= {"captures": 200_000, "captures_digest": sha256(record["record/captures.cdxj.gz"])}
        record["record/snapshot.json"] = as_json(snapshot)

    assert "more captures than records" in _refused(tmp_path, Bundle().pack(record=many))


@pytest.mark.parametrize("name", ["../evil", "images", "UPPER", "a/b", ".hidden", "x" * 80])
def test_a_project_with_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    """A project's name becomes a folder's: one that leads elsewhere, or is taken, never gets that far."""
    bundle = Bundle()
    bundle.document["project"] = name
    _refused(tmp_path, bundle.pack())


@pytest.mark.parametrize("name", ["../../evil", "..", "a/b", "guide\n", ""])
def test_a_doc_site_with_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    """Its name becomes part of a WARC file's name."""
    bundle = Bundle()
    bundle.document["docs"][0]["name"] = name
    _refused(tmp_path, bundle.pack())


def _set(*path: Any) -> Callable[[Any], None]:
    *keys, last, value = path

    def edit(document: Any) -> None:
        for key in keys:
            document = document[key]
        document[last] = value

    return edit


@pytest.mark.parametrize(
    "change",
    [
        _set("id", "20270101T000000Z"),
        _set("project", "other"),
        _set("captures_digest", sha256(b"")),
        _set("finished", "yesterday"),
        _set("started", ""),
        _set("images", 0, "resolved", "yesterday"),
        _set("files", 0, "fetched", "9"),
        _set("images", []),
        _set("images", 0, "digest", sha256(b"")),
        _set("images", 0, "manifests", ["sha256:zz"]),
        _set("images", 0, "manifests", [sha256(b"absent")]),
        _set("images", 0, "manifests", []),
        _set("files", 0, "path", "../../evil"),
        _set("files", 0, "digest", sha256(b"")),
        _set("files", 0, "manifest", "sha256:../../../evil"),
        _set("sites", 0, "name", "../evil"),
        _set("sites", []),
        _set("format", "archiver-snapshot/9"),
        _set("report_digest", "../evil"),
    ],
)
def test_a_record_that_contradicts_the_bundle_is_refused(
    tmp_path: Path, change: Callable[[Any], None]
) -> None:
    """What it names is compared with bundle.json and with what is there, digest by digest, before anything is written."""
    _refused(tmp_path, Bundle().pack(snapshot=change))
    assert not (tmp_path / "inside" / "archives").exists()


@pytest.mark.parametrize("member", ["digest", "manifest", "config"])
def test_a_file_s_artifact_must_be_the_one_that_is_named(tmp_path: Path, member: str) -> None:
    """record/files.jsonl brings texts that become blobs: each has to be what points to it says."""

    def change(record: dict[str, bytes]) -> None:
        line = json.loads(record["record/files.jsonl"])
        record["record/files.jsonl"] = as_json({**line, member: line[member] + " "}) + b"\n"

    assert "record/files.jsonl" in _refused(tmp_path, Bundle().pack(record=change))


# Blobs


def test_a_blob_of_other_content_is_refused(tmp_path: Path) -> None:
    """A layer whose bytes are not those of its digest leaves nothing behind under that digest."""
    images = sample_images()
    layer = sha256(b"own layer")
    images.blobs[layer] = b"OWN LAYER"
    said = _refused(tmp_path, Bundle(images=images).pack())
    assert layer in said
    assert not list((tmp_path / "inside").rglob(layer.partition(":")[2]))


def test_a_file_of_other_content_is_refused(tmp_path: Path) -> None:
    """A download that is not what bundle.json says is not taken in, though SHA256SUMS may agree with it."""
    data = Bundle().pack()
    _refused(tmp_path, data.replace(b"tool" * 200, b"tool" * 199 + b"TOOL", 1))


def test_an_image_that_is_not_whole_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """A full bundle without one of the layers that its manifests list."""
    images = sample_images()
    del images.blobs[sha256(b"own layer")]
    said = _refused(tmp_path, Bundle(images=images).pack())
    assert IMAGE in said
    assert not (tmp_path / "inside" / "archives").exists()


# The search index


def _with_index(script: str, tmp_path: Path) -> bytes:
    bundle = Bundle()
    path = tmp_path / "search.sqlite"
    path.write_bytes(bundle.members["docs/search.sqlite"])
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)
    bundle.members["docs/search.sqlite"] = path.read_bytes()
    path.unlink()
    return bundle.pack()


@pytest.mark.parametrize(
    "script",
    [
        "ALTER TABLE documents RENAME TO d; CREATE VIEW documents AS SELECT * FROM d;",
        "CREATE TRIGGER t AFTER INSERT ON documents BEGIN DELETE FROM texts; END;",
        "UPDATE documents SET url = 'https://elsewhere.example/' WHERE id = 1;",
        "PRAGMA user_version = 9;",
    ],
    ids=["view", "trigger", "foreign-page", "version"],
)
def test_a_search_index_that_cannot_be_trusted_stays_out(tmp_path: Path, script: str) -> None:
    """Docs, images and files are taken in; the index is not, and that is said. The keeper's program makes another."""
    progress = _Warnings()
    _load(tmp_path, _with_index(script, tmp_path), progress)
    assert any("search is off" in line for line in progress.said)
    paths = ProjectPaths(tmp_path / "inside" / "archives" / "demo")
    assert not paths.search(SNAPSHOT).exists()
    assert not side_file(paths.search(SNAPSHOT)).exists()


def test_damage_is_told_with_the_bundle_s_name(tmp_path: Path) -> None:
    """Several bundles are loaded at once: an error says which of them it is about."""
    with pytest.raises(BundleDamaged) as refusal:
        _load(tmp_path, _with_docs(_spoil_content))
    assert str(tmp_path / "bundle.tar") in str(refusal.value)
