"""What is known of a doc site before it is crawled again: which URLs of the earlier view to ask for, and when.

What is due whatever the site says is queued at once. The rest waits until the seeds were asked and the site's sitemaps and
feeds were read, because these say what changed; and so does all that is found meanwhile. Then what is due is queued, and
what is not stays held back for the whole run, however often it is found again. docs/decisions/0028 has the reasons.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, Iterable, Mapping
from urllib.parse import urlsplit

from archiver.collect.lots import lot
from archiver.collect.web.documents.mediatype import reader_of
from archiver.collect.web.frontier import SITEMAP, Found
from archiver.collect.web.urls import LONGEST, is_web, origin_of
from archiver.collect.web.verdicts import HARDLY_ANY
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.urlidentity import twins_key

if TYPE_CHECKING:
    from archiver.collect.asking import PageAsking
    from archiver.collect.web.frontier import Frontier
    from archiver.collect.web.recorder import Recorded

_SAMPLED, _LEAST_SAMPLED = (
    50,
    3,
)  # one URL of so many that a sitemap calls unchanged is asked for, but so many at least
_LONG_AGO = "0001-01-01T00:00:00Z"  # what is due though a list says so is due whatever a list says
_ASSET = re.compile(
    r"\.(?:css|m?js|map|wasm|json|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|mp[34]|webm)\Z",
    re.IGNORECASE,
)


class Known:
    """The URLs of the earlier view. Belongs to the coordinator.

    Args:
        run: the run's id; which URLs are sampled depends on it.
        frontier: where they are held, and queued.
        previous: the site's captures in the last good snapshot, by URL.
        asking: what is to be asked.
        in_scope: whether the spec asks for a page.
    """

    def __init__(
        self,
        run: str,
        *,
        frontier: Frontier,
        previous: Mapping[str, Capture],
        asking: PageAsking,
        in_scope: Callable[[str], bool],
    ) -> None:
        self._run, self._frontier, self._previous = run, frontier, previous
        self._asking, self._in_scope = asking, in_scope
        self._leftovers = frozenset(entry.url for entry in asking.leftovers or ())
        self._lists = pages_that_list(url for url, each in previous.items() if each.kind == PAGE)
        self._sample: list[str] = []
        self._believes = True  # that what sitemaps and feeds call unchanged is

    def begin(self, note_page: Callable[[str], None]) -> None:
        """Hold what the earlier view has and what the last run did not get, and queue what need not wait, such as feeds.

        Args:
            note_page: called with every page that is held.
        """
        if not self._previous and not self._leftovers:
            return
        self._frontier.holding = True
        left = self._left_origins()
        at_once: list[str] = []
        for url, capture in self._previous.items():
            if (
                _is_robots(url)
                or (capture.kind == PAGE and not self._in_scope(url))
                or origin_of(url) in left
            ):
                continue
            if self._frontier.hold(Found(url, capture.kind)) and capture.kind == PAGE:
                note_page(url)
            if _is_feed(capture) or self._is_due(capture, _LONG_AGO):
                at_once.append(url)
        for entry in self._asking.leftovers or ():
            if not is_web(entry.url) or len(entry.url) > LONGEST or _is_robots(entry.url):
                continue
            if origin_of(entry.url) in left:
                continue
            inside = self._in_scope(entry.url) and not _ASSET.search(urlsplit(entry.url).path)
            found = Found(entry.url, PAGE if inside else REQUISITE, entry.referrer)
            if self._frontier.hold(found) and inside:
                note_page(entry.url)
        self._frontier.let_go(at_once)

    def say(self, url: str, modified: str) -> None:
        """Take note that a sitemap or feed says when a URL last changed."""
        earlier = self._previous.get(url)
        if earlier is None or not modified:
            return
        self._frontier.update(url, modified)
        if not self._frontier.holding and self._frontier.is_held(url) and self._is_due(earlier, modified):
            self._frontier.queue_held(url)

    def release(self) -> bool:
        """Queue what is to be asked of what is held, once nothing else is left to ask; say whether that was anything.

        What a list calls unchanged is left alone; but a few of those are asked for, and where one of them has changed,
        the lists are believed no longer: a sitemap may have been made once and forgotten.
        """
        if self._frontier.holding:
            due = self._first_due()
        elif self._believes and any(map(self._has_changed, self._sample)):
            self._believes = False
            due = [url for url in self._frontier.held() if self._is_due(self._previous[url], "")]
        else:
            due = []
        self._frontier.holding = False
        if due:
            self._frontier.let_go(due)
        return bool(due)

    def was_read(self, entry: Found, recorded: Recorded) -> bool:
        """Say whether all is known that an unchanged document leads to, so that it need not be read again.

        Seeds, sitemaps and feeds are always read: by them the site itself is judged, and they say what is new. So are
        pages with hardly any text: the report tells in each run which those are that only scripts fill.

        Args:
            entry: what was asked for.
            recorded: what came.
        """
        earlier = recorded.revisited
        return (
            self._asking.leftovers is not None
            and earlier is not None
            and not entry.seed
            and entry.kind != SITEMAP
            and entry.kind == earlier.kind
            and entry.url not in self._leftovers
            and not _is_feed(earlier)
            and not (earlier.is_readable and _has_hardly_any_text(earlier))
        )

    def not_due(self) -> int:
        """Return how many captures of the earlier view were not asked for because they were not due.

        A host's robots.txt is one of them where nothing else was asked there.
        """
        held = sum(1 for _ in self._frontier.held())
        asked = {origin for origin, _, _ in self._frontier.robots()}
        robots = (url for url in self._previous if _is_robots(url))
        return held + sum(
            origin_of(url) not in asked and self._frontier.captured(url) is None for url in robots
        )

    def _left_origins(self) -> frozenset[str]:
        """Return the origins that had pages of the site, and have none that the spec still asks for: it has moved away.

        Requisites there are asked for where a page names them, as they ever were, and for nothing else: the old host may be
        gone for good.
        """
        pages = [url for url, each in self._previous.items() if each.kind == PAGE]
        return frozenset(map(origin_of, pages)) - {origin_of(url) for url in pages if self._in_scope(url)}

    def _first_due(self) -> list[str]:
        told = self._frontier.updates()
        called_unchanged = (
            url
            for url, modified in told.items()
            if not self._is_due(self._previous[url], modified) and self._is_due(self._previous[url], "")
        )
        lots = sorted((lot(self._run, url), url) for url in called_unchanged)
        self._sample = [url for _, url in lots[: max(_LEAST_SAMPLED, len(lots) // _SAMPLED)]]
        at_once = {*self._leftovers, *self._sample}
        return [
            url
            for url in self._frontier.held()
            if url not in self._previous
            or url in at_once
            or self._is_due(self._previous[url], told.get(url, ""))
        ]

    def _is_due(self, capture: Capture, modified: str) -> bool:
        if capture.kind == PAGE and twins_key(capture.url) in self._lists:
            return self._asking.is_list_due(capture, modified)
        return self._asking.is_due(capture, modified)

    def _has_changed(self, url: str) -> bool:
        """Say whether a URL that was called unchanged is not: by its main text, where that is known."""
        now, earlier = self._frontier.captured(url), self._previous[url]
        if now is None:
            return True
        return now.digest != earlier.digest and (not now.text or now.text != earlier.text)


def pages_that_list(urls: Iterable[str]) -> frozenset[str]:
    """Return which pages lead to others by their place: those of the folders in which other pages are.

    Args:
        urls: pages' URLs.

    Returns:
        The ``twins_key`` of each such page, whether there is one or not.
    """
    keys = {twins_key(url.partition("?")[0]) for url in urls}
    return frozenset(f"{key.rstrip('/').rpartition('/')[0]}/" for key in keys)


def _has_hardly_any_text(capture: Capture) -> bool:
    """Say whether an HTML page has little main text, or it is not known how much."""
    return (capture.characters or 0) < HARDLY_ANY


def _is_robots(url: str) -> bool:
    return url == f"{origin_of(url)}/robots.txt"


def _is_feed(capture: Capture) -> bool:
    return reader_of(capture.mime, capture.url) == "feed"
