"""Refreshing projects again and again: whether anything of a project is due."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping

from archiver.collect.asking import due_at, due_sources, retired_sources, waits
from archiver.collect.ending import finish_written
from archiver.collect.run import archive_project
from archiver.core.clock import utc_now
from archiver.core.errors import InvalidDocument, NotArchived
from archiver.core.judgement import HEALTHY
from archiver.core.progress import NullProgress
from archiver.store.locks import locked
from archiver.store.runs import unfinished_since, written_run
from archiver.store.snapshots import good_snapshot, read_snapshot

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from archiver.collect.asking import Asking
    from archiver.collect.run import RunResult
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Snapshot
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths, ProjectPaths


@dataclass(frozen=True)
class NotDue:
    """A project of which nothing is to be asked now.

    Attributes:
        project: its name.
        until: when something is; None where all its sources are retired.
        failures: how many things could not be had when they were last asked for.
    """

    project: str
    until: datetime | None
    failures: int


def refresh_project(
    loaded: LoadedSpec,
    archive: ArchivePaths,
    asking: Asking,
    *,
    stop: threading.Event,
    progress: Progress | None = None,
    environment: Mapping[str, str] = os.environ,
) -> RunResult | NotDue:
    """Archive what is due of a project, as ``archive_project`` does; nothing is written where nothing is due.

    An interrupted run is gone on with whatever is due, and what the spec asks for since the last snapshot is due at once.

    Args:
        loaded: the spec.
        archive: the archive folder, open for writing.
        asking: what is due.
        stop: set from outside to end the run early.
        progress: where to report to.
        environment: the variables that the spec's credentials refer to.

    Raises:
        ArchiverError, KeyboardInterrupt: as ``archive_project``.
    """
    paths = archive.project(loaded.spec.project)
    if written_run(paths) is not None:
        with locked(paths.lock, paths.name):
            finish_written(paths, progress or NullProgress())
    before = _last_good(paths)
    if before is not None and unfinished_since(paths) is None and not _is_due(loaded, before, asking):
        until = next_due(loaded, before)
        if until is not None or before.is_retired:
            return NotDue(paths.name, until, len(before.failures))
    return archive_project(
        loaded, archive, asking=asking, stop=stop, progress=progress, environment=environment
    )


def next_due(loaded: LoadedSpec, snapshot: Snapshot) -> datetime | None:
    """Return when the first source of a spec is due again after a snapshot; None where one is whenever it is refreshed, or none ever."""
    found = []
    for source, interval in waits(loaded.spec, snapshot).items():
        judgement = snapshot.judgement(source)
        moment = due_at(judgement, interval) if judgement is not None else None
        if judgement is None or moment is None or judgement.verdict != HEALTHY:
            return None
        found.append(moment)
    return min(found, default=None)


def _is_due(loaded: LoadedSpec, before: Snapshot, asking: Asking) -> bool:
    told_retired = {judgement.source for judgement in before.judgements if judgement.retired}
    due = due_sources(loaded.spec, loaded.record, before, asking, utc_now())
    return bool(due) or told_retired != retired_sources(loaded.spec, before)


def _last_good(paths: ProjectPaths) -> Snapshot | None:
    """Return the last good snapshot; None where a run has to see what there is to go on from."""
    try:
        return read_snapshot(paths, good_snapshot(paths))
    except (NotArchived, InvalidDocument):
        return None
