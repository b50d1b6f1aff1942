"""Accepting what the guard refused: the keeper knows better, and the next snapshot has it.

Nothing is fetched, and nothing merged a second time: what a source would have had is in quarantine. Order of writing
as in a run: names of images, capture index, report, record, ``good``. Killed in between, it is to be called again.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterable, Mapping

from archiver.collect.before import last_good, report_of
from archiver.collect.ending import finish_written
from archiver.collect.images.names import name_again
from archiver.collect.reportpage import report_page
from archiver.collect.runreport import run_report
from archiver.core.clock import iso, parse_snapshot_id, utc_now
from archiver.core.errors import EvidencePruned, NothingRefused, RunUnfinished
from archiver.core.judgement import FILES, HEALTHY, IMAGES, Judgement
from archiver.core.progress import NullProgress
from archiver.store.atomic import sweep_temporaries
from archiver.store.images import ImageLayout
from archiver.store.locks import locked
from archiver.store.quarantine import (
    list_quarantine,
    read_refusal,
    read_refused_captures,
    refused_sources,
)
from archiver.store.runs import unfinished_since
from archiver.store.snapshots import (
    list_snapshots,
    next_snapshot_id,
    read_snapshot,
    resolve_snapshot,
    set_good,
    snapshot_names,
    write_captures,
    write_report,
    write_snapshot,
)
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.collect.before import Before
    from archiver.core.capture import Capture
    from archiver.core.progress import Progress
    from archiver.core.refusal import Refusal
    from archiver.core.report import SiteReport
    from archiver.core.snapshot import BrokenLink, Failure, FileResult, ImageResult, Snapshot
    from archiver.store.paths import ArchivePaths, ProjectPaths


_REFUSED_IN = "snapshots in which something was refused"


@dataclass(frozen=True)
class Accepted:
    """The snapshot that has what was refused, and the names of the sources that it was refused of.

    ``again`` says that it was accepted before, so that nothing new was written.
    """

    snapshot: Snapshot
    sources: tuple[str, ...]
    again: bool = False


def accept_refused(
    archive: ArchivePaths, project: str, run: str, progress: Progress | None = None
) -> Accepted:
    """Make a snapshot of the last good one and of what the guard refused in a run, as if it had been healthy.

    Args:
        archive: the archive folder, open for writing.
        project: the project's name.
        run: the id of the snapshot in which it was refused, or how it begins.
        progress: where to report to.

    Raises:
        NotArchived: there is no such project or snapshot.
        UsageError: several snapshots in which something was refused begin so.
        NothingRefused: every source was healthy in it, or has been since.
        EvidencePruned: what was refused is not kept any more.
        RunUnfinished: a run was begun and not finished.
        LockHeld: a run works on the project.
        InvalidDocument, RecordCorrupt: what is needed is damaged.
        StoreError: or a subclass, when the archive cannot be written.
    """
    paths = archive.archived_project(project)
    refused = read_snapshot(paths, _meant(paths, run))
    with ExitStack() as held:
        held.enter_context(locked(paths.lock, paths.name))
        layout = ImageLayout(archive.images)
        held.enter_context(layout.writing())
        for folder in (paths.root, paths.snapshots):
            sweep_temporaries(folder)
        finish_written(paths, progress or NullProgress())
        if unfinished_since(paths) is not None:
            raise RunUnfinished(
                f"a run of {project} is not finished",
                hint="finish it first: archive or refresh the project again",
            )
        if accepted := _written_before(paths, refused):
            return accepted
        before = last_good(paths, progress or NullProgress())
        refusals = _refusals(paths, refused, before)
        return _accepted(paths, layout, before, _Refused(refused, refusals))


def _meant(paths: ProjectPaths, run: str) -> str:
    """Return the snapshot that is meant: one that is named, or the one of those to be accepted that begins so."""
    known = list_snapshots(paths)
    return run if run in known else resolve_snapshot(paths, run, _refused_in(paths), named=_REFUSED_IN)


def _refused_in(paths: ProjectPaths) -> tuple[str, ...]:
    """Return the ids of the snapshots in which something was refused that is kept, oldest first."""
    known = set(list_snapshots(paths))
    return tuple(run for run in list_quarantine(paths) if run in known)


def _written_before(paths: ProjectPaths, refused: Snapshot) -> Accepted | None:
    """Return the newest snapshot where that is what is wanted: it may lack only that it is the good one."""
    newest = read_snapshot(paths, list_snapshots(paths)[-1])
    if newest.accepted != refused.id:
        return None
    set_good(paths, newest.id)
    return Accepted(newest, _accepted_sources(newest), again=True)


def _accepted_sources(snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(each.source for each in snapshot.judgements if each.good == snapshot.id)


def _refusals(paths: ProjectPaths, refused: Snapshot, before: Before) -> dict[str, Refusal]:
    """Return by source what was refused, of the sources that the spec still has and that were never healthy since.

    Raises:
        NothingRefused: there is no such source.
        EvidencePruned: of one of them it is not kept any more.
    """
    sources = [each.source for each in refused.judgements if each.verdict != HEALTHY]
    if not sources:
        raise NothingRefused(
            f"nothing was refused in snapshot {refused.id}: all its sources were healthy",
            hint=f"{_REFUSED_IN}: {snapshot_names(_refused_in(paths))}",
        )
    left = [source for source in sources if _is_open(before.judgement(source), refused.id)]
    if not left:
        raise NothingRefused(
            f"what was refused in snapshot {refused.id} cannot be accepted: its sources were healthy since, "
            "or are not in the spec any more"
        )
    kept = refused_sources(paths, refused.id)
    if not kept:
        raise EvidencePruned(
            f"what was refused in snapshot {refused.id} is not kept any more", place=str(paths.quarantine)
        )
    return {source: read_refusal(paths, refused.id, source) for source in left}


def _is_open(judged: Judgement | None, run: str) -> bool:
    """Say whether a source is still kept from before a run: where it was healthy since, there is better to go on from."""
    return judged is not None and judged.verdict != HEALTHY and judged.good <= run


@dataclass(frozen=True)
class _Refused:
    """A snapshot of which something was refused, and what that was, by source."""

    snapshot: Snapshot
    refusals: Mapping[str, Refusal]

    def judgements(self, earlier: Iterable[Judgement], snapshot: str) -> tuple[Judgement, ...]:
        """Return judgements with the keeper's word in place of the guard's: from here on it counts anew."""
        return tuple(
            Judgement(
                source=each.source,
                verdict=HEALTHY,
                reason=f"the keeper accepted what came in the run of {self.snapshot.id}",
                checked=self.refusals[each.source].judgement.checked,
                good=snapshot,
                alive=self.refusals[each.source].judgement.alive,
                peak=self.refusals[each.source].judgement.alive,
                retired=each.retired,
            )
            if each.source in self.refusals
            else each
            for each in earlier
        )

    def captures(self, paths: ProjectPaths, earlier: Iterable[Capture]) -> list[Capture]:
        """Return a view with that of the refused sites in place of what they have in it."""
        view = [capture for capture in earlier if capture.source not in self.refusals]
        for refusal in self.refusals.values():
            view.extend(read_refused_captures(paths, refusal))
        return view

    def failures(self, earlier: Iterable[Failure], gone: frozenset[str]) -> tuple[Failure, ...]:
        """Return failures with those of that run in place of what there are of the sources; what is gone is known now."""
        mine = (each for each in self.snapshot.failures if each.source in self.refusals)
        others = (each for each in earlier if each.source not in self.refusals)
        return tuple(each for each in (*others, *mine) if each.subject not in gone)

    def broken_links(self, earlier: Iterable[BrokenLink]) -> tuple[BrokenLink, ...]:
        """Return dead links with those of that run in place of what there are of the sites."""
        mine = (each for each in self.snapshot.broken_links if each.source in self.refusals)
        return (*(each for each in earlier if each.source not in self.refusals), *mine)


def _accepted(paths: ProjectPaths, layout: ImageLayout, before: Before, refused: _Refused) -> Accepted:
    """Write the snapshot."""
    earlier, refusals = before.snapshot, refused.refusals
    assert earlier is not None, "there is at least the one in which it was refused"
    run = next_snapshot_id(paths)
    view = refused.captures(paths, before.captures)
    images = refusals[IMAGES].images if IMAGES in refusals else earlier.images
    files = refusals[FILES].files if FILES in refusals else earlier.files
    items: tuple[ImageResult | FileResult, ...] = (*images, *files)
    gone = frozenset(capture.url for capture in view if capture.gone)
    gone |= {each.subject for each in items if each.gone}
    name_again(layout, images)
    count, digest = write_captures(paths, run, view)
    snapshot = replace(
        earlier,
        id=run,
        program=PROGRAM,
        started=iso(min(parse_snapshot_id(run), utc_now())),
        finished=iso(utc_now()),
        sites=tuple(
            refusals[site.name].site or site if site.name in refusals else site for site in earlier.sites
        ),
        images=images,
        files=files,
        failures=refused.failures(earlier.failures, gone),
        broken_links=refused.broken_links(earlier.broken_links),
        captures=count,
        captures_digest=digest,
        judgements=refused.judgements(earlier.judgements, run),
        accepted=refused.snapshot.id,
    )
    told = run_report(snapshot, _site_reports(paths, snapshot, before, refused, view))
    snapshot = replace(snapshot, report_digest=write_report(paths, run, told.to_json(), report_page(told)))
    write_snapshot(paths, snapshot)
    set_good(paths, run)
    return Accepted(snapshot, tuple(refusals))


def _site_reports(
    paths: ProjectPaths, snapshot: Snapshot, before: Before, refused: _Refused, view: Iterable[Capture]
) -> tuple[SiteReport, ...]:
    """Return what is reported of each doc site, that of the refused ones by the run in which they were refused."""
    from archiver.collect.web.report import gone_listings  # noqa: PLC0415 - crawling is slow to import

    then = report_of(paths, refused.snapshot.id)
    reports = []
    for site in snapshot.sites:
        if site.name not in refused.refusals:
            told = before.site_report(site.name)
        else:
            gone = [capture for capture in view if capture.source == site.name and capture.gone]
            told = next((each for each in then.sites if each.name == site.name), None) if then else None
            told = told and replace(told, carried=site.carried, gone=gone_listings(gone))
        if told is not None:
            reports.append(told)
    return tuple(reports)
