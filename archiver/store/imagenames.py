"""What the names in a layout's index mean: where several snapshots say it, the one that learned it last counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.errors import InvalidDocument
from archiver.core.reference import Reference
from archiver.store.snapshots import list_snapshots, read_snapshot

if TYPE_CHECKING:
    from archiver.store.paths import ArchivePaths


def times_of_names(archive: ArchivePaths) -> dict[str, str]:
    """Return when an archive's snapshots, of any project, last learned what a reference means, by reference."""
    found: dict[str, str] = {}
    for paths in archive.project_folders():
        for name in list_snapshots(paths):
            try:
                images = read_snapshot(paths, name).images
            except InvalidDocument:  # whoever wants to read that snapshot is told
                continue
            for image in images:
                found[image.reference] = max(found.get(image.reference, ""), image.resolved)
    return found


def name_for(reference: str, resolved: str, meant: dict[str, str]) -> str:
    """Return the name that an image is to have in index.json; empty where it has none.

    A name stays with what other snapshots have it for where these learned it later; a digest names nothing.

    Args:
        reference: what the image is asked for by.
        resolved: when that was asked.
        meant: when snapshots last learned what a reference means, by reference; this one's time is added.
    """
    if resolved < meant.setdefault(reference, resolved):
        return ""
    meant[reference] = resolved
    return reference if Reference.parse(reference).named_tag else ""
