"""Quarantine: what runs got of sources that the guard refused, kept as evidence.

Each source's record is written behind its capture index, and both before the snapshot's record: whoever finds the
snapshot finds what it refused. Source: docs/format.md, "Quarantine".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.core.clock import is_snapshot_id
from archiver.core.errors import NotArchived
from archiver.core.refusal import Refusal
from archiver.store.atomic import storage_errors, sync_folder, write_atomically
from archiver.store.captureindex import parsed
from archiver.store.snapshots import read_index_lines, write_index

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.store.paths import ProjectPaths


def write_refused_captures(
    paths: ProjectPaths, run: str, source: str, captures: Iterable[Capture]
) -> tuple[int, str]:
    """Write the index of what a doc site would have had; return how many entries it has and its digest."""
    return write_index(paths.refused_captures(run, source), captures)


def write_refusal(paths: ProjectPaths, refusal: Refusal) -> None:
    """Write what was refused of a source; the index that it names must be durable already."""
    write_atomically(paths.refusal(refusal.snapshot, refusal.source), refusal.to_json())


def drop_refusals(paths: ProjectPaths, run: str) -> None:
    """Remove what is kept of a run, records first: it is judged anew, or no snapshot refers to it any more."""
    folder = paths.quarantine / run
    with storage_errors(folder):
        if not is_snapshot_id(run) or not folder.is_dir():
            return
        for path in sorted(folder.iterdir(), key=lambda path: (path.suffix != ".json", path.name)):
            path.unlink()
        folder.rmdir()
        sync_folder(paths.quarantine)


def list_quarantine(paths: ProjectPaths) -> tuple[str, ...]:
    """Return the ids of the runs of which something was refused and is kept, oldest first.

    A run that was killed may have left some without a snapshot.
    """
    with storage_errors(paths.quarantine):
        if not paths.quarantine.is_dir():
            return ()
        names = (entry.name for entry in paths.quarantine.iterdir() if entry.is_dir())
        return tuple(sorted(filter(is_snapshot_id, names)))


def refused_sources(paths: ProjectPaths, run: str) -> tuple[str, ...]:
    """Return the names of the sources of which something was refused in a run and is kept, sorted."""
    folder = paths.quarantine / run
    with storage_errors(folder):
        if not is_snapshot_id(run) or not folder.is_dir():
            return ()
        return tuple(sorted(entry.stem for entry in folder.iterdir() if entry.suffix == ".json"))


def read_refusal(paths: ProjectPaths, run: str, source: str) -> Refusal:
    """Read what was refused of a source.

    Args:
        paths: the project's files.
        run: the id of the run.
        source: one of ``refused_sources``.

    Raises:
        NotArchived: there is nothing of the source.
        InvalidDocument: the record is damaged.
    """
    path = paths.refusal(run, source)
    with storage_errors(path):
        if source not in refused_sources(paths, run):
            raise NotArchived(f"nothing of {source!r:.80} is in quarantine", place=str(path.parent))
        return Refusal.from_json(path.read_bytes(), what=str(path))


def read_refused_captures(paths: ProjectPaths, refusal: Refusal) -> Iterator[Capture]:
    """Yield the captures that a doc site would have had, in index order; none for other sources.

    Raises:
        RecordCorrupt: the index is missing, has another digest than the record says, or is malformed.
    """
    if refusal.captures_digest:
        path = paths.refused_captures(refusal.snapshot, refusal.source)
        yield from parsed(read_index_lines(path, refusal.captures_digest), str(path))
