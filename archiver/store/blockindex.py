"""Sorted lines in a gzip file that can be searched: blocks, each a gzip member, and tables at its end that name them.

Lines are found by three short reads, whatever the size; any gzip tool reads all of them. Source: docs/format.md,
"Capture index".
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import IO, Callable, Iterable, Iterator, NamedTuple

from archiver.core.capture import LONGEST_LINE
from archiver.core.errors import InvalidDocument, RecordCorrupt

ReadAt = Callable[[int, int], bytes]
"""Reads at an offset so many bytes; fewer only where the file ends before."""

_BLOCK_SIZE = 128 << 10  # bytes of lines at which a block ends
_MOST_BLOCK = 1 << 20  # bytes that are accepted of one, packed or not
_LEAF_SIZE = 16 << 10  # bytes of text at which a leaf ends
_MOST_TEXT = 0xFFFF - 4 - 6  # of a table, in an extra field with the heading of a subfield and the tail
_LONGEST_STARTS = (512, 64, 16)
_LEAVES = 8  # kept of an index by whoever keeps blocks
_DIGITS = 18  # of an offset; more than any file system takes

_HEADER = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff"  # RFC 1952 section 2.3: deflate, an extra field, no time, unknown system
_BLOCK_MARK, _TABLE_MARK = b"cb", b"ci"
_NOTHING = b"\x03\0" + bytes(8)  # the empty string deflated, its CRC and its length
_EXTRA = struct.Struct("<H2sH")  # XLEN, the subfield's name and its length
_TAIL = struct.Struct("<IH")  # of a table: its CRC, and XLEN again
_TRAILER = struct.Struct("<II")  # RFC 1952 section 2.3: CRC and length of what is packed


def write_lines(lines: Iterable[bytes], stream: IO[bytes]) -> int:
    """Write an index; return how many lines it has. Same lines, same bytes.

    Args:
        lines: with their newlines, sorted bytewise.
        stream: written from its beginning to its end.
    """
    writer = _Writer(stream)
    for line in lines:
        writer.add(line)
    writer.finish()
    return writer.count


def open_blocks(read_at: ReadAt, size: int, place: str, kept: int = 0) -> BlockReader | None:
    """Begin to read an index: its root table.

    Args:
        read_at: reads the file, which need not be trusted.
        size: the file's, in bytes.
        place: names it in errors.
        kept: how many blocks, of 128 KiB each, to keep that were read lately.

    Returns:
        What reads it; None where it has no tables.

    Raises:
        RecordCorrupt: its end is damaged.
    """
    head = read_at(0, len(_HEADER) + _EXTRA.size)
    if not head.startswith(_HEADER) or head[len(_HEADER) + 2 :][:2] not in (_BLOCK_MARK, _TABLE_MARK):
        return None
    reader = BlockReader(read_at, place, Table((0,), ()), kept)
    reader.read_root(size)
    return reader


def reading(stream: IO[bytes]) -> ReadAt:
    """Return what reads a seekable stream at any place, for one thread."""

    def read_at(offset: int, length: int) -> bytes:
        stream.seek(offset)
        data = b""
        while len(data) < length and (more := stream.read(length - len(data))):
            data += more
        return data

    return read_at


class Table(NamedTuple):
    """A leaf, which names blocks, or the root, which names leaves.

    ``offsets`` says where each begins, and behind the last one where that ends; ``starts`` how the first line of each does.
    """

    offsets: tuple[int, ...]
    starts: tuple[bytes, ...]

    def before(self, prefix: bytes) -> int:
        """Return the number of the last one that may begin in front of what sorts as ``prefix``."""
        return max(0, bisect_left(self.starts, prefix) - 1)


@dataclass(frozen=True)
class _Place:
    """A block: the number of its leaf, the leaf, and its number there."""

    at: int
    leaf: Table
    number: int

    @property
    def extent(self) -> tuple[int, int, bytes]:
        """Where it begins and ends, and how its first line begins."""
        number = self.number
        return self.leaf.offsets[number], self.leaf.offsets[number + 1], self.leaf.starts[number]


class BlockReader:
    """Reads an index that has tables. May be used by several threads where ``read_at`` may. Get one from ``open_blocks``.

    Args:
        read_at: reads the file.
        place: names it in errors.
        root: its root.
        kept: how many blocks to keep that were read lately.
    """

    def __init__(self, read_at: ReadAt, place: str, root: Table, kept: int = 0) -> None:
        self.root = root
        self._read_at, self._where = read_at, place
        self._kept_block = lru_cache(maxsize=kept)(self._read_block)
        self._leaf = lru_cache(maxsize=min(kept, _LEAVES))(self._read_leaf)

    def read_root(self, size: int) -> None:
        """Read the root of a file of so many bytes."""
        end = self._read(max(0, size - len(_NOTHING) - _TAIL.size), _TAIL.size)
        length = len(_HEADER) + 2 + _TAIL.unpack(end)[1] + len(_NOTHING)
        self.root = self._table(size - length, length)
        if self.root.offsets[-1] != size - length or (not self.root.starts and size != length):
            raise self._damage("its root table stands elsewhere than it says")

    def lines_at(self, prefix: bytes) -> Iterator[bytes]:
        """Yield the lines that begin with ``prefix``: all between one that sorts before it and one that sorts behind.

        Raises:
            RecordCorrupt: what was read is damaged; so in all that reads here.
        """
        for line in self.lines_from(prefix):
            if not line.startswith(prefix):
                return
            yield line

    def lines_from(self, prefix: bytes) -> Iterator[bytes]:
        """Yield the lines that sort as ``prefix`` or behind it."""
        found = self._find(prefix)
        if found is not None:
            place, lines = found
            yield from lines[bisect_left(lines, prefix) :]
            for block in self._blocks_beside(place, lines, 1):
                yield from block

    def lines_before(self, prefix: bytes) -> Iterator[bytes]:
        """Yield the lines that sort in front of ``prefix``, the last one first."""
        found = self._find(prefix)
        if found is not None:
            place, lines = found
            yield from reversed(lines[: bisect_left(lines, prefix)])
            for block in self._blocks_beside(place, lines, -1):
                yield from reversed(block)

    def blocks(self) -> Iterator[list[bytes]]:
        """Yield all lines, a block at a time, and check that the tables name all that is in front of them."""
        if not self.root.starts:
            return
        place: _Place | None = _Place(0, self._read_leaf(0), 0)
        last = b""
        while place is not None:
            if place.number == 0 and self.root.starts[place.at] != place.leaf.starts[0]:
                raise self._damage("the root table says of a leaf what that does not")
            lines = self._read_block(*place.extent)
            self._check_order(last, lines[0])
            yield lines
            last, place = lines[-1], self._beside(place, 1)

    def _find(self, prefix: bytes) -> tuple[_Place, list[bytes]] | None:
        """Return a block that begins in front of ``prefix`` as none behind it does, and its lines; the first, if none does."""
        if not self.root.starts:
            return None
        at = self.root.before(prefix)
        leaf = self._leaf(at)
        place = _Place(at, leaf, leaf.before(prefix))
        lines = self._block(place)
        while lines[0] >= prefix and (before := self._beside(place, -1)):
            place, lines = before, self._block(before)
        return place, lines

    def _blocks_beside(self, place: _Place, lines: list[bytes], step: int) -> Iterator[list[bytes]]:
        """Yield the blocks behind one (1), or in front of it (-1), the nearest first."""
        while following := self._beside(place, step):
            near, lines = lines, self._block(following)
            first, second = (near, lines) if step > 0 else (lines, near)
            self._check_order(first[-1], second[0])
            yield lines
            place = following

    def _beside(self, place: _Place, step: int) -> _Place | None:
        """Return the block next to another, behind it (1) or in front of it (-1); None where there is none."""
        number, at = place.number + step, place.at + step
        if 0 <= number < len(place.leaf.starts):
            return replace(place, number=number)
        if not 0 <= at < len(self.root.starts):
            return None
        leaf = self._leaf(at)
        first, second = (place.leaf, leaf) if step > 0 else (leaf, place.leaf)
        if first.offsets[-1] != second.offsets[0]:
            raise self._damage("its tables pass over something, or name it twice")
        return _Place(at, leaf, 0 if step > 0 else len(leaf.starts) - 1)

    def _read_leaf(self, at: int) -> Table:
        offsets = self.root.offsets
        leaf = self._table(offsets[at], offsets[at + 1] - offsets[at])
        is_last = at == len(self.root.starts) - 1
        if not leaf.starts or (at == 0 and leaf.offsets[0]) or (is_last and leaf.offsets[-1] != offsets[0]):
            raise self._damage("its tables do not name all its blocks")
        return leaf

    def _table(self, offset: int, length: int) -> Table:
        frame = len(_HEADER) + _EXTRA.size
        if not frame + _TAIL.size <= length - len(_NOTHING) <= frame + _TAIL.size + _MOST_TEXT:
            raise self._damage("a table cannot have the length that is said")
        data = self._read(offset, length)
        text = data[frame : -_TAIL.size - len(_NOTHING)]
        if data != _member(_TABLE_MARK, text + _tail(text), _NOTHING):
            raise self._damage("a table is damaged")
        *entries, end = text.split(b"\n")
        pairs = [entry.split(b" ", 1) for entry in entries]
        numbers = [*(pair[0] for pair in pairs), end]
        if not all(len(pair) == 2 for pair in pairs) or not all(map(_is_number, numbers)):
            raise self._damage("a table is malformed")
        table = Table(tuple(map(int, numbers)), tuple(pair[1] for pair in pairs))
        if list(table.offsets) != sorted(set(table.offsets)) or list(table.starts) != sorted(table.starts):
            raise self._damage("a table is not in order")
        return table

    def _block(self, place: _Place) -> list[bytes]:
        return self._kept_block(*place.extent)

    def _read_block(self, offset: int, end: int, start: bytes) -> list[bytes]:
        """Return the lines of a block, without their newlines; there is one at least."""
        if end - offset > _MOST_BLOCK:
            raise self._damage("a block is longer than any is")
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            data = inflater.decompress(self._read(offset, end - offset), _MOST_BLOCK)
        except zlib.error as error:
            raise self._damage(f"a block cannot be unpacked: {error}") from error
        if not inflater.eof or inflater.unused_data or not data.endswith(b"\n"):
            raise self._damage("a block is not one gzip member of lines")
        lines = data[:-1].split(b"\n")
        if not lines[0].startswith(start):
            raise self._damage("a table says of a block what that does not")
        if lines != sorted(lines) or max(map(len, lines)) >= LONGEST_LINE:
            raise self._damage("the lines are not in order, or one is too long")
        return lines

    def _check_order(self, last: bytes, first: bytes) -> None:
        if last > first:
            raise self._damage("the blocks are not in order")

    def _read(self, offset: int, length: int) -> bytes:
        data = self._read_at(offset, length) if offset >= 0 else b""
        if offset < 0 or len(data) != length:
            raise self._damage("it is cut short")
        return data

    def _damage(self, what: str) -> RecordCorrupt:
        return RecordCorrupt(f"the capture index is damaged: {what}", place=self._where)


class _Writer:
    """Writes blocks as lines come, and at the end the tables."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.count = 0
        self._stream = stream
        self._at = 0
        self._lines: list[bytes] = []
        self._size = 0
        self._last = b""  # line of the block before
        self._blocks: list[tuple[int, bytes]] = []

    def add(self, line: bytes) -> None:
        self.count += 1
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _BLOCK_SIZE:
            self._end_block()

    def finish(self) -> None:
        if self._lines:
            self._end_block()
        for longest in _LONGEST_STARTS:
            leaves = list(_leaves([(offset, start[:longest]) for offset, start in self._blocks], self._at))
            begin, entries = self._at, []
            for start, leaf in leaves:
                entries.append((begin, start))
                begin += len(leaf)
            text = _table_text(entries, begin)
            if len(text) <= _MOST_TEXT:
                break
        else:
            raise InvalidDocument("more captures than an index can have")
        for _, leaf in leaves:
            self._write(leaf)
        self._write(_member(_TABLE_MARK, text + _tail(text), _NOTHING))

    def _end_block(self) -> None:
        first, data = self._lines[0].rstrip(b"\n"), b"".join(self._lines)
        start = first[: min(_LONGEST_STARTS[0], _shared(self._last, first) + 1)]
        self._blocks.append((self._at, start))
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(data) + packer.flush()
        self._write(_member(_BLOCK_MARK, b"", packed + _TRAILER.pack(zlib.crc32(data), len(data))))
        self._last, self._lines, self._size = self._lines[-1], [], 0

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._at += len(data)


