"""Where each WARC record is: a rebuildable map from WARC-Record-ID to file, offset and length.

Snapshots name captures by record ID only, so that WARC files can be rewritten under them. The map
is a cache: ``open_locator`` makes it again from the WARC files where it is of no use.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, TypeVar

from archiver.core.errors import NotArchived, StoreError
from archiver.store.atomic import make_folder, move_durably, storage_errors, sync_folder, temporary_folder
from archiver.store.databases import database_errors, translated
from archiver.store.warcfiles import sound_members

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.paths import ProjectPaths
    from archiver.store.warcfiles import Member

_T = TypeVar("_T")
_VERSION = 1
_PAGE = 10_000  # records
_SCHEMA = f"""
CREATE TABLE records (
    id TEXT PRIMARY KEY, file TEXT NOT NULL, offset INTEGER NOT NULL,
    length INTEGER NOT NULL, pair_length INTEGER NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
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
    """The map, open for reading and adding. One instance belongs to one thread.

    Args:
        path: the map's file, of this version; made empty where it does not exist. For a project's own map
            call ``open_locator``.

    Raises:
        StoreError: or a subclass, here and in every method, where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_errors(path):
            make_folder(path.parent)
            is_new = not path.exists()
        with database_errors(path):
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA synchronous=NORMAL")
            if is_new:
                self._connection.executescript(_SCHEMA)
            version = self._connection.execute("PRAGMA user_version").fetchone()
        if version != (_VERSION,):
            raise StoreError("not a locator of this program's version", place=str(path))

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

    def files(self) -> frozenset[str]:
        """Return the names of the WARC files that the map knows a record of."""
        with database_errors(self._path):
            rows = self._connection.execute("SELECT DISTINCT file FROM records").fetchall()
        return frozenset(name for (name,) in rows)

    def remove(self, records: Iterable[str], file: str) -> None:
        """Forget records that a file has no longer; where the map has one in another file, it stays known."""
        with database_errors(self._path), self._connection:
            self._connection.executemany(
                "DELETE FROM records WHERE id = ? AND file = ?", ((record, file) for record in records)
            )

    def __len__(self) -> int:
        """Return how many records the map knows."""
        with database_errors(self._path):
            (count,) = self._connection.execute("SELECT count(*) FROM records").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the map's file."""
        self._connection.close()


def catch_up(paths: ProjectPaths, locator: Locator) -> None:
    """Add the records of the WARC files that a project's locator knows nothing of.

    For who puts whole files in place and may have been killed before they were added. The caller has the project's lock.

    Raises:
        StoreError: or a subclass, where the file system refuses.
    """
    known = locator.files()
    for path in sorted(paths.warc.glob("*.warc.gz")):
        if path.name not in known:
            locator.add(_locations(path))


def open_locator(paths: ProjectPaths) -> Locator:
    """Open a project's locator; one that is missing, damaged or of another version is made again first.

    Raises:
        StoreError: or a subclass, where the file system refuses.
    """
    if not _is_current(paths.locator):
        rebuild(paths)
    return Locator(paths.locator)


def rebuild(paths: ProjectPaths) -> None:
    """Make a project's locator again from its WARC files, whole members only.

    It has its name only once it is complete: an incomplete map would hide records.
    """
    target = paths.locator
    with temporary_folder(target) as folder:
        made = folder / target.name
        with closing(Locator(made)) as locator:
            for path in sorted(paths.warc.glob("*.warc.gz")):
                locator.add(_locations(path))
        for name in ("", "-journal", "-wal", "-shm"):  # SQLite would apply an old journal to the new file
            target.with_name(target.name + name).unlink(missing_ok=True)
        sync_folder(target.parent)
        move_durably(made, target)


def _is_current(path: Path) -> bool:
    """Say whether the file is a map of this version, and sound. Raises StoreError where that cannot be told."""
    with storage_errors(path):
        if not path.is_file():
            return False
    try:
        with closing(sqlite3.connect(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()
            sound = connection.execute("PRAGMA quick_check(1)").fetchone()
            return bool(version == (_VERSION,) and sound == ("ok",))
    except sqlite3.OperationalError as error:
        raise translated(error, path) from error
    except sqlite3.DatabaseError:
        return False  # no database, or a damaged one


def _locations(path: Path) -> list[Location]:
    """Where the whole records of a WARC file are; those behind a damaged one are found as well."""
    found: list[Location] = []
    for member in sound_members(path):
        note_member(found, path.name, member)
    return found


def note_member(found: list[Location], file: str, member: Member) -> None:
    """Add the record of a member to those found in a file, or, where it is the request of the last one, its length.

    Members come in the order in which the file has them; others than response and revisit records have no place of their own.
    """
    if member.type in ("response", "revisit"):
        found.append(Location(member.record, file, member.offset, member.length, member.length))
    elif member.type == "request" and found and found[-1].offset + found[-1].length == member.offset:
        found[-1] = replace(found[-1], pair_length=member.end - found[-1].offset)


class ReadOnlyLocator:
    """The map of an archive that may be on read-only media.

    Records are looked up in the map's file, so that memory does not grow with the archive's history; only
    where the file is missing, damaged or of another version are the WARC files scanned, and the whole map kept.
    Safe to use from several threads.
    """

    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths
        self._turn = threading.Lock()
        self._scanned: dict[str, Location] | None = None
        self._connection = _connect_to_read(paths.locator)

    def find(self, record: str) -> Location:
        """Return where a record is. Raises NotArchived where no WARC file has it."""
        with self._turn:
            at = self._look_up(record)
        if at is None:
            raise NotArchived("no WARC file has this record", place=record)
        return at

    def open(self, record: str, opener: Callable[[Path], _T]) -> tuple[Location, _T]:
        """Open the WARC file that a record is in; where prune has just moved the record, the one that it is in now.

        Args:
            record: its WARC-Record-ID.
            opener: opens a file; called again with another one where the first is gone.

        Raises:
            NotArchived: no WARC file has the record, or the one that should is missing.
        """
        gone: set[Location] = set()
        while True:
            at = self.find(record)
            path = self._paths.warc / at.file
            if at in gone or path.parent != self._paths.warc:
                raise NotArchived("the record's WARC file is missing", place=str(path))
            try:
                return at, opener(path)
            except (OSError, StoreError):
                if path.is_file():
                    raise
            gone.add(at)
            self._reopen()

    def locations(self) -> Iterator[Location]:
        """Yield where all records are, some at a time: a run that writes to the map meanwhile is not held up."""
        last = ""
        while page := self._page(last):
            yield from page
            last = page[-1].id
        if page is None:
            with self._turn:
                known = self._scan()
            yield from (at for at in known.values() if at.id > last)

    def close(self) -> None:
        """Close the map's file; nothing can be found afterwards."""
        with self._turn:
            self._disconnect()
            self._scanned = {}

    def _look_up(self, record: str) -> Location | None:
        if self._connection is not None:
            try:
                row = self._connection.execute("SELECT * FROM records WHERE id = ?", (record,)).fetchone()
                return Location(*row) if row else None
            except sqlite3.Error:  # a cache: scanning the WARC files gives the same
                self._disconnect()
        return self._scan().get(record)

    def _scan(self) -> dict[str, Location]:
        if self._scanned is None:
            files = sorted(self._paths.warc.glob("*.warc.gz"))
            self._scanned = {at.id: at for path in files for at in _locations(path)}
        return self._scanned

    def _page(self, last: str) -> list[Location] | None:
        """Return some records that sort behind one; None where the map's file is of no use."""
        with self._turn:
            if self._connection is None:
                return None
            try:
                rows = self._connection.execute(
                    "SELECT * FROM records WHERE id > ? ORDER BY id LIMIT ?", (last, _PAGE)
                ).fetchall()
            except sqlite3.Error:
                self._disconnect()
                return None
            return [Location(*row) for row in rows]

    def _reopen(self) -> None:
        """Look at the files anew: the map may have been made again, and what was scanned be out of date."""
        with self._turn:
            self._disconnect()
            self._scanned = None
            self._connection = _connect_to_read(self._paths.locator)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect_to_read(path: Path) -> sqlite3.Connection | None:
    """Open a map without ever writing to it; None where it is missing, damaged or of another version."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    except sqlite3.Error:
        return None
    try:
        if connection.execute("PRAGMA user_version").fetchone() == (_VERSION,):
            return connection
    except sqlite3.Error:
        pass
    connection.close()
    return None
