"""The run of a project that was begun and not finished: what it has got is not to be pruned.

A file ``unfinished`` in the project's folder names it, from before its first byte until its snapshot is written.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from archiver.core.clock import is_snapshot_id, parse_snapshot_id
from archiver.store.atomic import storage_errors, sync_folder, write_atomically

if TYPE_CHECKING:
    from archiver.store.paths import ProjectPaths


def note_begun(paths: ProjectPaths, run: str) -> None:
    """Note that a run is begun, or gone on with. Raises StoreError or a subclass."""
    if _noted(paths) != run:
        write_atomically(paths.unfinished, f"{run}\n".encode())


def note_finished(paths: ProjectPaths) -> None:
    """Note that the project's run is finished: its snapshot is written. Raises StoreError or a subclass."""
    with storage_errors(paths.unfinished):
        paths.unfinished.unlink(missing_ok=True)
        sync_folder(paths.root)


def unfinished_run(paths: ProjectPaths) -> str | None:
    """Return the id of the run of a project that was begun and not finished; None where there is none.

    Raises:
        StoreError: or a subclass, for what the file system refuses.
    """
    run = _noted(paths)
    with storage_errors(paths.root):
        return None if run is None or paths.record(run).is_file() else run


def written_run(paths: ProjectPaths) -> str | None:
    """Return the id of a run that was killed once its snapshot was written, before all the rest; None where there is none.

    Raises:
        StoreError: or a subclass, for what the file system refuses.
    """
    run = _noted(paths)
    return run if run is not None and unfinished_run(paths) is None else None


def unfinished_since(paths: ProjectPaths) -> float | None:
    """Return when the project's unfinished run began, as a file's modification time; None where there is none.

    Raises:
        StoreError: or a subclass, for what the file system refuses.
    """
    run = unfinished_run(paths)
    if run is None:
        return None
    with storage_errors(paths.unfinished):
        noted = paths.unfinished.stat().st_mtime
    with suppress(ValueError):  # the note is damaged
        return min(
            parse_snapshot_id(run).timestamp(), noted
        )  # an id may lie ahead of the clock: ids order snapshots
    return noted


def _noted(paths: ProjectPaths) -> str | None:
    with storage_errors(paths.unfinished):
        try:
            run = paths.unfinished.read_text("ascii", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
    return run if is_snapshot_id(run) else None
