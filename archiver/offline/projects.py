"""The snapshots that there are of a project: all those of an archive folder's, or the one that a bundle has."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Sequence

from archiver.core.errors import NotArchived, RecordCorrupt, StoreError
from archiver.offline.archive import ArchiveImages, open_project
from archiver.store.blobs import BlobReader
from archiver.store.captureindex import CaptureIndex
from archiver.store.snapshots import good_snapshot, list_snapshots, read_snapshot

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.holdings import Holding, ImageShelf
    from archiver.store.paths import ProjectPaths

_REMEMBERED = 4000  # URLs looked up in snapshots that are not open; those do not change
_INDEXES = 500  # of snapshots looked into lately, a few KB each; more than one request looks into
_MOST_ALIKE = 100  # captures that are looked at of those that a snapshot has under one key


class ArchiveProject:
    """A project of an archive folder; see holdings.Project."""

    def __init__(self, paths: ProjectPaths) -> None:
        self.name = paths.name
        self._paths = paths
        self._index = lru_cache(maxsize=_INDEXES)(self._open_index)
        self._looked_up = lru_cache(maxsize=_REMEMBERED)(self._look_up)

    def snapshots(self) -> tuple[str, ...]:
        """See holdings.Project."""
        return list_snapshots(self._paths)

    def newest(self) -> str:
        """See holdings.Project."""
        return good_snapshot(self._paths)

    def open(self, snapshot: str) -> Holding:
        """See holdings.Project. Raises RecordCorrupt or InvalidDocument where it is damaged."""
        return open_project(self._paths, snapshot)

    def images(self, snapshot: str) -> ImageShelf:
        """See holdings.Project. Raises InvalidDocument where the snapshot's record is damaged."""
        record = read_snapshot(self._paths, snapshot)
        return ArchiveImages(BlobReader(self._paths.root.parent / "images"), record.project, record.images)

    def look_up(self, snapshot: str, key: str) -> Sequence[Capture]:
        """See holdings.Project. What was found is remembered for a while."""
        try:
            return self._looked_up(snapshot, key)
        except StoreError:  # whoever opens that snapshot is told; others' pages do not depend on it
            return ()

    def close(self) -> None:
        """See holdings.Project: there is nothing."""

    def _open_index(self, snapshot: str) -> CaptureIndex:
        return CaptureIndex(self._paths.captures(snapshot))

    def _look_up(self, snapshot: str, key: str) -> Sequence[Capture]:
        return tuple(self._index(snapshot).captures_at(key)[:_MOST_ALIKE])


class BundledProject:
    """The project of a bundle, which has one snapshot; see holdings.Project.

    Args:
        holding: the bundle. Who opens the snapshot and closes it closes this.
    """

    def __init__(self, holding: Holding) -> None:
        self.name = holding.project
        self._holding = holding

    def snapshots(self) -> tuple[str, ...]:
        """See holdings.Project."""
        return (self._holding.snapshot,)

    def newest(self) -> str:
        """See holdings.Project."""
        return self._holding.snapshot

    def open(self, snapshot: str) -> Holding:
        """See holdings.Project."""
        if snapshot != self._holding.snapshot:
            raise NotArchived(f"no snapshot {snapshot!r:.60} in the bundle of {self.name}")
        return self._holding

    def images(self, snapshot: str) -> ImageShelf:
        """See holdings.Project."""
        return self.open(snapshot).images

    def look_up(self, snapshot: str, key: str) -> Sequence[Capture]:
        """See holdings.Project."""
        if snapshot != self._holding.snapshot:
            return ()
        try:
            return tuple(capture for site in self._holding.sites for capture in site.captures(key))
        except RecordCorrupt:
            return ()

    def close(self) -> None:
        """Close the bundle."""
        self._holding.close()
