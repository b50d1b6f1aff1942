"""Reading what an index was made from: documents and their sections, so that another index can be made of them.

An index may come from strangers. It is opened so that nothing can be written, its schema is looked at before it is
asked anything, and its rows are taken for text only where they are text.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, OrderedDict
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Iterator, Tuple

from archiver.core.errors import SearchUnavailable
from archiver.offline.search.blocks import Section, unpacked
from archiver.offline.search.directory import Directory
from archiver.offline.search.schema import open_database, refuse_foreign
from archiver.offline.search.writer import IndexedDocument

if TYPE_CHECKING:
    from pathlib import Path

Key = Tuple[str, str, str]
"""Which capture a document is of: doc site, URL and time."""
_BLOCK = "SELECT id, content FROM texts WHERE id <= ? ORDER BY id DESC LIMIT 1"
_REST = "SELECT title, locale, version FROM documents WHERE id = ?"
_KEPT = 8  # blocks; whoever reads documents in their order needs one


@contextmanager
def open_index(path: Path) -> Iterator[IndexReader]:
    """Open an index file for as long as the block lasts.

    Raises:
        SearchUnavailable: it is no index of the version known here, it is damaged, or its schema has what no index
            has; also in the block.
    """
    try:
        with closing(open_database(path)) as database:
            refuse_foreign(database)
            yield IndexReader(database)
    except sqlite3.Error as error:
        raise SearchUnavailable(f"the search index cannot be read: {error}", place=str(path)) from error


class IndexReader:
    """The documents of an index, in their order. Get one from ``open_index``."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._numbers: dict[Key, int] | None = None
        self._pages: dict[tuple[str, str], Key] | None = None
        self._directory: Directory | None = None
        self._blocks: OrderedDict[int, tuple[Section, ...]] = OrderedDict()

    def titles(self) -> Iterator[tuple[Key, str]]:
        """Yield whose capture each document is of, and its title."""
        rows = self._database.execute("SELECT source, url, timestamp, title FROM documents ORDER BY id")
        for source, url, timestamp, title in rows:
            check_text(source, url, timestamp, title)
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
        rest = self._database.execute(_REST, (number,)).fetchone()
        check_text(*rest)
        title, locale, version = rest
        return IndexedDocument(*key, title, locale, version, tuple(self._sections(number)))

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
            rows = self._database.execute("SELECT id, source, url, timestamp FROM documents ORDER BY id")
            for number, (key_number, *key) in enumerate(rows, 1):
                check_text(*key)
                if key_number != number:
                    raise SearchUnavailable("the documents of the search index are not numbered one by one")
                self._numbers.setdefault((key[0], key[1], key[2]), number)
        return self._numbers

    def _sections(self, document: int) -> Iterator[Section]:
        if self._directory is None:
            self._directory = Directory.of(self._database)
        number, end = self._directory.span(document)
        while number < end:
            first, block = self._block(number)
            if number - first >= len(block):
                raise SearchUnavailable("the search index has no text for a section")
            yield from block[number - first : end - first]
            number = first + len(block)

    def _block(self, section: int) -> tuple[int, tuple[Section, ...]]:
        row = self._database.execute(_BLOCK, (section,)).fetchone()
        if row is None:
            raise SearchUnavailable("the search index has no text for a section")
        block = self._blocks.pop(row[0], None)
        self._blocks[row[0]] = unpacked(row[1]) if block is None else block
        if len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)
        return row[0], self._blocks[row[0]]


def check_text(*values: object) -> None:
    """Take values of a row for text. Raises SearchUnavailable where one is not."""
    if not all(isinstance(value, str) for value in values):
        raise SearchUnavailable("a row of the search index is not text")
