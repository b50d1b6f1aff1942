"""Reading a zip's directory strictly: uncompressed entries that lie end to end, and nothing else.

A lenient reader lets a zip say two things: one to who reads from the front, one to who reads the directory.
Here each entry's local header must agree with the directory, and together they account for every byte.

Source: APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3 (ZIP64 extended information).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MOST_ENTRIES = 1000
_MOST_DIRECTORY = 1 << 20
_STREAMED = 0x0008  # CRC and sizes stand in a data descriptor behind the data
_UTF8 = 0x0800
_BIG = 0xFFFFFFFF
_EPOCH = (0, 33)  # time and date of 1980-01-01T00:00:00


@dataclass(frozen=True)
class ZipEntry:
    """An uncompressed entry: its name, where its data begins, the data's length in bytes and its CRC-32."""

    name: str
    offset: int
    size: int
    crc: int


class _Listed(NamedTuple):
    """An entry as the central directory has it."""

    name: bytes
    flags: int
    crc: int
    size: int
    header: int


class _Malformed(Exception):
    """What stops the reading; its text goes into a problem."""


def read_zip(source: RandomAccess, report: Report) -> dict[str, ZipEntry]:
    """Return the entries by name, in order, after checking the structure of the whole file.

    Reads headers only. A zip whose structure is wrong is reported and has no entries.
    """
    try:
        return _read(source)
    except (_Malformed, struct.error) as error:
        report("zip.structure", "", str(error))
        return {}


def _read(source: RandomAccess) -> dict[str, ZipEntry]:
    directory, end, count = _find_directory(source)
    entries: dict[str, ZipEntry] = {}
    position = 0
    for item in _read_directory(source.read_at(directory, end - directory), count):
        entry, position = _entry_at(source, position, item)
        if entry.name in entries:
            raise _Malformed(f"{entry.name} occurs twice")
        entries[entry.name] = entry
    if position != directory:
        raise _Malformed(f"{directory - position} bytes between the last entry and the directory")
    return entries


def _find_directory(source: RandomAccess) -> tuple[int, int, int]:
    """Return the central directory's offset, its end, and how many entries it has."""
    at = source.size - _END.size
    fields = _END.unpack(source.read_at(max(at, 0), _END.size))
    signature, *disks, count, length, offset, comment = fields
    if signature != b"PK\5\6" or comment or disks[:2] != [0, 0] or disks[2] != count:
        raise _Malformed("no end of central directory at the end of the file")
    end = at
    if _BIG in (length, offset) or count == 0xFFFF:
        end = at - _LOCATOR.size - _END64.size
        count, length, offset = _read_end64(source, end)
    if offset + length != end:
        raise _Malformed("the central directory does not lie at the end of the file")
    if count > _MOST_ENTRIES or length > _MOST_DIRECTORY:
        raise _Malformed(f"{count} entries in a directory of {length} bytes are more than are accepted")
    return offset, end, count


def _read_end64(source: RandomAccess, at: int) -> tuple[int, int, int]:
    raw = source.read_at(max(at, 0), _END64.size + _LOCATOR.size)
    signature, rest, _, _, disk, start, here, count, length, offset = _END64.unpack_from(raw)
    locator = _LOCATOR.unpack_from(raw, _END64.size)
    sound = signature == b"PK\6\6" and rest == _END64.size - 12 and (disk, start, here) == (0, 0, count)
    if not sound or locator != (b"PK\6\7", 0, at, 1):
        raise _Malformed("the ZIP64 end of central directory is malformed")
    return count, length, offset


def _read_directory(data: bytes, count: int) -> list[_Listed]:
    listed: list[_Listed] = []
    at = 0
    for _ in range(count):
        fields = _CENTRAL.unpack_from(data, at)
        signature, _, _, flags, method, time, date, crc, packed, size = fields[:10]
        name_length, extra_length, comment, disk, _, _, header = fields[10:]
        at += _CENTRAL.size
        name = data[at : at + name_length]
        extra = data[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length
        if signature != b"PK\1\2" or comment or disk:
            raise _Malformed("an entry of the central directory is malformed")
        if method or flags & ~(_STREAMED | _UTF8) or (time, date) != _EPOCH:
            raise _Malformed(f"{name!r:.120} is compressed, encrypted or dated, or has an unknown flag")
        size, packed, header = _widened([size, packed, header], extra, name)
        if size != packed:
            raise _Malformed(f"{name!r:.120} has two sizes")
        listed.append(_Listed(name, flags, crc, size, header))
    if at != len(data):
        raise _Malformed("the central directory is longer than its entries")
    return listed


def _entry_at(source: RandomAccess, position: int, item: _Listed) -> tuple[ZipEntry, int]:
    """Check the local header that begins at ``position`` and return the entry and the next header's place."""
    if item.header != position:
        raise _Malformed(f"{item.name!r:.120} should begin at byte {position}, but begins at {item.header}")
    raw = source.read_at(position, _LOCAL.size)
    signature, _, flags, method, time, date, crc, packed, size, name_length, extra_length = _LOCAL.unpack(raw)
    rest = source.read_at(position + _LOCAL.size, name_length + extra_length)
    if signature != b"PK\3\4" or rest[:name_length] != item.name or not item.name.isascii():
        raise _Malformed(f"{item.name!r:.120} has another name or no header where it should begin")
    size, packed = _widened([size, packed], rest[name_length:], item.name)
    streamed = bool(flags & _STREAMED)
    known = {(item.crc, item.size, item.size)}
    if streamed:
        known |= {(0, 0, 0), (0, item.size, item.size)}
    if (flags, method, (time, date)) != (item.flags, 0, _EPOCH) or (crc, packed, size) not in known:
        raise _Malformed(f"{item.name!r:.120} contradicts its own header")
    offset = position + _LOCAL.size + len(rest)
    end = offset + item.size
    if streamed:
        end += _descriptor(source, end, item)
    return ZipEntry(item.name.decode("ascii"), offset, item.size, item.crc), end


def _descriptor(source: RandomAccess, at: int, item: _Listed) -> int:
    for form in ("<4sLQQ", "<4sLLL"):
        length = struct.calcsize(form)
        raw = source.read_at(at, length)
        if len(raw) == length and struct.unpack(form, raw) == (b"PK\7\x08", item.crc, item.size, item.size):
            return length
    raise _Malformed(f"{item.name!r:.120} has no sound data descriptor behind it")


def _widened(values: list[int], extra: bytes, name: bytes) -> list[int]:
    """Replace what did not fit into 32 bits by its value in the ZIP64 extra field, the only one accepted."""
    wide: list[int] = []
    if extra:
        kind, length = struct.unpack_from("<2H", extra)
        if kind != 1 or length != len(extra) - 4 or length % 8:
            raise _Malformed(f"{name!r:.120} has an unknown extra field")
        wide = list(struct.unpack_from(f"<{length // 8}Q", extra, 4))
    return [wide.pop(0) if value == _BIG and wide else value for value in values]
