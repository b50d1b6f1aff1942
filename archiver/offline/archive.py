"""One project of an archive folder, at one snapshot, as a holding."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from functools import cached_property
from typing import IO, TYPE_CHECKING, Iterator, Sequence

from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest, InvalidReference, NotArchived, RecordCorrupt, StoreError
from archiver.core.reference import Reference
from archiver.core.reportjson import LIMIT as REPORT_LIMIT
from archiver.core.reportjson import read_report
from archiver.offline.archivecaptures import ArchiveCaptures
from archiver.offline.holdings import File, Image, SearchIndex
from archiver.offline.records import Place, open_response
from archiver.offline.windows import FileAccess
from archiver.store.atomic import storage_errors
from archiver.store.blobs import BlobReader
from archiver.store.locator import ReadOnlyLocator
from archiver.store.snapshots import good_snapshot, read_snapshot

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.report import Report
    from archiver.core.snapshot import FileResult, ImageResult, SiteResult, Snapshot
    from archiver.offline.holdings import FileShelf, ImageShelf, Response, Site
    from archiver.store.paths import ProjectPaths


class ArchiveSite:
    """One doc site of a snapshot; see holdings.Site."""

    def __init__(
        self, records: ArchiveRecords, captures: ArchiveCaptures, snapshot: Snapshot, result: SiteResult
    ) -> None:
        self.project = snapshot.project
        self.name = result.name
        self.seeds = result.seeds
        self.origins = result.origins
        self.requisite_origins = result.requisite_origins
        self.pages = result.pages
        self.gone = result.gone
        self._records = records
        self._captures = captures

    @cached_property
    def newest(self) -> str:
        """See holdings.Site. The first time all of the index is read."""
        with suppress(StoreError):  # told where a page is looked up
            return self._captures.newest_of(self.name)
        return ""

    def captures(self, key: str) -> Sequence[Capture]:
        """See holdings.Site."""
        return self._captures.of_key(self.name, key)

    def captures_near(self, key: str, before: int, after: int) -> Sequence[Capture]:
        """See holdings.Site."""
        return self._captures.near(self.name, key, before, after)

    def all_captures(self) -> Iterator[Capture]:
        """See holdings.Site."""
        return self._captures.all_of(self.name)

    def response(self, capture: Capture) -> Response:
        """See holdings.Site."""
        return self._records.response(capture)


class ArchiveRecords:
    """The records in a project's WARC files. Files are opened for each response and closed with its body."""

    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths
        self._locator = ReadOnlyLocator(paths)

    def response(self, capture: Capture) -> Response:
        """Open a capture's response. Raises RecordCorrupt where it is not what the capture says."""
        opened: list[FileAccess] = []

        def close() -> None:
            for source in opened:
                source.close()

        try:
            place = self._place(capture.record, opened)
            original = self._place(capture.original, opened) if capture.original else None
            return open_response(place, original, capture.digest, close)
        except BaseException:
            close()
            raise

    def close(self) -> None:
        """Close the locator; bodies that are open stay so."""
        self._locator.close()

    def _place(self, record: str, opened: list[FileAccess]) -> Place:
        try:
            at, source = self._locator.open(record, FileAccess)
        except NotArchived as error:
            raise RecordCorrupt(error.message, place=error.place) from error
        opened.append(source)
        return Place(opened[-1], at.offset, at.length, record)


class ArchiveImages:
    """The images of a snapshot; see holdings.ImageShelf. Blobs are those of the whole archive."""

    def __init__(self, blobs: BlobReader, project: str, images: tuple[ImageResult, ...]) -> None:
        self.images = tuple(
            Image(
                project,
                _reference(image.reference),
                _digest(image.digest),
                image.media_type,
                image.size,
                image.platforms,
                image.refers_to,
                image.resolved,
                image.artifact_type,
                image.gone,
            )
            for image in images
        )
        self._blobs = blobs

    def size(self, digest: Digest) -> int | None:
        """See holdings.ImageShelf."""
        return self._blobs.size(digest)

    def open(self, digest: Digest) -> IO[bytes]:
        """See holdings.ImageShelf."""
        return self._blobs.open(digest)


