"""Making a doc site's part of the report out of the run's state, which may be larger than memory.

Every listing is bounded: the totals are exact, the URLs behind them are the first ones in the order of the URLs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, Sequence

from archiver.collect.web.frontier import HELD
from archiver.collect.web.limits import REASONS
from archiver.collect.web.urls import is_web, origin_of, resolve
from archiver.core.capture import PAGE, distinct_pages
from archiver.core.editions import found_editions
from archiver.core.reasons import (
    BUSY_HOST,
    DEAD_HOST,
    GONE_UPSTREAM,
    NO_ROBOTS,
    OTHER_LOCALE,
    OTHER_VERSION,
    OUTSIDE,
    REDIRECT_LOOP,
    ROBOTS,
    TOO_LONG,
    TOO_MANY_REDIRECTS,
)
from archiver.core.report import (
    BROKEN,
    FAILED,
    MOST_MISSING,
    Coverage,
    EditionReport,
    Entry,
    HostReport,
    Listing,
    SitemapReport,
    SiteReport,
)

if TYPE_CHECKING:
    from archiver.collect.web.frontier import RunState
    from archiver.core.capture import Capture
    from archiver.core.snapshot import SiteResult

MOST_OTHERS = 1_000
"""URLs listed for one reason, of all others; and hosts, and sitemaps."""
MOST_EDITIONS = 200
"""Versions listed, and locales."""

_MISSED = frozenset({ROBOTS, NO_ROBOTS, DEAD_HOST, BUSY_HOST, TOO_LONG, TOO_MANY_REDIRECTS, *REASONS})

# Each selects what is listed as reason, url, note, referrer; the one parameter is the source.
_FAILED = "SELECT code AS reason, url, message AS note, referrer FROM problems WHERE source = ?"
_BROKEN = "SELECT status AS reason, url, '' AS note, referrer FROM broken WHERE source = ?"
_SKIPPED = f"""
    SELECT reason, skipped.url AS url, '' AS note, coalesce(urls.referrer, '') AS referrer
    FROM skipped LEFT JOIN urls USING (source, url) WHERE skipped.source = ? AND (
        reason = '{REDIRECT_LOOP}' OR NOT EXISTS (
        SELECT 1 FROM captures WHERE captures.source = skipped.source AND captures.url = skipped.url))
"""  # noqa: S608 - constants
_MISSING = f"""
    SELECT CASE WHEN problems.url IS NOT NULL THEN '{FAILED}' WHEN broken.url IS NOT NULL THEN '{BROKEN}'
           ELSE coalesce(skipped.reason, 'not reached') END AS reason,
           listed.url AS url, coalesce(problems.message, broken.status, '') AS note, '' AS referrer
    FROM listed LEFT JOIN problems USING (source, url) LEFT JOIN broken USING (source, url)
    LEFT JOIN skipped USING (source, url) WHERE listed.source = ? AND NOT EXISTS (
        SELECT 1 FROM captures WHERE captures.source = listed.source AND captures.url = listed.url)
    AND NOT EXISTS (SELECT 1 FROM urls WHERE urls.source = listed.source AND urls.url = listed.url AND state = {HELD})
"""  # noqa: S608 - constants
_UNLISTED = f"""
    SELECT 'in no sitemap' AS reason, urls.url AS url, '' AS note, urls.referrer AS referrer
    FROM urls JOIN captures USING (source, url) WHERE urls.source = ? AND kind = '{PAGE}' AND target = ''
    AND NOT EXISTS (SELECT 1 FROM listed WHERE listed.source = urls.source AND listed.url = urls.url)
"""  # noqa: S608 - constants
_MARKED = """
    SELECT mark AS reason, marks.url AS url, marks.reason AS note, coalesce(urls.referrer, '') AS referrer
    FROM marks LEFT JOIN urls USING (source, url) WHERE marks.source = ?
"""
_HOSTS = f"""
    SELECT urls.host, count(*), count(captures.url), count(problems.url), sum(bytes),
           coalesce(slowed.times, 0), coalesce(slowed.seconds, 0.0)
    FROM urls LEFT JOIN captures USING (source, url) LEFT JOIN problems USING (source, url)
    LEFT JOIN slowed ON slowed.source = urls.source AND slowed.host = urls.host
    WHERE urls.source = ? AND state != {HELD} GROUP BY urls.host ORDER BY count(*) DESC, urls.host LIMIT ?
"""  # noqa: S608 - constants
_CAPTURED_PAGES = f"""
    SELECT url FROM urls LEFT JOIN captures USING (source, url) WHERE source = ? AND kind = '{PAGE}' AND target = ''
    AND (captures.url IS NOT NULL OR state = {HELD})
"""  # noqa: S608 - constants
_LEFT_OUT_PAGES = f"""
    SELECT url FROM skipped WHERE source = ? AND reason IN ('{OUTSIDE}', '{OTHER_VERSION}', '{OTHER_LOCALE}')
"""  # noqa: S608 - constants
_SITEMAPS = """
    SELECT sitemaps.url, named_by, pages, wanted, sitemaps, unusable, CASE WHEN problem != '' THEN problem ELSE
           coalesce(problems.message, 'the server answered ' || broken.status, skipped.reason, '') END
    FROM sitemaps LEFT JOIN problems USING (source, url) LEFT JOIN broken USING (source, url)
    LEFT JOIN skipped USING (source, url) WHERE sitemaps.source = ? ORDER BY depth, sitemaps.url LIMIT ?
"""


_ONLY_SKIPPED = """
    SELECT count(*) FROM skipped WHERE source = ? AND NOT EXISTS (
        SELECT 1 FROM urls WHERE urls.source = skipped.source AND urls.url = skipped.url)
