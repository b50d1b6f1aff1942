"""WARC files as sequences of gzip members: scanning, and cutting a broken tail.

Only what the store needs: member boundaries and a few record headers. Making records and reading
their content belong to ``collect`` and ``offline``.

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
_HEAD = 64 << 10


@dataclass(frozen=True)
class Member:
    """One gzip member: where it is (bytes), and its record's ID and type."""

    offset: int
    length: int
    record: str
    type: str

    @property
    def end(self) -> int:
        """The offset just past the member."""
        return self.offset + self.length


def scan_members(path: Path, start: int = 0) -> Iterator[Member]:
    """Yield the whole members of a WARC file from an offset on.

    Raises:
        RecordCorrupt: at the first member that is broken or cut short; ``place`` has its offset.
    """
    with storage_errors(path), path.open("rb") as stream:
        offset = start
        while True:
            stream.seek(offset)
            member = _member(stream, offset, path)
            if member is None:
                return
            yield member
            offset = member.end


def cut_broken_tail(path: Path, durable: int = 0) -> int:
    """Cut a WARC file after its last whole member and return its length.

    Args:
        path: the file.
        durable: an offset up to which it is known to be whole; only what follows is read.
    """
    end = durable
    try:
        for member in scan_members(path, durable):
            end = member.end
    except RecordCorrupt:
        with storage_errors(path), path.open("r+b") as stream:
            stream.truncate(end)
    return end


def _member(stream: IO[bytes], offset: int, path: Path) -> Member | None:
    inflater = zlib.decompressobj(zlib.MAX_WBITS + 16)
    head, consumed = b"", 0
    try:
        while not inflater.eof:
            chunk = stream.read(_CHUNK)
            if not chunk:
                if not consumed:
                    return None
                if inflater.decompress(b"", _CHUNK) or inflater.eof:
                    continue  # output that the bound held back
                raise RecordCorrupt("the file ends inside a record", place=f"{path}:{offset}")
            consumed += len(chunk)
            while chunk and not inflater.eof:  # bounded output: a bomb costs time, never memory
                data = inflater.decompress(chunk, _CHUNK)
                if len(head) < _HEAD:
                    head += data
                chunk = inflater.unconsumed_tail
    except zlib.error as error:
        raise RecordCorrupt(f"not a gzip member: {error}", place=f"{path}:{offset}") from error
    length = consumed - len(inflater.unused_data)
    fields = _fields(head)
    return Member(offset, length, fields.get("warc-record-id", ""), fields.get("warc-type", ""))


def _fields(head: bytes) -> dict[str, str]:
    lines = head.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