def _leaves(blocks: list[tuple[int, bytes]], end: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the leaves that name blocks: how the first line of each begins, and its gzip member."""
    while blocks:
        size = count = 0
        while count < len(blocks) and size < _LEAF_SIZE:
            size += len(blocks[count][1]) + len(str(blocks[count][0])) + 2
            count += 1
        behind = blocks[count][0] if count < len(blocks) else end
        text = _table_text(blocks[:count], behind)
        yield blocks[0][1], _member(_TABLE_MARK, text + _tail(text), _NOTHING)
        blocks = blocks[count:]


def _table_text(entries: Iterable[tuple[int, bytes]], end: int) -> bytes:
    return b"".join(b"%d %s\n" % entry for entry in entries) + b"%d" % end


def _tail(text: bytes) -> bytes:
    return _TAIL.pack(zlib.crc32(text), 4 + len(text) + _TAIL.size)


def _member(mark: bytes, extra: bytes, packed: bytes) -> bytes:
    """Return a gzip member that has one extra subfield; ``packed`` ends with its CRC and length."""
    return _HEADER + _EXTRA.pack(4 + len(extra), mark, len(extra)) + extra + packed


def _shared(one: bytes, other: bytes) -> int:
    """Return how many bytes both begin with."""
    pairs = enumerate(zip(one, other))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _DIGITS
