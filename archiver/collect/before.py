"""What the last good snapshot of a project has: what a run compares with, goes on from and falls back on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping

from archiver.core.errors import ArchiverError, InvalidDocument, NotArchived, RecordCorrupt
from archiver.core.reportjson import read_report
from archiver.store.atomic import storage_errors
from archiver.store.snapshots import good_snapshot, list_snapshots, read_captures, read_snapshot

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.judgement import Judgement
    from archiver.core.progress import Progress
    from archiver.core.report import Report, SiteReport
    from archiver.core.snapshot import BrokenLink, Failure, FileResult, ImageResult, SiteResult, Snapshot
    from archiver.store.paths import ProjectPaths


@dataclass(frozen=True)
class Before:
    """What the last good snapshot has; the empty one stands for a project that has none.

    Attributes:
        snapshot: its record.
        captures: its view of the doc sites.
        report: its report; None where that cannot be read.
    """

    snapshot: Snapshot | None = None
    captures: tuple[Capture, ...] = ()
    report: Report | None = None

    @property
    def spec(self) -> Mapping[str, Any]:
        """The spec of that time as plain data."""
        return self.snapshot.spec if self.snapshot else {}

    @property
    def images(self) -> tuple[ImageResult, ...]:
        """Its images."""
        return self.snapshot.images if self.snapshot else ()

    @property
    def files(self) -> tuple[FileResult, ...]:
        """Its files."""
        return self.snapshot.files if self.snapshot else ()

    def judgement(self, source: str) -> Judgement | None:
        """Return what was judged of a source; None where nothing was."""
        return self.snapshot.judgement(source) if self.snapshot else None

    def failures(self, source: str) -> tuple[Failure, ...]:
        """Return what it lacks of a source."""
        failures = self.snapshot.failures if self.snapshot else ()
        return tuple(failure for failure in failures if failure.source == source)

    def broken_links(self, source: str) -> tuple[BrokenLink, ...]:
        """Return the dead links of a doc site."""
        links = self.snapshot.broken_links if self.snapshot else ()
        return tuple(link for link in links if link.source == source)

    def site(self, name: str) -> SiteResult | None:
        """Return what came of a doc site; None where it was not asked for."""
        sites = self.snapshot.sites if self.snapshot else ()
        return next((site for site in sites if site.name == name), None)

    def site_report(self, name: str) -> SiteReport | None:
        """Return what was reported of a doc site; None where there is no report of it."""
        sites = self.report.sites if self.report else ()
        return next((site for site in sites if site.name == name), None)


def last_good(paths: ProjectPaths, progress: Progress) -> Before:
    """Return what the newest good snapshot has, or the newest older one that can be read, with a warning.

    Nothing is carried over from what cannot be read; so where no snapshot can be read, there must be no new one.

    Raises:
        InvalidDocument, RecordCorrupt: there are snapshots, and all are damaged.
    """
    ids = list_snapshots(paths)
    try:
        newest = good_snapshot(paths)
    except NotArchived:
        newest = ids[-1] if ids else ""
    damage: ArchiverError | None = None
    for each in reversed([name for name in ids if name <= newest]):
        try:
            snapshot = read_snapshot(paths, each)
            captures = tuple(read_captures(paths, snapshot))
        except (InvalidDocument, RecordCorrupt) as error:
            damage = damage or error
            progress.note(f"{paths.name}: snapshot {each} is damaged, going on from an older one: {error}")
        else:
            return Before(snapshot, captures, report_of(paths, each))
    if damage is not None:
        damage.hint = "restore a snapshot from a backup, or move the project's folder away to begin anew"
        raise damage
    return Before()


def report_of(paths: ProjectPaths, snapshot: str) -> Report | None:
    """Return the report of the run that made a snapshot; None where it is missing or damaged: nothing depends on it."""
    path = paths.report(snapshot)
    with storage_errors(path):
        data = path.read_bytes() if path.is_file() else b""
    try:
        return read_report(data, what=str(path))
    except InvalidDocument:
        return None
