"""Where each WARC record is: a rebuildable map from WARC-Record-ID to file, offset and length.

Snapshots name captures by record ID only, so that WARC files can be rewritten under them. The map
is a cache: ``rebuild`` makes it again from the WARC files.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable

from archiver.core.errors import NotArchived, RecordCorrupt
from archiver.store.atomic import storage_errors
from archiver.store.databases import database_errors
from archiver.store.warcfiles import scan_members

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.paths import ProjectPaths

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id TEXT PRIMARY KEY, file TEXT NOT NULL, offset INTEGER NOT NULL,
    length INTEGER NOT NULL, pair_length INTEGER NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Location:
    """Where a response or revisit record is.

    Attributes:
        id: its WARC-Record-ID.
        file: the name of the WARC file in the project's ``warc`` folder.
        offset: where its gzip member begins, in bytes.
        length: the member's length in bytes.
        pair_length: the length of the member together with the request record's member that
            follows it directly; equal to ``length`` where none does.
    """

    id: str
    file: str
    offset: int
    length: int
    pair_length: int


class Locator:
    """The map, open for reading and adding. One instance belongs to one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with database_errors(path):
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_SCHEMA)

    def add(self, locations: Iterable[Location]) -> None:
        """Add records that are durable in their WARC file; adding one again replaces it."""
        with database_errors(self._path), self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)",
                ((at.id, at.file, at.offset, at.length, at.pair_length) for at in locations),
            )

    def get(self, record: str) -> Location | None:
        """Return where a record is, or None where the map does not know it."""
        with database_errors(self._path):
            row = self._connection.execute("SELECT * FROM records WHERE id = ?", (record,)).fetchone()
        return Location(*row) if row else None

    def close(self) -> None:
        """Close the map's file."""
        self._connection.close()


def rebuild(paths: ProjectPaths) -> None:
    """Make a project's locator again from its WARC files, whole members only."""
    with storage_errors(paths.locator):
        paths.locator.unlink(missing_ok=True)
    with closing(Locator(paths.locator)) as locator:
        for path in sorted(paths.warc.glob("*.warc.gz")):
            locator.add(_locations(path))


def _locations(path: Path) -> list[Location]:
    found: list[Location] = []
    try:
        for member in scan_members(path):
            if member.type in ("response", "revisit"):
                found.append(Location(member.record, path.name, member.offset, member.length, member.length))
            elif member.type == "request" and found and found[-1].offset + found[-1].length == member.offset:
                last = found[-1]
                found[-1] = Location(last.id, last.file, last.offset, last.length, member.end - last.offset)
    except RecordCorrupt:
        pass  # a broken tail holds no record that a snapshot may name
    return found


class ReadOnlyLocator:
    """The map of an archive that may be on read-only media; falls back to scanning the WARC files.

    Safe to use from several threads: the map is read into memory.
    """

    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths
        self._known = self._read() or self._scan()

    def find(self, record: str) -> Location:
        """Return where a record is. Raises NotArchived where no WARC file has it."""
        at = self._known.get(record)
        if at is None:
            raise NotArchived("no WARC file has this record", place=record)
        return at

    def _read(self) -> dict[str, Location]:
        if not self._paths.locator.is_file():
            return {}
        uri = f"{self._paths.locator.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                return {row[0]: Location(*row) for row in connection.execute("SELECT * FROM records")}
        except sqlite3.Error:
            return {}  # a cache: scanning the WARC files gives the same

    def _scan(self) -> dict[str, Location]:
        return {at.id: at for path in sorted(self._paths.warc.glob("*.warc.gz")) for at in _locations(path)}
