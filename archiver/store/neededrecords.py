"""Which WARC records the captures of snapshots, and of what is in quarantine, are in."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.store.captureindex import parsed
from archiver.store.mark import readable
from archiver.store.quarantine import read_refusal, read_refused_captures, refused_sources
from archiver.store.snapshots import read_capture_lines, read_snapshot
from archiver.store.warcfiles import sound_members

if TYPE_CHECKING:
    from archiver.store.paths import ProjectPaths

_UUID = re.compile(r"<urn:uuid:([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})>")
_RECORDS = re.compile(rb'"(?:record|original)":"([!#-\[\]-~]*)"')
_NAMES = (b'"record"', b'"original"')


class RecordIDs:
    """A set of WARC-Record-IDs, small in memory: a history has millions."""

    def __init__(self) -> None:
        self._known: set[bytes | str] = set()

    def add(self, record: str) -> None:
        """Add one."""
        self._known.add(_packed(record))

    def __contains__(self, record: object) -> bool:
        return isinstance(record, str) and _packed(record) in self._known

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)

    def missing_from(self, other: RecordIDs) -> Iterator[str]:
        """Yield those that another set has not, in no order."""
        missing = self._known - other._known
        return (each if isinstance(each, str) else f"<urn:uuid:{uuid.UUID(bytes=each)}>" for each in missing)


def needed_records(
    paths: ProjectPaths, snapshots: Iterable[str], quarantine: Iterable[str], unfinished: str | None = None
) -> RecordIDs:
    """Return the records that captures are in, and those that have their payloads.

    Args:
        paths: the project's files.
        snapshots: the ids of the snapshots that stay.
        quarantine: the ids of the runs of which what was refused stays.
        unfinished: the id of the run that is to be gone on with, whose captures no index names yet; None for none.

    Raises:
        RecordCorrupt: a record or an index is damaged or missing, so that it cannot be told what it needs.
        StoreError: or a subclass, for what the file system refuses.
    """
    needed = RecordIDs()
    for name in snapshots:
        with readable(f"snapshot {name} of {paths.name}"):
            _add_snapshot(needed, paths, name)
    for run in quarantine:
        with readable(f"what was refused of {paths.name} in {run}"):
            for source in refused_sources(paths, run):
                for capture in read_refused_captures(paths, read_refusal(paths, run, source)):
                    needed.add(capture.record)
                    needed.add(capture.payload_record)
    if unfinished is not None:
        for path in sorted(paths.warc.glob(f"{unfinished}-*.warc.gz")):
            for member in sound_members(path):
                if member.refers_to:
                    needed.add(member.refers_to)
    return needed


def _add_snapshot(needed: RecordIDs, paths: ProjectPaths, name: str) -> None:
    place = str(paths.captures(name))
    for line in read_capture_lines(paths, read_snapshot(paths, name)):
        for record in _named(line, place):
            needed.add(record)


def _named(line: bytes, place: str) -> list[str]:
    """Return the records that an index line names; mostly without reading all of it, which takes ten times as long."""
    found = _RECORDS.findall(line)
    if b"\\" not in line and len(found) == sum(map(line.count, _NAMES)):
        return [record.decode("ascii") for record in found]
    return [
        record for capture in parsed([line], place) for record in (capture.record, capture.payload_record)
    ]


def _packed(record: str) -> bytes | str:
    match = _UUID.fullmatch(record)
    return bytes.fromhex("".join(match.groups())) if match else record
