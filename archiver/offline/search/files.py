"""Getting an index to where SQLite can open it: the one member of a bundle that is copied out.

It goes to a cache named by its digest, checked; where nothing is writable it is read into memory; where that
is impossible as well, search is off and says why.
"""

from __future__ import annotations

import heapq
import sqlite3
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.core.digest import Digest, verified_chunks
from archiver.core.errors import ArchiverError, SearchUnavailable, StoreError
from archiver.offline.search.directory import EVERYTHING, Directory, Facets, Filters, merged_facets
from archiver.offline.search.index import Index
from archiver.offline.search.schema import open_database, prepare, refuse_foreign
from archiver.store.atomic import atomic_file

if TYPE_CHECKING:
    from archiver.offline.holdings import Holding, SearchIndex
    from archiver.offline.search.index import Found, Hit, Ranking
    from archiver.offline.search.query import Query

MEMORY_LIMIT = 512 << 20
MOST_HITS = 1000
_PATIENCE = 1.0  # seconds


class _Connection:
    """A database, and the turn that whoever uses or closes it takes."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.turn = threading.Lock()


class SearchFile:
    """The search index of one holding. May be used by several threads at once.

    Args:
        holding: whose index it is.
        cache: the folder to copy into; None for a reader who must not write anywhere.
    """

    def __init__(self, holding: Holding, cache: Path | None) -> None:
        self.project = holding.project
        self._holding = holding
        self._cache = cache
        self._preparing = threading.Lock()
        self._in_memory: _Connection | None = None
        self._path: Path | None = None
        self._directory: Directory | None = None
        self._failure: SearchUnavailable | None = None
        self._local = threading.local()
        self._opened: list[_Connection] = []

    @property
    def present(self) -> bool:
        """Whether the holding has an index at all."""
        return self._holding.search is not None

    def prepare(self) -> None:
        """Make the index ready; on later calls, tell again how that went.

        Raises:
            SearchUnavailable: there is no index, it is damaged, or there is no place for it.
        """
        with self._preparing:
            if self._failure is not None:
                raise self._failure
            if self._directory is not None:
                return
            try:
                self._place()
                with self._database() as database:
                    refuse_foreign(database)
                    self._directory = Directory.of(database)
            except SearchUnavailable as error:
                self._failure = error
                raise
            except (ArchiverError, sqlite3.Error) as error:
                self._failure = SearchUnavailable(f"the search index is damaged: {error}")
                raise self._failure from error

    def rank(self, query: Query, filters: Filters = EVERYTHING) -> Ranking:
        """Return what matches a query; the index is made ready first if it is not. Raises SearchUnavailable."""
        directory = self.directory()
        with self._database() as database:
            return Index(database, directory).rank(query, filters)

    def hits(self, found: Sequence[Found], query: Query) -> tuple[Hit, ...]:
        """Return what to show of some of a ranking's documents. Raises SearchUnavailable."""
        directory = self.directory()
        with self._database() as database:
            return Index(database, directory).hits(found, query.terms)

    def directory(self) -> Directory:
        """Return the index's documents; it is made ready first if it is not. Raises SearchUnavailable."""
        self.prepare()
        assert self._directory is not None
        return self._directory

    def close(self) -> None:
        """Close what is open. What is in use for longer than a moment is left alone: SQLite would crash."""
        for connection in self._opened:
            if connection.turn.acquire(timeout=_PATIENCE):
                connection.database.close()
                connection.turn.release()
        self._opened.clear()

    def _place(self) -> None:
        index = self._holding.search
        if index is None:
            raise SearchUnavailable(
                "there is no search index here",
                hint="of an archive folder, archiver serve, search and bundle make it; archiver.pyz cannot",
            )
        if index.path:
            self._path = Path(index.path)
            return
        if index.digest is None:
            raise SearchUnavailable("the search index has no digest to check it by")
        if self._cache is not None:
            try:
                self._path = self._copied(index, index.digest, self._cache)
            except StoreError:
                pass  # read-only or full: memory is the other way
            else:
                return
        self._in_memory = self._loaded(index, index.digest)

    def _copied(self, index: SearchIndex, digest: Digest, cache: Path) -> Path:
        path = cache / "search" / f"{digest.hex}.sqlite"
        if _is_whole(path, digest, index.size):
            return path
        with self._holding.open_search() as source, atomic_file(path) as target:
            for chunk in verified_chunks(source, digest, index.size):
                target.write(chunk)
        return path

    def _loaded(self, index: SearchIndex, digest: Digest) -> _Connection:
        if index.size > MEMORY_LIMIT:
            raise SearchUnavailable(
                f"the search index has {index.size} bytes and there is no place to copy it to",
                hint="name a writable folder with --cache-dir",
            )
        database = sqlite3.connect(":memory:", check_same_thread=False)
        load = getattr(database, "deserialize", None)  # Python 3.11 and later
        if load is None:
            raise SearchUnavailable(
                "there is no place to copy the search index to, and this Python cannot search it in memory",
                hint="name a writable folder with --cache-dir, or use Python 3.11",
            )
        with self._holding.open_search() as source:
            load(b"".join(verified_chunks(source, digest, index.size)))
        return self._kept(prepare(database))

    def _kept(self, database: sqlite3.Connection) -> _Connection:
        """Have a connection closed in the end. Nobody may be using it: whoever closes does not know of that."""
        connection = _Connection(database)
        self._opened.append(connection)
        return connection

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        connection: _Connection | None = self._in_memory or getattr(self._local, "connection", None)
        if connection is None:
            assert self._path is not None
            connection = self._local.connection = self._kept(open_database(self._path))
        with connection.turn:  # one connection, one thread at a time
            yield connection.database


