"""What nothing needs of one project: snapshots that its policy does not keep, and what only they needed."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.core.clock import is_snapshot_id
from archiver.store.atomic import TEMPORARY_PREFIX, storage_errors, sweep_temporaries, sync_folder
from archiver.store.files import Stale, files_in, remove
from archiver.store.locator import ReadOnlyLocator, open_locator
from archiver.store.mark import readable
from archiver.store.neededrecords import needed_records
from archiver.store.quarantine import list_quarantine, refused_sources
from archiver.store.retention import Kept, Policy, retained
from archiver.store.runs import unfinished_run
from archiver.store.snapshots import find_good, list_snapshots, read_snapshot
from archiver.store.warcrewrite import Shrinkable, find_shrinkable, shrink

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.neededrecords import RecordIDs
    from archiver.store.paths import ProjectPaths

QUARANTINE_KEPT = 3
"""So many of the newest runs of which something was refused keep it, whatever becomes of their snapshots."""


@dataclass(frozen=True)
class ProjectGarbage:
    """What nothing needs of a project, and what stays.

    Attributes:
        paths: the project's files.
        policy: what the spec of its newest snapshot says; None where that keeps everything.
        kept: the snapshots that stay, and why, oldest first.
        dropped: the ids of those that go.
        quarantine_kept: the ids of the runs of which what was refused stays.
        snapshots: the files of snapshots that go, or that are no more: records, capture indexes, reports.
        quarantine: what was refused in runs whose evidence goes.
        search: the search indexes of snapshots that go, or that are no more.
        temporaries: what crashed writers left.
        warcs: the WARC files of which something can go.
    """

    paths: ProjectPaths
    policy: Policy | None
    kept: tuple[Kept, ...]
    dropped: tuple[str, ...]
    quarantine_kept: tuple[str, ...]
    snapshots: tuple[Stale, ...]
    quarantine: tuple[Stale, ...]
    search: tuple[Stale, ...]
    temporaries: tuple[Stale, ...]
    warcs: tuple[Shrinkable, ...]

    @property
    def name(self) -> str:
        """The project's name."""
        return self.paths.name

    @property
    def files(self) -> tuple[Stale, ...]:
        """All files that go as a whole, but for WARC files."""
        return (*self.snapshots, *self.quarantine, *self.search, *self.temporaries)

    @property
    def size(self) -> int:
        """How many bytes there are to free."""
        return sum(stale.size for stale in self.files) + sum(file.dead for file in self.warcs)


def find_project_garbage(paths: ProjectPaths) -> ProjectGarbage:
    """Find what nothing needs of a project. Only reads and takes no lock.

    Raises:
        RecordCorrupt: a record or an index is damaged or missing, so that it cannot be told what is needed.
        StoreError: or a subclass, for what the file system refuses.
    """
    snapshots = {}
    for name in list_snapshots(paths):
        with readable(f"snapshot {name} of {paths.name}"):
            snapshots[name] = read_snapshot(paths, name)
    newest = max(snapshots, default="")
    policy = None
    if newest:
        with readable(f"the policy of {paths.name}"):
            policy = Policy.of(snapshots[newest].spec, what=str(paths.record(newest)))
    kept = retained(snapshots, policy, good=find_good(paths))
    names = {each.snapshot for each in kept}
    unfinished = unfinished_run(paths)
    lasting = names | {unfinished} if unfinished else names
    refused = [run for run in list_quarantine(paths) if refused_sources(paths, run)]
    evidence = tuple(run for run in refused if run in lasting or run in refused[-QUARANTINE_KEPT:])
    return ProjectGarbage(
        paths=paths,
        policy=policy,
        kept=kept,
        dropped=tuple(sorted(set(snapshots) - names)),
        quarantine_kept=evidence,
        snapshots=tuple(_files_of_others(paths, lasting)),
        quarantine=tuple(
            Stale(path, status.st_size)
            for run in list_quarantine(paths)
            if run not in evidence and run != unfinished
            for path, status in files_in(paths.quarantine / run)
        ),
        search=tuple(
            Stale(path, status.st_size)
            for path, status in files_in(paths.indexes)
            if is_snapshot_id(path.stem) and path.stem not in names
        ),
        temporaries=tuple(
            Stale(path, status.st_size)
            for folder in _written_in(paths, lasting.intersection(list_quarantine(paths)).union(evidence))
            for path, status in files_in(folder)
            if path.name.startswith(TEMPORARY_PREFIX)
        ),
        warcs=_shrinkable(paths, names, lasting, evidence) if paths.warc.is_dir() else (),
    )


def drop_snapshots(garbage: ProjectGarbage) -> None:
    """Remove the records of the snapshots that go: what they needed is garbage then. Raises StoreError or a subclass."""
    folder = garbage.paths.snapshots
    with storage_errors(folder):
        for name in garbage.dropped:
            garbage.paths.record(name).unlink(missing_ok=True)
        if garbage.dropped:
            sync_folder(folder)


def remove_project_garbage(garbage: ProjectGarbage) -> int:
    """Remove what nothing needs any more; return how many bytes that freed. The caller has the project's lock.

    WARC files in which nothing is needed go before others are rewritten, which takes room.

    Raises:
        StoreError: or a subclass, for what the file system refuses; calling again goes on.
    """
    paths = garbage.paths
    for stale in garbage.files:
        remove(stale.path)
    for run in list_quarantine(paths):
        if run not in garbage.quarantine_kept:
            with suppress(OSError):  # what is not ours is in it, or an unfinished run's
                (paths.quarantine / run).rmdir()
    for folder in _written_in(paths, list_quarantine(paths)):
        sweep_temporaries(folder)
    freed = sum(stale.size for stale in garbage.files)
    if garbage.warcs:
        needed = _needed(paths, (each.snapshot for each in garbage.kept), garbage.quarantine_kept)
        with closing(open_locator(paths)) as locator:
            for file in sorted(garbage.warcs, key=lambda file: file.dead < file.size):
                freed += shrink(paths, file, needed, locator)
    return freed


def _written_in(paths: ProjectPaths, refused: Iterable[str]) -> tuple[Path, ...]:
    """Return the folders in which a writer that was killed may leave a file; of quarantine, those of these runs."""
    return (paths.root, paths.snapshots, paths.warc, *(paths.quarantine / run for run in sorted(refused)))


def _files_of_others(paths: ProjectPaths, lasting: set[str]) -> Iterator[Stale]:
    for path, status in files_in(paths.snapshots):
        name = path.name.partition(".")[0]
        if is_snapshot_id(name) and name not in lasting:
            yield Stale(path, status.st_size)


def _shrinkable(
    paths: ProjectPaths, kept: set[str], lasting: set[str], evidence: tuple[str, ...]
) -> tuple[Shrinkable, ...]:
    needed = _needed(paths, kept, evidence)
    with closing(ReadOnlyLocator(paths)) as locator:
        return find_shrinkable(paths, locator.locations(), needed, lasting)


def _needed(paths: ProjectPaths, snapshots: Iterable[str], evidence: tuple[str, ...]) -> RecordIDs:
    return needed_records(paths, sorted(snapshots), evidence, unfinished_run(paths))
