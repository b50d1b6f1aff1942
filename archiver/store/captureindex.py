"""The capture index of a snapshot: all of it, or the captures of one URL. Source: docs/format.md, "Capture index"."""

from __future__ import annotations

import gzip
import os
import zlib
from itertools import islice
from typing import IO, TYPE_CHECKING, Iterable, Iterator

from archiver.core.capture import LONGEST_LINE, Capture
from archiver.core.errors import InvalidDocument, RecordCorrupt
from archiver.store.atomic import storage_errors
from archiver.store.blockindex import BlockReader, Table, open_blocks, reading

if TYPE_CHECKING:
    from pathlib import Path

MOST_OF_KEY = 10_000
"""The most captures that looking up a key gives: a site may have any number of URLs that differ in case only."""


def capture_lines(stream: IO[bytes], place: str) -> Iterator[bytes]:
    """Yield all lines of a capture index, without their newlines; where it has tables, check that they name all of it.

    Args:
        stream: the index, seekable; it need not be trusted.
        place: names it in errors.

    Raises:
        RecordCorrupt: it cannot be unpacked, a line is too long, or the tables are not those of the blocks.
    """
    blocks = open_blocks(reading(stream), stream.seek(0, os.SEEK_END), place)
    if blocks is not None:
        for block in blocks.blocks():
            yield from block
        return
    stream.seek(0)
    yield from _lines_of_one_stream(stream, place)


def captures_of(stream: IO[bytes], place: str) -> Iterator[Capture]:
    """Yield the captures of a capture index in their order; see ``capture_lines``.

    Raises:
        RecordCorrupt: as there, or a line is malformed.
    """
    return parsed(capture_lines(stream, place), place)


def parsed(lines: Iterable[bytes], place: str) -> Iterator[Capture]:
    """Yield what lines of a capture index say. Raises RecordCorrupt where one is malformed."""
    try:
        for line in lines:
            yield Capture.from_cdxj(line.decode("utf-8"))
    except (UnicodeDecodeError, InvalidDocument) as error:
        raise RecordCorrupt(f"the capture index cannot be read: {error}", place=place) from error


class CaptureIndex:
    """The capture index of a snapshot, to look up single keys in. Takes a few KB and no open file; for any number of threads.

    Args:
        path: the index. Its root table is read with the first look-up, and again when another file has its place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[tuple[int, ...], Table] | None = None

    def captures_at(self, key: str) -> list[Capture]:
        """Return the captures of a SURT key in index order, ``MOST_OF_KEY`` at most; none where there are none.

        Reads three blocks of the file or so; all of it up to the key where it has no tables.

        Raises:
            RecordCorrupt: the index is missing, or what was read of it is damaged.
            StoreError: or a subclass, for what the file system refuses.
        """
        place, prefix = str(self._path), key.encode("utf-8", "surrogatepass") + b" "
        with storage_errors(self._path):
            if not self._path.is_file():  # opening a pipe would wait for someone to write
                raise RecordCorrupt("the snapshot's capture index is missing", place=place)
            with self._path.open("rb", buffering=0) as stream:
                blocks = self._blocks(stream)
                stream.seek(0)
                lines = (
                    blocks.lines_at(prefix)
                    if blocks
                    else _passing(_lines_of_one_stream(stream, place), prefix)
                )
                return list(parsed(islice(lines, MOST_OF_KEY), place))

    def _blocks(self, stream: IO[bytes]) -> BlockReader | None:
        found = os.fstat(stream.fileno())
        identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        known = self._known
        if known is not None and known[0] == identity:
            return BlockReader(reading(stream), str(self._path), known[1])
        blocks = open_blocks(reading(stream), found.st_size, str(self._path))
        self._known = (identity, blocks.root) if blocks is not None else None
        return blocks


def _lines_of_one_stream(stream: IO[bytes], place: str) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=stream) as packed:
            while line := packed.readline(LONGEST_LINE):
                if not line.endswith(b"\n"):
                    raise RecordCorrupt(
                        "the capture index has a line that is too long, or has no end", place=place
                    )
                yield line[:-1]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordCorrupt(f"the capture index cannot be read: {error}", place=place) from error


def _passing(lines: Iterable[bytes], prefix: bytes) -> Iterator[bytes]:
    """Yield, of sorted lines, those that begin with ``prefix``."""
    for line in lines:
        if line.startswith(prefix):
            yield line
        elif line > prefix:
            return
