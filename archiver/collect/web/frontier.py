"""``state.sqlite``: the run under way. Which URLs are known, which are still to fetch, what came of them.

On disk, so that a million queued URLs cost no memory, and committed only after the WARC records
that it speaks of are durable. It is a cache: without it a run begins anew.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

from archiver.collect.web.urls import origin_of
from archiver.collect.web.warc import Position
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.reasons import NOT_THERE, REDIRECT_LOOP, TOO_MANY_REDIRECTS
from archiver.core.snapshot import BrokenLink, Failure
from archiver.store.atomic import make_folder, storage_errors
from archiver.store.databases import database_errors, translated

_VERSION = 4
_QUEUED, _DONE, _REREAD = 0, 1, 2
HELD = 3
"""The state of a URL that is not asked for: because it is not due, or it is not known yet whether it is."""
_LINKED, _GUESSED, _GUESSED_WRONG = 0, 1, 2
_MOST_HELD = 500  # statements
_MOST_HOPS = 20  # redirects in a row
SITEMAP = "sitemap"
"""What a URL is asked for as, beside ``PAGE`` and ``REQUISITE``; it is archived as a requisite."""
_LESSER = {REQUISITE: (), PAGE: (REQUISITE,), SITEMAP: (REQUISITE, PAGE)}  # what turns out to be one
_SETTLE = "UPDATE urls SET state = 1, status = ?, bytes = ?, target = ? WHERE source = ? AND url = ?"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (snapshot TEXT NOT NULL, spec_digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS urls (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, url TEXT NOT NULL, host TEXT NOT NULL,
    kind TEXT NOT NULL, seed INTEGER NOT NULL, hops INTEGER NOT NULL, referrer TEXT NOT NULL,
    state INTEGER NOT NULL, bytes INTEGER NOT NULL DEFAULT 0, target TEXT NOT NULL DEFAULT '',
    guessed INTEGER NOT NULL, status TEXT NOT NULL DEFAULT '', UNIQUE (source, url)
);
CREATE INDEX IF NOT EXISTS queue ON urls (source, host, id) WHERE state = 0;
CREATE INDEX IF NOT EXISTS rereads ON urls (source, id) WHERE state = 2;
CREATE INDEX IF NOT EXISTS held ON urls (source, id) WHERE state = 3;
CREATE TABLE IF NOT EXISTS captures (
    source TEXT, url TEXT, line TEXT NOT NULL, PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS skipped (
    source TEXT, url TEXT, reason TEXT NOT NULL, PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS problems (
    source TEXT, url TEXT, code TEXT NOT NULL, message TEXT NOT NULL, referrer TEXT NOT NULL,
    PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS broken (
    source TEXT, url TEXT, status TEXT NOT NULL, referrer TEXT NOT NULL, PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS robots (
    source TEXT, host TEXT, status INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (source, host)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sitemaps (
    source TEXT, url TEXT, named_by TEXT NOT NULL, depth INTEGER NOT NULL, pages INTEGER NOT NULL DEFAULT 0,
    wanted INTEGER NOT NULL DEFAULT 0, sitemaps INTEGER NOT NULL DEFAULT 0, unusable INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '', PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listed (
    source TEXT, url TEXT, modified TEXT NOT NULL, PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS updates (
    source TEXT, url TEXT, modified TEXT NOT NULL, PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slowed (
    source TEXT, host TEXT, times INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (source, host)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (source TEXT PRIMARY KEY, seconds REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS probes (
    source TEXT, url TEXT, answer TEXT NOT NULL, PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (
    source TEXT, url TEXT, mark TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (source, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (
    source TEXT PRIMARY KEY, file TEXT NOT NULL, offset INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Found:
    """A URL to fetch.

    Attributes:
        url: the URL.
        kind: ``page``, ``requisite`` or ``sitemap``.
        referrer: where it was found; empty for a seed.
        seed: whether the spec names it, or a redirect from what it names.
        hops: how many redirects led to it.
        guessed: whether nothing links to it: a string in a script or in data looked like it.
    """

    url: str
    kind: str
    referrer: str = ""
    seed: bool = False
    hops: int = 0
    guessed: bool = False


@dataclass(frozen=True)
class Mark:
    """What an answer turned out to be (``verdicts``), why, and where the URL was found."""

    url: str
    mark: str
    reason: str
    referrer: str


class RunState:
    """The state of the run under way of one project. One thread at a time may use it.

    A file that is not a state of this version is replaced: it is a cache.

    Raises:
        StoreError: or a subclass, here and in every method, where the file system refuses.
    """

    def __init__(self, path: Path) -> None:
        self._held: dict[str, list[tuple[object, ...]]] = {}
        self._path = path
        with storage_errors(path):
            make_folder(path.parent)
        try:
            self._connection = _connect(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise translated(error, path) from error
            self._replace()

    @property
    def unfinished(self) -> str | None:
        """The snapshot id of a run that was begun and not finished."""
        row = self.rows("SELECT snapshot FROM run").fetchone()
        return row[0] if row else None

    @property
    def spec_digest(self) -> str:
        """The digest of the spec that the unfinished run was begun with; empty where there is none."""
        row = self.rows("SELECT spec_digest FROM run").fetchone()
        return row[0] if row else ""

    def begin(self, snapshot: str, spec_digest: str) -> None:
        """Forget any earlier run and start a new one."""
        self.finish()
        self.rows("INSERT INTO run VALUES (?, ?)", (snapshot, spec_digest))
        self.commit()

    def finish(self) -> None:
        """Forget the run: its snapshot is written."""
        self._held.clear()
        self._connection.close()
        self._replace()

    def close(self) -> None:
        """Close the file; what is not committed is forgotten."""
        self._connection.close()

    def rows(self, statement: str, values: Iterable[object] = ()) -> sqlite3.Cursor:
        """Run one SQL statement."""
        self._run_held()
        with database_errors(self._path):
            return self._connection.execute(statement, tuple(values))

    def soon(self, statement: str, values: tuple[object, ...]) -> None:
        """Run one SQL statement together with others like it, before anything else is done with the state.

        Most links of most pages lead out of the site; keeping each by itself takes longer than finding it.
        """
        if statement not in self._held or len(self._held[statement]) >= _MOST_HELD:
            self._run_held()
        self._held.setdefault(statement, []).append(values)

    def _run_held(self) -> None:
        if not self._held:
            return
        held, self._held = self._held, {}
        with database_errors(self._path):
            for statement, rows in held.items():
                self._connection.executemany(statement, rows)

    def commit(self) -> None:
        """Make everything since the last commit permanent."""
        self._run_held()
        with database_errors(self._path):
            self._connection.commit()

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        self._held.clear()
        with database_errors(self._path):
            self._connection.rollback()

    def _replace(self) -> None:
        with storage_errors(self._path):
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        with database_errors(self._path):
            self._connection = _connect(self._path)


class Frontier:
    """The URLs of one source in a run's state. Nothing is permanent before ``commit``.

    Attributes:
        pending: how many URLs of each host (origin) wait to be taken.
        known: how many URLs there are to fetch in all, done ones included.
        done: how many are done.
        received: how many bytes of bodies came for them.
        seconds: how long the source was crawled, in all processes of the run, up to the last ``spend``.
        holding: whether what is found is held back for now, beside seeds and sitemaps.
    """

    def __init__(self, state: RunState, source: str) -> None:
        self._state, self._source = state, source
        self._taken: dict[str, int] = {}
        self.holding = False
        self.pending = self._pending()
        self.known = self._count("SELECT count(*) FROM urls WHERE source = ? AND state != 3")
        self.done = self.known - self._count("SELECT count(*) FROM urls WHERE source = ? AND state = 0")
        self.received = self._count("SELECT coalesce(sum(bytes), 0) FROM urls WHERE source = ?")
        spent = state.rows("SELECT seconds FROM spent WHERE source = ?", (source,)).fetchone()
        self.seconds: float = spent[0] if spent else 0.0

    def add(self, found: Found) -> bool:
        """Queue a URL unless it is known, and say whether it was not.

        A requisite that is found to be a page becomes one, both become sitemaps.
        """
        if found.hops > _MOST_HOPS:
            self.skip(found.url, TOO_MANY_REDIRECTS)
            return False
        held = self.holding and not found.seed and found.kind != SITEMAP
        if self._insert(found, HELD if held else _QUEUED):
            return True
        if found.referrer:
            self._state.rows(
                "UPDATE urls SET referrer = ? WHERE source = ? AND url = ? AND referrer = '' AND seed = 0",
                (found.referrer, self._source, found.url),
            )
        if found.guessed:
            return False
        self._confirm(found.url, found.referrer)
        for lesser in _LESSER[found.kind]:
            changed = self._state.rows(
                "UPDATE urls SET kind = ?, state = CASE state WHEN 1 THEN 2 ELSE state END "
                "WHERE source = ? AND url = ? AND kind = ?",
                (found.kind, self._source, found.url, lesser),
            )
            if changed.rowcount:  # as what it is now, it was never asked for
                self.queue_held(found.url)
        if found.seed:
            self._state.rows(
                "UPDATE urls SET seed = 1 WHERE source = ? AND url = ?", (self._source, found.url)
            )
            self.queue_held(found.url)
        return False

    def hold(self, found: Found) -> bool:
        """Keep a URL that may be asked for later, unless it is known; say whether it was not."""
        return self._insert(found, HELD)

    def held(self) -> Iterator[str]:
        """Yield the URLs that are held, oldest first."""
        rows = self._state.rows(
            "SELECT url FROM urls WHERE source = ? AND state = 3 ORDER BY id", (self._source,)
        )
        yield from (url for (url,) in rows)

    def holds(self, kind: str) -> int:
        """Return how many URLs of a kind are held."""
        row = self._state.rows(
            "SELECT count(*) FROM urls WHERE source = ? AND state = 3 AND kind = ?", (self._source, kind)
        )
        return int(row.fetchone()[0])

    def is_held(self, url: str) -> bool:
        """Say whether a URL is held."""
        row = self._state.rows(
            "SELECT state FROM urls WHERE source = ? AND url = ?", (self._source, url)
        ).fetchone()
        return row is not None and row[0] == HELD

    def let_go(self, urls: Iterable[str]) -> None:
        """Queue URLs that are held, before those that were found later. Nothing may be being fetched."""
        for url in urls:
            self._state.rows(
                "UPDATE urls SET state = 0 WHERE source = ? AND url = ? AND state = 3", (self._source, url)
            )
        self._taken.clear()
        self.pending = self._pending()
        self.known = self._count("SELECT count(*) FROM urls WHERE source = ? AND state != 3")

    def queue_held(self, url: str) -> None:
        """Queue a URL, if it is held, behind all others."""
        self.known += self._queue_behind(url, HELD)

    def update(self, url: str, modified: str) -> None:
        """Keep when a URL last changed, as the site says."""
        self._state.rows(
            "INSERT INTO updates VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET modified = max(modified, excluded.modified)",
            (self._source, url, modified),
        )

    def updates(self) -> dict[str, str]:
        """Return when URLs last changed, as far as ``update`` was told."""
        rows = self._state.rows("SELECT url, modified FROM updates WHERE source = ?", (self._source,))
        return dict(rows.fetchall())

    def _insert(self, found: Found, state: int) -> bool:
        host = origin_of(found.url)
        inserted = self._state.rows(
            "INSERT OR IGNORE INTO urls (source, url, host, kind, seed, hops, referrer, state, guessed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._source,
                found.url,
                host,
                found.kind,
                found.seed,
                found.hops,
                found.referrer,
                state,
                found.guessed,
            ),
        )
        if inserted.rowcount and state == _QUEUED:
            self.known += 1
            self.pending[host] = self.pending.get(host, 0) + 1
        return bool(inserted.rowcount)

    def _confirm(self, url: str, referrer: str) -> None:
        """Make a guess a link, and what it redirects to: what was not there is asked for again, so that it is told."""
        for _ in range(_MOST_HOPS + 1):
            row = self._state.rows(
                "SELECT guessed, target FROM urls WHERE source = ? AND url = ? AND guessed != ?",
                (self._source, url, _LINKED),
            ).fetchone()
            if row is None:
                return
            guessed, target = row
            self._state.rows(
                "UPDATE urls SET guessed = ?, referrer = ? WHERE source = ? AND url = ?",
                (_LINKED, referrer, self._source, url),
            )
            if guessed == _GUESSED_WRONG:
                self._queue_again(url)
            url, referrer = target, url

    def _queue_again(self, url: str) -> None:
        self._state.rows(
            "DELETE FROM skipped WHERE source = ? AND url = ? AND reason = ?", (self._source, url, NOT_THERE)
        )
        self.done -= self._queue_behind(url, _DONE)

    def _queue_behind(self, url: str, state: int) -> int:
        """Queue a URL that is in a state, with a new id: those of a host are taken in their order."""
        changed = self._state.rows(
            "UPDATE urls SET state = ?, id = (SELECT max(id) + 1 FROM urls) "
            "WHERE source = ? AND url = ? AND state = ?",
            (_QUEUED, self._source, url, state),
        )
        if changed.rowcount:
            host = origin_of(url)
            self.pending[host] = self.pending.get(host, 0) + 1
        return changed.rowcount

    def take(self, host: str, most: int) -> list[str]:
        """Return the next URLs of a host, oldest first; a crash before they are done queues them again."""
        rows = self._state.rows(
            "SELECT id, url FROM urls WHERE source = ? AND host = ? AND state = 0 AND id > ? ORDER BY id LIMIT ?",
            (self._source, host, self._taken.get(host, 0), most),
        ).fetchall()
        if rows:
            self._taken[host] = rows[-1][0]
        left = self.pending.get(host, 0) - len(rows)
        if left > 0 and rows:
            self.pending[host] = left
        else:
            self.pending.pop(host, None)
        return [url for _, url in rows]

    def entry(self, url: str) -> Found | None:
        """Return what is known of a URL to fetch, or None."""
        row = self._state.rows(
            "SELECT url, kind, referrer, seed, hops, guessed FROM urls WHERE source = ? AND url = ?",
            (self._source, url),
        ).fetchone()
        return Found(row[0], row[1], row[2], bool(row[3]), row[4], bool(row[5])) if row else None

    def settle(self, url: str, *, status: int | None = None, size: int = 0, target: str = "") -> None:
        """Mark a URL as done, also one that is held: what was asked for before the crawl was interrupted is here.

        Args:
            url: the URL.
            status: the HTTP status that it was answered with; None where nothing came.
            size: the bytes of body that came for it.
            target: where it redirects to.
        """
        values = ("" if status is None else str(status), size, target, self._source, url)
        changed = self._state.rows(f"{_SETTLE} AND state = 0", values)
        if not changed.rowcount:
            changed = self._state.rows(f"{_SETTLE} AND state = 3", values)
            self.known += changed.rowcount
        self.done += changed.rowcount
        self.received += size * changed.rowcount

    def capture(self, capture: Capture) -> None:
        """Keep a capture; a later one of the same URL replaces it."""
        self._state.rows(
            "INSERT OR REPLACE INTO captures VALUES (?, ?, ?)", (self._source, capture.url, capture.to_cdxj())
        )

    def captured(self, url: str) -> Capture | None:
        """Return this run's capture of a URL, or None."""
        row = self._state.rows(
            "SELECT line FROM captures WHERE source = ? AND url = ?", (self._source, url)
        ).fetchone()
        return Capture.from_cdxj(row[0]) if row else None

    def release(self, url: str) -> None:
        """Forget this run's capture of a URL: it turned out to be none."""
        self._state.rows("DELETE FROM captures WHERE source = ? AND url = ?", (self._source, url))

    def skip(self, url: str, reason: str) -> None:
        """Keep why a URL is not fetched; the first reason stays."""
        self._state.soon("INSERT OR IGNORE INTO skipped VALUES (?, ?, ?)", (self._source, url, reason))

    def forget(self, url: str) -> None:
        """Keep that a guess was wrong, unless it is a link by now."""
        self.skip(url, NOT_THERE)
        self._state.rows(
            "UPDATE urls SET guessed = ? WHERE source = ? AND url = ? AND guessed = ?",
            (_GUESSED_WRONG, self._source, url, _GUESSED),
        )

    def leave_out(self, reason: str) -> None:
        """Mark everything that waits to be fetched as done, and keep why it is not fetched."""
        self._state.rows(
            "INSERT OR IGNORE INTO skipped SELECT source, url, ? FROM urls WHERE source = ? AND state = 0",
            (reason, self._source),
        )
        changed = self._state.rows(
            "UPDATE urls SET state = 1 WHERE source = ? AND state = 0", (self._source,)
        )
        self.done += changed.rowcount
        self.pending.clear()

    def asked(self, kind: str) -> int:
        """Return how many URLs of a kind were asked for, in all processes of the run."""
        return int(
            self._state.rows(
                "SELECT count(*) FROM urls WHERE source = ? AND kind = ? AND state IN (1, 2) AND NOT EXISTS (SELECT 1 "
                "FROM skipped WHERE skipped.source = urls.source AND skipped.url = urls.url)",
                (self._source, kind),
            ).fetchone()[0]
        )

    def spend(self, seconds: float) -> None:
        """Add to the time for which the source was crawled."""
        self.seconds += seconds
        self._state.rows("INSERT OR REPLACE INTO spent VALUES (?, ?)", (self._source, self.seconds))

    def slowed(self, host: str, seconds: float) -> None:
        """Keep that a host (origin) wanted to be left alone for so long."""
        self._state.rows(
            "INSERT INTO slowed VALUES (?, ?, 1, ?) "
            "ON CONFLICT DO UPDATE SET times = times + 1, seconds = seconds + excluded.seconds",
            (self._source, host, seconds),
        )

    def fail(self, url: str, code: str, message: str, referrer: str) -> None:
        """Keep a failure."""
        self._state.rows(
            "INSERT OR REPLACE INTO problems VALUES (?, ?, ?, ?, ?)",
            (self._source, url, code, message, referrer),
        )

    def excuse(self) -> None:
        """Forget the failures of requisites that are not there and that nothing named in this run: earlier pages did."""
        self._state.rows(
            "DELETE FROM problems WHERE source = ? AND EXISTS (SELECT 1 FROM urls WHERE urls.source = problems.source "
            "AND urls.url = problems.url AND kind = ? AND urls.referrer = '' AND seed = 0 AND status IN ('404', '410'))",
            (self._source, REQUISITE),
        )

    def broken_link(self, url: str, status: int | str, referrer: str) -> None:
        """Keep a broken link: with its HTTP status, or what its answer turned out to be."""
        self._state.rows(
            "INSERT OR REPLACE INTO broken VALUES (?, ?, ?, ?)", (self._source, url, str(status), referrer)
        )

    def rereads(self) -> list[str]:
        """Return captured URLs that turned out to be pages or sitemaps; ``reread`` ends each."""
        return [
            url
            for (url,) in self._state.rows(
                "SELECT url FROM urls WHERE source = ? AND state = 2 ORDER BY id LIMIT 100", (self._source,)
            )
        ]

    def reread(self, url: str) -> None:
        """Mark such a URL as done."""
        self._state.rows(
            "UPDATE urls SET state = 1 WHERE source = ? AND url = ? AND state = 2", (self._source, url)
        )

    def read_again(self, url: str) -> None:
        """Have a captured URL read once more: it turned out to be something else while it was being read."""
        self._state.rows(
            "UPDATE urls SET state = 2 WHERE source = ? AND url = ? AND state = 1", (self._source, url)
        )

    def keep_robots(self, host: str, status: int, body: bytes) -> None:
        """Keep what a host answered to the request for its robots.txt."""
        self._state.rows(
            "INSERT OR REPLACE INTO robots VALUES (?, ?, ?, ?)", (self._source, host, status, body)
        )

    def robots(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield host, status and body of every robots.txt kept."""
        yield from self._state.rows("SELECT host, status, body FROM robots WHERE source = ?", (self._source,))

    def keep_probe(self, url: str, answer: str) -> None:
        """Keep what came for a URL that cannot exist."""
        self._state.rows("INSERT OR REPLACE INTO probes VALUES (?, ?, ?)", (self._source, url, answer))

    def probes(self) -> Iterator[str]:
        """Yield what came for URLs that cannot exist."""
        rows = self._state.rows("SELECT answer FROM probes WHERE source = ? ORDER BY url", (self._source,))
        yield from (answer for (answer,) in rows.fetchall())

    def mark(self, url: str, mark: str, reason: str) -> None:
        """Keep what an answer turned out to be, beside being captured, failed or a broken link."""
        self._state.rows(
            "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", (self._source, url, mark, reason)
        )

    def marks(self) -> tuple[Mark, ...]:
        """Return what answers turned out to be, sorted by mark and URL."""
        rows = self._state.rows(
            "SELECT marks.url, mark, reason, coalesce(urls.referrer, '') FROM marks "
            "LEFT JOIN urls ON urls.source = marks.source AND urls.url = marks.url "
            "WHERE marks.source = ? ORDER BY mark, marks.url",
            (self._source,),
        )
        return tuple(Mark(*row) for row in rows)

    def position(self) -> Position | None:
        """Return how far the WARC files were durable at the last commit."""
        row = self._state.rows(
            "SELECT file, offset FROM positions WHERE source = ?", (self._source,)
        ).fetchone()
        return Position(*row) if row else None

    def commit(self, position: Position | None) -> None:
        """Make everything permanent; call it after the WARC files are durable up to ``position``."""
        if position is not None:
            self._state.rows(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
                (self._source, position.file, position.offset),
            )
        self._state.commit()

    def rollback(self) -> None:
        """Forget everything since the last commit. The counts here are then out of date."""
        self._state.rollback()

    def captures(self) -> tuple[Capture, ...]:
        """Return this run's captures, sorted by URL."""
        rows = self._state.rows("SELECT line FROM captures WHERE source = ? ORDER BY url", (self._source,))
        return tuple(Capture.from_cdxj(line) for (line,) in rows)

    def failures(self) -> tuple[Failure, ...]:
        """Return the failures, sorted by URL."""
        rows = self._state.rows(
            "SELECT source, url, code, message, referrer FROM problems WHERE source = ? ORDER BY url",
            (self._source,),
        )
        return tuple(Failure(*row) for row in rows)

    def broken_links(self) -> tuple[BrokenLink, ...]:
        """Return the broken links, sorted by URL."""
        rows = self._state.rows(
            "SELECT source, url, status, referrer FROM broken WHERE source = ? ORDER BY url", (self._source,)
        )
        return tuple(BrokenLink(*row) for row in rows)

    def skipped(self) -> dict[str, int]:
        """Return how many URLs were left out for each reason.

        A URL captured after all is not counted, unless its capture is the redirect that closes a loop.
        """
        rows = self._state.rows(
            "SELECT reason, count(*) FROM skipped WHERE source = ? AND (reason = ? OR NOT EXISTS (SELECT 1 FROM captures "
            "WHERE captures.source = skipped.source AND captures.url = skipped.url)) GROUP BY reason",
            (self._source, REDIRECT_LOOP),
        )
        return dict(rows)

    def pages(self) -> Iterator[str]:
        """Yield the URLs that are, or were, to be fetched as pages."""
        rows = self._state.rows("SELECT url FROM urls WHERE source = ? AND kind = ?", (self._source, PAGE))
        yield from (url for (url,) in rows)

    def is_loop(self, url: str, target: str) -> bool:
        """Say whether a redirect closes a loop: whether its target is known to lead back to it."""
        for _ in range(_MOST_HOPS):
            if target == url:
                return True
            target = self.target(target)
            if not target:
                break
        return False

    def target(self, url: str) -> str:
        """Return where a URL redirects to; empty where it does not."""
        row = self._state.rows(
            "SELECT target FROM urls WHERE source = ? AND url = ?", (self._source, url)
        ).fetchone()
        return row[0] if row else ""

    def _pending(self) -> dict[str, int]:
        rows = self._state.rows(
            "SELECT host, count(*) FROM urls WHERE source = ? AND state = 0 GROUP BY host", (self._source,)
        )
        return dict(rows.fetchall())

    def _count(self, statement: str) -> int:
        return int(self._state.rows(statement, (self._source,)).fetchone()[0])


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        _check_version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # in one transaction: one for each table would write the first pages again and again
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and version != _VERSION:
        raise sqlite3.DatabaseError("the state is of another version")
