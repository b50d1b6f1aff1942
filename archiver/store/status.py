"""How the projects of an archive are: what was had last, how old it is, what it takes on the disk."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.core.clock import iso, parse_iso, parse_snapshot_id
from archiver.core.errors import InvalidDocument, NotArchived, RecordCorrupt
from archiver.core.judgement import HEALTHY, Judgement, worst_verdict
from archiver.store.atomic import storage_errors
from archiver.store.blobs import BlobReader
from archiver.store.lastrun import LastRun, read_last_run
from archiver.store.mark import mark
from archiver.store.quarantine import list_quarantine, read_refusal, refused_sources
from archiver.store.runs import unfinished_since
from archiver.store.snapshots import find_good, list_snapshots, read_snapshot

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.core.refusal import Refusal
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ArchivePaths, ProjectPaths


@dataclass(frozen=True)
class ProjectStatus:
    """How one project is.

    Attributes:
        name: the project's.
        last_run: how its last run ended; None where nothing is known of one.
        unfinished: when the run began that is under way or was interrupted, ISO 8601 UTC; empty where there is none.
        snapshots: the ids of its snapshots, oldest first.
        newest: the newest snapshot that can be read; None where there is none.
        good: the id of the snapshot that is handed over; empty where there is none.
        refused: the ids of the snapshots in whose runs the guard refused something, as far as that is kept, oldest first.
        warc: what its WARC files take, in bytes.
        folder: what its whole folder takes, WARC files included.
        blobs: what its images and files need in the store that all projects share: size in bytes by digest.
        problems: what is damaged, in a sentence each.
        begun: when the runs of its snapshots began, ISO 8601 UTC by id: ids only order them, where a clock was wrong.
    """

    name: str
    last_run: LastRun | None
    unfinished: str
    snapshots: tuple[str, ...]
    newest: Snapshot | None
    good: str
    refused: tuple[str, ...]
    warc: int
    folder: int
    blobs: Mapping[Digest, int] = field(repr=False)
    problems: tuple[str, ...] = ()
    begun: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """The project's title, for people."""
        return self.newest.title if self.newest else self.name

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """What was judged of its sources last; empty where nothing was."""
        return self.newest.judgements if self.newest else ()

    @property
    def verdict(self) -> str:
        """The worst verdict on a source; empty where there is nothing good of the project."""
        return worst_verdict(self.judgements) if self.good else ""

    @property
    def is_retired(self) -> bool:
        """Whether none of its sources is asked any more."""
        return self.newest is not None and self.newest.is_retired

    @property
    def last_good(self) -> str:
        """When all sources were last healthy: of each the last time, and the earliest of these; empty where one never was.

        Those that are not asked any more count where there is none that is.
        """
        if not self.good or self.newest is None:
            return ""
        if not self.judgements:
            return self._begun(self.good)
        asked = [judgement for judgement in self.judgements if not judgement.retired]
        return min(map(self.healthy_last, asked or self.judgements))

    @property
    def has_accepted(self) -> bool:
        """Whether the keeper, after the last run, accepted what the guard had refused."""
        newest, run = self.newest, self.last_run
        is_later = newest is not None and (run is None or (not run.error and run.finished <= newest.finished))
        return newest is not None and is_later and bool(newest.accepted)

    @property
    def failures(self) -> int:
        """How many things could not be had when they were last asked for, without those that are known to be gone."""
        if self.has_accepted and self.newest is not None:
            return len(self.newest.failures)
        return self.last_run.failures if self.last_run else 0

    @property
    def blob_bytes(self) -> int:
        """What its images and files take, in bytes, were they there for this project alone."""
        return sum(self.blobs.values())

    def healthy_last(self, judgement: Judgement) -> str:
        """Return when a source was last asked and found healthy, ISO 8601 UTC; empty where it never was, or nobody knows."""
        if judgement.verdict == HEALTHY:
            return _moment(judgement.checked)
        return self._begun(judgement.good)

    def _begun(self, snapshot: str) -> str:
        """Return when the run of a snapshot began; what its id says where the record is not there any more."""
        try:
            return _moment(self.begun.get(snapshot, "")) or iso(parse_snapshot_id(snapshot))
        except ValueError:
            return ""


def _moment(text: str) -> str:
    try:
        return iso(parse_iso(text))
    except ValueError:  # empty, or of a damaged record
        return ""


def project_status(archive: ArchivePaths, name: str) -> ProjectStatus:
    """Return how a project is. Only reads, and takes no lock; what is damaged is told, not raised.

    Raises:
        UsageError: no project can have that name.
        StoreError: or a subclass, for what the file system refuses.
    """
    paths = archive.project(name)
    problems: list[str] = []
    snapshots = _readable(paths, problems)
    begun = unfinished_since(paths)
    return ProjectStatus(
        name=paths.name,
        last_run=read_last_run(paths),
        unfinished="" if begun is None else iso(datetime.fromtimestamp(begun, timezone.utc)),
        snapshots=list_snapshots(paths),
        newest=snapshots[-1] if snapshots else None,
        good=find_good(paths),
        warc=_taken(paths.warc),
        folder=_taken(paths.root),
        refused=list_quarantine(paths),
        blobs=_blobs(archive.images, snapshots, _refusals(paths, problems), problems),
        problems=tuple(problems),
        begun={snapshot.id: snapshot.started for snapshot in snapshots},
    )


def known_projects(archive: ArchivePaths) -> tuple[str, ...]:
    """Return the names of the projects of which there is a snapshot, or at least the note of a run, sorted."""
    return tuple(
        paths.name
        for paths in archive.project_folders()
        if list_snapshots(paths) or read_last_run(paths) or unfinished_since(paths) is not None
    )


def shares(statuses: Sequence[ProjectStatus]) -> dict[str, int]:
    """Return by project what it takes of the common store, in bytes: of what several need, each has an equal part."""
    owners = Counter(digest for status in statuses for digest in status.blobs)
    return {
        status.name: sum(size // owners[digest] for digest, size in status.blobs.items())
        for status in statuses
    }


def _readable(paths: ProjectPaths, problems: list[str]) -> list[Snapshot]:
    found = []
    for name in list_snapshots(paths):
        try:
            found.append(read_snapshot(paths, name))
        except NotArchived:  # pruned in the meantime
            continue
        except InvalidDocument as error:
            problems.append(f"snapshot {name} is damaged: {error}")
    return found


def _refusals(paths: ProjectPaths, problems: list[str]) -> list[Refusal]:
    found = []
    for run in list_quarantine(paths):
        for source in refused_sources(paths, run):
            try:
                found.append(read_refusal(paths, run, source))
            except NotArchived:  # pruned in the meantime
                continue
            except InvalidDocument as error:
                problems.append(f"what was refused of {source} in {run} is damaged: {error}")
    return found


def _blobs(
    root: Path, snapshots: Sequence[Snapshot], refusals: Sequence[Refusal], problems: list[str]
) -> dict[Digest, int]:
    store = BlobReader(root)
    try:
        with storage_errors(root):
            reached = mark(store, snapshots, entries=(), refusals=refusals).blobs
            return {digest: store.size(digest) or 0 for digest in reached}
    except RecordCorrupt as error:
        problems.append(str(error))
        return {}


def _taken(folder: Path) -> int:
    """Return the size in bytes of all files below a folder; what goes away in the meantime does not count."""
    size = 0
    with storage_errors(folder):
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    size += (Path(place) / name).lstat().st_size
                except FileNotFoundError:
                    continue
    return size
