"""WARC records as the very bytes that the archive has: gzip members, found by the locator and copied."""

from __future__ import annotations

import zlib
from typing import IO, TYPE_CHECKING

from archiver.core.digest import CHUNK
from archiver.core.errors import BundleIncomplete, NotArchived
from archiver.store.atomic import storage_errors
from archiver.store.locator import Location, ReadOnlyLocator

if TYPE_CHECKING:
    from archiver.bundle.members import Sink
    from archiver.store.paths import ProjectPaths

_HEAD = 16 << 10  # bytes; a WARC header block holds a URL and some digests
_MAGIC = b"\x1f\x8b\x08"
_HINT = "the locator is a cache: remove it and try again; if that does not help, the WARC file is damaged"


class RawRecords:
    """The response and revisit records of one project, each with the request record that follows it."""

    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths
        self._locator = ReadOnlyLocator(paths)
        self._sizes: dict[str, int] = {}

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
            return self._fields(stream.read(min(at.length, CHUNK)), at)

    def open(self, file: str) -> IO[bytes]:
        """Open a WARC file for ``copy``."""
        path = self._paths.warc / file
        with storage_errors(path):
            return path.open("rb")

    def copy(self, stream: IO[bytes], at: Location, sink: Sink) -> None:
        """Send a record and its request record to a sink, byte for byte.

        Only the record's identity is checked; the content has digests of its own, which ``verify`` checks.

        Raises:
            BundleIncomplete: what stands there is not that record, or the file ends inside it.
        """
        stream.seek(at.offset)
        left = at.pair_length
        while left:
            chunk = stream.read(min(left, CHUNK))
            if not chunk:
                raise BundleIncomplete(
                    f"the file ends inside {at.id}", place=str(self._paths.warc / at.file), hint=_HINT
                )
            if left == at.pair_length:
                self._fields(chunk, at)
            left -= len(chunk)
            sink.write(chunk)

    def _size(self, file: str) -> int:
        if file not in self._sizes:
            path = self._paths.warc / file
            with storage_errors(path):
                if not path.is_file():
                    raise BundleIncomplete("the WARC file is missing", place=str(path))
                self._sizes[file] = path.stat().st_size
        return self._sizes[file]

    def _fields(self, start: bytes, at: Location) -> dict[str, str]:
        place = f"{self._paths.warc / at.file}:{at.offset}"
        if not start.startswith(_MAGIC):
            raise BundleIncomplete(
                f"{at.id} should begin here, but no gzip member does", place=place, hint=_HINT
            )
        try:
            head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, _HEAD)
        except zlib.error as error:
            raise BundleIncomplete(f"{at.id} cannot be read: {error}", place=place) from error
        lines = head.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:])
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if fields.get("warc-record-id") != at.id:
            raise BundleIncomplete(f"{at.id} should begin here, but another does", place=place, hint=_HINT)
        return fields
