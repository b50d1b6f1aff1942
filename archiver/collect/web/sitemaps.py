"""The sitemaps of one doc site: which ones to ask for, and what they list.

A sitemap is named by the spec; by robots.txt, a page of the site or another sitemap; or it is tried:
``/sitemap.xml`` where robots.txt names none, and the one in a seed's folder in any case, because a site that is
put together of several has them there. What sitemaps list is kept on disk, to say in the end what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Iterable

from archiver.collect.web.frontier import SITEMAP, Found
from archiver.collect.web.urls import LONGEST, is_web, origin_of, resolve
from archiver.spec.model import DISCOVERED

if TYPE_CHECKING:
    from archiver.collect.web.documents.sitemap import Sitemap
    from archiver.collect.web.frontier import Frontier, RunState
    from archiver.spec.model import DocSite

MOST_SITEMAPS = 1_000
"""The most sitemaps of a site that are asked for."""
MOST_LISTED = 2_000_000
"""The most pages that are taken from a site's sitemaps."""
_MOST_NESTED = 3  # sitemaps.org wants an index to name no index; some do
_NAME = "sitemap.xml"
_SPEC, _ROBOTS, _PAGE, _INDEX, _GUESS = "spec", "robots.txt", "page", "index", "guess"  # who names a sitemap


class Sitemaps:
    """Keeps a source's sitemaps in the run's state. Belongs to the coordinator.

    Args:
        state: the run's state.
        site: the source.
        frontier: where sitemaps are queued.
    """

    def __init__(self, state: RunState, site: DocSite, frontier: Frontier) -> None:
        self._state, self._site, self._frontier = state, site, frontier
        self._asked = [url for each in site.sitemaps if each != DISCOVERED and (url := resolve(each, each))]
        self._discovered = DISCOVERED in site.sitemaps
        seeds = [url for seed in site.seeds if (url := resolve(seed, seed))]
        self._origins = tuple(dict.fromkeys(map(origin_of, seeds)))
        self._folders = tuple(dict.fromkeys(seed.partition("?")[0].rpartition("/")[0] for seed in seeds))
        self._known = self._count("SELECT count(*) FROM sitemaps WHERE source = ?")
        self._listed = self._count("SELECT count(*) FROM listed WHERE source = ?")

    def begin(self) -> None:
        """Queue the sitemaps that the spec names, and those to try whatever robots.txt says."""
        self._queue(self._asked, _SPEC)
        if self._discovered:
            places = [folder for folder in self._folders if folder not in self._origins]
            if self._site.robots == "ignore":
                places += self._origins
            self._queue((f"{place}/{_NAME}" for place in places), _GUESS)

    def robots_known(self, origin: str, named: Iterable[str]) -> None:
        """Queue the sitemaps that a host's robots.txt names, or the one to try where it names none."""
        if self._discovered and origin in self._origins:
            urls = [url for raw in named if (url := resolve(f"{origin}/", raw))]
            if urls:
                self._queue(urls, _ROBOTS, f"{origin}/robots.txt")
            else:
                self._queue([f"{origin}/{_NAME}"], _GUESS)

    def linked(self, urls: Iterable[str], page: str) -> None:
        """Queue the sitemaps that a page of the site names."""
        if self._discovered:
            self._queue(urls, _PAGE, page)

    def take(self, url: str, sitemap: Sitemap, queue_page: Callable[[str, str], bool]) -> None:
        """Keep what a sitemap lists, and have it queued.

        Args:
            url: the sitemap's.
            sitemap: what it lists.
            queue_page: queues a URL, given where it was found, if it is one of the site's pages; says whether it is.
        """
        wanted = 0
        for page, modified in sitemap.pages.items():
            if self._listed < MOST_LISTED and queue_page(page, url):
                self._keep(page, modified)
                wanted += 1
        dropped = self._queue(sitemap.sitemaps, _INDEX, url)
        problem = sitemap.problem
        if self._listed >= MOST_LISTED:
            problem = problem or f"no more than {MOST_LISTED:,} pages are taken from a site's sitemaps"
        elif dropped:
            problem = problem or f"{dropped} of its sitemaps are nested too deeply or too many"
        self._state.rows(
            "UPDATE sitemaps SET pages = ?, wanted = ?, sitemaps = ?, unusable = ?, problem = ? "
            "WHERE source = ? AND url = ?",
            (
                len(sitemap.pages),
                wanted,
                len(sitemap.sitemaps),
                sitemap.unusable,
                problem,
                self._site.name,
                url,
            ),
        )

    def redirected(self, url: str, target: str) -> None:
        """Note that a sitemap is elsewhere; the target was queued as a sitemap."""
        self._state.rows(
            "INSERT OR IGNORE INTO sitemaps (source, url, named_by, depth) "
            "SELECT source, ?, named_by, depth FROM sitemaps WHERE source = ? AND url = ?",
            (target, self._site.name, url),
        )
        self.note(url, f"redirects to {target}")

    def is_guess(self, url: str) -> bool:
        """Say whether a sitemap was only tried, so that nothing is wrong where there is none."""
        return self._row(url)[0] == _GUESS

    def note(self, url: str, problem: str) -> None:
        """Keep why a sitemap could not be read."""
        self._state.rows(
            "UPDATE sitemaps SET problem = ? WHERE source = ? AND url = ?", (problem, self._site.name, url)
        )

    def _keep(self, page: str, modified: str) -> None:
        added = self._state.rows(
            "INSERT OR IGNORE INTO listed VALUES (?, ?, ?)", (self._site.name, page, modified)
        ).rowcount
        self._listed += added
        if modified and not added:
            self._state.rows(
                "UPDATE listed SET modified = max(modified, ?) WHERE source = ? AND url = ?",
                (modified, self._site.name, page),
            )

    def _queue(self, urls: Iterable[str], named_by: str, referrer: str = "") -> int:
        """Queue sitemaps; return how many were not, for their number or nesting."""
        depth = self._row(referrer)[1] + 1 if named_by == _INDEX else 0
        dropped = 0
        for url in urls:
            if not is_web(url) or len(url) > LONGEST:
                continue
            if depth > _MOST_NESTED or self._known >= MOST_SITEMAPS:
                dropped += 1
                continue
            self._known += self._state.rows(
                "INSERT OR IGNORE INTO sitemaps (source, url, named_by, depth) VALUES (?, ?, ?, ?)",
                (self._site.name, url, named_by, depth),
            ).rowcount
            self._frontier.add(Found(url, SITEMAP, referrer, seed=named_by == _SPEC))
        return dropped

    def _row(self, url: str) -> tuple[str, int]:
        row = self._state.rows(
            "SELECT named_by, depth FROM sitemaps WHERE source = ? AND url = ?", (self._site.name, url)
        ).fetchone()
        return row or ("", 0)

    def _count(self, statement: str) -> int:
        return int(self._state.rows(statement, (self._site.name,)).fetchone()[0])
