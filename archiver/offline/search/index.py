"""Searching an index: what matches, which of it is best, and a hit for each page.

Source: docs/format.md, "docs/search.sqlite"; https://www.sqlite.org/fts5.html section 5.1 (bm25).
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Sequence

from archiver.core.errors import SearchUnavailable
from archiver.offline.search.blocks import unpacked
from archiver.offline.search.directory import EVERYTHING
from archiver.offline.search.snippet import Snippet, make_snippet

if TYPE_CHECKING:
    from archiver.offline.search.blocks import Section
    from archiver.offline.search.directory import Directory, Filters
    from archiver.offline.search.query import Query

_MOST_OTHERS = 3
# Sections; of a query that finds more, titles and headings are ranked, and the first texts.
_MOST_RANKED = 3_500
_MOST_STEPS = 2_000  # of _STEP virtual machine instructions each; a few seconds
_STEP = 100_000
_MOST_BEGUN = (
    10_000  # sections; where more have words that begin as typed, the most frequent words are looked for
)
_MOST_COMPLETIONS = 8
_MOST_WORDS = 200  # looked at for them
# Weights of the columns title, heading, page, body.
_RANKED = """
SELECT rowid, bm25(sections_fts, 10.0, 5.0, 1.5, 1.0) FROM sections_fts
WHERE sections_fts MATCH ? AND rowid BETWEEN ? AND ?{more} LIMIT ?
"""
_BLOCK = "SELECT id, content FROM texts WHERE id <= ? ORDER BY id DESC LIMIT 1"
_DOCUMENT = "SELECT source, url, timestamp, title, locale, version FROM documents WHERE id = ?"
_FREQUENT = "SELECT term, sections FROM frequent WHERE term >= ? AND term < ? ORDER BY sections DESC, term"
_INFLECTED = "SELECT word, stem FROM inflected WHERE word >= ? AND word < ? LIMIT ?"


@dataclass(frozen=True)
class Place:
    """Another section of a page: its heading, and the heading's id or empty."""

    anchor: str
    heading: str


@dataclass(frozen=True)
class Hit:
    """A page that was found, shown by its best section.

    Attributes:
        title: its title.
        url: its original URL.
        anchor: the id of the section's heading, or empty.
        heading: empty for what stands before a page's first heading.
        snippet: a piece of the section's text.
        timestamp: when the page was captured, ``YYYYMMDDhhmmss``.
        source: the doc site's name.
        locale, version: what the page shows of them; may be empty.
        score: lower is better (bm25 as FTS5 gives it).
        others: the next best sections of the page.
        project: filled in where several projects are searched together.
    """

    title: str
    url: str
    anchor: str
    heading: str
    snippet: Snippet
    timestamp: str
    source: str
    locale: str
    version: str
    score: float
    others: tuple[Place, ...] = ()
    project: str = ""

    @property
    def target(self) -> str:
        """The original URL with the section's anchor."""
        return self.place(self.anchor)

    def place(self, anchor: str) -> str:
        """Return the original URL with an anchor of the page."""
        return f"{self.url}#{anchor}" if anchor else self.url


@dataclass(frozen=True)
class Found:
    """A document that matches: its number, the score of its best section, and its sections, best first."""

    document: int
    score: float
    sections: tuple[int, ...]


@dataclass(frozen=True)
class Ranking:
    """The documents that match a query, best first.

    Attributes:
        found: all of them, or those that were looked at.
        more: whether there are more.
        loose: whether nothing has all that was looked for, and these have some of it.
    """

    found: tuple[Found, ...]
    more: bool = False
    loose: bool = False


