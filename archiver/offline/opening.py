"""Opening what a reader was given: a bundle, or an archive folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.errors import ArchiverError, NotArchived
from archiver.offline.archive import open_project
from archiver.offline.bundle import open_bundle
from archiver.offline.projects import ArchiveProject, BundledProject
from archiver.store.paths import open_archive
from archiver.store.snapshots import good_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.holdings import Holding, Project
    from archiver.store.paths import ProjectPaths


def open_projects(path: Path) -> tuple[Project, ...]:
    """Open a bundle (one project), or an archive folder (those with a good snapshot, by name); the caller closes them.

    Raises:
        NotABundle, BundleDamaged: the file is no sound bundle.
        NotArchived: the folder is no archive, or no project in it has a good snapshot.
        FormatUnsupported: it was written in a format that this program does not know.
        StoreError: it cannot be read.
    """
    if not path.is_dir():
        return (BundledProject(open_bundle(path)),)
    return tuple(map(ArchiveProject, _ready_projects(path)))


def open_holdings(path: Path) -> tuple[Holding, ...]:
    """Open a bundle (one holding), or an archive folder (one a project at its good snapshot, by name).

    Raises:
        NotABundle, BundleDamaged: the file is no sound bundle.
        NotArchived: the folder is no archive, or no project in it has a good snapshot.
        FormatUnsupported: it was written in a format that this program does not know.
        StoreError: it cannot be read, or a snapshot in it is damaged.
    """
    if not path.is_dir():
        return (open_bundle(path),)
    opened: list[Holding] = []
    try:
        opened.extend(open_project(project) for project in _ready_projects(path))
    except ArchiverError:
        for holding in opened:
            holding.close()
        raise
    return tuple(opened)


def _ready_projects(path: Path) -> list[ProjectPaths]:
    archive = open_archive(path)
    projects = [archive.project(name) for name in archive.projects()]
    ready = [project for project in projects if _is_ready(project)]
    if not ready:
        raise NotArchived(
            "no project here has a good snapshot", place=str(path), hint="run: archiver archive SPEC"
        )
    return ready


def _is_ready(project: ProjectPaths) -> bool:
    try:
        good_snapshot(project)
    except NotArchived:
        return False
    return True
