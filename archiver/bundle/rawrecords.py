"""WARC records as the very bytes that the archive has: gzip members, found by the locator and copied."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from archiver.core.digest import CHUNK
from archiver.core.errors import BundleIncomplete, NotArchived, RecordCorrupt
from archiver.store.atomic import storage_errors
from archiver.store.locator import Location, ReadOnlyLocator
from archiver.store.warcfiles import MemberReading, record_fields

if TYPE_CHECKING:
    from archiver.core.tarstream import Sink
    from archiver.store.paths import ProjectPaths

_HINT = "the locator is a cache: remove it and try again; if that does not help, the WARC file is damaged"


class RawRecords:
    """The response and revisit records of one project, each with the request record that follows it."""

    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths
        self._locator = ReadOnlyLocator(paths)
        self._sizes: dict[str, int] = {}

    def close(self) -> None:
        """Close the locator: nothing is found any more, what was found can still be copied."""
        self._locator.close()

    def find(self, record: str) -> Location:
        """Return where a record is, after checking that its file reaches that far.

        Raises:
            BundleIncomplete: no WARC file has it, or the file is shorter than the locator says.
        """
        try:
            at = self._locator.find(record)
        except NotArchived as error:
            raise BundleIncomplete(
                "the snapshot names a record that no WARC file has", place=record
            ) from error
        size = self._size(at.file)
        if at.offset + at.pair_length > size:
            raise BundleIncomplete(
                f"record {at.id} should end at {at.offset + at.pair_length}, the file has {size} bytes",
                place=str(self._paths.warc / at.file),
                hint=_HINT,
            )
        return at

    def header(self, at: Location) -> dict[str, str]:
        """Return a record's WARC header fields, names in lower case.

        Raises:
            BundleIncomplete: what stands there is not that record.
        """
        with self.open(at.file) as stream:
            stream.seek(at.offset)
            start = stream.read(min(at.length, CHUNK))
        try:
            fields = record_fields(start)
        except RecordCorrupt as error:
            raise self._damaged(at, at.offset, error.message) from error
        self._check_identity(fields, at)
        return fields

    def open(self, file: str) -> IO[bytes]:
        """Open a WARC file for ``copy``."""
        path = self._paths.warc / file
        with storage_errors(path):
            return path.open("rb")

    def copy(self, stream: IO[bytes], at: Location, sink: Sink) -> None:
        """Send a record and its request record to a sink, byte for byte.

        Both are inflated on their way, so that damage (zlib checks CRC and length) is not packed.

        Raises:
            BundleIncomplete: what stands there is not that record, is damaged, or the file ends inside it.
        """
        stream.seek(at.offset)
        response = self._copy_member(stream, at, at.offset, at.length, sink)
        self._check_identity(response.fields, at)
        self._check_length(response, at, at.offset, at.length)
        if at.pair_length > at.length:
            behind, length = at.offset + at.length, at.pair_length - at.length
            request = self._copy_member(stream, at, behind, length, sink)
            self._check_length(request, at, behind, length)

    def _copy_member(
        self, stream: IO[bytes], at: Location, offset: int, length: int, sink: Sink
    ) -> MemberReading:
        reading = MemberReading()
        left = length
        while left:
            chunk = stream.read(min(left, CHUNK))
            if not chunk:
                raise self._damaged(at, offset, "the file ends inside it")
            try:
                reading.feed(chunk)
            except RecordCorrupt as error:
                raise self._damaged(at, offset, error.message) from error
            left -= len(chunk)
            sink.write(chunk)
        return reading

    def _size(self, file: str) -> int:
        if file not in self._sizes:
            path = self._paths.warc / file
            with storage_errors(path):
                if not path.is_file():
                    raise BundleIncomplete("the WARC file is missing", place=str(path))
                self._sizes[file] = path.stat().st_size
        return self._sizes[file]

    def _check_identity(self, fields: dict[str, str], at: Location) -> None:
        if fields.get("warc-record-id") != at.id:
            raise self._damaged(at, at.offset, "it should begin here, but another does")

    def _check_length(self, reading: MemberReading, at: Location, offset: int, length: int) -> None:
        if reading.length != length:
            raise self._damaged(at, offset, f"it is not {length} bytes long, as the locator says")

    def _damaged(self, at: Location, offset: int, reason: str) -> BundleIncomplete:
        return BundleIncomplete(
            f"record {at.id} cannot be packed: {reason}",
            place=f"{self._paths.warc / at.file}:{offset}",
            hint=_HINT,
        )
