"""What an index is as a database: its tables, and opening one so that nothing can be written and no schema is trusted.

Source: docs/format.md, "docs/search.sqlite"; https://www.sqlite.org/security.html section 1.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from archiver.core.errors import SearchUnavailable

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 2
PAGE_SIZE = 4096
TABLES = {
    "documents": (
        "CREATE TABLE documents(id INTEGER PRIMARY KEY, source TEXT NOT NULL, url TEXT NOT NULL, timestamp TEXT NOT NULL,"
        " title TEXT NOT NULL, locale TEXT NOT NULL, version TEXT NOT NULL, sections INTEGER NOT NULL)"
    ),
    "texts": "CREATE TABLE texts(id INTEGER PRIMARY KEY, content BLOB NOT NULL)",
    "inflected": "CREATE TABLE inflected(word TEXT PRIMARY KEY, stem TEXT NOT NULL) WITHOUT ROWID",
    "frequent": "CREATE TABLE frequent(term TEXT PRIMARY KEY, sections INTEGER NOT NULL) WITHOUT ROWID",
    "sections_fts": (
        "CREATE VIRTUAL TABLE sections_fts USING fts5(title, heading, page, body, content='',"
        " tokenize='porter unicode61 remove_diacritics 2')"
    ),
}
"""The statements that make an index, by the name of the table."""
_SHADOWS = {f"sections_fts_{name}" for name in ("data", "idx", "docsize", "config")}


def open_database(path: Path) -> sqlite3.Connection:
    """Open an index file in place. Raises SearchUnavailable where it cannot be searched."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        return prepare(sqlite3.connect(uri, uri=True, check_same_thread=False))
    except sqlite3.Error as error:
        raise SearchUnavailable(f"the search index cannot be opened: {error}", place=str(path)) from error


def prepare(database: sqlite3.Connection) -> sqlite3.Connection:
    """Harden a connection and check that it is an index of the version known here.

    Raises:
        SearchUnavailable: it is not, or this Python's SQLite lacks FTS5.
    """
    try:
        for pragma in (
            "trusted_schema = OFF",
            "query_only = ON",
            "cell_size_check = ON",
            "mmap_size = 268435456",
        ):
            database.execute(f"PRAGMA {pragma}")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            database.execute("SELECT rowid FROM sections_fts WHERE sections_fts MATCH 'a' LIMIT 1").fetchone()
    except sqlite3.Error as error:
        database.close()
        raise SearchUnavailable(f"the search index cannot be read: {error}") from error
    if version != VERSION:
        database.close()
        raise SearchUnavailable(f"the search index has version {version}; this program knows {VERSION}")
    return database


def refuse_foreign(database: sqlite3.Connection) -> None:
    """Refuse a database whose schema is not the one of an index, before it is asked anything that might never end.

    Raises:
        SearchUnavailable: its schema has what no index has, or lacks what all have.
        sqlite3.Error: it is damaged.
    """
    foreign = foreign_schema(database)
    if foreign:
        raise SearchUnavailable(f"it has what no search index has: {', '.join(foreign):.200}")


def foreign_schema(database: sqlite3.Connection) -> list[str]:
    """Return where a schema is not the one of an index.

    A view or a virtual table could run whatever its author likes: a database that has one is not to be asked anything.

    Raises:
        sqlite3.Error: it is damaged.
    """
    found: list[str] = []
    missing = set(TABLES) | _SHADOWS
    for kind, name, root, sql in database.execute("SELECT type, name, rootpage, sql FROM sqlite_master"):
        own = kind == "table" and sql == TABLES.get(name)
        if own or (kind == "table" and name in _SHADOWS and root):
            missing.discard(name)
        else:
            found.append(f"{kind} {name}")
    found += [f"no table {name}" for name in sorted(missing)]
    for table in () if found else sorted(_SHADOWS):
        columns = database.execute(f"PRAGMA table_xinfo({table})").fetchall()
        found += [f"generated column {column[1]}" for column in columns if column[6]]
    return found
