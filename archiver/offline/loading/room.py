"""How much room a load needs, told before it begins."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.offline.names import SEARCH
from archiver.store.space import check_space

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.loading.held import ArchiveHeld
    from archiver.offline.loading.plan import Arrival, ProjectPlan
    from archiver.store.paths import ArchivePaths

_INDEXES = 3  # a search index is copied out, written anew, and written without gaps
_SMALL_THINGS = 16 << 20  # manifests of files, index.json, the locator


def check_room(archive: ArchivePaths, plans: Sequence[ProjectPlan], held: ArchiveHeld) -> None:
    """Refuse to begin a load that cannot fit; what the archive has already needs no room.

    Raises:
        StorageFull: fewer bytes are free than it needs.
        RecordCorrupt: a bundle's docs cannot be read.
        StoreError: the folder, or a bundle, cannot be read.
    """
    size = _SMALL_THINGS + sum(_needs(archive, plans, held))
    check_space(_existing(archive.root), size, "what is in the bundles")


def _needs(archive: ArchivePaths, plans: Sequence[ProjectPlan], held: ArchiveHeld) -> Iterator[int]:
    blobs = {
        digest: source for plan in plans for digest, source in (*plan.blobs.items(), *plan.files.items())
    }
    for digest, source in blobs.items():
        if held.blobs.size(digest) != source.size:
            yield source.size - min(held.blobs.begun(digest), source.size)
    for plan in plans:
        for arrival in plan.arrivals:
            yield from _records(arrival, held)
            yield from _indexes(archive, arrival)


def _indexes(archive: ArchivePaths, arrival: Arrival) -> Iterator[int]:
    bundle = arrival.incoming.bundle
    members, since = bundle.structure.members, bundle.contents.since
    yield sum(entry.size for name, entry in members.items() if name.startswith("record/"))
    if SEARCH in members:
        yield _INDEXES * members[SEARCH].size
    if since is not None:
        yield _INDEXES * _file_size(archive.project(arrival.incoming.project).search(since.snapshot))


def _records(arrival: Arrival, held: ArchiveHeld) -> Iterator[int]:
    """Yield the lengths of the docs' records, with their requests, that are not in the archive; all there are of a delta."""
    for docs in arrival.docs:
        if docs.wacz is None:
            yield docs.size
            continue
        starts = sorted({(line.offset, line.capture.record) for line in docs.wacz.all_lines()})
        ends = [offset for offset, _ in starts[1:]] + [docs.size]
        yield sum(end - start for (start, record), end in zip(starts, ends) if not held.has_record(record))


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _file_size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
