"""Whether docs/search.sqlite is a sound index of pages that the docs have."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping

from archiver.core.errors import ArchiverError, SearchUnavailable
from archiver.core.urlkey import surt_key
from archiver.offline.names import SEARCH
from archiver.offline.search.blocks import unpacked
from archiver.offline.search.directory import Directory
from archiver.offline.search.reading import check_text
from archiver.offline.search.schema import PAGE_SIZE, foreign_schema, open_database
from archiver.offline.search.writer import MOST_RARE
from archiver.offline.windows import chunks
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.wacz import Wacz
    from archiver.offline.windows import RandomAccess

_MOST_MESSAGES = 5
_DOCUMENTS = "SELECT id, source, url, timestamp, title FROM documents ORDER BY id"
_INDEXED = "SELECT count(*), coalesce(max(id), 0), coalesce(min(id), 1) FROM sections_fts_docsize"
_MOST_SECTIONS = 1 << 40
_WORD = re.compile(r"[a-z]{5,24}\Z")


IsPage = Callable[[str, str, str], bool]
"""Says whether the docs have a page of a doc site, by the site's name, the URL and the timestamp14."""


def check_search(source: RandomAccess, is_page: IsPage, report: Report) -> None:
    """Check the search index in a temporary copy, for SQLite reads files only.

    Args:
        source: docs/search.sqlite.
        is_page: says whether a page is in the docs.
        report: is told of each problem.

    Raises:
        StoreError: there is no room for the copy.
    """
    with tempfile.TemporaryDirectory(prefix="archiver-verify-") as folder:
        path = Path(folder) / "search.sqlite"
        with storage_errors(path), path.open("wb") as copy:
            copy.writelines(chunks(source, 0, source.size))
        try:
            with closing(open_database(path)) as database:
                database.execute(
                    "PRAGMA mmap_size = 0"
                )  # all of it is read: mapped, it would all count as memory
                _check(database, is_page, report)
        except SearchUnavailable as error:
            report("search.database", SEARCH, error.message)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            report("search.database", SEARCH, f"it cannot be read: {error}")


def _check(database: sqlite3.Connection, is_page: IsPage, report: Report) -> None:
    foreign = foreign_schema(database)
    if foreign:  # a view or a virtual table could run whatever its author likes: ask it nothing
        report(
            "search.database", SEARCH, f"its schema has what no search index has: {', '.join(foreign):.200}"
        )
        return
    for (message,) in database.execute(f"PRAGMA quick_check({_MOST_MESSAGES})").fetchall():
        if message != "ok":
            report("search.database", SEARCH, str(message))
    for pragma, expected in (("page_size", PAGE_SIZE), ("freelist_count", 0), ("application_id", 0)):
        (value,) = database.execute(f"PRAGMA {pragma}").fetchone()
        if value != expected:
            report("search.database", SEARCH, f"its {pragma} is {value}, not {expected}")
    for said in (_document_trouble(database, is_page, report), _word_trouble(database)):
        if said:
            report("search.database", SEARCH, said)


def _document_trouble(database: sqlite3.Connection, is_page: IsPage, report: Report) -> str:
    """Check that documents are pages, and that their sections, the blocks of text and the full-text index go together."""
    expected = 1
    directory = Directory.of(database)
    for number, source, url, timestamp, title in database.execute(_DOCUMENTS):
        check_text(source, url, timestamp, title)
        if number != expected:
            return f"the document {number} stands where {expected} belongs"
        expected += 1
        if not is_page(source, url, timestamp):
            report("search.dangling", SEARCH, f"{source:.80} has no page {url:.200} of {timestamp:.20}")
    end = directory.span(expected - 1)[1] if expected > 1 else 1
    section = 1
    for number, content in database.execute("SELECT id, content FROM texts ORDER BY id"):
        if number != section:
            return f"the block of section {number} stands where that of {section} belongs"
        section += len(unpacked(content))
    if section != end:
        return f"it has the text of {section - 1} sections, its documents have {end - 1}"
    if database.execute(_INDEXED).fetchone() != (end - 1, end - 1, 1):
        return "the full-text index does not have the sections of the documents"
    return ""


def _word_trouble(database: sqlite3.Connection) -> str:
    for word, stem in database.execute("SELECT word, stem FROM inflected"):
        check_text(word, stem)
        if not (_WORD.match(word) and stem and word[:1] == stem[:1]):
            return f"{word:.40} is no inflected word of {stem:.40}"
    for term, sections in database.execute("SELECT term, sections FROM frequent"):
        check_text(term)
        if not (isinstance(sections, int) and MOST_RARE < sections < _MOST_SECTIONS):
            return f"the term {term:.40} is in no such number of sections"
    return ""


def pages_of(sites: Mapping[str, Wacz]) -> IsPage:
    """Return what tells the pages of docs, given by the name of their site."""

    def is_page(site: str, url: str, timestamp: str) -> bool:
        try:
            found = [line.capture for line in sites[site].lines(surt_key(url))] if site in sites else []
        except ArchiverError:
            return False
        return any((capture.url, capture.timestamp) == (url, timestamp) for capture in found)

    return is_page
