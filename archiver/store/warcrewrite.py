"""Taking out of WARC files what nothing needs: what stays is copied to a new file as it is, then the old one goes.

The order makes a crash harmless: the new file is durable before the locator names it, and the locator before the old
file goes. A record may be in two files after a crash, never in none. Source: docs/format.md, "What prune takes away".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Container, Iterable, Iterator, Sequence, TypeVar

from archiver.core.clock import is_snapshot_id, iso, utc_now
from archiver.core.digest import CHUNK
from archiver.core.errors import RecordCorrupt
from archiver.store.atomic import atomic_file, storage_errors, sync_folder
from archiver.store.locator import Location, note_member
from archiver.store.warcfiles import next_record, scan_members
from archiver.store.warcinfo import warcinfo

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.locator import Locator
    from archiver.store.paths import ProjectPaths
    from archiver.store.warcfiles import Member

LEAST_DEAD = 0.2
"""The share of a file from which on it is rewritten: copying four times as much as is freed takes longer than it is worth."""
_SUFFIX = ".warc.gz"
_REWRITTEN = re.compile(r"(?P<name>.+?)(?:\.(?P<number>[1-9][0-9]{0,8}))?\.warc\.gz")
_ID_LENGTH = len("20261123T004400Z")
_BATCH = 5_000  # rows of the locator at once: readers wait no longer than that takes
_Row = TypeVar("_Row")


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
            members = tuple(_sound_members(file.path))
            if file.dead < file.size or any(each.record in needed or each.is_foreign for each in members):
                return 0
            choice = _Choice(dropped=[each.record for each in members])
        if not choice.dropped and choice.ranges:
            return 0
    size = 0
    if choice.ranges:
        size, moved = _copied(paths, file.path, choice)
        for batch in _batches(moved):
            locator.add(batch)
    for records in _batches(choice.dropped):
        locator.remove(records, file.path.name)
    with storage_errors(file.path):
        sync_folder(paths.root)  # or a power cut could bring the locator's old state back
        file.path.unlink()
        sync_folder(paths.warc)
    return file.size - size


@dataclass
class _Choice:
    """What stays of a file, as ranges of bytes with their members, and the response and revisit records that do not."""

    ranges: list[_Range] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def keep(self, member: Member) -> None:
        """Have a member stay."""
        if not self.ranges or self.ranges[-1].end != member.offset:
            self.ranges.append(_Range(member.offset, member.offset))
        self.ranges[-1].end = member.end
        note_member(self.ranges[-1].records, "", member)


@dataclass
class _Range:
    """A range of bytes of a file, and where in the file the response and revisit records in it are."""

    start: int
    end: int
    records: list[Location] = field(default_factory=list)


def _chosen(paths: ProjectPaths, path: Path, needed: Container[str], locator: Locator) -> _Choice:
    """Choose what stays of a file. Raises RecordCorrupt where it is damaged."""
    choice = _Choice()
    infos: dict[str, Member] = {}  # until something that stays names them
    stays = True
    for member in scan_members(path):
        if member.type == "warcinfo":
            infos[member.record] = member
            continue
        if member.is_capture:
            stays = member.record in needed and not _is_elsewhere(paths, path.name, member, locator)
            if not stays:
                choice.dropped.append(member.record)
        elif member.is_foreign:
            stays = True
        if stays:  # a request does where what it follows does
            if member.warcinfo in infos:
                choice.keep(infos.pop(member.warcinfo))
            choice.keep(member)
    return choice


def _is_elsewhere(paths: ProjectPaths, name: str, member: Member, locator: Locator) -> bool:
    """Say whether the locator has a record of a file at another place, and it is whole there."""
    at = locator.get(member.record)
    if at is None or (at.file, at.offset) == (name, member.offset):
        return False
    return _is_sound(paths, at)


def _copied(paths: ProjectPaths, path: Path, choice: _Choice) -> tuple[int, list[Location]]:
    """Copy what stays of a file to a new one, which is durable then; return its length and where its records are."""
    target = _next_name(path)
    moved: list[Location] = []
    with storage_errors(path), path.open("rb") as source, atomic_file(target) as out:
        size = out.write(_info(paths, path, target))
        for each in choice.ranges:
            shift = size - each.start
            moved += (replace(at, file=target.name, offset=at.offset + shift) for at in each.records)
            source.seek(each.start)
            _copy_bytes(source, out, each.end - each.start)
            size += each.end - each.start
    return size, moved


def _info(paths: ProjectPaths, path: Path, target: Path) -> bytes:
    return warcinfo(
        target.name,
        identity=f"archiver:{paths.name}/warc/{target.name}",
        date=iso(utc_now()),
        about={
            "isPartOf": target.name.rpartition("-")[0],
            "description": f"what snapshots need of {path.name}",
        },
    )


def _next_name(path: Path) -> Path:
    """Return a name that no file has: that of the next time a file is rewritten."""
    match = _REWRITTEN.fullmatch(path.name)
    assert match is not None  # it is a run's
    number = int(match["number"] or 0) + 1
    while (target := path.with_name(f"{match['name']}.{number}{_SUFFIX}")).exists():
        number += 1
    return target


def _sound_members(path: Path) -> Iterator[Member]:
    """Yield all members that can be read, wherever a file is damaged."""
    start: int | None = 0
    while start is not None:
        end = start
        try:
            for member in scan_members(path, start):
                end = member.end
                yield member
            start = None
        except RecordCorrupt:
            start = next_record(path, end + 1)


def _is_sound(paths: ProjectPaths, at: Location) -> bool:
    """Say whether a record is where the locator says, whole, and its request behind it."""
    path = paths.warc / at.file
    if not path.is_file():
        return False
    end = at.offset + at.pair_length
    try:
        members = scan_members(path, at.offset)
        first = next(members, None)
        if first is None or (first.record, first.length) != (at.id, at.length):
            return False
        return first.end == end or next((each.end == end for each in members), False)
    except RecordCorrupt:
        return False


def _copy_bytes(source: IO[bytes], out: IO[bytes], length: int) -> None:
    while length:
        chunk = source.read(min(length, CHUNK))
        if not chunk:
            raise RecordCorrupt("the file ends inside a record")
        out.write(chunk)
        length -= len(chunk)


def _files(folder: Path) -> list[tuple[Path, int]]:
    with storage_errors(folder):
        return [(path, path.stat().st_size) for path in sorted(folder.glob(f"*{_SUFFIX}")) if path.is_file()]


def _batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