class Index:
    """An index that is open. To be used by one thread at a time.

    Args:
        database: from ``open_database`` or ``prepare``.
        directory: of that database.
    """

    def __init__(self, database: sqlite3.Connection, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    def rank(self, query: Query, filters: Filters = EVERYTHING) -> Ranking:
        """Return what matches a query; an empty one finds nothing.

        Raises:
            SearchUnavailable: the index is damaged, or the query takes longer than anybody waits.
        """
        ranges = self._directory.ranges(filters)
        if not query.clauses or not ranges:
            return Ranking(())
        with self._bounded():
            scope = _Scope(self._database, ranges)
            found, more = self._documents(scope, query.strict(self._complete))
            if found or more:
                return Ranking(found, more)
            found, more = self._documents(scope, query.loose(self._complete))
            return Ranking(found, more, loose=bool(found))

    def hits(self, found: Iterable[Found], terms: tuple[str, ...]) -> tuple[Hit, ...]:
        """Return what to show of documents found.

        Args:
            found: some of a ranking's.
            terms: the query's.

        Raises:
            SearchUnavailable: the index is damaged.
        """
        texts = _Texts(self._database)
        with self._bounded():
            return tuple(self._hit(each, terms, texts) for each in found)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Have whatever SQLite does within take a few seconds at most, and its errors be those of search."""
        budget = iter(range(_MOST_STEPS))
        self._database.set_progress_handler(lambda: next(budget, None) is None, _STEP)
        try:
            yield
        except sqlite3.Error as error:
            raise SearchUnavailable(f"the search failed: {error}") from error
        finally:
            self._database.set_progress_handler(None, 0)

    def _complete(self, typed: str) -> tuple[bool, list[str]]:
        """Say whether all that begins as what was typed is to be looked for, and for which words besides.

        That is a word for each stem that does not begin so; where too much does, the most frequent of it.
        """
        end = f"{typed}\U0010ffff"
        frequent = self._database.execute(_FREQUENT, (typed, end)).fetchall()
        if sum(int(count) for _, count in frequent) > _MOST_BEGUN:
            return False, [str(term) for term, _ in frequent[:_MOST_COMPLETIONS] if term != typed]
        rows = self._database.execute(_INFLECTED, (typed, end, _MOST_WORDS))
        words = {str(stem): str(word) for word, stem in rows if not str(stem).startswith(typed)}
        return True, list(words.values())[:_MOST_COMPLETIONS]

    def _documents(self, scope: _Scope, expression: str) -> tuple[tuple[Found, ...], bool]:
        """Return the documents that match, best first, and whether some were not looked at."""
        scores = scope.scores(expression)
        more = len(scores) >= _MOST_RANKED
        if more:
            for section, score in scope.scores(f"{{title heading}} : ({expression})").items():
                scores[section] = min(score, scores.get(section, score))
        sections: dict[int, list[int]] = {}
        for section in sorted(scores, key=lambda section: (scores[section], section)):
            of_document = sections.setdefault(self._directory.document_of(section), [])
            if len(of_document) <= _MOST_OTHERS:
                of_document.append(section)
        found = [
            Found(document, scores[numbers[0]] * self._directory.weight_of(document), tuple(numbers))
            for document, numbers in sections.items()
        ]
        return tuple(sorted(found, key=lambda each: (each.score, each.document))), more

    def _hit(self, found: Found, terms: tuple[str, ...], texts: _Texts) -> Hit:
        """Return a hit; a heading without text of its own shows the text below it."""
        row = self._database.execute(_DOCUMENT, (found.document,)).fetchone()
        source, url, timestamp, title, locale, version = (str(value) for value in row or ("",) * 6)
        number = found.sections[0]
        best = texts.section(number)
        text = best.text
        if not text and number + 1 < self._directory.span(found.document)[1]:
            text = texts.section(number + 1).text
        others: dict[Place, None] = {}
        for section in map(texts.section, found.sections[1:]):
            if section.heading and section.heading not in (best.heading, title):
                others[Place(section.anchor, section.heading)] = None
        return Hit(
            title=title,
            url=url,
            anchor=best.anchor,
            heading=best.heading,
            snippet=make_snippet(text, terms),
            timestamp=timestamp,
            source=source,
            locale=locale,
            version=version,
            score=found.score,
            others=tuple(others),
        )


class _Scope:
    """The sections that a search is limited to: ascending ranges, at least one."""

    def __init__(self, database: sqlite3.Connection, ranges: Sequence[tuple[int, int]]) -> None:
        self._database = database
        self._span = ranges[0][0], ranges[-1][1]
        self._more = ""
        if len(ranges) > 1:
            database.create_function("wanted", 1, _membership(ranges))
            self._more = " AND wanted(rowid)"

    def scores(self, expression: str) -> dict[int, float]:
        """Return sections that match, as many as are ranked, each with its score."""
        statement = _RANKED.format(more=self._more)
        rows = self._database.execute(statement, (expression, *self._span, _MOST_RANKED))
        return {int(section): float(score) for section, score in rows}


class _Texts:
    """The text of sections, each block inflated once."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._blocks: dict[int, tuple[Section, ...]] = {}

    def section(self, number: int) -> Section:
        """Return a section. Raises SearchUnavailable where there is none."""
        row = self._database.execute(_BLOCK, (number,)).fetchone()
        if row is None:
            raise SearchUnavailable("the search index has no text for a section")
        first: int = row[0]
        if first not in self._blocks:
            self._blocks[first] = unpacked(row[1])
        block = self._blocks[first]
        if number - first >= len(block):
            raise SearchUnavailable("the search index has no text for a section")
        return block[number - first]


def _membership(ranges: Sequence[tuple[int, int]]) -> Callable[[int], bool]:
    """Return what tells whether a section is in one of some ascending ranges."""
    starts = [first for first, _ in ranges]

    def wanted(section: int) -> bool:
        at = bisect_right(starts, section)
        return at > 0 and section <= ranges[at - 1][1]

    return wanted
