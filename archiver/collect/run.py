"""One run for one project: collect every source of its spec, then write the snapshot that says so.

Order of writing (docs/format.md): WARC records and blobs first, then what points to them, the
snapshot record next to last and ``good`` last.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Mapping

from archiver.collect.asking import EVERYTHING
from archiver.collect.before import last_good
from archiver.collect.ending import finish_written, make_good
from archiver.collect.reportpage import report_page
from archiver.collect.runreport import run_report
from archiver.collect.sets import MirrorSets
from archiver.collect.view import Sites
from archiver.collect.web.frontier import RunState
from archiver.core.clock import iso, parse_snapshot_id, utc_now
from archiver.core.errors import Stopped
from archiver.core.progress import NullProgress
from archiver.core.reference import Reference
from archiver.core.snapshot import Snapshot
from archiver.store.atomic import sweep_temporaries
from archiver.store.images import ImageLayout
from archiver.store.locks import locked
from archiver.store.quarantine import drop_refusals
from archiver.store.runs import note_begun, note_finished
from archiver.store.snapshots import (
    list_snapshots,
    next_snapshot_id,
    write_captures,
    write_report,
    write_snapshot,
)
from archiver.version import PROGRAM

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from archiver.collect.asking import Asking
    from archiver.collect.before import Before
    from archiver.collect.sets import Guarded
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


def archive_project(
    loaded: LoadedSpec,
    archive: ArchivePaths,
    *,
    asking: Asking = EVERYTHING,
    lock: Snapshot | None = None,
    stop: threading.Event,
    progress: Progress | None = None,
    environment: Mapping[str, str] = os.environ,
) -> RunResult:
    """Archive what a spec asks for, going on with an unfinished run where there is one.

    The guard judges what comes of each source; what it refuses goes to quarantine and nowhere else.

    Args:
        loaded: the spec.
        archive: the archive folder, open for writing.
        asking: what is to be asked for, and how. What is not is in the snapshot as it was.
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
        finish_written(paths, progress)
        state = held.enter_context(closing(RunState(paths.state)))
        before = last_good(paths, progress)
        interrupted = state.unfinished
        run, resumed = _begin(paths, state, str(loaded.digest))
        note_begun(paths, run)
        drop_refusals(paths, run)
        if resumed:
            progress.note(f"{paths.name}: continuing the run of {run}")
        elif interrupted:
            newer = any(name > interrupted for name in list_snapshots(paths))
            why = "there is a newer snapshot" if newer else "the spec's doc sites have changed since"
            progress.note(
                f"{paths.name}: the interrupted run of {interrupted} is not continued: {why}; beginning anew"
            )
        moment = _moment(run)
        collector = _Collector(
            loaded, paths, layout, run, moment, asking, lock, state, stop, progress, environment
        )
        try:
            sites = collector.sites(before)
            images = collector.sets.images(before)
            files = collector.sets.files(before)
        except Stopped as stopped:
            raise KeyboardInterrupt from stopped
        if stop.is_set():
            raise KeyboardInterrupt
        snapshot, told = _written(paths, loaded, run, moment, lock, sites=sites, images=images, files=files)
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
    moment: datetime
    asking: Asking
    lock: Snapshot | None
    state: RunState
    stop: threading.Event
    progress: Progress
    environment: Mapping[str, str] = field(repr=False)

    def sites(self, before: Before) -> Sites:
        if not self.loaded.spec.docs:
            return Sites()
        from archiver.collect.sites import DocSites  # noqa: PLC0415 - crawling is slow to import

        sites = DocSites(
            loaded=self.loaded,
            paths=self.paths,
            run=self.run,
            moment=self.moment,
            state=self.state,
            asking=self.asking,
            stop=self.stop,
            progress=self.progress,
            environment=self.environment,
        )
        return sites.collected(before)

    @property
    def sets(self) -> MirrorSets:
        return MirrorSets(
            loaded=self.loaded,
            paths=self.paths,
            layout=self.layout,
            run=self.run,
            moment=self.moment,
            asking=self.asking,
            lock=self.lock,
            stop=self.stop,
            progress=self.progress,
            environment=self.environment,
        )


def _begin(paths: ProjectPaths, state: RunState, spec_digest: str) -> tuple[str, bool]:
    known = list_snapshots(paths)
    unfinished = state.unfinished
    is_newest = unfinished is not None and (not known or unfinished > known[-1])  # ids order snapshots
    if unfinished and is_newest and state.spec_digest == spec_digest:
        return unfinished, True
    run = next_snapshot_id(paths)
    state.begin(run, spec_digest)
    return run, False


def _moment(run: str) -> datetime:
    """Return when a run began, by which it decides what is due: the second that it is named for, however often it is gone on with.

    A run that follows one of which the clock was ahead is named for a second behind that, to stay in order; but it is now.
    """
    return min(parse_snapshot_id(run), utc_now().replace(microsecond=0))


def _written(
    paths: ProjectPaths,
    loaded: LoadedSpec,
    run: str,
    moment: datetime,
    lock: Snapshot | None,
    *,
    sites: Sites,
    images: Guarded[ImageResult],
    files: Guarded[FileResult],
) -> tuple[Snapshot, Report]:
    count, digest = write_captures(paths, run, sites.captures)
    reader = loaded.spec.reader_image
    snapshot = Snapshot(
        id=run,
        project=paths.name,
        title=loaded.spec.title or paths.name,
        program=PROGRAM,
        started=iso(moment),
        finished=iso(utc_now()),
        spec=loaded.record,
        sites=sites.results,
        images=images.results,
        files=files.results,
        failures=(*sites.failures, *images.failures, *files.failures),
        broken_links=sites.broken_links,
        captures=count,
        captures_digest=digest,
        judgements=(*sites.judgements, *filter(None, (images.judgement, files.judgement))),
        locked=lock.id if lock else "",
        reader_image=str(Reference.parse(reader)) if reader else "",
    )
    told = run_report(snapshot, sites.reports)
    snapshot = replace(snapshot, report_digest=write_report(paths, run, told.to_json(), report_page(told)))
    write_snapshot(paths, snapshot)
    make_good(paths, snapshot)
    return snapshot, told
