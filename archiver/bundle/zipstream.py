"""Writes a zip of uncompressed entries in one pass, its exact size known beforehand.

The standard library's zipfile leaves the layout of its headers to the Python version; a bundle's bytes
must not depend on that, and the tar around the zip wants the size first.

Source: APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3 (ZIP64 extended information).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable

from archiver.bundle.hashing import HashingSink
from archiver.core.errors import SizeMismatch

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.core.tarstream import Sink

_LIMIT = 0xFFFFFFFF
_MOST_ENTRIES = 0xFFFF
_DATE = 1 << 5 | 1  # 1980-01-01, the first day a zip can name; the time is zero
_DESCRIPTOR = 1 << 3  # flag bit: checksum and sizes follow the data
_PLAIN, _ZIP64 = 20, 45  # versions needed to extract
_UNIX = 3 << 8
_MODE = 0o100644 << 16


@dataclass(frozen=True)
class ZipEntry:
    """An entry's name and size in bytes; ``crc`` is None where only streaming will tell it."""

    name: str
    size: int
    crc: int | None = None


class ZipWriter:
    """Appends entries to a sink that need not be seekable."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._offset = 0
        self._central: list[bytes] = []

    def add(self, name: str, data: bytes) -> None:
        """Write an entry that is in memory."""
        entry = ZipEntry(name, len(data), zlib.crc32(data))
        start = self._offset
        self._put(_local(entry))
        self._put(data)
        self._central.append(_directory(entry, zlib.crc32(data), start))

    def stream(self, name: str, size: int, write: Callable[[Sink], None]) -> Digest:
        """Write an entry whose content ``write`` sends; return that content's digest.

        Raises:
            SizeMismatch: it sent more or fewer bytes than ``size``; the zip is unusable then.
        """
        entry, start = ZipEntry(name, size), self._offset
        self._put(_local(entry))
        content = _Summed(self._sink)
        write(content)
        if content.size != size:
            raise SizeMismatch(f"{content.size} of the {size} bytes planned", place=name)
        self._offset += size
        self._put(_descriptor(entry, content.crc))
        self._central.append(_directory(entry, content.crc, start))
        return content.finish()

    def finish(self) -> None:
        """Write the central directory."""
        start = self._offset
        for record in self._central:
            self._put(record)
        self._put(_end(len(self._central), self._offset - start, start))

    def _put(self, data: bytes) -> None:
        self._sink.write(data)
        self._offset += len(data)


def zip_size(entries: Iterable[ZipEntry]) -> int:
    """Return the length in bytes of the zip that a ZipWriter makes of these entries, in this order."""
    offset, directory, count = 0, 0, 0
    for entry in entries:
        directory += len(_directory(entry, 0, offset))
        offset += len(_local(entry)) + entry.size + len(_descriptor(entry, 0) if entry.crc is None else b"")
        count += 1
    return offset + directory + len(_end(count, directory, offset))


class _Summed(HashingSink):
    """Counts what passes, and keeps its CRC-32 beside its digest."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(sink)
        self.size, self.crc = 0, 0

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        super().write(data)


def _local(entry: ZipEntry) -> bytes:
    """The header in front of an entry; of a streamed one checksum and sizes are zero (APPNOTE 4.4.4)."""
    name, large = entry.name.encode("ascii"), entry.size >= _LIMIT
    shown = 0 if entry.crc is None else entry.size
    extra = struct.pack("<HHQQ", 1, 16, shown, shown) if large else b""
    field = _LIMIT if large else shown
    return (
        struct.pack(
            "<4s5H3L2H",
            b"PK\3\4",
            _ZIP64 if large else _PLAIN,
            _DESCRIPTOR if entry.crc is None else 0,
            0,  # stored
            0,
            _DATE,
            entry.crc or 0,
            field,
            field,
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def _descriptor(entry: ZipEntry, crc: int) -> bytes:
    form = "<4sLQQ" if entry.size >= _LIMIT else "<4sLLL"
    return struct.pack(form, b"PK\7\10", crc, entry.size, entry.size)


def _directory(entry: ZipEntry, crc: int, offset: int) -> bytes:
    name = entry.name.encode("ascii")
    wide = [value for value in (entry.size, entry.size, offset) if value >= _LIMIT]
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = _ZIP64 if wide else _PLAIN
    return (
        struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2",
            _UNIX | version,
            version,
            _DESCRIPTOR if entry.crc is None else 0,
            0,  # stored
            0,
            _DATE,
            crc,
            min(entry.size, _LIMIT),
            min(entry.size, _LIMIT),
            len(name),
            len(extra),
            0,
            0,
            0,
            _MODE,
            min(offset, _LIMIT),
        )
        + name
        + extra
    )


def _end(count: int, size: int, offset: int) -> bytes:
    tail = b""
    if count >= _MOST_ENTRIES or size >= _LIMIT or offset >= _LIMIT:
        tail += struct.pack(
            "<4sQ2H2L4Q", b"PK\6\6", 44, _UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, offset
        )
        tail += struct.pack("<4sLQL", b"PK\6\7", 0, offset + size, 1)
    return tail + struct.pack(
        "<4s4H2LH",
        b"PK\5\6",
        0,
        0,
        min(count, _MOST_ENTRIES),
        min(count, _MOST_ENTRIES),
        min(size, _LIMIT),
        min(offset, _LIMIT),
        0,
    )
