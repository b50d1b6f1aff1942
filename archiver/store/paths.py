"""Where things are in an archive folder, and the folder's format version.

Source: docs/format.md, "The archive folder".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.core import jsontext
from archiver.core.clock import is_snapshot_id
from archiver.core.errors import FormatUnsupported, NotArchived, UsageError
from archiver.store.atomic import storage_errors, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "archiver-archive/1"
_MARKER = "archive.json"
_PROJECT = re.compile(r"\A[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")
_RESERVED = frozenset({"images"})


def is_project_name(name: str) -> bool:
    """Say whether a name can be a project's: a lowercase file name that is not taken by the layout."""
    return _PROJECT.match(name) is not None and name not in _RESERVED and ".." not in name


@dataclass(frozen=True)
class ProjectPaths:
    """The files of one project."""

    root: Path

    @property
    def name(self) -> str:
        """The project's name."""
        return self.root.name

    @property
    def state(self) -> Path:
        """The frontier; a cache."""
        return self.root / "state.sqlite"

    @property
    def warc(self) -> Path:
        """The folder of WARC files."""
        return self.root / "warc"

    @property
    def snapshots(self) -> Path:
        """The folder of snapshot records and their capture indexes."""
        return self.root / "snapshots"

    @property
    def quarantine(self) -> Path:
        """The folder of what the guard refused, a folder a run."""
        return self.root / "quarantine"

    @property
    def locator(self) -> Path:
        """The rebuildable map from record ID to place."""
        return self.root / "locator"

    @property
    def good(self) -> Path:
        """Holds the id of the newest snapshot fit to hand over."""
        return self.root / "good"

    @property
    def unfinished(self) -> Path:
        """Holds the id of the run that was begun and not finished, where there is one."""
        return self.root / "unfinished"

    @property
    def last_run(self) -> Path:
        """Says how the last run ended."""
        return self.root / "last-run.json"

    @property
    def lock(self) -> Path:
        """Locked while a run works on the project."""
        return self.root / ".lock"

    def record(self, snapshot: str) -> Path:
        """The snapshot's record."""
        return self.snapshots / f"{snapshot}.json"

    @property
    def search_lock(self) -> Path:
        """Locked while a search index is built."""
        return self.root / ".search.lock"

    @property
    def indexes(self) -> Path:
        """The folder of search indexes; caches."""
        return self.root / "search"

    def captures(self, snapshot: str) -> Path:
        """The snapshot's capture index."""
        return self.snapshots / f"{snapshot}.cdxj.gz"

    def refusal(self, run: str, source: str) -> Path:
        """The record of what was refused of a source in a run."""
        return self.quarantine / run / f"{source}.json"

    def refused_captures(self, run: str, source: str) -> Path:
        """The captures of the view that a doc site would have had."""
        return self.quarantine / run / f"{source}.cdxj.gz"

    def report(self, snapshot: str) -> Path:
        """The report of the run that made the snapshot."""
        return self.snapshots / f"{snapshot}.report.json"

    def report_page(self, snapshot: str) -> Path:
        """The same to be read in a browser."""
        return self.snapshots / f"{snapshot}.report.html"

    def search(self, snapshot: str) -> Path:
        """The snapshot's search index; a cache."""
        return self.indexes / f"{snapshot}.sqlite"


@dataclass(frozen=True)
class ArchivePaths:
    """The files of an archive folder. Get one from ``create_archive`` or ``open_archive``."""

    root: Path

    @property
    def images(self) -> Path:
        """The OCI image layout that all projects share."""
        return self.root / "images"

    def project(self, name: str) -> ProjectPaths:
        """The files of a project, which need not exist. Raises UsageError for an impossible name."""
        if not is_project_name(name):
            raise UsageError(f"{name!r:.80} cannot be a project's name")
        return ProjectPaths(self.root / name)

    def archived_project(self, name: str) -> ProjectPaths:
        """The files of a project that has a snapshot. Raises UsageError for an impossible name, NotArchived for others."""
        paths = self.project(name)
        known = self.projects()
        if name not in known:
            raise NotArchived(
                f"there is no project {name!r:.80}",
                place=str(self.root),
                hint=f"projects there are: {', '.join(known) or 'none'}",
            )
        return paths

    def projects(self) -> tuple[str, ...]:
        """The names of the projects that have at least one snapshot, sorted."""
        with storage_errors(self.root):
            return tuple(paths.name for paths in self.project_folders() if _has_snapshot(paths.snapshots))

    def project_folders(self) -> tuple[ProjectPaths, ...]:
        """The folders that can be a project's, sorted by name: of some there may be no snapshot yet."""
        with storage_errors(self.root):
            names = (entry.name for entry in self.root.iterdir() if entry.is_dir())
            return tuple(ProjectPaths(self.root / name) for name in sorted(names) if is_project_name(name))


def is_archive(root: Path) -> bool:
    """Say whether a folder is an archive folder."""
    marker = root / _MARKER
    with storage_errors(marker):
        return marker.is_file()


def create_archive(root: Path) -> ArchivePaths:
    """Open an archive folder for writing, making it where it does not exist.

    Raises:
        FormatUnsupported: the folder was written by a program with another format.
        StoreError: the folder cannot be made.
    """
    if not is_archive(root):
        write_atomically(root / _MARKER, jsontext.dump({"format": FORMAT}))
    return open_archive(root)


def open_archive(root: Path) -> ArchivePaths:
    """Open an existing archive folder.

    Raises:
        NotArchived: there is no archive at ``root``.
        FormatUnsupported: it has another format.
    """
    marker = root / _MARKER
    if not is_archive(root):
        raise NotArchived(
            "no archive here", place=str(root), hint="archiver archive SPEC --archives DIR makes one in DIR"
        )
    with storage_errors(marker):
        document = jsontext.load_object(marker.read_bytes(), limit=1 << 16, what=str(marker))
    if document.get("format") != FORMAT:
        raise FormatUnsupported(
            f"format {document.get('format')!r:.80}; this program knows {FORMAT}",
            place=str(marker),
            hint="use the version of the program that wrote it, or a newer one",
        )
    return ArchivePaths(root)


def _has_snapshot(folder: Path) -> bool:
    return folder.is_dir() and any(
        entry.suffix == ".json" and is_snapshot_id(entry.stem) for entry in folder.iterdir()
    )
