from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from archiver.bundle import rawrecords
from archiver.bundle.cdxindex import zipnum
from archiver.bundle.rawrecords import RawRecords
from archiver.bundle.siteclosure import site_contents
from archiver.bundle.wacz import Wacz
from archiver.core.digest import Digest
from archiver.core.errors import BundleIncomplete
from archiver.store.locator import Locator
from archiver.store.snapshots import read_captures
from archiver.store.warcfiles import scan_members
from servers.small_archive import SITE, ArchiveBuilder, html, small_archive

if TYPE_CHECKING:
    from pathlib import Path


def _plan(builder: ArchiveBuilder, titles: dict[tuple[str, str], str] | None = None) -> Wacz:
    record = builder.finish()
    raw = RawRecords(builder.paths)
    (site,) = site_contents(record, read_captures(builder.paths, record), raw)
    return Wacz(record, site, titles or {}, raw)


def _written(wacz: Wacz) -> bytes:
    output = io.BytesIO()
    wacz.member().write(output)
    return output.getvalue()


def _lines(data: bytes) -> list[dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        text = gzip.decompress(read.read("indexes/index.cdx.gz")).decode()
    return [json.loads(line.split(" ", 2)[2]) for line in text.splitlines()]


@pytest.fixture
def builder(tmp_path: Path) -> ArchiveBuilder:
    """The small archive."""
    return small_archive(tmp_path / "archives")


def test_the_file_is_as_long_as_planned_and_its_hashes_hold(builder: ArchiveBuilder) -> None:
    """The size is exact, zipfile finds no damage, and every resource has the hash and length that are written."""
    wacz = _plan(builder)
    data = _written(wacz)
    assert len(data) == wacz.size
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        package = read.read("datapackage.json")
        for resource in json.loads(package)["resources"]:
            content = read.read(resource["path"])
            assert (resource["bytes"], resource["hash"]) == (len(content), str(Digest.of(content)))
        digest = json.loads(read.read("datapackage-digest.json"))
    assert digest == {"path": "datapackage.json", "hash": str(Digest.of(package))}


def test_records_are_the_archives_own_bytes(builder: ArchiveBuilder) -> None:
    """Each place in the index is that of a gzip member that stands, byte for byte, in a WARC file of the archive."""
    data = _written(_plan(builder))
    originals = b"".join(path.read_bytes() for path in sorted(builder.paths.warc.iterdir()))
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        warc = read.read("archive/data.warc.gz")
    places = [(line["record"], line["offset"], line["length"]) for line in _lines(data)]
    places += [
        (line["revisit"], line["revisitOffset"], line["revisitLength"])
        for line in _lines(data)
        if "revisit" in line
    ]
    assert len(places) == 8
    for record, start, length in places:
        member = warc[int(start) : int(start) + int(length)]
        assert member in originals
        assert record.encode() in gzip.decompress(member)


def test_what_is_not_modified_shares_its_originals_line(builder: ArchiveBuilder) -> None:
    """A 304 is nothing to replay: the line is the original's, with its time, and tells of the revisit besides."""
    data = _written(_plan(builder))
    (line,) = (line for line in _lines(data) if line["url"] == f"{SITE}/old.html")
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        warc = read.read("archive/data.warc.gz")
        text = gzip.decompress(read.read("indexes/index.cdx.gz")).decode()
    record = gzip.decompress(warc[int(line["offset"]) : int(line["offset"]) + int(line["length"])])
    assert b"WARC-Type: response" in record
    assert f"{line['mime']} {line['status']} {line['kind']}" == "text/html 200 page"
    assert next(part.split(" ")[1] for part in text.splitlines() if "/old.html" in part) == "20260201120002"
    again = gzip.decompress(warc[int(line["revisitOffset"]) :][: int(line["revisitLength"])])
    assert b"server-not-modified" in again
    assert line["revisit"].encode() in again


def test_a_revisit_brings_its_original_with_it(builder: ArchiveBuilder) -> None:
    """An original that is no capture of the snapshot has a line of its own kind; revisits say where theirs is."""
    guide = builder.page(f"{SITE}/guide", html("Guide", "g"), timestamp="20260201120005", listed=False)
    builder.revisit(f"{SITE}/guide/", guide)
    lines = {(line["url"], line["mime"]): line for line in _lines(_written(_plan(builder)))}
    revisit, original = lines[f"{SITE}/guide/", "warc/revisit"], lines[f"{SITE}/guide", "text/html"]
    assert (original["kind"], original["record"]) == ("original", revisit["refersTo"])
    assert (revisit["origOffset"], revisit["origLength"]) == (original["offset"], original["length"])
    assert revisit["origMime"] == "text/html"
    copy = lines[f"{SITE}/copy.css", "warc/revisit"]
    style = lines[f"{SITE}/style.css", "text/css"]
    assert (copy["refersTo"], style["kind"]) == (style["record"], "requisite")


def test_no_member_of_a_line_is_what_pywb_calls_otherwise(builder: ArchiveBuilder) -> None:
    """Pywb has names of its own for members, and takes ``original`` for the URL: no line has those."""
    assert not {"original", "o", "a", "b", "m", "s", "k", "V", "g"} & {
        name for line in _lines(_written(_plan(builder))) for name in line
    }


def test_warcio_accepts_the_records(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """`warcio check` finds every digest right, that of the warcinfo record included."""
    with zipfile.ZipFile(io.BytesIO(_written(_plan(builder)))) as read:
        path = read.extract("archive/data.warc.gz", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", "-v", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("digest pass") == 15
    assert "fail" not in done.stdout


def test_pages_are_those_that_people_read(builder: ArchiveBuilder) -> None:
    """pages.jsonl lists HTML pages answered with 200, with their titles, or their URLs where none is known."""
    data = _written(_plan(builder, {(f"{SITE}/", "20260301120001"): "Welcome"}))
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        header, *pages = map(json.loads, read.read("pages/pages.jsonl").decode().splitlines())
    assert header == {"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}
    assert [(page["url"], page["title"]) for page in pages] == [
        (f"{SITE}/", "Welcome"),
        (f"{SITE}/install.html", f"{SITE}/install.html"),
        (f"{SITE}/old.html", f"{SITE}/old.html"),
    ]
    assert pages[0]["ts"] == "2026-03-01T12:00:01Z"


def test_a_large_index_is_cut_into_blocks() -> None:
    """Every 1,000 lines begin a gzip member of their own, which the summary names by key, place and digest."""
    lines = sorted(b"org,example)/%05d 20260301120001 {}\n" % number for number in range(2500))
    index, summary = zipnum(lines)
    meta, *blocks = summary.decode().splitlines()
    assert meta == '!meta 0 {"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}'
    assert [block.split(" ")[0] for block in blocks] == [
        "org,example)/00000",
        "org,example)/01000",
        "org,example)/02000",
    ]
    content = b""
    for block in blocks:
        place = json.loads(block.split(" ", 2)[2])
        member = index[place["offset"] : place["offset"] + place["length"]]
        assert place["digest"] == str(Digest.of(member))
        content += gzip.decompress(member)
    assert content == b"".join(lines)


def test_a_warc_file_cut_short_is_named_before_anything_is_written(builder: ArchiveBuilder) -> None:
    """Planning notices a WARC file that ends before its last record does."""
    path = max(builder.paths.warc.iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleIncomplete) as raised:
        _plan(builder)
    assert raised.value.place == str(path)


def test_a_locator_that_points_elsewhere_is_noticed(builder: ArchiveBuilder) -> None:
    """Bytes that are no gzip member, or another record, where the locator says: an error, never a wrong bundle."""
    wacz = _plan(builder)
    path = max(builder.paths.warc.iterdir())
    data = path.read_bytes()
    at = RawRecords(builder.paths).find(builder.captures[0].record)
    other = RawRecords(builder.paths).find(builder.captures[1].record)
    broken = bytearray(data)
    broken[at.offset : at.offset + at.length] = bytes(at.length)
    path.write_bytes(broken)
    with pytest.raises(BundleIncomplete, match="no gzip member"):
        _written(wacz)
    swapped = bytearray(data)
    swapped[at.offset : at.offset + other.length] = data[other.offset : other.offset + other.length]
    path.write_bytes(swapped)
    with pytest.raises(BundleIncomplete, match="another does"):
        _written(wacz)


def test_large_records_are_streamed_to_the_same_bytes(
    builder: ArchiveBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too large to be in memory as a whole is copied in pieces, between others that are copied together."""
    together = _written(_plan(builder))
    places = [RawRecords(builder.paths).find(capture.record) for capture in builder.captures]
    for batch in (0, sorted(at.pair_length for at in places)[len(places) // 2]):
        monkeypatch.setattr(rawrecords, "_BATCH", batch)
        assert _written(_plan(builder)) == together


@pytest.mark.parametrize("batch", [0, 1 << 20], ids=["streamed", "together"])
@pytest.mark.parametrize("half", ["response", "request"])
@pytest.mark.parametrize("where", ["middle", "checksum", "length"])
def test_a_damaged_record_is_named_and_not_packed(
    builder: ArchiveBuilder, half: str, where: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bit that the disk lost, in a response or in the request behind it, ends the packing with record and file."""
    monkeypatch.setattr(rawrecords, "_BATCH", batch)
    capture = builder.captures[0]
    at = RawRecords(builder.paths).find(capture.record)
    path = builder.paths.warc / at.file
    begin, end = at.offset, at.offset + at.length
    if half == "request":
        begin, end = end, at.offset + at.pair_length
    data = bytearray(path.read_bytes())
    data[{"middle": (begin + end) // 2, "checksum": end - 8, "length": end - 4}[where]] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleIncomplete, match=capture.record) as raised:
        _written(_plan(builder))
    assert raised.value.place == f"{path}:{begin}"


def test_a_locator_with_wrong_lengths_is_noticed(builder: ArchiveBuilder) -> None:
    """Bytes between two records, or a record cut in two, are no records: nothing is packed from a stale map."""
    at = RawRecords(builder.paths).find(builder.captures[0].record)
    with closing(Locator(builder.paths.locator)) as locator:
        locator.add([replace(at, length=at.length - 1)])
    with pytest.raises(BundleIncomplete, match=f"not {at.length - 1} bytes"):
        _written(_plan(builder))


def test_a_record_that_no_file_has_is_named(builder: ArchiveBuilder) -> None:
    """A snapshot that names a record of a WARC file that is gone cannot be packed."""
    builder.paths.locator.unlink()
    for path in builder.paths.warc.iterdir():
        path.unlink()
    with pytest.raises(BundleIncomplete) as raised:
        _plan(builder)
    assert str(raised.value.place).startswith("<urn:uuid:")


def test_without_a_locator_the_warc_files_are_searched(builder: ArchiveBuilder) -> None:
    """The locator is a cache: the same file comes out without it."""
    before = _written(_plan(builder))
    builder.paths.locator.unlink()
    assert _written(_plan(builder)) == before


def test_a_revisit_of_a_revisit_is_refused(tmp_path: Path) -> None:
    """An original must hold the payload itself."""
    made = ArchiveBuilder(tmp_path / "archives")
    page = made.page(f"{SITE}/", html("Start", "text"))
    first = made.revisit(f"{SITE}/a", page)
    made.captures.remove(first)
    made.revisit(f"{SITE}/b", first)
    with pytest.raises(BundleIncomplete, match="no response record"):
        _plan(made)


def _cut_anew(builder: ArchiveBuilder) -> None:
    """Put each pair of records into a WARC file of its own, named against the order of time, as no run would."""
    files = sorted(builder.paths.warc.glob("*.warc.gz"))
    pairs = []
    for path in files:
        info, *members = [
            path.read_bytes()[member.offset : member.end] for member in scan_members(path)
        ]  # a warcinfo, then a response or revisit and its request, again and again
        pairs += [info + first + second for first, second in zip(members[::2], members[1::2])]
        path.unlink()
    for number, pair in enumerate(reversed(pairs)):
        (builder.paths.warc / f"{number:05}.warc.gz").write_bytes(pair)
    builder.paths.locator.unlink()


def test_how_the_archives_files_are_cut_makes_no_difference(builder: ArchiveBuilder) -> None:
    """The same records in other WARC files, as an archive put together from bundles has them, give the same bytes."""
    before = _written(_plan(builder))
    _cut_anew(builder)
    assert _written(_plan(builder)) == before
