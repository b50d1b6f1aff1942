"""Searching an index that is an SQLite file, opened so that nothing can be written and no schema is trusted.

Source: docs/format.md, "docs/search.sqlite"; https://www.sqlite.org/security.html section 1.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.core.errors import SearchUnavailable
from archiver.offline.search.snippet import Snippet, make_snippet

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.search.query import Query

VERSION = 1
MOST_HITS = 100
_TABLES = {"documents", "sections"}
_FTS = "sections_fts"
_SHADOWS = {f"{_FTS}_{name}" for name in ("data", "idx", "docsize", "config")}
_MOST_OFFSET = 10_000
_MOST_STEPS = 2_000  # of _STEP virtual machine instructions each; a few seconds
_STEP = 100_000
# Weights of the columns title, heading, body, characters.
_RANKED = """
SELECT sections_fts.rowid AS id, bm25(sections_fts, 8.0, 4.0, 1.0, 0.5) AS score
FROM sections_fts{join} WHERE sections_fts MATCH ?{where} ORDER BY score, id LIMIT ? OFFSET ?
"""
_HITS = """
SELECT s.id, s.document, d.title, d.url, d.timestamp, d.source, s.anchor, s.heading, s.text, ranked.score
FROM ({ranked}) AS ranked JOIN sections AS s ON s.id = ranked.id JOIN documents AS d ON d.id = s.document
ORDER BY ranked.score, ranked.id
"""
# What stands under a page's title where the title is all that its first section has.
_BELOW_TITLE = (
    "SELECT id, text, heading FROM sections WHERE document = ? AND id > ? AND text != '' ORDER BY id LIMIT 1"
)
_SECTIONS_OF_SOURCE = (
    " JOIN sections ON sections.id = sections_fts.rowid JOIN documents ON documents.id = sections.document"
)


@dataclass(frozen=True)
class Hit:
    """A section that was found.

    Attributes:
        title: its page's title.
        url: its page's original URL.
        anchor: the heading's id, or empty.
        heading: empty for what stands before a page's first heading.
        snippet: a piece of its text.
        timestamp: when the page was captured, ``YYYYMMDDhhmmss``.
        source: the doc site's name.
        score: lower is better (bm25 as FTS5 gives it).
        project: filled in where several projects are searched together.
    """

    title: str
    url: str
    anchor: str
    heading: str
    snippet: Snippet
    timestamp: str
    source: str
    score: float
    project: str = ""

    @property
    def target(self) -> str:
        """The original URL with the section's anchor."""
        return f"{self.url}#{self.anchor}" if self.anchor else self.url


@dataclass(frozen=True)
class SearchResults:
    """A page of hits, best first, and how many there are in all."""

    hits: tuple[Hit, ...]
    total: int


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
        if version != VERSION:
            raise SearchUnavailable(f"the search index has version {version}; this program knows {VERSION}")
        database.execute("SELECT rowid FROM sections_fts WHERE sections_fts MATCH 'a' LIMIT 1").fetchone()
    except sqlite3.Error as error:
        database.close()
        raise SearchUnavailable(f"the search index cannot be read: {error}") from error
    return database


def foreign_schema(database: sqlite3.Connection) -> list[str]:
    """Return what a schema has beside plain tables of the expected names and their full-text index.

    A view or a virtual table could run whatever its author likes: a database that has one is not to be asked anything.

    Raises:
        sqlite3.Error: it is damaged.
    """
    found: list[str] = []
    for kind, name, root, sql in database.execute("SELECT type, name, rootpage, sql FROM sqlite_master"):
        plain = kind == "table" and name in _TABLES | _SHADOWS and root
        index = name == _FTS and str(sql).startswith(f"CREATE VIRTUAL TABLE {_FTS} USING fts5(")
        if not (plain or index):
            found.append(f"{kind} {name}")
    for table in sorted(_TABLES):
        columns = database.execute(f"PRAGMA table_xinfo({table})").fetchall()
        found += [f"generated column {column[1]}" for column in columns if column[6]]
    return found


def search(
    database: sqlite3.Connection, query: Query, *, limit: int = 20, offset: int = 0, source: str | None = None
) -> SearchResults:
    """Return the sections that match a query, best first.

    Args:
        database: from ``open_database`` or ``prepare``.
        query: from ``parse_query``; an empty one finds nothing.
        limit: how many hits to return, at most 100.
        offset: how many to pass over, at most 10,000.
        source: only sections of this doc site.

    Raises:
        SearchUnavailable: the index is damaged, or the query takes longer than anybody waits.
    """
    if not query.expression:
        return SearchResults((), 0)
    join, where = (_SECTIONS_OF_SOURCE, " AND documents.source = ?") if source else ("", "")
    given: list[object] = [query.expression, source] if source else [query.expression]
    page = [max(0, min(limit, MOST_HITS)), max(0, min(offset, _MOST_OFFSET))]
    ranked = _RANKED.format(join=join, where=where)
    count = f"SELECT count(*) FROM sections_fts{join} WHERE sections_fts MATCH ?{where}"  # noqa: S608 - constants only
    budget = iter(range(_MOST_STEPS))
    database.set_progress_handler(lambda: next(budget, None) is None, _STEP)
    try:
        (total,) = database.execute(count, given).fetchone()
        rows = database.execute(_HITS.format(ranked=ranked), given + page).fetchall()
        hits = list(_hits(database, rows, query.terms))
    except sqlite3.Error as error:
        raise SearchUnavailable(f"the search failed: {error}") from error
    finally:
        database.set_progress_handler(None, 0)
    if not page[1] and len(rows) == total:
        total = len(hits)  # all are here, so count what is shown
    return SearchResults(tuple(hits), total)


def _hits(
    database: sqlite3.Connection, rows: Sequence[Sequence[object]], terms: tuple[str, ...]
) -> Iterator[Hit]:
    """Yield a hit a section; a title without text of its own shows the text below it.

    Where that stands under a heading that repeats the title, the two are one hit.
    """
    shown: set[object] = set()
    for row in rows:
        section, document, text = row[0], row[1], str(row[8] or "")
        if section in shown:
            continue
        below = None if text else database.execute(_BELOW_TITLE, (document, section)).fetchone()
        if below is not None:
            text = str(below[1])
            if below[2] == row[2]:
                if below[0] in shown:
                    continue
                shown.add(below[0])
        shown.add(section)
        title, url, timestamp, source, anchor, heading = (str(value or "") for value in row[2:8])
        score = row[9] if isinstance(row[9], float) else 0.0
        yield Hit(title, url, anchor, heading, make_snippet(text, terms), timestamp, source, score)
