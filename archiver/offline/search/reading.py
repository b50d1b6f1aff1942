"""Reading what an index was made from: documents and their sections, so that another index can be made of them.

An index may come from strangers. It is opened so that nothing can be written, its schema is looked at before it is
asked anything, and its rows are taken for text only where they are text.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Iterator, Tuple

from archiver.core.errors import SearchUnavailable
from archiver.offline.search.index import foreign_schema, open_database
from archiver.offline.search.writer import IndexedDocument, Section

if TYPE_CHECKING:
    from pathlib import Path

Key = Tuple[str, str, str]
"""Which capture a document is of: doc site, URL and time."""
_SPANS = "SELECT document, min(id), max(id), count(*) FROM sections GROUP BY document"
_SECTIONS = "SELECT anchor, heading, text FROM sections WHERE id BETWEEN ? AND ? ORDER BY id"


@contextmanager
def open_index(path: Path) -> Iterator[IndexReader]:
    """Open an index file for as long as the block lasts.

    Raises:
        SearchUnavailable: it is no index of the version known here, it is damaged, or its schema has what no index
            has; also in the block.
    """
    try:
        with closing(open_database(path)) as database:
            foreign = foreign_schema(database)
            if foreign:
                raise SearchUnavailable(f"it has what no search index has: {', '.join(foreign):.200}")
            yield IndexReader(database)
    except sqlite3.Error as error:
        raise SearchUnavailable(f"the search index cannot be read: {error}", place=str(path)) from error


class IndexReader:
    """The documents of an index, in their order. Get one from ``open_index``."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._numbers: dict[Key, int] | None = None
        self._pages: dict[tuple[str, str], Key] | None = None
        self._spans: dict[int, tuple[int, int]] | None = None

    def titles(self) -> Iterator[tuple[Key, str]]:
        """Yield whose capture each document is of, and its title."""
        rows = self._database.execute("SELECT source, url, timestamp, title FROM documents ORDER BY id")
        for source, url, timestamp, title in rows:
            _check_text(source, url, timestamp, title)
            yield (source, url, timestamp), title

    def documents(self) -> Iterator[IndexedDocument]:
        """Yield every document."""
        for key in self._known():
            document = self.get(key)
            assert document is not None
            yield document

    def get(self, key: Key) -> IndexedDocument | None:
        """Return a capture's document; None where the index has none."""
        number = self._known().get(key)
        if number is None:
            return None
        (title,) = self._database.execute("SELECT title FROM documents WHERE id = ?", (number,)).fetchone()
        _check_text(title)
        return IndexedDocument(*key, title, tuple(self._sections(number)))

    def elsewhen(self, key: Key) -> IndexedDocument | None:
        """Return the document of a capture's doc site and URL, whenever it was captured, as if it were this capture's.

        None where there is none, or more than one.
        """
        source, url, timestamp = key
        if self._pages is None:
            counts = Counter(known[:2] for known in self._known())
            self._pages = {known[:2]: known for known in self._known() if counts[known[:2]] == 1}
        known = self._pages.get((source, url))
        document = self.get(known) if known else None
        return replace(document, timestamp=timestamp) if document else None

    def __contains__(self, key: Key) -> bool:
        """Say whether the index has a document of a capture."""
        return key in self._known()

    def __len__(self) -> int:
        """Return how many documents there are."""
        return len(self._known())

    def _known(self) -> dict[Key, int]:
        if self._numbers is None:
            self._numbers = {}
            for number, *key in self._database.execute(
                "SELECT id, source, url, timestamp FROM documents ORDER BY id"
            ):
                _check_text(*key)
                self._numbers.setdefault((key[0], key[1], key[2]), number)
        return self._numbers

    def _sections(self, document: int) -> Iterator[Section]:
        if self._spans is None:
            self._spans = {}
            for number, first, last, count in self._database.execute(_SPANS):
                if last - first + 1 != count:  # else reading one may mean reading all
                    raise SearchUnavailable("the sections of a document are not next to each other")
                self._spans[number] = first, last
        if document in self._spans:
            for row in self._database.execute(_SECTIONS, self._spans[document]):
                _check_text(*row)
                yield Section(*row)


def _check_text(*values: object) -> None:
    if not all(isinstance(value, str) for value in values):
        raise SearchUnavailable("a row of the search index is not text")
