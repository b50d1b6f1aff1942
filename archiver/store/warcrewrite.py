"""Taking out of WARC files what nothing needs: what stays is copied to a new file as it is, then the old one goes.

The order makes a crash harmless: the new file is durable before the locator names it, and the locator before the old
file goes. A record may be in two files after a crash, never in none. Source: docs/format.md, "What prune takes away".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Container, Iterable

from archiver.core.clock import is_snapshot_id
from archiver.core.errors import RecordCorrupt
from archiver.store.atomic import storage_errors, sync_folder
from archiver.store.warccopy import (
    Choice,
    copy_chosen,
    copy_info,
    in_batches,
    is_whole,
    next_name,
)
from archiver.store.warcfiles import scan_members, sound_members

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.locator import Location, Locator
    from archiver.store.paths import ProjectPaths
    from archiver.store.warcfiles import Member

LEAST_DEAD = 0.2
"""The share of a file from which on it is rewritten: copying four times as much as is freed takes longer than it is worth."""
_SUFFIX = ".warc.gz"
_ID_LENGTH = len("20261123T004400Z")


@dataclass(frozen=True)
class Shrinkable:
    """A WARC file of which something can go.

    Attributes:
        path: the file.
        size: its length in bytes.
        dead: how many of them can go; all, where nothing in it is needed.
    """

    path: Path
    size: int
    dead: int

    @property
    def pays(self) -> bool:
        """Whether it is worth the copying."""
        return self.dead >= self.size * LEAST_DEAD


def run_of(file: str) -> str | None:
    """Return the id of the run that a WARC file is of, by its name; None for a file that no run wrote."""
    run = file[:_ID_LENGTH]
    return (
        run if is_snapshot_id(run) and file[_ID_LENGTH:].startswith("-") and file.endswith(_SUFFIX) else None
    )


def find_shrinkable(
    paths: ProjectPaths, locations: Iterable[Location], needed: Container[str], lasting: Container[str]
) -> tuple[Shrinkable, ...]:
    """Return the WARC files that are worth rewriting, by name. Reads none of them.

    Args:
        paths: the project's files.
        locations: where all records are.
        needed: the records that are needed.
        lasting: the ids of runs whose files stay as they are.
    """
    alive: dict[str, int] = {}
    first: dict[str, int] = {}
    for at in locations:
        first[at.file] = min(at.offset, first.get(at.file, at.offset))
        if at.id in needed:
            alive[at.file] = alive.get(at.file, 0) + at.pair_length
    found = []
    for path, size in _files(paths.warc):
        run = run_of(path.name)
        if run is not None and run not in lasting:
            kept = alive.get(path.name, 0)
            dead = size - kept - first[path.name] if kept else size
            found.append(Shrinkable(path, size, max(dead, 0)))
    return tuple(file for file in found if file.pays)


def shrink(paths: ProjectPaths, file: Shrinkable, needed: Container[str], locator: Locator) -> int:
    """Take out of a WARC file what is not needed; return how many bytes that freed.

    The file itself is read to its end first, since the locator is a cache. One that is damaged stays as it is, unless
    nothing at all in it is needed. The caller has the project's lock.

    Args:
        paths: the project's files.
        file: what ``find_shrinkable`` found.
        needed: the records that are needed.
        locator: the project's.

    Raises:
        StoreError: or a subclass, for what the file system refuses; nothing is lost, and calling again goes on.
    """
    with storage_errors(file.path):
        try:
            choice = _chosen(paths, file.path, needed, locator)
        except RecordCorrupt:
            members = tuple(sound_members(file.path))
            if file.dead < file.size or any(each.record in needed or each.is_foreign for each in members):
                return 0
            choice = Choice(dropped=[each.record for each in members])
        if not choice.dropped and choice.ranges:
            return 0
    size = 0
    if choice.ranges:
        target = next_name(file.path)
        info = copy_info(paths, target, f"what snapshots need of {file.path.name}")
        size, moved = copy_chosen(file.path, target, choice, info)
        for batch in in_batches(moved):
            locator.add(batch)
    for records in in_batches(choice.dropped):
        locator.remove(records, file.path.name)
    with storage_errors(file.path):
        sync_folder(paths.root)  # or a power cut could bring the locator's old state back
        file.path.unlink()
        sync_folder(paths.warc)
    return file.size - size


def _chosen(paths: ProjectPaths, path: Path, needed: Container[str], locator: Locator) -> Choice:
    """Choose what stays of a file. Raises RecordCorrupt where it is damaged."""
    choice = Choice()
    stays = True
    for member in scan_members(path):
        if member.is_capture:
            stays = member.record in needed and not _is_elsewhere(paths, path.name, member, locator)
            if not stays:
                choice.dropped.append(member.record)
        elif member.is_foreign:
            stays = True
        if stays or member.type == "warcinfo":  # a request stays where what it follows does
            choice.take(member)
    return choice


def _is_elsewhere(paths: ProjectPaths, name: str, member: Member, locator: Locator) -> bool:
    """Say whether the locator has a record of a file at another place, and it is whole there."""
    at = locator.get(member.record)
    if at is None or (at.file, at.offset) == (name, member.offset):
        return False
    return is_whole(paths, at)


def _files(folder: Path) -> list[tuple[Path, int]]:
    with storage_errors(folder):
        return [(path, path.stat().st_size) for path in sorted(folder.glob(f"*{_SUFFIX}")) if path.is_file()]
