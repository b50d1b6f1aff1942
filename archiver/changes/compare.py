"""Comparing two snapshots of a project: which two, and all that is different between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.changes.items import compare_files, compare_images
from archiver.changes.model import Changes, Endpoint, FileChanges, ImageChanges, SourceNote
from archiver.changes.pages import compare_pages
from archiver.changes.texts import PageTexts
from archiver.core.errors import NothingToCompare
from archiver.core.progress import NullProgress
from archiver.store.snapshots import (
    good_snapshot,
    list_snapshots,
    read_snapshot,
    resolve_snapshot,
    snapshot_names,
)

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ProjectPaths


def choose_snapshots(paths: ProjectPaths, earlier: str = "", later: str = "") -> tuple[Snapshot, Snapshot]:
    """Return the two snapshots that are to be compared.

    Args:
        paths: the project's files.
        earlier: the id of the first one, or how it begins; empty for the last good one before ``later``.
        later: the id of the second one, or how it begins; empty for the newest good one.

    Raises:
        NotArchived: the project has no such snapshot, or none at all.
        NothingToCompare: there is only one, or both are the same.
        UsageError: several begin so.
    """
    known = list_snapshots(paths)
    second = resolve_snapshot(paths, later, known) if later else good_snapshot(paths)
    if earlier:
        first = resolve_snapshot(paths, earlier, known)
    else:
        first = next((each for each in reversed(known) if each < second), "")
        if not first:
            raise NothingToCompare(
                f"{paths.name} has one good snapshot, {second}, and none before it to compare it with",
                hint="a later run of archiver archive or archiver refresh makes another one",
            )
    if first == second:
        raise NothingToCompare(
            f"{first} of {paths.name} is the same snapshot on both sides",
            hint=f"name another one: {snapshot_names(known)}",
        )
    return read_snapshot(paths, first), read_snapshot(paths, second)


def compare_snapshots(
    paths: ProjectPaths,
    earlier: Snapshot,
    later: Snapshot,
    *,
    under: str = "",
    progress: Progress | None = None,
) -> Changes:
    """Return what is different between two snapshots of a project.

    Args:
        paths: the project's files.
        earlier: the one that is there first, whenever it was made.
        later: the one that has what was added.
        under: how the URLs of the pages to look at begin; then images and files are not looked at. Empty for everything.
        progress: is told of the captures looked at.

    Raises:
        RecordCorrupt: a capture index is missing or damaged.
        StoreError: the archive cannot be read.
    """
    with PageTexts(paths, (earlier.id, later.id)) as texts:
        return Changes(
            project=later.project,
            title=later.title,
            earlier=Endpoint(earlier.id, earlier.finished),
            later=Endpoint(later.id, later.finished),
            notes=tuple(
                SourceNote(each.source, each.verdict, each.reason, each.good)
                for each in later.judgements
                if each.is_alarm
            ),
            files=FileChanges() if under else compare_files(earlier, later),
            images=ImageChanges() if under else compare_images(earlier, later),
            pages=compare_pages(
                paths, earlier, later, texts.passages, under=under, progress=progress or NullProgress()
            ),
        )
