"""Running a project and keeping how it ended, as ``archive`` and ``refresh`` both do."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Callable, TypeVar

from archiver.collect.refresh import NotDue, next_due
from archiver.core.clock import iso, utc_now
from archiver.core.errors import ArchiverError, InternalError, LockHeld, Stopped, StoreError
from archiver.core.judgement import HEALTHY
from archiver.offline.exitcodes import COMPLETE, FAILURES, INTERNAL_ERROR, INTERRUPTED, SOURCE_GONE, exit_code
from archiver.store.lastrun import LastRun, note_last_run
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from datetime import datetime

    from archiver.collect.run import RunResult
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Snapshot
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths, ProjectPaths

_Outcome = TypeVar("_Outcome", bound="RunResult | NotDue")
STOPPED = Stopped("interrupted", hint="run the same command again: it goes on from here")


def noted(
    loaded: LoadedSpec, paths: ProjectPaths, progress: Progress, work: Callable[[], _Outcome]
) -> _Outcome:
    """Run a project, and keep for ``status`` how that ended: with a snapshot, without, or with an error.

    Nothing is kept where another run works on the project: that one will keep how it ended.

    Args:
        loaded: the project's spec.
        paths: the project's.
        progress: is told where it cannot be kept; that alone is no failure.
        work: the run.

    Raises:
        BaseException: whatever ``work`` raises.
    """
    started, begun = utc_now(), time.monotonic()
    try:
        outcome = work()
    except LockHeld:
        raise
    except BaseException as error:
        with suppress(StoreError):  # often the very error that ended the run
            note_last_run(paths, _ended_by(error, _Times(started, begun)))
        raise
    try:
        note_last_run(paths, _ended(loaded, outcome, _Times(started, begun)))
    except StoreError as error:
        progress.warn(f"{paths.name}: how the run ended cannot be kept for status: {error}")
    return outcome


def exit_code_of(snapshot: Snapshot) -> int:
    """Return the exit code that a run's snapshot stands for (docs/exit-codes.md).

    Of a source that is not healthy the last good copy stands in. Where there never was one, as in a first run, what could
    not be had has only failed.
    """
    if any(judgement.keeps and judgement.is_alarm for judgement in snapshot.judgements):
        return SOURCE_GONE
    return FAILURES if snapshot.failures or snapshot.verdict != HEALTHY else COMPLETE


def index_for_search(archive: ArchivePaths, snapshot: Snapshot, progress: Progress) -> None:
    """Build the search index of a new snapshot that has pages, and drop old ones; without it the snapshot is complete all the same."""
    if not snapshot.captures:
        return
    from archiver.bundle.searchindex import (  # noqa: PLC0415 - its parsers are slow to import
        drop_older_indexes,
        ensure_search_index,
    )

    paths = archive.project(snapshot.project)
    try:
        ensure_search_index(paths, snapshot.id, progress)
        drop_older_indexes(paths)
    except (StoreError, KeyboardInterrupt):
        progress.warn(
            f"snapshot {snapshot.id} is complete, but its search index is not made yet; "
            "serve, search and bundle make it when they need it"
        )
        raise


class _Times:
    """When a run began and ended, and how long it took."""

    def __init__(self, started: datetime, begun: float) -> None:
        self.started, self.finished = iso(started), iso(utc_now())
        self.seconds = round(time.monotonic() - begun)


def _ended(loaded: LoadedSpec, outcome: RunResult | NotDue, times: _Times) -> LastRun:
    if isinstance(outcome, NotDue):
        return LastRun(
            times.started,
            times.finished,
            times.seconds,
            COMPLETE,
            PROGRAM,
            due=iso(outcome.until) if outcome.until else "",
            failures=outcome.failures,
        )
    due = next_due(loaded, outcome.snapshot)
    return LastRun(
        times.started,
        times.finished,
        times.seconds,
        exit_code_of(outcome.snapshot),
        PROGRAM,
        snapshot=outcome.snapshot.id,
        due=iso(due) if due else "",
        received=outcome.bytes,
        failures=len(outcome.snapshot.failures),
    )


def _ended_by(error: BaseException, times: _Times) -> LastRun:
    if isinstance(error, ArchiverError):
        code, told = exit_code(error), error
    elif isinstance(error, Exception):
        code, told = INTERNAL_ERROR, InternalError.of(error)
    else:
        code, told = INTERRUPTED, STOPPED
    return LastRun(
        times.started,
        times.finished,
        times.seconds,
        code,
        PROGRAM,
        error=str(told),
        error_code=told.code,
    )
