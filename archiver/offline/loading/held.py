"""What an archive folder has already, for deltas whose base was loaded into it before."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Iterable

from archiver.core.errors import NotArchived
from archiver.store.blobs import BlobReader
from archiver.store.locator import ReadOnlyLocator

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.store.paths import ArchivePaths


class ArchiveHeld:
    """An archive folder, which need not exist; see requirements.Held. Use it in a ``with`` block.

    Args:
        archive: the folder.
        projects: the projects whose records count.
    """

    def __init__(self, archive: ArchivePaths, projects: Iterable[str]) -> None:
        self.blobs = BlobReader(archive.images)
        self._held = ExitStack()
        self._locators = [ReadOnlyLocator(archive.project(name)) for name in projects]
        for locator in self._locators:
            self._held.callback(locator.close)

    def has_blob(self, digest: Digest) -> bool:
        """See requirements.Held."""
        return self.blobs.size(digest) is not None

    def has_record(self, record: str) -> bool:
        """See requirements.Held."""
        for locator in self._locators:
            try:
                locator.find(record)
            except NotArchived:
                continue
            return True
        return False

    def __enter__(self) -> ArchiveHeld:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
