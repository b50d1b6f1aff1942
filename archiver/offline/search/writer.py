"""Writes a full-text index: documents in, database out. docs/format.md, "docs/search.sqlite".

Same documents in the same order, same SQLite, same bytes.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.offline.search.index import VERSION
from archiver.offline.search.segment import characters, index_text
from archiver.store.atomic import move_durably, storage_errors, temporary_folder
from archiver.store.databases import database_errors

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = f"""
PRAGMA page_size = 4096;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA user_version = {VERSION};
CREATE TABLE documents(
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, url TEXT NOT NULL, timestamp TEXT NOT NULL, title TEXT NOT NULL
);
CREATE TABLE sections(
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL, anchor TEXT NOT NULL, heading TEXT NOT NULL, text TEXT NOT NULL
);
CREATE VIRTUAL TABLE sections_fts USING fts5(
    title, heading, body, characters, content='', prefix='2 3', tokenize='porter unicode61 remove_diacritics 2'
);
"""


@dataclass(frozen=True)
class Section:
    """A page's text from one heading or named entry of a definition list to the next; ``anchor`` is what to put after ``#``, or empty."""

    anchor: str
    heading: str
    text: str


@dataclass(frozen=True)
class IndexedDocument:
    """A page as an index has it: whose capture it is, its title, and its text.

    The first section is what stands before the first heading.
    """

    source: str
    url: str
    timestamp: str
    title: str
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


def _fill(path: Path, documents: Iterable[IndexedDocument]) -> None:
    with _written(path) as connection:
        connection.executescript(_SCHEMA)
        connection.execute("BEGIN")
        rows = _Rows(connection)
        for document in documents:
            rows.add(document)
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

    def add(self, document: IndexedDocument) -> None:
        self._documents += 1
        self._connection.execute(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?)",
            (self._documents, document.source, document.url, document.timestamp, document.title),
        )
        for number, section in enumerate(document.sections):
            self._sections += 1
            title = document.title if number == 0 else ""
            self._connection.execute(
                "INSERT INTO sections VALUES (?, ?, ?, ?, ?)",
                (self._sections, self._documents, section.anchor, section.heading, section.text),
            )
            single = characters(f"{title} {section.heading} {section.text}")
            self._connection.execute(
                "INSERT INTO sections_fts(rowid, title, heading, body, characters) VALUES (?, ?, ?, ?, ?)",
                (
                    self._sections,
                    index_text(title),
                    index_text(section.heading),
                    index_text(section.text),
                    single,
                ),
            )