@dataclass(frozen=True)
class SearchResults:
    """A page of hits, best first.

    Attributes:
        hits: a page of docs each.
        total: how many pages were found in all.
        more: whether there are more than were counted.
        loose: whether nothing has all that was looked for, and these have some of it.
    """

    hits: tuple[Hit, ...]
    total: int
    more: bool = False
    loose: bool = False


def search_all(
    files: Sequence[SearchFile],
    query: Query,
    *,
    limit: int,
    offset: int = 0,
    filters: Filters = EVERYTHING,
) -> SearchResults:
    """Search several indexes and merge what they give by score.

    Where some have all that was looked for, what has only a part of it in the others is left out.

    Args:
        files: the indexes.
        query: from ``parse_query``.
        limit: how many hits to return, at most 1,000.
        offset: how many to pass over.
        filters: what to limit the search to.

    Raises:
        SearchUnavailable: none of them can be searched; the first one's reason.
    """
    rankings: list[tuple[SearchFile, Ranking]] = []
    failures: list[SearchUnavailable] = []
    for file in files:
        try:
            rankings.append((file, file.rank(query, filters)))
        except SearchUnavailable as error:
            failures.append(error)
    if failures and not rankings:
        raise failures[0]
    loose = not any(ranking.found and not ranking.loose for _, ranking in rankings)
    kept = [(file, ranking) for file, ranking in rankings if loose or not ranking.loose]
    ordered = heapq.merge(
        *([(each.score, number, each) for each in ranking.found] for number, (_, ranking) in enumerate(kept)),
        key=lambda item: item[:2],
    )
    page = list(islice(ordered, offset, offset + min(limit, MOST_HITS)))
    shown: list[Hit] = []
    for number, (file, _) in enumerate(kept):
        hits = file.hits([each for _, of, each in page if of == number], query)
        shown += (replace(hit, project=file.project) for hit in hits) if len(files) > 1 else hits
    shown.sort(key=lambda hit: hit.score)
    return SearchResults(
        tuple(shown),
        sum(len(ranking.found) for _, ranking in kept),
        any(ranking.more for _, ranking in kept),
        loose and bool(shown),
    )


def facets_of(files: Sequence[SearchFile]) -> Facets:
    """Return what searches in several indexes can be limited to; an index that cannot be searched has nothing."""
    directories: list[Directory] = []
    for file in files:
        with suppress(SearchUnavailable):
            directories.append(file.directory())
    return merged_facets(directories)


def _is_whole(path: Path, digest: Digest, size: int) -> bool:
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb") as stream:
            return Digest.of_stream(stream)[0] == digest
    except OSError:
        return False
