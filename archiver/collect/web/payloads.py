"""Reading back what was archived: link extraction after a 304 needs the page that did not change."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecordLoader
from warcio.statusandheaders import StatusAndHeadersParserException

from archiver.collect.web.documents.mediatype import READ
from archiver.collect.web.fetch import header_value
from archiver.core.digest import CHUNK
from archiver.core.errors import NotArchived, RecordCorrupt, SizeMismatch
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.locator import Location, Locator

_TAIL = b"\r\n\r\n"  # what stands behind a record's block
_UNREADABLE = (
    ArchiveLoadFailed,
    StatusAndHeadersParserException,
    ValueError,
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
)


@dataclass(frozen=True)
class StoredRecord:
    """A response or revisit record read back.

    ``truncated`` says that the payload was cut when it came; ``size`` is its length in bytes; ``body`` its begin, as much of it as links are looked
    for in. A revisit has neither; ``refers_to`` is the WARC-Record-ID of the record that has.
    """

    type: str
    url: str
    date: str
    profile: str
    refers_to: str
    digest: str
    status: int
    headers: tuple[tuple[str, str], ...]
    truncated: bool
    size: int
    body: bytes

    def header(self, name: str) -> str:
        """Return an HTTP header's first value, or an empty string."""
        return header_value(self.headers, name)


class PayloadReader:
    """Reads records of a project's WARC files by their ID. Belongs to the locator's thread."""

    def __init__(self, folder: Path, locator: Locator) -> None:
        self._folder, self._locator = folder, locator

    def knows(self, record: str) -> bool:
        """Say whether a record should be readable."""
        return self._locator.get(record) is not None

    def read(self, record: str, longest: int = sys.maxsize) -> StoredRecord:
        """Read a record, and check that it is what was written.

        Args:
            record: its WARC-Record-ID.
            longest: how many bytes its block may have.

        Raises:
            NotArchived: no WARC file is known to have it.
            RecordCorrupt: it is damaged, or there is something else in its place.
            SizeMismatch: it is longer.
        """
        at = self._locator.get(record)
        if at is None:
            raise NotArchived("no WARC file has this record", place=record)
        return self.read_at(at, longest)

    def read_at(self, at: Location, longest: int = sys.maxsize) -> StoredRecord:
        """Read the record at a known place, as ``read`` does. Raises RecordCorrupt, SizeMismatch."""
        path = self._folder / at.file
        with storage_errors(path):
            if not path.is_file():
                raise RecordCorrupt("the WARC file is missing", place=str(path))
            with path.open("rb") as stream:
                try:
                    with gzip.GzipFile(fileobj=_Part(stream, at.offset, at.length)) as member:
                        return _parsed(member, at, longest)
                except _UNREADABLE as error:
                    raise RecordCorrupt("no WARC record here", place=f"{path}:{at.offset}") from error


class _Part(io.RawIOBase):
    """A stretch of a file, as a file. The gzip member of one record, so that nothing behind it is read."""

    def __init__(self, stream: IO[bytes], offset: int, length: int) -> None:
        super().__init__()
        self._stream, self._left = stream, length
        stream.seek(offset)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12
        data = self._stream.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def _parsed(member: gzip.GzipFile, at: Location, longest: int) -> StoredRecord:
    """Read a record to its end. The unpacking is not left to warcio, which takes damage for the end of the file."""
    place = f"{at.file}:{at.offset}"
    record = ArcWarcRecordLoader().parse_record_stream(member, known_format="warc")
    head, http = record.rec_headers, record.http_headers
    if head.get_header("WARC-Record-ID") != at.id or http is None:
        raise RecordCorrupt("another record is in its place", place=place)
    if record.length is None:
        raise RecordCorrupt("the record does not say how long it is", place=place)
    if record.length > longest:
        raise SizeMismatch(f"the record has {record.length:,} bytes", place=place)
    body, size, hasher = bytearray(), 0, hashlib.sha256()
    while chunk := record.raw_stream.read(CHUNK):
        size += len(chunk)
        hasher.update(chunk)
        body += chunk[: max(0, READ - len(body))]
    if member.read(len(_TAIL) + 1) != _TAIL:  # reading on to the end also has gzip's own checksum checked
        raise RecordCorrupt("the record does not end where it says", place=place)
    digest = head.get_header("WARC-Payload-Digest", "")
    if record.rec_type == "response" and digest != f"sha256:{hasher.hexdigest()}":
        raise RecordCorrupt("the payload is not what its digest says", place=place)
    return StoredRecord(
        record.rec_type,
        head.get_header("WARC-Target-URI", ""),
        head.get_header("WARC-Date", ""),
        head.get_header("WARC-Profile", ""),
        head.get_header("WARC-Refers-To", ""),
        digest,
        int(http.get_statuscode()),
        tuple((name, value) for name, value in http.headers),
        bool(head.get_header("WARC-Truncated")),
        size,
        bytes(body),
    )
