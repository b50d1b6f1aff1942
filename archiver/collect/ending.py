"""How a run ends: its snapshot is written, the good one from then on, and nothing of the run is left to go on with."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from archiver.collect.web.frontier import RunState
from archiver.core.errors import InvalidDocument
from archiver.store.runs import note_finished, written_run
from archiver.store.snapshots import list_snapshots, read_snapshot, set_good

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ProjectPaths


def make_good(paths: ProjectPaths, snapshot: Snapshot) -> None:
    """Make a snapshot the one that is handed over, if it has anything. Raises StoreError or a subclass."""
    if snapshot.has_anything:
        set_good(paths, snapshot.id)


def finish_written(paths: ProjectPaths, progress: Progress) -> None:
    """End a run that was killed once its snapshot was written, where there is one: the snapshot is as good as any.

    Args:
        paths: the project's files; it is locked.
        progress: where to report to.

    Raises:
        StoreError: or a subclass, when the archive cannot be written.
    """
    run = written_run(paths)
    if run is None:
        return
    if run == list_snapshots(paths)[-1]:
        with suppress(InvalidDocument):  # whoever goes on from it says so
            make_good(paths, read_snapshot(paths, run))
        progress.note(f"{paths.name}: the interrupted run of {run} had written its snapshot; it is ended")
    with closing(RunState(paths.state)) as state:
        if state.unfinished == run:
            state.finish()
    note_finished(paths)
