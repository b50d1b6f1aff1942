"""Whether docs/search.sqlite is a sound index of pages that the docs have."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping

from archiver.core.errors import ArchiverError, SearchUnavailable
from archiver.core.urlkey import surt_key
from archiver.offline.names import SEARCH
from archiver.offline.search.index import foreign_schema, open_database
from archiver.offline.windows import chunks
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.wacz import Wacz
    from archiver.offline.windows import RandomAccess

_ORPHANS = """
SELECT count(*) FROM sections LEFT JOIN documents ON documents.id = sections.document WHERE documents.id IS NULL
"""
_MOST_MESSAGES = 5


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
    (orphans,) = database.execute(_ORPHANS).fetchone()
    if orphans:
        report("search.database", SEARCH, f"{orphans} sections belong to no document")
    for source, url, timestamp in database.execute(
        "SELECT source, url, timestamp FROM documents ORDER BY id"
    ):
        if not is_page(str(source), str(url), str(timestamp)):
            report("search.dangling", SEARCH, f"{source!s:.80} has no page {url!s:.200} of {timestamp!s:.20}")


def pages_of(sites: Mapping[str, Wacz]) -> IsPage:
    """Return what tells the pages of docs, given by the name of their site."""

    def is_page(site: str, url: str, timestamp: str) -> bool:
        try:
            found = [line.capture for line in sites[site].lines(surt_key(url))] if site in sites else []
        except ArchiverError:
            return False
        return any((capture.url, capture.timestamp) == (url, timestamp) for capture in found)

    return is_page