class ArchiveFiles:
    """The downloaded files of a snapshot; see holdings.FileShelf."""

    def __init__(self, blobs: BlobReader, project: str, files: tuple[FileResult, ...]) -> None:
        self.files = tuple(
            File(
                project,
                file.path,
                file.url,
                _digest(file.digest),
                file.size,
                file.media_type,
                file.fetched,
                file.gone,
            )
            for file in files
        )
        self._blobs = blobs

    def open(self, file: File) -> IO[bytes]:
        """See holdings.FileShelf. Raises NotArchived where the file is not in the archive."""
        return self._blobs.open(file.digest)


class ArchiveHolding:
    """A project at a snapshot; see holdings.Holding. Get one from ``open_project``."""

    def __init__(self, paths: ProjectPaths, snapshot: Snapshot) -> None:
        self.project = snapshot.project
        self.title = snapshot.title
        self.snapshot = snapshot.id
        self.created = snapshot.finished
        self.failures = snapshot.failures
        self.broken_links = snapshot.broken_links
        self.judgements = snapshot.judgements
        self.record = snapshot
        self._paths = paths
        blobs = BlobReader(paths.root.parent / "images")
        self.images: ImageShelf = ArchiveImages(blobs, snapshot.project, snapshot.images)
        self.files: FileShelf = ArchiveFiles(blobs, snapshot.project, snapshot.files)
        self._search = paths.search(snapshot.id)
        self.search: SearchIndex | None = None
        if self._search.is_file():
            with storage_errors(self._search):
                size = self._search.stat().st_size
            self.search = SearchIndex(snapshot.project, None, size, str(self._search))
        self.sites: Sequence[Site] = ()
        self._captures: ArchiveCaptures | None = None
        with ExitStack() as opened:
            records = opened.enter_context(closing(ArchiveRecords(paths)))
            if snapshot.sites:
                captures = opened.enter_context(closing(ArchiveCaptures(paths, snapshot)))
                self._captures = captures
                self.sites = tuple(ArchiveSite(records, captures, snapshot, site) for site in snapshot.sites)
            self._opened = opened.pop_all()

    def open_search(self) -> IO[bytes]:
        """See holdings.Holding."""
        if self.search is None:
            raise NotArchived("the snapshot has no search index", place=str(self._search))
        with storage_errors(self._search):
            return self._search.open("rb")

    def report(self) -> Report | None:
        """See holdings.Holding. Raises RecordCorrupt, InvalidDocument or StoreError."""
        path = self._paths.report(self.snapshot)
        if not self.record.report_digest or not path.is_file():
            return None
        with storage_errors(path), path.open("rb") as stream:
            data = stream.read(REPORT_LIMIT + 1)
        if str(Digest.of(data)) != self.record.report_digest:
            raise RecordCorrupt("the report is not the one that the snapshot names", place=str(path))
        return read_report(data, what=str(path))

    def check_captures(self) -> None:
        """Read all of the capture index. Raises RecordCorrupt where something in it makes no sense."""
        if self._captures is not None:
            self._captures.check()

    def close(self) -> None:
        """Close the locator and the capture index; other files are closed with what is read from them."""
        self._opened.close()


def open_project(paths: ProjectPaths, snapshot: str | None = None) -> ArchiveHolding:
    """Open a project of an archive folder.

    Args:
        paths: the project's files.
        snapshot: the snapshot's id; the newest one fit to hand over where it is left out.

    Raises:
        NotArchived: there is no such snapshot.
        RecordCorrupt, InvalidDocument: the snapshot's record is damaged, or its capture index is not the one it names.
    """
    return ArchiveHolding(paths, read_snapshot(paths, snapshot or good_snapshot(paths)))


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise RecordCorrupt(f"the snapshot's record has a malformed digest: {error.message}") from error


def _reference(text: str) -> str:
    try:
        Reference.parse(text)
    except InvalidReference as error:
        raise RecordCorrupt(f"the snapshot's record has a malformed reference: {error.message}") from error
    return text
