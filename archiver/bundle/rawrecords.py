"""WARC records as the very bytes that the archive has: gzip members, found by the locator and copied."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import IO, TYPE_CHECKING, Callable, Iterable, Iterator

from archiver.core.digest import CHUNK
from archiver.core.errors import BundleIncomplete, NotArchived, RecordCorrupt
from archiver.store.atomic import storage_errors
from archiver.store.locator import Location, ReadOnlyLocator
from archiver.store.warcfiles import MemberReading, record_fields

if TYPE_CHECKING:
    from archiver.core.tarstream import Sink
    from archiver.store.paths import ProjectPaths

    _Batch = list[tuple[Location, bytes]]
    _Chunks = Iterable[bytes | memoryview]

_BATCH = 1 << 20  # bytes of records that are copied, and checked, at once
_CHECKERS = 2
_MOST_PENDING = 4  # batches
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
        with self._open(at.file) as stream:
            stream.seek(at.offset)
            start = stream.read(min(at.length, CHUNK))
        try:
            fields = record_fields(start)
        except RecordCorrupt as error:
            raise self._damaged(at, at.offset, error.message) from error
        self._check_identity(fields, at)
        return fields

    def copy(self, places: Iterable[Location], sink: Sink) -> None:
        """Send records, each with its request record, to a sink, byte for byte and in the order given.

        All are inflated, beside the thread that copies, so that damage (zlib checks CRC and length) is not packed.

        Raises:
            BundleIncomplete: what stands somewhere is not that record, is damaged, or the file ends inside it. The
                sink may have taken it by then.
        """
        with ThreadPoolExecutor(_CHECKERS, "records") as checkers:
            copying = _Copying(sink, lambda batch: checkers.submit(self._check, batch))
            for file, group in groupby(places, key=lambda at: at.file):
                with self._open(file) as stream:
                    for at in group:
                        stream.seek(at.offset)
                        if at.pair_length > _BATCH:
                            copying.flush()
                            self._copy_large(stream, at, sink)
                        else:
                            copying.add(at, stream.read(at.pair_length))
            copying.finish()

    def _open(self, file: str) -> IO[bytes]:
        path = self._paths.warc / file
        with storage_errors(path):
            return path.open("rb")

    def _check(self, batch: _Batch) -> None:
        """Check pairs of records that are in memory."""
        for at, data in batch:
            view = memoryview(data)
            self._check_pair(at, [view[: at.length]], [view[at.length :]])

    def _copy_large(self, stream: IO[bytes], at: Location, sink: Sink) -> None:
        """Copy and check a pair that is not to be in memory as a whole."""

        def copied(length: int) -> Iterator[bytes]:
            while length and (chunk := stream.read(min(length, CHUNK))):
                length -= len(chunk)
                sink.write(chunk)
                yield chunk

        self._check_pair(at, copied(at.length), copied(at.pair_length - at.length))

    def _check_pair(self, at: Location, record: _Chunks, request: _Chunks) -> None:
        reading = self._read(at, at.offset, at.length, record)
        self._check_identity(reading.fields, at)
        self._check_length(reading, at, at.offset, at.length)
        if at.pair_length > at.length:
            behind, length = at.offset + at.length, at.pair_length - at.length
            self._check_length(self._read(at, behind, length, request), at, behind, length)

    def _read(self, at: Location, offset: int, length: int, chunks: _Chunks) -> MemberReading:
        """Inflate a gzip member."""
        reading = MemberReading()
        for chunk in chunks:
            length -= len(chunk)
            try:
                reading.feed(chunk)
            except RecordCorrupt as error:
                raise self._damaged(at, offset, error.message) from error
        if length:
            raise self._damaged(at, offset, "the file ends inside it")
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


class _Copying:
    """Sends records to a sink in batches, and has each batch checked meanwhile."""

    def __init__(self, sink: Sink, check: Callable[[_Batch], Future[None]]) -> None:
        self._sink, self._check = sink, check
        self._batch: _Batch = []
        self._size = 0
        self._pending: deque[Future[None]] = deque()

    def add(self, at: Location, data: bytes) -> None:
        """Take a pair of records."""
        self._batch.append((at, data))
        self._size += len(data)
        if self._size >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Send what has been taken."""
        if len(self._pending) == _MOST_PENDING:
            self._pending.popleft().result()
        self._pending.append(self._check(self._batch))
        self._sink.write(b"".join(data for _, data in self._batch))
        self._batch, self._size = [], 0

    def finish(self) -> None:
        """Send the rest, and return once all is found to be sound. Raises what a check raises."""
        self.flush()
        while self._pending:
            self._pending.popleft().result()
