"""The file of a capture index: what any gzip tool reads of it, looking single keys up, and damage of every kind."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import struct
import subprocess
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Callable

import pytest

from archiver.core.capture import Capture
from archiver.core.errors import RecordCorrupt
from archiver.store import blockindex, captureindex
from archiver.store.blockindex import write_lines
from archiver.store.captureindex import CaptureIndex, capture_lines, captures_of

if TYPE_CHECKING:
    from pathlib import Path

PAGES = 3000
HEADER = 16  # bytes of a block's gzip header


def capture(url: str) -> Capture:
    """Make a capture that compresses as real ones do."""
    digest = hashlib.sha256(url.encode()).hexdigest()
    return Capture(url, "20261123004400", "text/html", "200", f"sha256:{digest}", "docs", "page", digest[:36])


def packed(captures: list[Capture]) -> bytes:
    """Return the index of captures."""
    stream = io.BytesIO()
    lines = sorted(f"{one.to_cdxj()}\n".encode() for one in captures)
    assert write_lines(lines, stream) == len(lines)
    return stream.getvalue()


CAPTURES = [capture(f"https://www.example.org/{n % 13}/page-{n}.html") for n in range(PAGES)]
INDEX = packed(CAPTURES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an index is; there is none yet."""
    return tmp_path / "index.cdxj.gz"


def members(data: bytes) -> list[bytes]:
    """Split an index into its gzip members."""
    found = []
    while data:
        reading = zlib.decompressobj(zlib.MAX_WBITS | 16)
        reading.decompress(data)
        found.append(data[: len(data) - len(reading.unused_data)])
        data = reading.unused_data
    return found


def table(*entries: tuple[int, bytes], end: int) -> bytes:
    """Make a table as docs/format.md has it."""
    text = b"".join(b"%d %s\n" % entry for entry in entries) + b"%d" % end
    extra = b"ci" + struct.pack("<H", len(text) + 6) + text + struct.pack("<I", zlib.crc32(text))
    size = struct.pack("<H", len(extra) + 2)
    return bytes.fromhex("1f8b08040000000000ff") + size + extra + size + bytes.fromhex("0300") + bytes(8)


def with_tables(blocks: list[bytes], *starts: bytes) -> bytes:
    """Return an index of blocks with one leaf, which says of each how it begins."""
    offsets = [sum(map(len, blocks[:n])) for n in range(len(blocks) + 1)]
    leaf = table(*zip(offsets, starts), end=offsets[-1])
    return b"".join(blocks) + leaf + table((offsets[-1], starts[0]), end=offsets[-1] + len(leaf))


def first_line(block: bytes) -> bytes:
    """Return the first line of a block."""
    return gzip.decompress(block).split(b"\n")[0]


