"""The docs of a bundle as WARC files of an archive: the very gzip members, each record checked on its way.

A WACZ's data.warc.gz, or the .warc.gz of a delta, is read once from its beginning to its end. Every record is
checked by its block digest before it is written, the member as a whole by its digest when all is read.

Source: WARC 1.1; docs/format.md, "WARC files" and "docs/<source>.wacz".
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Iterator

from archiver.core.errors import BundleDamaged, RecordCorrupt
from archiver.offline.loading.tally import Tally
from archiver.offline.names import DOCS_SUFFIX
from archiver.offline.problems import inside, refuse
from archiver.offline.records import REQUEST, RESPONSE, REVISIT, WARCINFO, Heading, Record
from archiver.offline.wacz import ARCHIVE, open_wacz
from archiver.offline.windows import CHUNK, FileAccess, Part, chunks
from archiver.store.atomic import atomic_file, storage_errors
from archiver.store.locator import Location
from archiver.store.warcinfo import warcinfo

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from archiver.core.digest import Digest
    from archiver.core.progress import Task
    from archiver.core.snapshot import Snapshot
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.bundlejson import DocsEntry
    from archiver.offline.wacz import Wacz
    from archiver.store.locator import Locator
    from archiver.store.paths import ProjectPaths

ROLL_OVER = 1_000_000_000
_CAPTURES = (RESPONSE, REVISIT)


@dataclass(frozen=True)
class Docs:
    """The records of one doc site, as a bundle has them.

    Attributes:
        site: the doc site's name.
        place: names the member in errors.
        member: the whole member.
        digest: what it must hash to.
        offset: where in it the records begin, in bytes.
        size: how many bytes they take.
        wacz: the WACZ that the member is; None where it is the .warc.gz of a delta.
    """

    site: str
    place: str
    member: Part
    digest: Digest
    offset: int
    size: int
    wacz: Wacz | None = None

    @classmethod
    def of(cls, bundle: OpenBundle, site: DocsEntry) -> Docs:
        """Find the records in a bundle. Raises BundleDamaged where its WACZ contradicts itself."""
        member, digest = bundle.part(site.path), bundle.structure.sums[site.path]
        place = f"{bundle.path}: {site.path}"
        if not site.path.endswith(DOCS_SUFFIX):
            return cls(site.name, place, member, digest, 0, member.size)
        wacz = open_wacz(member, site.name, inside(refuse, place))
        if wacz is None:
            raise BundleDamaged("it cannot be read", place=place)
        entry = wacz.entries[ARCHIVE]
        return cls(site.name, place, member, digest, entry.offset, entry.size, wacz)

    @property
    def records(self) -> Part:
        """The records alone."""
        return Part(self.member, self.offset, self.size)


class WarcFiles:
    """The WARC files that one load writes for one doc site; a file is made when there is something to write.

    Leaving the block gives the last file its name, and tells the locator of it; an error drops what has no name yet.

    Args:
        paths: the project's files.
        snapshot: the snapshot that the records come with.
        source: the doc site's name.
        locator: the project's.
        roll_over: a new file is begun once one has this many bytes.
    """

    def __init__(
        self,
        paths: ProjectPaths,
        snapshot: Snapshot,
        source: str,
        locator: Locator,
        *,
        roll_over: int = ROLL_OVER,
    ) -> None:
        self._paths, self._snapshot, self._source, self._locator = paths, snapshot, source, locator
        self._roll_over = roll_over
        self._held = ExitStack()
        self._stream: IO[bytes] | None = None
        self._name, self._size = "", 0
        self._written: list[Location] = []

    def __enter__(self) -> WarcFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._finish()
        else:
            self._held.__exit__(kind, error, trace)

    def begin(self, record: str, length: int, pair_length: int) -> None:
        """Make room for a record and its request, whose bytes come next; lengths are those of ``Location``."""
        if self._stream is not None and self._size >= self._roll_over:
            self._finish()
        if self._stream is None:
            self._open_next()
        self._written.append(Location(record, self._name, self._size, length, pair_length))

    def write(self, data: bytes) -> None:
        """Write the next bytes of what was begun."""
        assert self._stream is not None
        self._stream.write(data)
        self._size += len(data)

    def _open_next(self) -> None:
        number = 0
        with storage_errors(self._paths.warc):
            while (self._paths.warc / self._named(number)).exists():
                number += 1
        self._name, self._size = self._named(number), 0
        self._stream = self._held.enter_context(atomic_file(self._paths.warc / self._name))
        project, snapshot = self._paths.name, self._snapshot
        self.write(
            warcinfo(
                self._name,
                identity=f"archiver:{project}/warc/{self._name}",
                date=snapshot.finished,
                about={
                    "isPartOf": f"{project}/{self._source}",
                    "description": f"{snapshot.title}, snapshot {snapshot.id}, loaded from a bundle",
                },
            )
        )

    def _named(self, number: int) -> str:
        return f"{self._snapshot.id}-{self._source}-{number:05d}.warc.gz"

    def _finish(self) -> None:
        """Give the file its name; only then its records can be found."""
        self._held.close()
        self._locator.add(self._written)
        self._stream, self._written = None, []


def load_records(docs: Docs, warcs: WarcFiles, locator: Locator, paths: ProjectPaths, task: Task) -> Tally:
    """Copy the records that an archive does not have.

    What it has, byte for byte, is not copied; what it has damaged is copied anew, and counts from now on. A sound record
    stays what it is: another one of its WARC-Record-ID is refused, for it would take the place of what earlier snapshots have.

    Args:
        docs: the records.
        warcs: where they go.
        locator: the project's.
        paths: the project's files.
        task: is told of the bytes read.

    Returns:
        Counts of response and revisit records.

    Raises:
        BundleDamaged: a record is not whole, not what its digest says, none that belongs there, or another one than the
            archive has; or the member is not what its checksum says.
        StoreError: or a subclass, where the bundle cannot be read or the archive not be written.
    """
    data, whole = docs.records, docs.digest.hasher()
    copied = present = 0

    def passed(part: Part, start: int, end: int) -> Iterator[bytes]:
        for chunk in chunks(part, start, end - start):
            whole.update(chunk)
            task.advance(len(chunk))
            yield chunk

    def skip(part: Part, start: int, end: int) -> None:
        for _ in passed(part, start, end):
            pass

    skip(docs.member, 0, docs.offset)
    for pair in _pairs(docs):
        if not pair.record:
            skip(data, pair.start, pair.end)
        elif _is_same(at := locator.get(pair.record), pair, data, paths):
            skip(data, pair.start, pair.end)
            present += 1
        else:
            if at is not None and _is_another(at, pair, data, paths):
                raise BundleDamaged(
                    f"the record {pair.record:.80} is another one than the folder has by this name",
                    place=f"{docs.place}, byte {pair.start} of the records",
                    hint="to have both, load into another folder",
                )
            warcs.begin(pair.record, pair.middle - pair.start, pair.end - pair.start)
            for chunk in passed(data, pair.start, pair.end):
                warcs.write(chunk)
            copied += 1
    skip(docs.member, docs.offset + docs.size, docs.member.size)
    if whole.hexdigest() != docs.digest.hex:
        raise BundleDamaged("the content is not what its checksum says", place=docs.place)
    return Tally(copied, present)


@dataclass(frozen=True)
class _Pair:
    """A response or revisit from ``start`` to ``middle``, its request from there to ``end``; of a warcinfo ``record`` is empty."""

    record: str
    start: int
    middle: int
    end: int


def _pairs(docs: Docs) -> Iterator[_Pair]:
    """Yield what docs consist of, each record read and checked; nothing else may be between them."""
    data, position = docs.records, 0
    before: Heading | None = None  # a response or revisit whose request comes next
    middle = 0
    while position < data.size:
        try:
            heading, end = _checked(data, position)
        except (BundleDamaged, RecordCorrupt) as error:
            raise BundleDamaged(
                error.message, place=f"{docs.place}, byte {position} of the records"
            ) from error
        if before is not None:
            if heading.type != REQUEST or heading.get("WARC-Concurrent-To") != before.id:
                raise _misplaced(docs, before, "its request does not follow it")
            yield _Pair(before.id, before.offset, middle, end)
            before = None
        elif heading.type in _CAPTURES and position:
            before, middle = heading, end
        elif heading.type == WARCINFO and not position:
            yield _Pair("", position, end, end)
        else:
            raise _misplaced(docs, heading, f"a record of the type {heading.type!r:.40} cannot be here")
        position = end
    if before is not None:
        raise _misplaced(docs, before, "its request does not follow it")


def _checked(data: Part, position: int) -> tuple[Heading, int]:
    """Read a record to its end; return its heading and where it ends."""
    record = Record(data, position, data.size - position)
    expected = record.heading.digest("WARC-Block-Digest")
    if expected is None:
        raise BundleDamaged("the record has no WARC-Block-Digest")
    block = expected.hasher()
    while chunk := record.read(CHUNK):
        block.update(chunk)
    if block.hexdigest() != expected.hex:
        raise BundleDamaged(f"the record {record.heading.id:.80} is not what its WARC-Block-Digest says")
    return record.heading, position + record.finish()


def _misplaced(docs: Docs, heading: Heading, reason: str) -> BundleDamaged:
    return BundleDamaged(
        f"{heading.id:.80}: {reason}", place=f"{docs.place}, byte {heading.offset} of the records"
    )


def _is_same(at: Location | None, pair: _Pair, data: Part, paths: ProjectPaths) -> bool:
    """Say whether an archive has a record and its request, byte for byte."""
    if at is None or (at.length, at.pair_length) != (pair.middle - pair.start, pair.end - pair.start):
        return False
    return _is_at(paths.warc / at.file, at.offset, chunks(data, pair.start, at.pair_length))


def _is_another(at: Location, pair: _Pair, data: Part, paths: ProjectPaths) -> bool:
    """Say whether an archive has a sound record, however it is packed, that is not the one of a bundle."""
    path = paths.warc / at.file
    with storage_errors(path):
        if not path.is_file():
            return False
    with closing(FileAccess(path)) as file:
        try:
            heading, _ = _checked(Part(file, at.offset, at.length), 0)
        except (BundleDamaged, RecordCorrupt):
            return False
    return heading.fields != _checked(data, pair.start)[0].fields


def _is_at(path: Path, offset: int, content: Iterator[bytes]) -> bool:
    """Say whether a file, which need not be there, has some bytes at an offset."""
    with storage_errors(path):
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            stream.seek(offset)
            return all(stream.read(len(chunk)) == chunk for chunk in content)
