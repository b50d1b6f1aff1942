"""What another archive has that this one has not: found, and checked, before anything is written."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

from archiver.core.digest import CHUNK, Digest
from archiver.core.errors import ArchivesCollide, InvalidDocument, NotArchived, RecordCorrupt
from archiver.store.atomic import storage_errors
from archiver.store.locator import ReadOnlyLocator
from archiver.store.neededrecords import RecordIDs, needed_records
from archiver.store.quarantine import list_quarantine, read_refusal, refused_sources
from archiver.store.runs import unfinished_run
from archiver.store.snapshots import list_snapshots, read_snapshot
from archiver.store.warccopy import Choice, is_whole
from archiver.store.warcfiles import sound_members
from archiver.store.warcrewrite import run_of

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.refusal import Refusal
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ProjectPaths
    from archiver.store.warcfiles import Member


@dataclass(frozen=True)
class ProjectMerge:
    """What one project of another archive has that this archive has not.

    Attributes:
        source: the project's files there.
        target: those here; they need not exist.
        snapshots: the ids of the snapshots to be taken in, oldest first.
        refused: the runs and sources of which what is in quarantine is to be taken in.
        warcs: the WARC files that have records to be copied.
        size: how many bytes of WARC files that is at most.
    """

    source: ProjectPaths
    target: ProjectPaths
    snapshots: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    warcs: tuple[Path, ...]
    size: int

    @property
    def name(self) -> str:
        """The project's name."""
        return self.source.name

    def records(self) -> Iterator[Snapshot]:
        """Yield the snapshots to be taken in."""
        return (read_snapshot(self.source, name) for name in self.snapshots)

    def refusals(self) -> Iterator[Refusal]:
        """Yield what was refused, and is to be taken in."""
        return (read_refusal(self.source, run, source) for run, source in self.refused)


def plan_project(source: ProjectPaths, target: ProjectPaths) -> ProjectMerge:
    """Find what a project of another archive has that this one has not. Reads all WARC files there to their ends.

    Raises:
        ArchivesCollide: both have a snapshot, evidence or a record of the same name that is not the same.
        RecordCorrupt: something there is damaged or missing that is to be taken in.
        StoreError: or a subclass, for what the file system refuses.
    """
    snapshots = tuple(
        name for name in list_snapshots(source) if not _is_here(source.record(name), target.record(name))
    )
    refused = tuple(
        (run, name)
        for run in list_quarantine(source)
        for name in refused_sources(source, run)
        if not _is_here(source.refusal(run, name), target.refusal(run, name))
    )
    for name in snapshots:
        try:
            check_report(source, read_snapshot(source, name))
        except InvalidDocument as error:
            raise _damaged(error.message, error.place) from error
    needed = needed_records(source, snapshots, dict.fromkeys(run for run, _ in refused))
    there = RecordIDs()
    warcs = []
    with closing(ReadOnlyLocator(target)) as locator:
        for path in warc_files(source):
            choice = choose_new(path, target, locator)
            for record in choice.dropped:
                there.add(record)
            for each in choice.ranges:
                for at in each.records:
                    there.add(at.id)
            if choice.ranges:
                warcs.append(path)
        lost = next(
            (record for record in needed.missing_from(there) if not _has(target, locator, record)), None
        )
    if lost is not None:
        raise _damaged(
            f"a capture needs the record {lost}, which no WARC file there has whole", str(source.warc)
        )
    return ProjectMerge(
        source, target, snapshots, refused, tuple(warcs), sum(path.stat().st_size for path in warcs)
    )


def warc_files(paths: ProjectPaths) -> list[Path]:
    """Return the WARC files of a project, but for those of a run that is not finished."""
    unfinished = unfinished_run(paths)
    return [
        path
        for path in sorted(paths.warc.glob("*.warc.gz"))
        if unfinished is None or run_of(path.name) != unfinished
    ]


def choose_new(path: Path, target: ProjectPaths, locator: ReadOnlyLocator) -> Choice:
    """Choose the records of a WARC file that another project has not, each with its request.

    What it has is noted as dropped, and must be the same, byte for byte; where its own copy is damaged, the other one is chosen.

    Raises:
        ArchivesCollide: it has another record of the same ID.
        StoreError: or a subclass, for what the file system refuses.
    """
    choice = Choice()
    is_new, end = False, 0
    with storage_errors(path), path.open("rb") as stream:
        for member in sound_members(path):
            if member.is_capture:
                is_new = not _has_same(stream.fileno(), member, target, locator)
                if not is_new:
                    choice.dropped.append(member.record)
            is_new = is_new and (
                member.is_capture or member.offset == end
            )  # else something damaged lies between
            end = member.end
            if is_new or member.type == "warcinfo":
                choice.take(member)
    return choice


def check_report(paths: ProjectPaths, snapshot: Snapshot) -> None:
    """Check that the report of a snapshot is the one that its record names, or that there is none.

    Raises:
        RecordCorrupt: it is another one.
        StoreError: or a subclass, for what the file system refuses.
    """
    path = paths.report(snapshot.id)
    with storage_errors(path):
        if snapshot.report_digest and path.is_file():
            with path.open("rb") as stream:
                if str(Digest.of_stream(stream)[0]) != snapshot.report_digest:
                    raise _damaged("the report is not the one that the snapshot names", str(path))


def _is_here(there: Path, here: Path) -> bool:
    """Say whether a small file of another archive is here. Raises ArchivesCollide where another one has its name."""
    with storage_errors(here):
        if not here.is_file():
            return False
    with storage_errors(there):
        if there.read_bytes() == here.read_bytes():
            return True
    raise ArchivesCollide(
        f"both archives have {here.parent.name}/{here.name} of {_project(here)}, and they are not the same",
        place=str(there),
        hint="the two were archived apart at the same second; take one of the two away by hand",
    )


def _project(path: Path) -> str:
    """Return the name of the project that a record is of: its folder is that of snapshots, or of a run in quarantine."""
    folders = [parent.name for parent in path.parents]
    return folders[2] if "quarantine" in folders[:2] else folders[1]


def _has_same(stream: int, member: Member, target: ProjectPaths, locator: ReadOnlyLocator) -> bool:
    try:
        at, own = locator.open(member.record, lambda path: path.open("rb"))
    except NotArchived:
        return False
    with own:
        if at.length == member.length and _are_same(
            stream, member.offset, own.fileno(), at.offset, at.length
        ):
            return True
    if not is_whole(target, at):
        return False
    raise ArchivesCollide(
        f"both archives have a record {member.record:.80} of {target.name}, and they are not the same",
        place=f"{target.warc / at.file}:{at.offset}",
        hint="one of the archives was tampered with, or written by another program",
    )


def _are_same(one: int, start: int, other: int, begin: int, length: int) -> bool:
    for done in range(0, length, CHUNK):
        part = min(CHUNK, length - done)
        if os.pread(one, part, start + done) != os.pread(other, part, begin + done):
            return False
    return True


def _has(target: ProjectPaths, locator: ReadOnlyLocator, record: str) -> bool:
    try:
        return is_whole(target, locator.find(record))
    except NotArchived:
        return False


def _damaged(message: str, place: str | None) -> RecordCorrupt:
    return RecordCorrupt(message, place=place)