"""


def site_report(
    state: RunState, result: SiteResult, captures: Sequence[Capture], gone: Sequence[Capture] = ()
) -> SiteReport:
    """Return a doc site's part of the report.

    Args:
        state: the state of the run, the site's crawl being over.
        result: what the snapshot record says of the site.
        captures: this run's captures of the site.
        gone: the captures of the view that upstream has no longer.
    """
    tables = _Tables(state, result.name)
    skipped = tables.listings(_SKIPPED, MOST_OTHERS)
    return SiteReport(
        name=result.name,
        seeds=result.seeds,
        found=tables.count("SELECT count(*) FROM urls WHERE source = ?") + tables.count(_ONLY_SKIPPED),
        pages=len(distinct_pages(captures)),
        requisites=sum(capture.kind != PAGE and not _is_redirect(capture) for capture in captures),
        redirects=sum(_is_redirect(capture) for capture in captures),
        unchanged=result.unchanged,
        carried=result.carried,
        not_due=result.not_due,
        bytes=result.bytes,
        seconds=round(tables.number("SELECT coalesce(sum(seconds), 0) FROM spent WHERE source = ?"), 1),
        failed=tables.listings(_FAILED, MOST_MISSING),
        broken=tables.listings(_BROKEN, MOST_MISSING),
        gone=gone_listings(gone),
        marked=tables.listings(_MARKED, MOST_OTHERS),
        skipped=tuple(each for each in skipped if is_missed(each.reason)),
        left_out=tuple(
            each for each in skipped if not is_missed(each.reason) and each.reason != GONE_UPSTREAM
        ),
        sitemaps=tuple(SitemapReport(*row) for row in tables.rows(_SITEMAPS, MOST_OTHERS)),
        coverage=_coverage(tables),
        hosts=tuple(HostReport(*row) for row in tables.rows(_HOSTS, MOST_OTHERS)),
        editions=_editions(tables, result.seeds),
    )


def gone_listings(captures: Sequence[Capture]) -> tuple[Listing, ...]:
    """Return as a listing the captures that upstream has no longer; none where there is none."""
    if not captures:
        return ()
    first = sorted(captures, key=lambda capture: capture.url)[:MOST_OTHERS]
    entries = (Entry(each.url, f"since {each.gone[:4]}-{each.gone[4:6]}-{each.gone[6:8]}") for each in first)
    return (Listing(GONE_UPSTREAM, len(captures), tuple(entries)),)


def is_missed(reason: str) -> bool:
    """Say whether a URL that was skipped for a reason is one that the spec asks for."""
    return reason in _MISSED


def _coverage(tables: _Tables) -> Coverage | None:
    if not tables.count("SELECT count(*) FROM sitemaps WHERE source = ? AND pages > 0"):
        return None
    listed = tables.count("SELECT count(*) FROM listed WHERE source = ?")
    missing = tables.listings(_MISSING, MOST_MISSING)
    unlisted = tables.listings(_UNLISTED, MOST_OTHERS)
    return Coverage(
        listed,
        listed - sum(each.total for each in missing),
        missing,
        unlisted[0] if unlisted else Listing("in no sitemap", 0, ()),
    )


def _editions(tables: _Tables, seeds: Sequence[str]) -> tuple[EditionReport, ...]:
    """Return the versions and locales that URLs of the seeds' hosts show."""
    hosts = {origin_of(url) for seed in seeds if (url := resolve(seed, seed))}
    captured, left_out = (
        found_editions(
            (url for url in tables.urls(statement) if is_web(url) and origin_of(url) in hosts), seeds
        )
        for statement in (_CAPTURED_PAGES, _LEFT_OUT_PAGES)
    )
    return tuple(
        EditionReport(kind, name, here.get(name, 0), out.get(name, 0))
        for kind, here, out in (
            ("version", captured.versions, left_out.versions),
            ("locale", captured.locales, left_out.locales),
        )
        for name in [*{**here, **out}][:MOST_EDITIONS]
    )


def _is_redirect(capture: Capture) -> bool:
    return capture.status.startswith("3")


class _Tables:
    """What the run's state has about one source."""

    def __init__(self, state: RunState, source: str) -> None:
        self._state, self._source = state, source

    def count(self, statement: str) -> int:
        """Return the whole number that a statement selects."""
        return int(self.number(statement))

    def number(self, statement: str) -> float:
        """Return the number that a statement selects."""
        return float(self._state.rows(statement, (self._source,)).fetchone()[0])

    def urls(self, statement: str) -> Iterator[str]:
        """Yield the URLs that a statement selects."""
        return (url for (url,) in self._state.rows(statement, (self._source,)))

    def rows(self, statement: str, most: int) -> list[tuple[Any, ...]]:
        """Return the rows that a statement selects; its last parameter is how many, at most."""
        return self._state.rows(statement, (self._source, most)).fetchall()

    def listings(self, statement: str, most: int) -> tuple[Listing, ...]:
        """Return what a statement selects as reason, url, note and referrer, by reason, the commonest first."""
        totals = self._state.rows(
            f"SELECT reason, count(*) FROM ({statement}) GROUP BY reason ORDER BY count(*) DESC, reason",  # noqa: S608 - constants
            (self._source,),
        ).fetchall()
        return tuple(
            Listing(reason, total, self._entries(statement, reason, most)) for reason, total in totals
        )

    def _entries(self, statement: str, reason: str, most: int) -> tuple[Entry, ...]:
        chosen = f"SELECT url, note, referrer FROM ({statement}) WHERE reason = ? ORDER BY url LIMIT ?"  # noqa: S608 - constants
        return tuple(Entry(*row) for row in self._state.rows(chosen, (self._source, reason, most)))
