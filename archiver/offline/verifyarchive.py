"""Checking an archive folder: whether all that its snapshots have is there, and is what it was.

Each page, image and file is read to its end once, however many snapshots have it. Source: docs/format.md.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Callable

from archiver.core.descriptor import MANIFEST_LIMIT
from archiver.core.digest import CHUNK, Digest
from archiver.core.errors import (
    ArchiverError,
    BundleDamaged,
    ContentError,
    InvalidDigest,
    InvalidDocument,
    InvalidReference,
    NotArchived,
    RecordCorrupt,
)
from archiver.core.progress import NullProgress, Progress
from archiver.offline.archive import ArchiveRecords, open_project
from archiver.offline.loading.blobs import whole_image
from archiver.offline.problems import Findings, Problem
from archiver.store.atomic import storage_errors
from archiver.store.blobs import BlobReader
from archiver.store.fileartifact import StoredFile
from archiver.store.images import read_index
from archiver.store.locator import ReadOnlyLocator
from archiver.store.paths import open_archive
from archiver.store.quarantine import (
    list_quarantine,
    read_refusal,
    read_refused_captures,
    refused_sources,
)
from archiver.store.snapshots import list_snapshots
from archiver.store.warcfiles import MemberReading

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.progress import Task
    from archiver.core.refusal import Refusal
    from archiver.core.snapshot import FileResult, ImageResult, Snapshot
    from archiver.offline.holdings import Response, Site
    from archiver.store.paths import ArchivePaths, ProjectPaths

_DAMAGED: tuple[type[ArchiverError], ...] = (
    BundleDamaged,
    ContentError,
    InvalidDigest,
    InvalidDocument,
    InvalidReference,
    NotArchived,
    RecordCorrupt,
)


@dataclass(frozen=True)
class ArchiveReport:
    """What an archive folder has and what is wrong with it.

    ``projects`` has the snapshots of each, oldest first, by the project's name. ``captures`` and ``blobs`` count what
    was read, each once. ``problems`` are in the order found.
    """

    path: str
    projects: dict[str, tuple[str, ...]]
    captures: int
    blobs: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_archive(path: Path, progress: Progress | None = None) -> ArchiveReport:
    """Read all that the snapshots of an archive folder have, and what the guard refused, and list all problems.

    Args:
        path: the folder.
        progress: is told of the captures and blobs read.

    Raises:
        NotArchived: it is no archive.
        FormatUnsupported: it has a format that this program does not know.
        StoreError: something in it cannot be read at all.
    """
    check = _Check(open_archive(path), progress or NullProgress())
    check.run()
    return ArchiveReport(str(path), check.projects, check.captures, len(check.blobs), check.findings.problems)


class _Check:
    def __init__(self, archive: ArchivePaths, progress: Progress) -> None:
        self._archive, self._progress = archive, progress
        self._store = BlobReader(archive.images)
        self.findings = Findings()
        self.projects: dict[str, tuple[str, ...]] = {}
        self.captures = 0
        self.blobs: dict[Digest, str] = {}  # and what they are of
        self._artifacts: set[tuple[object, ...]] = set()

    def run(self) -> None:
        begun = (self._archive.images / "index.json").exists() or bool(self._archive.projects())
        if self._archive.images.is_dir() and begun:  # the first run may have ended before it wrote an index
            try:
                read_index(self._archive.images)
            except _DAMAGED as error:
                self._report("archive.snapshot", "images/index.json", error)
        task = self._progress.task("checking docs", "captures")
        with closing(task):
            for name in self._archive.projects():
                self._check_project(self._archive.project(name), task)
        task = self._progress.task("checking images and files", "blobs", len(self.blobs))
        with closing(task):
            for digest, owner in self.blobs.items():
                self._check_blob(digest, owner)
                task.advance()

    def _check_project(self, paths: ProjectPaths, task: Task) -> None:
        self.projects[paths.name] = list_snapshots(paths)
        read: set[str] = set()  # records whose page was read to its end
        for snapshot in self.projects[paths.name]:
            with ExitStack() as opened:
                try:
                    holding = opened.enter_context(closing(open_project(paths, snapshot)))
                    holding.check_captures()
                except _DAMAGED as error:
                    self._report("archive.snapshot", f"{paths.name} {snapshot}", error)
                    continue
                locator = opened.enter_context(closing(ReadOnlyLocator(paths)))
                for site in holding.sites:
                    self._check_site(site, _Members(paths, locator), read, task)
                self._check_artifacts(holding.record)
        self._check_quarantine(paths, read, task)

    def _check_quarantine(self, paths: ProjectPaths, read: set[str], task: Task) -> None:
        for run in list_quarantine(paths):
            for source in refused_sources(paths, run):
                where = f"{paths.name} {run}: {source}"
                try:
                    refusal = read_refusal(paths, run, source)
                    if (refusal.snapshot, refusal.source) != (run, source):
                        raise RecordCorrupt(f"it is of {refusal.source} in {refusal.snapshot}")
                    captures = list(read_refused_captures(paths, refusal))
                    if len(captures) != refusal.captures:
                        raise RecordCorrupt(f"its index has {len(captures)} entries, not {refusal.captures}")
                except _DAMAGED as error:
                    self._report("archive.quarantine", where, error)
                    continue
                with closing(ArchiveRecords(paths)) as records, closing(ReadOnlyLocator(paths)) as locator:
                    members = _Members(paths, locator)
                    for capture in captures:
                        self._check_capture(capture, records.response, members, read, task)
                self._check_artifacts(refusal)

    def _check_site(self, site: Site, members: _Members, read: set[str], task: Task) -> None:
        for capture in site.all_captures():
            self._check_capture(capture, site.response, members, read, task)

    def _check_capture(
        self,
        capture: Capture,
        respond: Callable[[Capture], Response],
        members: _Members,
        read: set[str],
        task: Task,
    ) -> None:
        if capture.record in read:
            return
        try:
            _read_response(respond(capture), whole=capture.original not in read)
            for record in filter(None, (capture.record, capture.original)):
                if record not in read:
                    members.check(record)
        except _DAMAGED as error:
            self._report("archive.capture", f"{members.project}: {capture.url}", error)
        read.update(filter(None, (capture.record, capture.original)))
        self.captures += 1
        task.advance()

    def _check_artifacts(self, having: Snapshot | Refusal) -> None:
        for image in having.images:
            self._check_image(image)
        for file in having.files:
            self._check_file(file)

    def _check_image(self, image: ImageResult) -> None:
        if self._is_new(image.digest, image.media_type, image.manifests):
            try:
                found = whole_image(image, self._store)
            except _DAMAGED as error:
                self._report("archive.blob", error.place or image.reference, error)
            else:
                for digest in found.blobs:
                    self.blobs.setdefault(digest, image.reference)

    def _check_file(self, file: FileResult) -> None:
        if self._is_new(file.digest, file.manifest):
            self.blobs.setdefault(Digest.parse(file.digest), file.url)
            try:
                manifest = Digest.parse(file.manifest)
                stored = StoredFile.from_manifest(
                    self._store.read(manifest, MANIFEST_LIMIT), what=file.manifest
                )
                if str(stored.digest) != file.digest:
                    raise RecordCorrupt(f"it is of {stored.digest}, not of {file.digest}")
            except _DAMAGED as error:
                self._report("archive.blob", f"{file.url}: {file.manifest}", error)
            else:
                self.blobs.setdefault(stored.config.digest, file.url)

    def _is_new(self, *artifact: object) -> bool:
        """Say whether this is met for the first time: snapshots share most of what they have."""
        before = len(self._artifacts)
        self._artifacts.add(artifact)
        return len(self._artifacts) > before

    def _check_blob(self, digest: Digest, owner: str) -> None:
        hasher = digest.hasher()
        try:
            with self._store.open(digest) as stream:
                while chunk := stream.read(CHUNK):
                    hasher.update(chunk)
            if hasher.hexdigest() != digest.hex:
                raise RecordCorrupt("its content has another digest")
        except _DAMAGED as error:
            self._report("archive.blob", f"{owner}: {digest}", error)

    def _report(self, code: str, where: str, error: ArchiverError) -> None:
        self.findings.report(code, where, error.message)


class _Members:
    """The gzip members that a project's records are in, each with that of its request."""

    def __init__(self, paths: ProjectPaths, locator: ReadOnlyLocator) -> None:
        self.project = paths.name
        self._paths, self._locator = paths, locator

    def check(self, record: str) -> None:
        """Inflate a record and its request record to their ends; zlib checks them.

        Raises:
            NotArchived: no WARC file has the record.
            RecordCorrupt: one of them is damaged.
            StoreError: the file cannot be read.
        """
        with storage_errors(self._paths.warc):
            at, stream = self._locator.open(record, lambda path: path.open("rb"))
        with storage_errors(self._paths.warc / at.file), stream:
            stream.seek(at.offset)
            _check_member(stream, at.length)
            if at.pair_length > at.length:
                _check_member(stream, at.pair_length - at.length)


def _check_member(stream: IO[bytes], length: int) -> None:
    reading, left = MemberReading(), length
    while left and (chunk := stream.read(min(left, CHUNK))):
        reading.feed(chunk)
        left -= len(chunk)
    if reading.length != length:
        raise RecordCorrupt("its gzip member has another length than the locator says")


def _read_response(response: Response, *, whole: bool) -> None:
    """Close a capture's response, whose opening checks its records; with ``whole`` read its page to the end first."""
    with closing(response.body) as body:
        while whole and body.read(CHUNK):
            pass
