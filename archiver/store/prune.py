"""Freeing what no snapshot needs: find what nothing reaches, then sweep it away.

Snapshots that a project's policy does not keep go first, so that what only they needed is garbage like any other. Pointers go before bytes: ``images/index.json`` is rewritten first, so that the layout is valid wherever a sweep ends.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Container, Iterator, Mapping

from archiver.core.descriptor import OCI_INDEX, REF_NAME, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest
from archiver.store.atomic import TEMPORARY_PREFIX
from archiver.store.blobs import BlobReader
from archiver.store.files import Stale, entries_in, files_in, remove
from archiver.store.images import ImageLayout
from archiver.store.layoutindex import LayoutIndex, alias_document
from archiver.store.locks import locked
from archiver.store.mark import mark, readable
from archiver.store.partials import PARTIALS
from archiver.store.projectgarbage import (
    ProjectGarbage,
    drop_snapshots,
    find_project_garbage,
    remove_project_garbage,
)
from archiver.store.quarantine import read_refusal, refused_sources
from archiver.store.runs import unfinished_since
from archiver.store.snapshots import read_snapshot

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from archiver.core.refusal import Refusal
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ArchivePaths, ProjectPaths


@dataclass(frozen=True)
class Garbage:
    """What nothing needs in an archive, and what stays.

    Attributes:
        snapshots: how many snapshots stay.
        unfinished: the projects whose run is not finished; what was written since it began stays as well.
        kept: the sizes in bytes of the blobs that stay.
        index: what the layout's index is to have.
        aliases: the content of the aliases in it, which may be new.
        lost: the names that go from it, since no snapshot has them.
        restored: the names in it that go back to what a snapshot has for them, since nothing needs what they name now.
        blobs: the blobs that go.
        partials: what came of blobs and downloads that no run goes on with.
        temporaries: what crashed writers left.
        projects: what nothing needs of each project.
    """

    snapshots: int
    unfinished: tuple[str, ...]
    kept: tuple[int, ...]
    index: LayoutIndex
    aliases: tuple[bytes, ...]
    lost: tuple[str, ...]
    restored: tuple[str, ...]
    blobs: tuple[Stale, ...]
    partials: tuple[Stale, ...]
    temporaries: tuple[Stale, ...]
    projects: tuple[ProjectGarbage, ...]

    @property
    def files(self) -> tuple[Stale, ...]:
        """All files of no project that go."""
        return (*self.blobs, *self.partials, *self.temporaries)

    @property
    def size(self) -> int:
        """How many bytes there are to free."""
        return sum(stale.size for stale in self.files) + sum(project.size for project in self.projects)


def find_garbage(archive: ArchivePaths) -> Garbage:
    """Find what nothing needs. Only reads and takes no lock, so while a run is under way it is an estimate.

    Raises:
        RecordCorrupt: a snapshot's record, or a manifest that one reaches, is missing or damaged.
        NotArchived, InvalidDocument, InvalidDigest: the layout's index is.
        StoreError: or a subclass, for what the file system refuses.
    """
    root = archive.images
    index, store = LayoutIndex.read(root), BlobReader(root)
    projects = tuple(map(find_project_garbage, _projects(archive)))
    begun = {project.name: unfinished_since(project.paths) for project in projects}
    since = min((moment for moment in begun.values() if moment is not None), default=inf)
    found = tuple(_blobs(root))
    young = {digest for digest, status in found if status.st_mtime >= since}
    reached = mark(
        store,
        chain.from_iterable(map(_snapshots, projects)),
        [entry for entry in index.entries if entry.digest in young],
        chain.from_iterable(map(_refusals, projects)),
    )
    needed = reached.blobs | young
    swept, lost, restored = _swept(index, needed, reached.names)
    swept, documents = _aliased(swept, store, needed)
    needed |= {alias.digest for alias in swept.aliases.values()}
    return Garbage(
        snapshots=reached.snapshots,
        unfinished=tuple(name for name, moment in begun.items() if moment is not None),
        kept=tuple(status.st_size for digest, status in found if digest in needed),
        index=swept,
        aliases=documents,
        lost=lost,
        restored=restored,
        blobs=tuple(
            Stale(store.path(digest), status.st_size) for digest, status in found if digest not in needed
        ),
        partials=tuple(_stale_partials(root / PARTIALS, since)),
        temporaries=tuple(_temporaries(archive.root, root, root / PARTIALS, *entries_in(root / "blobs"))),
        projects=projects,
    )


@dataclass(frozen=True)
class Pruned:
    """What was garbage and is removed, and how many bytes that freed."""

    garbage: Garbage
    freed: int


def prune(archive: ArchivePaths) -> Pruned:
    """Remove what nothing needs, and say what that was.

    Raises:
        LockHeld: a run is under way.
        StoreError: or a subclass, for what the file system refuses; calling again goes on.
        RecordCorrupt, NotArchived, InvalidDocument, InvalidDigest: as ``find_garbage``; nothing is removed then.
    """
    LayoutIndex.read(archive.images)  # opening for writing would make an empty layout of one without an index
    layout = ImageLayout(archive.images)
    with ExitStack() as held:
        held.enter_context(layout.alone())
        for paths in _projects(archive):
            held.enter_context(locked(paths.lock, paths.name))
        garbage = find_garbage(archive)
        for project in garbage.projects:
            drop_snapshots(project)
        for document in garbage.aliases:
            layout.blobs.put(document)
        layout.replace_index(garbage.index)
        for stale in garbage.files:
            remove(stale.path)
        freed = sum(stale.size for stale in garbage.files)
        freed += sum(map(remove_project_garbage, garbage.projects))
    return Pruned(garbage, freed)


def _projects(archive: ArchivePaths) -> list[ProjectPaths]:
    """Return the projects, those without a snapshot as well; of other folders, which may have such names, none."""
    return [
        paths
        for paths in archive.project_folders()
        if paths.snapshots.is_dir() or paths.warc.is_dir() or paths.lock.is_file()
    ]


def _snapshots(project: ProjectGarbage) -> Iterator[Snapshot]:
    for each in project.kept:
        with readable(f"snapshot {each.snapshot} of {project.name}"):
            snapshot = read_snapshot(project.paths, each.snapshot)
        yield snapshot


def _refusals(project: ProjectGarbage) -> Iterator[Refusal]:
    for run in project.quarantine_kept:
        for source in refused_sources(project.paths, run):
            with readable(f"what was refused of {project.name} in {run}"):
                refusal = read_refusal(project.paths, run, source)
            yield refusal


def _swept(
    index: LayoutIndex, needed: Container[Digest], meant: Mapping[str, Descriptor]
) -> tuple[LayoutIndex, tuple[str, ...], tuple[str, ...]]:
    """Return the index without what is not needed, the names that go, and those that go back to what they meant."""
    free = [entry.annotations[REF_NAME] for entry in index.entries
            if entry.digest not in needed and REF_NAME in entry.annotations]  # fmt: skip
    swept = index.only(needed.__contains__)
    restored = tuple(name for name in free if name in meant)
    if restored:
        swept = swept.pointing((name, meant[name]) for name in restored)
    return swept, tuple(name for name in free if name not in meant), restored


def _aliased(
    index: LayoutIndex, store: BlobReader, needed: Container[Digest]
) -> tuple[LayoutIndex, tuple[bytes, ...]]:
    """Return the index with aliases for what stays, and their content: a list may have fewer children than before."""
    documents: dict[Digest, bytes] = {}
    for entry in index.entries:
        if REF_NAME in entry.annotations:
            document = alias_document(store, entry, needed.__contains__)
            if document is not None:
                documents[entry.digest] = document
    aliases = {of: Descriptor(OCI_INDEX, Digest.of(data), len(data)) for of, data in documents.items()}
    return replace(index, aliases=aliases), tuple(documents.values())


def _blobs(root: Path) -> Iterator[tuple[Digest, os.stat_result]]:
    for algorithm in entries_in(root / "blobs"):
        for path, status in files_in(algorithm) if algorithm.is_dir() else ():
            with suppress(InvalidDigest):  # what is no blob is not ours
                yield Digest.parse(f"{algorithm.name}:{path.name}"), status


def _stale_partials(folder: Path, since: float) -> Iterator[Stale]:
    found = dict(files_in(folder))
    for path, status in found.items():
        content = found.get(path.with_suffix(""), status)  # a note is as old as what it is about
        if content.st_mtime < since and not path.name.startswith(TEMPORARY_PREFIX):
            yield Stale(path, status.st_size)


def _temporaries(*folders: Path) -> Iterator[Stale]:
    for folder in folders:
        for path, status in files_in(folder) if folder.is_dir() else ():
            if path.name.startswith(TEMPORARY_PREFIX):
                yield Stale(path, status.st_size)
