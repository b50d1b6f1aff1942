"""Making an archive folder ready to be read: search indexes that are missing are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.bundle.searchindex import ensure_search_index
from archiver.core.errors import ArchiverError
from archiver.store.paths import is_archive, open_archive
from archiver.store.snapshots import good_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.progress import Progress


def prepare_archive(root: Path, progress: Progress) -> None:
    """Build the search index of each project's good snapshot where it is missing or out of date.

    What cannot be built is warned of: the docs can be read without it.
    """
    if not is_archive(root):
        return  # whoever opens the folder says so
    archive = open_archive(root)
    for name in archive.projects():
        paths = archive.project(name)
        try:
            ensure_search_index(paths, good_snapshot(paths), progress)
        except ArchiverError as error:
            progress.warn(f"search is off for {name}: {error}")
