"""One run for one project: collect every source of its spec, then write the snapshot that says so.

Order of writing (docs/format.md): WARC records and blobs first, then what points to them, the
snapshot record next to last and ``good`` last.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Mapping

from archiver.collect.mirror import Files, Images, Mirror
from archiver.collect.reportpage import report_page
from archiver.collect.runreport import run_report
from archiver.collect.view import Sites
from archiver.collect.web.frontier import RunState
from archiver.core.clock import iso, parse_snapshot_id, snapshot_id, utc_now
from archiver.core.errors import ArchiverError, InvalidDocument, NotArchived, RecordCorrupt, Stopped
from archiver.core.progress import NullProgress
from archiver.core.reference import Reference
from archiver.core.snapshot import Snapshot
from archiver.store.atomic import sweep_temporaries
from archiver.store.images import ImageLayout
from archiver.store.locks import locked
from archiver.store.runs import note_begun, note_finished
from archiver.store.snapshots import (
    good_snapshot,
    list_snapshots,
    read_captures,
    read_snapshot,
    set_good,
    write_captures,
    write_report,
    write_snapshot,
)
from archiver.version import PROGRAM

if TYPE_CHECKING:
    import threading

    from archiver.core.capture import Capture
    from archiver.core.progress import Progress
    from archiver.core.report import Report
    from archiver.core.snapshot import FileResult, ImageResult
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths, ProjectPaths


@dataclass(frozen=True)
class RunResult:
    """What a run did: the snapshot and the report it wrote, where, and what it moved over the network in bytes."""

    snapshot: Snapshot
    report: Report
    paths: ProjectPaths
    bytes: int
    resumed: bool


@dataclass(frozen=True)
class _Before:
    """What the last good snapshot had; the empty one stands for a project that has none."""

    captures: tuple[Capture, ...] = ()
    images: tuple[ImageResult, ...] = ()
    files: tuple[FileResult, ...] = ()


def archive_project(
    loaded: LoadedSpec,
    archive: ArchivePaths,
    *,
    lock: Snapshot | None = None,
    stop: threading.Event,
    progress: Progress | None = None,
    environment: Mapping[str, str] = os.environ,
) -> RunResult:
    """Archive what a spec asks for, going on with an unfinished run where there is one.

    Args:
        loaded: the spec.
        archive: the archive folder, open for writing.
        lock: the snapshot whose images and files are to be had again, by their digests; None for the newest.
        stop: set from outside to end the run early; it can be continued by calling again.
        progress: where to report to.
        environment: the variables that the spec's credentials refer to.

    Raises:
        SpecError: a variable is missing or cannot be sent (``preflight.check_environment`` says where).
        LockHeld: another run works on the project.
        KeyboardInterrupt: the run was stopped; everything got so far is kept for the next one.
        StoreError: or a subclass, when the archive cannot be written.
        InvalidDocument, RecordCorrupt: the project has snapshots, but not one that can be read.
    """
    progress = progress or NullProgress()
    paths = archive.project(loaded.spec.project)
    with ExitStack() as held:
        held.enter_context(locked(paths.lock, paths.name))
        layout = ImageLayout(archive.images)
        layout.sweep()
        for folder in (paths.root, paths.snapshots):
            sweep_temporaries(folder)
        held.enter_context(layout.writing())
        state = held.enter_context(closing(RunState(paths.state)))
        before = _last_good(paths, progress)
        interrupted = state.unfinished
        run, resumed = _begin(paths, state, str(loaded.digest))
        note_begun(paths, run)
        if resumed:
            progress.note(f"{paths.name}: continuing the run of {run}")
        elif interrupted:
            progress.note(
                f"{paths.name}: the spec's doc sites have changed since the interrupted run of {interrupted}; "
                "beginning anew"
            )
        collector = _Collector(loaded, paths, layout, run, lock, state, stop, progress, environment)
        try:
            sites = collector.sites(before)
            images = collector.images(before)
            files = collector.files(before)
        except Stopped as stopped:
            raise KeyboardInterrupt from stopped
        if stop.is_set():
            raise KeyboardInterrupt
        snapshot, told = _written(paths, loaded, run, lock, sites=sites, images=images, files=files)
        state.finish()
        note_finished(paths)
    moved = sum(site.bytes for site in sites.results) + images.bytes + files.bytes
    return RunResult(snapshot, told, paths, moved, resumed)


@dataclass(frozen=True)
class _Collector:
    """Runs the collectors of one run and merges what they got with the last good snapshot."""

    loaded: LoadedSpec
    paths: ProjectPaths
    layout: ImageLayout
    run: str
    lock: Snapshot | None
    state: RunState
    stop: threading.Event
    progress: Progress
    environment: Mapping[str, str] = field(repr=False)

    def sites(self, before: _Before) -> Sites:
        if not self.loaded.spec.docs:
            return Sites()
        from archiver.collect.sites import DocSites  # noqa: PLC0415 - crawling is slow to import

        sites = DocSites(
            loaded=self.loaded,
            paths=self.paths,
            run=self.run,
            state=self.state,
            stop=self.stop,
            progress=self.progress,
            environment=self.environment,
        )
        return sites.collected(before.captures)

    def images(self, before: _Before) -> Images:
        return (
            self._mirror.images(before.images)
            if self.lock is None
            else self._mirror.locked_images(self.lock, before.images)
        )

    def files(self, before: _Before) -> Files:
        return (
            self._mirror.files(before.files)
            if self.lock is None
            else self._mirror.locked_files(self.lock, before.files)
        )

    @property
    def _mirror(self) -> Mirror:
        began = iso(parse_snapshot_id(self.run))
        return Mirror(self.loaded, self.layout, began, self.stop, self.progress, self.environment)


def _last_good(paths: ProjectPaths, progress: Progress) -> _Before:
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
            return _Before(captures, snapshot.images, snapshot.files)
    if damage is not None:
        damage.hint = "restore a snapshot from a backup, or move the project's folder away to begin anew"
        raise damage
    return _Before()


def _begin(paths: ProjectPaths, state: RunState, spec_digest: str) -> tuple[str, bool]:
    known = list_snapshots(paths)
    unfinished = state.unfinished
    if unfinished and unfinished not in known and state.spec_digest == spec_digest:
        return unfinished, True
    moment = utc_now()
    if known:  # ids order snapshots, so a clock that went back must not
        moment = max(moment, parse_snapshot_id(known[-1]) + timedelta(seconds=1))
    run = snapshot_id(moment)
    state.begin(run, spec_digest)
    return run, False


def _written(
    paths: ProjectPaths,
    loaded: LoadedSpec,
    run: str,
    lock: Snapshot | None,
    *,
    sites: Sites,
    images: Images,
    files: Files,
) -> tuple[Snapshot, Report]:
    count, digest = write_captures(paths, run, sites.captures)
    reader = loaded.spec.reader_image
    snapshot = Snapshot(
        id=run,
        project=paths.name,
        title=loaded.spec.title or paths.name,
        program=PROGRAM,
        started=iso(parse_snapshot_id(run)),
        finished=iso(utc_now()),
        spec=loaded.record,
        sites=sites.results,
        images=images.results,
        files=files.results,
        failures=(*sites.failures, *images.failures, *files.failures),
        broken_links=sites.broken_links,
        captures=count,
        captures_digest=digest,
        locked=lock.id if lock else "",
        reader_image=str(Reference.parse(reader)) if reader else "",
    )
    told = run_report(snapshot, sites.reports)
    snapshot = replace(snapshot, report_digest=write_report(paths, run, told.to_json(), report_page(told)))
    write_snapshot(paths, snapshot)
    if snapshot.captures or snapshot.images or snapshot.files:
        set_good(paths, run)
    return snapshot, told
