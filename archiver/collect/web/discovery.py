"""What a response leads to: the links of its document, or where it redirects to, queued by kind and scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.collect.web.frontier import Found
from archiver.collect.web.scope import Scope
from archiver.collect.web.traps import TrapGuard
from archiver.collect.web.urls import LONGEST, is_web, resolve
from archiver.core.capture import PAGE, REQUISITE
from archiver.core.reasons import NOT_WEB, REDIRECT_LOOP, TOO_LONG
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from typing import Callable

    from archiver.collect.web.documents.document import Links
    from archiver.collect.web.frontier import Frontier
    from archiver.collect.web.known import Known
    from archiver.collect.web.scope import Decision
    from archiver.core.progress import Progress
    from archiver.spec.model import DocSite

_RECENT = 50_000  # links remembered in memory
_FRAME, _GUESSED_REQUISITE, _GUESSED_PAGE = "frame", "guessed requisite", "guessed page"  # ways to be met


class Discovery:
    """Queues what is found. Belongs to the coordinator.

    Args:
        site: what is crawled.
        frontier: where URLs are queued.
        progress: where warnings go.
        had: whether an earlier snapshot has a URL's content.
    """

    def __init__(
        self, site: DocSite, frontier: Frontier, progress: Progress, had: Callable[[str], bool]
    ) -> None:
        self._scope, self._frontier, self._progress, self._had = Scope.of(site), frontier, progress, had
        self._hosts = self._scope.hosts
        self._recent: dict[tuple[str, str], None] = {}
        self._traps = TrapGuard(site.traps)
        for url in frontier.pages():  # of an interrupted run
            self._traps.note(url)

    def begin(self, known: Known) -> None:
        """Queue what to begin with beside the seeds: their counterparts in other versions and languages.

        Args:
            known: the URLs of the last good snapshot, of which traps are to know.
        """
        known.begin(self._traps.note)
        for url, seed in self._scope.starts:
            self._add(Found(url, PAGE, seed))

    def links(self, entry: Found, links: Links) -> None:
        """Queue a document's links. Only pages lead on to pages."""
        for url in links.requisites:
            if self._is_new(url, REQUISITE):
                self._queue_requisite(Found(url, REQUISITE, entry.url), entry.kind)
        self._guesses(entry, links)
        if entry.kind != PAGE:
            return
        for url in links.pages:
            if self._is_new(url, PAGE):
                self._queue_page(url, entry.url, self._scope.decide(url))
        for url in links.frames:
            if self._is_new(url, _FRAME):
                decision = self._scope.decide(url)
                if decision.inside:
                    self._queue_page(url, entry.url, decision)
                else:
                    self._queue_requisite(Found(url, REQUISITE, entry.url), entry.kind)
        for url in links.others:
            self._frontier.skip(url, TOO_LONG if is_web(url) else NOT_WEB)

    def _guesses(self, entry: Found, links: Links) -> None:
        """Queue what looks like links, on hosts that have pages of the site only.

        A site's search index is a requisite, and names its pages: so these count wherever they are found.
        """
        if (
            not (links.guessed_requisites or links.guessed_pages)
            or Origin.of(entry.url).host not in self._hosts
        ):
            return
        for url in links.guessed_requisites:
            if self._is_new(url, _GUESSED_REQUISITE):
                self._queue_requisite(Found(url, REQUISITE, entry.url, guessed=True), entry.kind)
        for url in links.guessed_pages:
            if self._is_new(url, _GUESSED_PAGE) and self._scope.decide(url).inside and not self._trap(url):
                self._add(Found(url, PAGE, entry.url, guessed=True))

    def listed(self, url: str, sitemap: str) -> bool:
        """Queue a page that a sitemap lists; say whether it is in scope. A list has an end, so it is no trap."""
        inside = self._scope.decide(url).inside
        if inside and self._is_new(url, PAGE):
            self._add(Found(url, PAGE, sitemap))
        return inside

    def follow(self, entry: Found, location: str) -> str:
        """Queue a redirect's target, of the same kind, and return it; empty where it is not followed."""
        target, reason = self.redirection(entry, location)
        if reason not in ("", NOT_WEB, TOO_LONG) and entry.seed and not self._had(entry.url):
            self._progress.warn(
                f"{entry.url} redirects out of its scope ({reason}), to {target}; should `scope` take that in?"
            )
        elif reason:
            self._frontier.skip(target, reason)
            return ""
        if self._frontier.is_loop(entry.url, target):
            self._frontier.skip(entry.url, REDIRECT_LOOP)
        else:
            self._add(Found(target, entry.kind, entry.url, entry.seed, entry.hops + 1, entry.guessed))
        return target

    def redirection(self, entry: Found, location: str) -> tuple[str, str]:
        """Return where a redirect leads, and the reason not to follow it there; empty where there is none."""
        target = resolve(entry.url, location_text(location))
        if target is None or not is_web(target):
            return (target or location)[:LONGEST], NOT_WEB
        if len(target) > LONGEST:
            return target[:LONGEST], TOO_LONG
        decision = self._scope.decide(target)
        return target, "" if entry.kind != PAGE or decision.inside else decision.reason

    def _queue_requisite(self, found: Found, by: str) -> None:
        """Queue what a document of the kind ``by`` needs, unless it is part of a trap.

        A page may need any number of images of one path; but requisites that need requisites could go on for ever.
        """
        counted = by != PAGE
        reason = self._traps.reason(found.url) if counted else self._traps.shape(found.url)
        if reason and self._frontier.entry(found.url) is None:
            self._frontier.skip(found.url, reason)
        elif self._frontier.add(found) and counted:
            self._traps.note(found.url)

    def _queue_page(self, url: str, referrer: str, decision: Decision) -> None:
        """Queue a page, unless it is out of scope or part of a trap."""
        reason = self._trap(url) if decision.inside else decision.reason
        if reason:
            self._frontier.skip(url, reason)
        else:
            self._add(Found(url, PAGE, referrer))

    def _trap(self, url: str) -> str:
        """Return which trap a URL is part of; none where it was queued as a page before."""
        reason = self._traps.reason(url)
        known = self._frontier.entry(url) if reason else None
        return "" if known is not None and known.kind == PAGE else reason

    def _add(self, found: Found) -> None:
        if self._frontier.add(found) and found.kind == PAGE:
            self._traps.note(found.url)

    def _is_new(self, url: str, what: str) -> bool:
        """Say whether a URL was not met lately, so that the state need not be asked about every link."""
        key = (url, what)
        if key in self._recent:
            return False
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[key] = None
        return True


def location_text(value: str) -> str:
    """Return a Location header as text: servers send UTF-8 there, http.client reads Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
