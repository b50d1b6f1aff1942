"""Reading back what was archived: link extraction after a 304 needs the page that did not change."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeadersParserException

from archiver.collect.web.fetch import header_value
from archiver.core.digest import CHUNK
from archiver.core.errors import NotArchived, RecordCorrupt
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.locator import Location, Locator

READ = 64 << 20
"""The most bytes of a document that are looked at for links."""
_UNREADABLE = (
    ArchiveLoadFailed,
    StatusAndHeadersParserException,
    StopIteration,
    ValueError,
    EOFError,
    zlib.error,
)


@dataclass(frozen=True)
class StoredRecord:
    """A response or revisit record read back.

    ``size`` is the payload's length in bytes; ``body`` its begin, as much of it as links are looked
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

    def read(self, record: str) -> StoredRecord:
        """Read a record.

        Raises:
            NotArchived: no WARC file is known to have it.
            RecordCorrupt: there is something else in its place.
        """
        at = self._locator.get(record)
        if at is None:
            raise NotArchived("no WARC file has this record", place=record)
        return self.read_at(at)

    def read_at(self, at: Location) -> StoredRecord:
        """Read the record at a known place. Raises RecordCorrupt where there is something else."""
        path = self._folder / at.file
        with storage_errors(path):
            if not path.is_file():
                raise RecordCorrupt("the WARC file is missing", place=str(path))
            with path.open("rb") as stream:
                stream.seek(at.offset)
                try:
                    return self._parsed(stream, at)
                except _UNREADABLE as error:
                    raise RecordCorrupt("no WARC record here", place=f"{path}:{at.offset}") from error

    @staticmethod
    def _parsed(stream: object, at: Location) -> StoredRecord:
        record = next(iter(ArchiveIterator(stream)))
        head, http = record.rec_headers, record.http_headers
        if head.get_header("WARC-Record-ID") != at.id or http is None:
            raise RecordCorrupt("another record is in its place", place=f"{at.file}:{at.offset}")
        body, size = b"", 0
        while chunk := record.raw_stream.read(CHUNK):
            size += len(chunk)
            body += chunk[: max(0, READ - len(body))]
        return StoredRecord(
            record.rec_type,
            head.get_header("WARC-Target-URI", ""),
            head.get_header("WARC-Date", ""),
            head.get_header("WARC-Profile", ""),
            head.get_header("WARC-Refers-To", ""),
            head.get_header("WARC-Payload-Digest", ""),
            int(http.get_statuscode()),
            tuple((name, value) for name, value in http.headers),
            size,
            body,
        )
