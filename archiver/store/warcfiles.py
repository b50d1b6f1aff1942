"""WARC files as sequences of gzip members: where they are, whether they are whole, a few record headers.

Making records and reading their content belong to ``collect`` and ``offline``.

Source: WARC 1.1 annex D (one gzip member a record).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Iterator

from archiver.core.errors import RecordCorrupt
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 18
_FIRST = (
    2 << 10
)  # bytes read of a member at first: most are small, and what lies behind one is read again with the next
_HEAD = 64 << 10
_MAGIC = b"\x1f\x8b\x08"


@dataclass(frozen=True)
class Member:
    """One gzip member.

    Attributes:
        offset, length: where it is, in bytes.
        record, type: its record's ID and type.
        warcinfo: the ID of the warcinfo record that it names; empty where it names none.
        refers_to: of a revisit, the ID of the record that it refers to.
    """

    offset: int
    length: int
    record: str
    type: str
    warcinfo: str = ""
    refers_to: str = ""

    @property
    def end(self) -> int:
        """The offset just past the member."""
        return self.offset + self.length

    @property
    def is_capture(self) -> bool:
        """Whether the record is a response, or stands in for one."""
        return self.type in ("response", "revisit")

    @property
    def is_foreign(self) -> bool:
        """Whether the record is of a type that this program never writes."""
        return not self.is_capture and self.type not in ("warcinfo", "request")


def scan_members(path: Path, start: int = 0) -> Iterator[Member]:
    """Yield the whole members of a WARC file from an offset on.

    Raises:
        RecordCorrupt: at the first member that is broken or cut short; ``place`` has its offset.
    """
    with storage_errors(path), path.open("rb", buffering=_CHUNK) as stream:
        offset = start
        while True:
            stream.seek(offset)
            member = _member(stream, offset, path)
            if member is None:
                return
            yield member
            offset = member.end


def sound_members(path: Path) -> Iterator[Member]:
    """Yield all members that can be read, wherever a file is damaged. Raises StoreError or a subclass."""
    start: int | None = 0
    while start is not None:
        end = start
        try:
            for member in scan_members(path, start):
                end = member.end
                yield member
            start = None
        except RecordCorrupt:  # a bit that the disk lost, or what a crash left at the end
            start = next_record(path, end + 1)


def next_record(path: Path, start: int) -> int | None:
    """Return where the next gzip member that holds a WARC record begins, or None where there is none.

    For what lies behind a damaged member: its end cannot be told, so the next beginning is looked for.
    """
    with storage_errors(path), path.open("rb") as stream:
        window, at = b"", start
        stream.seek(start)
        while chunk := stream.read(_CHUNK):
            window += chunk
            found = window.find(_MAGIC)
            while found >= 0:
                if _begins_record(stream, at + found):
                    return at + found
                found = window.find(_MAGIC, found + 1)
            kept = window[-len(_MAGIC) + 1 :]
            at, window = at + len(window) - len(kept), kept
            stream.seek(at + len(kept))
    return None


def _begins_record(stream: IO[bytes], offset: int) -> bool:
    stream.seek(offset)
    try:
        return "warc-record-id" in record_fields(stream.read(_HEAD))
    except RecordCorrupt:
        return False


class MemberReading:
    """Inflates one gzip member for its record's header fields; zlib checks its CRC and length on the way.

    Memory is bounded whatever the member holds: a bomb costs time only.

    Attributes:
        length: the member's length in bytes; None as long as its end was not fed.
    """

    def __init__(self) -> None:
        self.length: int | None = None
        self._inflater = _inflater()
        self._head = b""
        self._fed = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes; what lies behind the member's end is not looked at.

        Raises:
            RecordCorrupt: they are not those of a gzip member; without a ``place``.
        """
        if self.length is not None:
            return
        self._fed += len(data)
        more = True
        while more:
            inflated = _inflated(self._inflater, data, _CHUNK)
            if len(self._head) < _HEAD:
                self._head += inflated
            data = self._inflater.unconsumed_tail
            # Where a chunk is full, zlib may hold more back; at the member's end, unconsumed_tail means nothing.
            more = not self._inflater.eof and (bool(data) or len(inflated) == _CHUNK)
        if self._inflater.eof:
            self.length = self._fed - len(self._inflater.unused_data)

    @property
    def fields(self) -> dict[str, str]:
        """The record's header fields as far as they were fed, names in lower case."""
        return _fields(self._head)


def record_fields(start: bytes) -> dict[str, str]:
    """Return the header fields, names in lower case, of the record that a gzip member's first bytes hold.

    Raises:
        RecordCorrupt: no gzip member begins so; without a ``place``.
    """
    return _fields(_inflated(_inflater(), start, _HEAD))


def _member(stream: IO[bytes], offset: int, path: Path) -> Member | None:
    reading = MemberReading()
    place, length = f"{path}:{offset}", _FIRST
    while reading.length is None:
        chunk = stream.read(length)
        length = min(2 * length, _CHUNK)
        if not chunk and stream.tell() == offset:
            return None
        if not chunk:
            raise RecordCorrupt("the file ends inside a record", place=place)
        try:
            reading.feed(chunk)
        except RecordCorrupt as error:
            raise RecordCorrupt(error.message, place=place) from error
    fields = reading.fields
    names = ("warc-record-id", "warc-type", "warc-warcinfo-id", "warc-refers-to")
    return Member(offset, reading.length, *(fields.get(name, "") for name in names))


def _inflater() -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def _inflated(inflater: zlib._Decompress, data: bytes | memoryview, most: int) -> bytes:
    try:
        return inflater.decompress(data, most)
    except zlib.error as error:
        raise RecordCorrupt(f"no gzip member, or a damaged one: {error}") from error


def _fields(head: bytes) -> dict[str, str]:
    lines = head.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
