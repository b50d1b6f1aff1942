"""Copying some records of a WARC file to a new one, as they are: gzip members, never packed anew."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Iterator, Sequence, TypeVar

from archiver.core.clock import iso, utc_now
from archiver.core.digest import CHUNK
from archiver.core.errors import RecordCorrupt
from archiver.store.atomic import atomic_file, storage_errors
from archiver.store.locator import note_member
from archiver.store.warcfiles import scan_members
from archiver.store.warcinfo import warcinfo

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.locator import Location
    from archiver.store.paths import ProjectPaths
    from archiver.store.warcfiles import Member

_SUFFIX = ".warc.gz"
_NAME = re.compile(r"(?P<name>.+?)(?:\.(?P<number>[1-9][0-9]{0,8}))?\.warc\.gz")
_BATCH = 5_000  # rows of the locator at once: readers wait no longer than that takes
_Row = TypeVar("_Row")


@dataclass
class _Range:
    """A range of bytes of a file, and where in the file the response and revisit records in it are."""

    start: int
    end: int
    records: list[Location] = field(default_factory=list)


@dataclass
class Choice:
    """What is to be copied of a file, as ranges of bytes with their records.

    Attributes:
        ranges: in the order in which they are copied.
        dropped: the response and revisit records that are not copied; whoever chooses notes them.
    """

    ranges: list[_Range] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    _infos: dict[str, Member] = field(default_factory=dict)

    def take(self, member: Member) -> None:
        """Have a member copied, behind those taken before; a warcinfo record once another one names it."""
        if member.type == "warcinfo":
            self._infos[member.record] = member
            return
        if member.warcinfo in self._infos:
            self._add(self._infos.pop(member.warcinfo))
        self._add(member)

    def _add(self, member: Member) -> None:
        if not self.ranges or self.ranges[-1].end != member.offset:
            self.ranges.append(_Range(member.offset, member.offset))
        self.ranges[-1].end = member.end
        note_member(self.ranges[-1].records, "", member)


def copy_chosen(source: Path, target: Path, choice: Choice, info: bytes) -> tuple[int, list[Location]]:
    """Copy what is chosen of a WARC file to a new one, which is durable then.

    Args:
        source: the file.
        target: the new one.
        choice: what to copy.
        info: the warcinfo record that the new one begins with.

    Returns:
        The new file's length in bytes, and where its response and revisit records are.

    Raises:
        StoreError: or a subclass, for what the file system refuses; there is no new file then.
    """
    moved: list[Location] = []
    with storage_errors(source), source.open("rb") as stream, atomic_file(target) as out:
        size = out.write(info)
        for each in choice.ranges:
            shift = size - each.start
            moved += (replace(at, file=target.name, offset=at.offset + shift) for at in each.records)
            stream.seek(each.start)
            _copy_bytes(stream, out, each.end - each.start)
            size += each.end - each.start
    return size, moved


def copy_info(paths: ProjectPaths, target: Path, description: str) -> bytes:
    """Return the warcinfo record of a file that has copies of another one's records."""
    return warcinfo(
        target.name,
        identity=f"archiver:{paths.name}/warc/{target.name}",
        date=iso(utc_now()),
        about={"isPartOf": target.name.rpartition("-")[0], "description": description},
    )


def next_name(path: Path) -> Path:
    """Return the name that a WARC file has when it is rewritten the next time; no file has it yet."""
    match = _NAME.fullmatch(path.name)
    name, number = (match["name"], int(match["number"] or 0)) if match else (path.name, 0)
    while (target := path.with_name(f"{name}.{number + 1}{_SUFFIX}")).exists():
        number += 1
    return target


def is_whole(paths: ProjectPaths, at: Location) -> bool:
    """Say whether a record is where the locator says, whole, and its request behind it. Raises StoreError or a subclass."""
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


def in_batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Yield rows of a locator so many at a time as it takes at once without keeping readers waiting."""
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def _copy_bytes(source: IO[bytes], out: IO[bytes], length: int) -> None:
    while length:
        chunk = source.read(min(length, CHUNK))
        if not chunk:
            raise RecordCorrupt("the file ends inside a record")
        out.write(chunk)
        length -= len(chunk)
