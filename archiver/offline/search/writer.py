"""Writes a full-text index: documents in, database out. docs/format.md, "docs/search.sqlite".

Same documents in the same order, same SQLite and zlib: same bytes.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.offline.search.blocks import BLOCK, LONGEST_NAME, Section, packed, pieces
from archiver.offline.search.inflections import Inflections
from archiver.offline.search.schema import PAGE_SIZE, TABLES, VERSION
from archiver.offline.search.segment import index_text
from archiver.store.atomic import move_durably, storage_errors, temporary_folder
from archiver.store.databases import database_errors

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = (
    f"page_size = {PAGE_SIZE}",
    "journal_mode = OFF",
    "synchronous = OFF",
    f"user_version = {VERSION}",
)
MOST_RARE = 50
"""In how many sections a term may be that a reader needs no list to complete."""
_VOCABULARY = "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, sections_fts, row)"
_FREQUENT = (
    "INSERT INTO frequent SELECT term, doc FROM vocabulary"
    " WHERE doc > ? AND length(term) > 2 AND term < '{' ORDER BY term"  # what begins with a digit or an ASCII letter
)
_ROW = 8  # what a section takes in a block beside its characters


@dataclass(frozen=True)
class IndexedDocument:
    """A page as an index has it: whose capture it is, its title, and its text.

    The first section is the page's beginning. ``locale`` and ``version`` are empty where the page shows none.
    """

    source: str
    url: str
    timestamp: str
    title: str
    locale: str
    version: str
    sections: tuple[Section, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """The capture that it is of: doc site, URL and time. No two documents of an index have the same."""
        return self.source, self.url, self.timestamp


def write_index(target: Path, documents: Iterable[IndexedDocument]) -> None:
    """Write an index durably, over what may be there.

    Args:
        target: its file.
        documents: in the order that they are numbered in; taken one by one.

    Raises:
        StoreError: or a subclass, where the file cannot be written; ``target`` is as it was.
    """
    with temporary_folder(target) as folder:
        _fill(folder / "filled", documents)
        _compact(folder / "filled", folder / "compact")
        move_durably(folder / "compact", target)


def renew_index(target: Path, source: Path, timestamps: Iterable[str]) -> None:
    """Write an index durably of an index whose pages were captured again, unchanged.

    The bytes are those that ``write_index`` would give for the same documents with the new times.

    Args:
        target: its file.
        source: the index; all its documents are wanted, in their order.
        timestamps: the time of each document.

    Raises:
        StoreError: or a subclass, where the file cannot be written; ``target`` is as it was.
    """
    with temporary_folder(target) as folder:
        with storage_errors(target):
            shutil.copyfile(source, folder / "copied")
        with _written(folder / "copied") as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = OFF")
            (number,) = connection.execute("PRAGMA schema_version").fetchone()
            connection.execute(f"PRAGMA schema_version = {number - 1}")  # VACUUM counts it up again
            connection.execute("BEGIN")
            connection.executemany(
                "UPDATE documents SET timestamp = ?2 WHERE id = ?1", enumerate(timestamps, 1)
            )
            connection.execute("COMMIT")
        _compact(folder / "copied", folder / "compact")
        move_durably(folder / "compact", target)


def _fill(path: Path, documents: Iterable[IndexedDocument]) -> None:
    with _written(path) as connection:
        for setting in _SETTINGS:
            connection.execute(
                f"PRAGMA {setting}"
            ).fetchall()  # PyPy has what gives rows under way until they are read
        for statement in TABLES.values():
            connection.execute(statement)
        connection.execute("BEGIN")
        rows = _Rows(connection)
        for document in documents:
            rows.add(document)
        rows.finish()
        connection.execute("INSERT INTO sections_fts(sections_fts) VALUES ('optimize')")
        connection.execute("COMMIT")


def _compact(source: Path, target: Path) -> None:
    """Write the database anew without the free pages that merging left behind."""
    with _written(source) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    with storage_errors(target):
        source.unlink()


@contextmanager
def _written(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database without implicit transactions. Raises StoreError or StorageFull for SQLite's errors."""
    with database_errors(path), closing(sqlite3.connect(str(path), isolation_level=None)) as connection:
        yield connection


class _Rows:
    """Numbers documents and sections in the order they come."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._documents = self._sections = 0
        self._block: list[Section] = []
        self._filled = 0
        self._inflections = Inflections()

    def add(self, document: IndexedDocument) -> None:
        """Take a document."""
        before = self._sections
        title = document.title[:LONGEST_NAME]
        for number, section in enumerate(piece for whole in document.sections for piece in pieces(whole)):
            self._add(section, title, opens=number == 0)
        self._documents += 1
        self._connection.execute(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._documents,
                *(document.source, document.url, document.timestamp, title),
                *(document.locale, document.version, self._sections - before),
            ),
        )

    def finish(self) -> None:
        """Write what is known only when all documents are there."""
        self._write_block()
        self._connection.executemany("INSERT INTO inflected VALUES (?, ?)", self._inflections.rows())
        self._connection.execute(_VOCABULARY)
        self._connection.execute(_FREQUENT, (MOST_RARE,))
        self._connection.execute("DROP TABLE temp.vocabulary")

    def _add(self, section: Section, title: str, *, opens: bool) -> None:
        self._sections += 1
        of_page = index_text(title)
        heading = "" if section.heading == title else section.heading
        self._connection.execute(
            "INSERT INTO sections_fts(rowid, title, heading, page, body) VALUES (?, ?, ?, ?, ?)",
            (
                self._sections,
                of_page if opens else "",
                index_text(heading),
                "" if opens else of_page,
                index_text(section.text),
            ),
        )
        for text in (title if opens else "", heading, section.text):
            self._inflections.add(text)
        self._block.append(section)
        self._filled += _ROW + len(section.anchor) + len(section.heading) + len(section.text)
        if self._filled >= BLOCK:
            self._write_block()

    def _write_block(self) -> None:
        if self._block:
            first = self._sections - len(self._block) + 1
            self._connection.execute("INSERT INTO texts VALUES (?, ?)", (first, packed(self._block)))
            self._block.clear()
            self._filled = 0