def test_every_key_is_found(path: Path) -> None:
    """Each capture comes back by its key, by a reader that was opened once; what is not there is not found."""
    path.write_bytes(INDEX)
    index = CaptureIndex(path)
    for one in CAPTURES:
        assert index.captures_at(one.key) == [one]
    for one in CAPTURES[:: PAGES // 50]:
        assert index.captures_at(one.key[:-1]) == index.captures_at(f"{one.key}0") == []
    assert index.captures_at("") == index.captures_at("zzz") == index.captures_at("\udcff") == []


def test_a_key_that_spans_blocks_is_found_whole(path: Path) -> None:
    """URLs that share a key have all their captures given, in the order of the index, whichever blocks those are in."""
    alike = [capture(f"https://{'www.' * (n % 2)}example.org/7/Page?a=1&n={n}") for n in range(5)]
    many = [replace(capture("https://example.org/7/page-x"), timestamp=f"2026{n:010}") for n in range(1500)]
    path.write_bytes(packed([*CAPTURES, *alike, *many]))
    index = CaptureIndex(path)
    assert index.captures_at(many[0].key) == many
    for one in (*alike, *CAPTURES[::100]):
        assert index.captures_at(one.key) == [one]


def test_what_looking_up_a_key_gives_has_a_bound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site with any number of URLs under one key costs no request more than so much."""
    monkeypatch.setattr(captureindex, "MOST_OF_KEY", 3)
    many = [replace(capture("https://example.org/x"), timestamp=f"2026{n:010}") for n in range(9)]
    path.write_bytes(packed(many))
    assert CaptureIndex(path).captures_at(many[0].key) == many[:3]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_small_indexes(path: Path, count: int) -> None:
    """No capture at all, or hardly any, is an index like another."""
    data = packed(CAPTURES[:count])
    path.write_bytes(data)
    assert [CaptureIndex(path).captures_at(one.key) for one in CAPTURES[:2]] == [
        [one] if number < count else [] for number, one in enumerate(CAPTURES[:2])
    ]
    assert list(captures_of(io.BytesIO(data), "here")) == CAPTURES[:count]


def test_any_gzip_tool_reads_it(path: Path) -> None:
    """The tables are nothing to others: gzip and Python's module give the lines, and nothing else."""
    path.write_bytes(INDEX)
    lines = b"".join(line + b"\n" for line in capture_lines(io.BytesIO(INDEX), "here"))
    assert len(members(INDEX)) > 5
    assert lines.count(b"\n") == PAGES
    assert gzip.decompress(INDEX) == lines
    done = subprocess.run(["gzip", "-dc", str(path)], check=True, capture_output=True)
    assert (done.stdout, done.stderr) == (lines, b"")


def test_the_tables_are_as_documented() -> None:
    """Made from the blocks by what docs/format.md says, the index is the same."""
    *blocks, leaf, root = members(INDEX)
    assert [len(gzip.decompress(block)) >= 128 << 10 for block in blocks] == [True] * (len(blocks) - 1) + [
        False
    ]
    assert gzip.decompress(leaf + root) == b""
    starts, last = [], b""
    for block in blocks:
        lines = gzip.decompress(block).splitlines()
        starts.append(next(lines[0][:n] for n in range(1, 512) if not last.startswith(lines[0][:n])))
        last = lines[-1]
    assert with_tables(blocks, *starts) == INDEX


def test_many_blocks_have_many_leaves(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size, every key is found, and a root that would not fit tells less of each leaf."""
    monkeypatch.setattr(blockindex, "_BLOCK_SIZE", 1)
    monkeypatch.setattr(blockindex, "_LEAF_SIZE", 1)
    folder = "https://example.org/" + "deep/" * 100
    captures = [capture(f"{folder}{n:04}") for n in range(400)]
    data = packed(captures)
    path.write_bytes(data)
    assert list(captures_of(io.BytesIO(data), "here")) == captures
    index = CaptureIndex(path)
    for one in captures[::40]:
        assert index.captures_at(one.key) == [one]
    assert members(data)[-1].count(b"\n") == len(captures)


def test_an_index_without_tables_is_read_through(path: Path) -> None:
    """One gzip stream, as other programs write it, gives the same."""
    path.write_bytes(gzip.compress(gzip.decompress(INDEX)))
    assert CaptureIndex(path).captures_at(CAPTURES[5].key) == [CAPTURES[5]]
    assert CaptureIndex(path).captures_at("org,example)/nothing") == []
    path.write_bytes(gzip.compress(gzip.decompress(INDEX)[:-1]))
    with pytest.raises(RecordCorrupt):
        CaptureIndex(path).captures_at("zzz")


def test_another_file_in_its_place_is_noticed(path: Path) -> None:
    """An index that was put back, or removed, is not read by the tables of the one before."""
    path.write_bytes(INDEX)
    index = CaptureIndex(path)
    assert index.captures_at(CAPTURES[0].key)
    other = path.with_name("other")
    other.write_bytes(packed(CAPTURES[1000:]))
    other.replace(path)
    assert (index.captures_at(CAPTURES[0].key), index.captures_at(CAPTURES[-1].key)) == ([], [CAPTURES[-1]])
    path.write_bytes(gzip.compress(b""))
    assert index.captures_at(CAPTURES[-1].key) == []
    path.unlink()
    with pytest.raises(RecordCorrupt):
        index.captures_at(CAPTURES[-1].key)


def _outcome(path: Path, data: bytes) -> tuple[list[bool], bool]:
    """Say of an index which of some keys are found, and whether it can be read whole; no other answer is given."""
    path.write_bytes(data)
    found = []
    for one in CAPTURES[:: PAGES // 12]:
        try:
            got = CaptureIndex(path).captures_at(one.key)
        except RecordCorrupt:
            found.append(False)
        else:
            assert got == [one], "an index that is damaged hides nothing in silence"
            found.append(True)
    try:
        whole = list(captures_of(io.BytesIO(data), "here"))
    except RecordCorrupt:
        return found, False
    assert whole == sorted(CAPTURES, key=lambda one: one.to_cdxj())
    return found, True


def test_flipped_bits_hide_nothing(path: Path) -> None:
    """Wherever bits are flipped, a look-up gives what is there or says that the index is damaged."""
    chance = random.Random(7)
    tables = len(INDEX) - sum(map(len, members(INDEX)[-2:]))
    places = [chance.randrange(len(INDEX)) for _ in range(40)]
    places += [chance.randrange(tables, len(INDEX)) for _ in range(40)]
    for place in places:
        damaged = bytearray(INDEX)
        damaged[place] ^= 1 << chance.randrange(8)
        found, whole = _outcome(path, bytes(damaged))
        if place >= tables:
            assert not any(found), "a table that is damaged is not believed in part"
            assert not whole


@pytest.mark.parametrize(
    "damage",
    [
        lambda *blocks: b"".join(blocks),
        lambda *blocks: b"".join(blocks[:-1]),
        lambda *_: INDEX[:-1],
        lambda *_: INDEX + b"\0",
        lambda *_: INDEX + INDEX,
        lambda *blocks: blocks[0],
        lambda *_: INDEX[:20],
        lambda *blocks: b"".join(blocks) + table((0, b"o"), end=sum(map(len, blocks))),
        lambda *blocks: with_tables([*blocks], *[b"n"] * len(blocks)),
        lambda *blocks: with_tables([*blocks], *map(first_line, blocks))[: -len(members(INDEX)[-1])],
    ],
    ids=[
        *("no tables", "cut between blocks", "cut", "longer", "twice", "one block", "a piece", "no root"),
        *("wrong starts", "no end"),
    ],
)
def test_an_index_that_is_cut_or_put_together_wrongly(path: Path, damage: Callable[..., bytes]) -> None:
    """Blocks without their tables, which gzip tools take for whole, are no index: nothing is said to be absent."""
    found, whole = _outcome(path, damage(*members(INDEX)[:-2]))
    assert not any(found)
    assert not whole


def test_tables_that_lie_hide_nothing(path: Path) -> None:
    """Tables whose digests are right and that lead astray, leave blocks out or swap them: answers stay right or fail."""
    *blocks, _, _ = members(INDEX)
    firsts = [*map(first_line, blocks)]
    offsets = [sum(map(len, blocks[:n])) for n in range(len(blocks) + 1)]
    end = offsets[-1]
    lies = [
        with_tables(blocks, *(first[:12] for first in firsts)),
        with_tables(blocks, *(first[:1] for first in firsts)),
        with_tables([blocks[0] + blocks[1], *blocks[2:]], firsts[0], *firsts[2:]),
        with_tables([blocks[0][:99], blocks[0][99:], *blocks[1:]], b"", *firsts),
    ]
    leaves = (
        table(*zip(offsets[1:], firsts[1:]), end=end),
        table(*zip(offsets[:-2], firsts), end=offsets[-2]),
        table(*zip((offset + 1 for offset in offsets), firsts), end=end),
        table(*zip(offsets, firsts), end=end)[:-20],
        table(end=end),
        table((0, b"o"), (10**17, b"p"), end=10**18 - 1),
    )
    lies += [b"".join(blocks) + leaf + table((end, b"o"), end=end + len(leaf)) for leaf in leaves]
    kept = [_outcome(path, data) for data in lies]
    assert kept[0] == kept[1] == ([True] * len(kept[0][0]), True), "starts are hints"
    assert not any(whole for _, whole in kept[2:])


def test_blocks_that_are_not_in_order_are_found_out() -> None:
    """Whoever reads all of it, as verify does, compares neighbours, within blocks and across."""
    first, second, *rest, _, _ = members(INDEX)
    for blocks in ([second, first, *rest], [first, first, second, *rest]):
        data = with_tables(blocks, *[b"o"] * len(blocks))
        with pytest.raises(RecordCorrupt, match="order"):
            list(capture_lines(io.BytesIO(data), "here"))


def test_a_block_that_is_a_bomb_is_not_unpacked(path: Path) -> None:
    """What unpacks to more than any block has is refused before it fills the memory."""
    header, data = INDEX[:HEADER], b"org,example)/ " + b"x" * (40 << 20) + b"\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = header + packer.compress(data) + packer.flush() + struct.pack("<II", zlib.crc32(data), len(data))
    path.write_bytes(with_tables([block], b"o"))
    with pytest.raises(RecordCorrupt):
        CaptureIndex(path).captures_at("org,example)/")
    with path.open("rb") as stream, pytest.raises(RecordCorrupt):
        list(capture_lines(stream, "here"))


def test_a_look_up_reads_little(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few blocks are unpacked for a key, whatever their number."""
    monkeypatch.setattr(blockindex, "_BLOCK_SIZE", 4 << 10)
    path.write_bytes(packed(CAPTURES))
    index = CaptureIndex(path)
    index.captures_at("")
    opened: list[int] = []
    real = zlib.decompressobj

    def counting(bits: int) -> object:
        opened.append(bits)
        return real(bits)

    monkeypatch.setattr(zlib, "decompressobj", counting)
    most = 0
    for one in CAPTURES[:500]:
        opened.clear()
        assert index.captures_at(one.key) == [one]
        most = max(most, len(opened))
    assert most <= 3, (
        "its own, and where it is the first or the last line the one beside, before which all is read again"
    )
