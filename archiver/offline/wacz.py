"""Reading a WACZ in place: index.idx in memory, blocks of the index and records on demand.

Source: WACZ 1.1.1, and its narrower form in docs/format.md.
"""

from __future__ import annotations

import threading
import zlib
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator

from archiver.core import jsontext
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError, InvalidDocument, RecordCorrupt
from archiver.offline.cdxj import DATA, IndexLine, lines_of_key, parse_lines
from archiver.offline.records import Place, open_response
from archiver.offline.windows import Part
from archiver.offline.zipwalk import ZipEntry, read_zip

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.holdings import Response
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

ARCHIVE = f"archive/{DATA}"
INDEX = "indexes/index.cdx.gz"
IDX = "indexes/index.idx"
PAGES = "pages/pages.jsonl"
PACKAGE = "datapackage.json"
PACKAGE_DIGEST = "datapackage-digest.json"
ENTRIES = (ARCHIVE, INDEX, IDX, PAGES, PACKAGE, PACKAGE_DIGEST)
META = {"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}

_MOST_IDX = 64 << 20
_MOST_BLOCK = 16 << 20  # compressed
_MOST_INDEX = 1 << 48  # bytes; more than any file system takes
_MOST_LINES = 64 << 20  # of one block, decompressed
_CACHED_BLOCKS = 32
_REMEMBERED = 1024  # lines, lately found: whoever looks a capture up opens it next


@dataclass(frozen=True)
class Block:
    """A line of index.idx: the first ``key timestamp`` of a block, and where its gzip member is (bytes)."""

    first: bytes
    offset: int
    length: int
    digest: Digest


class Wacz:
    """One doc site's captures.

    Args:
        source: the whole WACZ.
        entries: what ``open_wacz`` found in it.
        blocks: the index's blocks in order.
        site: the name of the doc site, for the captures.
    """

    def __init__(
        self, source: RandomAccess, entries: dict[str, ZipEntry], blocks: tuple[Block, ...], site: str
    ) -> None:
        self.entries = entries
        self.blocks = blocks
        self._source = source
        self._site = site
        self._index, self._data = self.part(INDEX), self.part(ARCHIVE)
        self._firsts = [block.first for block in blocks]
        self._cache: OrderedDict[int, list[bytes]] = OrderedDict()
        self._found: dict[str, IndexLine] = {}  # by the record's id
        self._lock = threading.Lock()

    def part(self, name: str) -> Part:
        """Return an entry's content."""
        return Part(self._source, self.entries[name].offset, self.entries[name].size)

    def lines(self, key: str) -> list[IndexLine]:
        """Return what the index says of the records of one SURT key, in the order of its lines.

        Raises:
            RecordCorrupt: the part of the index where they would be cannot be read.
        """
        prefix = key.encode("utf-8", "surrogatepass") + b" "
        found: list[IndexLine] = []
        number = max(0, bisect_left(self._firsts, prefix) - 1)
        while number < len(self.blocks) and (
            self._firsts[number] < prefix or self._firsts[number].startswith(prefix)
        ):
            for line in lines_of_key(self.block(number), key):
                found.extend(self._parsed(line))
            number += 1
        if len(self._found) + len(found) > _REMEMBERED:
            self._found.clear()
        for one in found:
            self._found[one.capture.record] = one
        return found

    def lines_near(self, key: str, before: int, after: int) -> list[IndexLine]:
        """Return what the lines around the place of a SURT key say, or of the beginning of one, in their order.

        Args:
            key: the SURT key, or the beginning of some.
            before: how many lines in front of it to read, at most.
            after: how many lines at it and behind it to read, at most.

        Raises:
            RecordCorrupt: a part of the index where they would be cannot be read.
        """
        if not self.blocks:
            return []
        prefix = key.encode("utf-8", "surrogatepass")
        number = max(0, bisect_left(self._firsts, prefix) - 1)
        lines = self.block(number)
        place = bisect_left(lines, prefix)
        ahead, behind = lines[max(0, place - before) : place], lines[place : place + after]
        at = number
        while len(ahead) < before and at > 0:
            at -= 1
            ahead = self.block(at)[-(before - len(ahead)) :] + ahead
        at = number
        while len(behind) < after and at + 1 < len(self.blocks):
            at += 1
            behind = behind + self.block(at)[: after - len(behind)]
        return [found for line in (*ahead, *behind) for found in self._parsed(line)]

    def all_lines(self) -> Iterator[IndexLine]:
        """Yield what it says of all records, in the order of its lines. Raises RecordCorrupt where the index cannot be read."""
        for number in range(len(self.blocks)):
            for line in self.block(number):
                yield from self._parsed(line)

    def block(self, number: int) -> list[bytes]:
        """Return a block's lines. Raises RecordCorrupt where it is not what index.idx says."""
        with self._lock:
            if number in self._cache:
                self._cache.move_to_end(number)
                return self._cache[number]
        lines = self._read_block(self.blocks[number])
        with self._lock:
            self._cache[number] = lines
            while len(self._cache) > _CACHED_BLOCKS:
                self._cache.popitem(last=False)
        return lines

    def response(self, capture: Capture) -> Response:
        """Open a capture's response. Raises RecordCorrupt where it is not what the index says."""
        line = self._found.get(capture.record)
        if line is None or line.capture != capture:
            found = (one for one in self.lines(capture.key) if one.capture.record == capture.record)
            line = next(found, None)
        if line is None:
            raise RecordCorrupt("the index has no such record", place=capture.record)
        place = Place(self._data, line.offset, line.length, line.capture.record)
        original = None
        if line.capture.original:
            original = Place(self._data, line.original_offset, line.original_length, line.capture.original)
        return open_response(place, original, line.capture.digest)

    def _parsed(self, line: bytes) -> tuple[IndexLine, ...]:
        try:
            return parse_lines(line, self._site)
        except InvalidDocument as error:
            raise RecordCorrupt(
                f"a line of the index is malformed: {error.message}", place=error.place
            ) from error

    def _read_block(self, block: Block) -> list[bytes]:
        place = f"{INDEX}, byte {block.offset}"
        packed = self._index.read_at(block.offset, block.length)
        if Digest.of(packed) != block.digest:
            raise RecordCorrupt("a block of the index is not what index.idx says", place=place)
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            data = inflater.decompress(packed, _MOST_LINES)
        except zlib.error as error:
            raise RecordCorrupt(f"a block of the index cannot be unpacked: {error}", place=place) from error
        if not inflater.eof or inflater.unused_data or not data.endswith(b"\n"):
            raise RecordCorrupt("a block of the index is not one gzip member of lines", place=place)
        return data[:-1].split(b"\n")


def open_wacz(source: RandomAccess, site: str, report: Report) -> Wacz | None:
    """Open a WACZ: its directory and index.idx are read and checked, nothing else.

    Returns None where what is reported leaves nothing to read.
    """
    entries = read_zip(source, report)
    if not entries:
        return None
    for name in entries:
        if name not in ENTRIES:
            report("zip.entry", name, "not an entry of a WACZ in a bundle")
    missing = [name for name in ENTRIES if name not in entries]
    for name in missing:
        report("zip.entry", name, "the entry is missing")
    if not missing and list(entries) != list(ENTRIES):
        report("zip.entry", "", "the entries are not in their order")
    if not {ARCHIVE, INDEX, IDX} <= set(entries):
        return None
    return Wacz(source, entries, _read_idx(source, entries, report), site)


def _read_idx(source: RandomAccess, entries: dict[str, ZipEntry], report: Report) -> tuple[Block, ...]:
    size = entries[IDX].size
    if size > _MOST_IDX:
        report("wacz.index", IDX, f"{size} bytes are more than the {_MOST_IDX} accepted")
        return ()
    first, *rest = source.read_at(entries[IDX].offset, size).split(b"\n")
    if rest[-1:] != [b""] or not first.startswith(b"!meta 0 ") or _json(first[8:]) != META:
        report("wacz.index", IDX, "not the beginning or the end of an index.idx")
    blocks: list[Block] = []
    end = 0
    for line in rest[:-1]:
        block = _read_block_line(line)
        if block is None:
            report("wacz.index", IDX, f"malformed line {line[:120]!r}")
            continue
        if block.offset != end or (blocks and block.first <= blocks[-1].first):
            report("wacz.index", IDX, f"the block {line[:120]!r} does not follow the one before")
        blocks.append(block)
        end = block.offset + block.length
    if end != entries[INDEX].size:
        report("wacz.index", IDX, f"the blocks end at byte {end}, the index at {entries[INDEX].size}")
    return tuple(blocks)


def _read_block_line(line: bytes) -> Block | None:
    parts = line.split(b" ", 2)
    members = _json(parts[2]) if len(parts) == 3 else None
    if not isinstance(members, dict) or members.get("filename") != META["filename"]:
        return None
    offset, length = members.get("offset"), members.get("length")
    if type(offset) is not int or not 0 <= offset < _MOST_INDEX:
        return None
    if type(length) is not int or not 0 < length <= _MOST_BLOCK:
        return None
    try:
        return Block(b" ".join(parts[:2]), offset, length, Digest.parse(members.get("digest", "")))
    except ArchiverError:
        return None


def _json(data: bytes) -> Any:
    try:
        return jsontext.load(data, limit=_MOST_BLOCK, what=IDX)
    except InvalidDocument:
        return None
