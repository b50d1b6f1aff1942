"""What a response means: a capture and what it leads to, a problem, a broken link, or nothing at all.

Nothing here asks or writes: what is known goes to the frontier, and is kept once that commits. To account for
the same record again, after a crash, comes to the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from archiver.collect.statuses import GONE_STATUSES
from archiver.collect.web.documents.document import NO_FACTS, NO_LINKS, Document
from archiver.collect.web.documents.mediatype import is_html, media_type
from archiver.collect.web.documents.sitemap import NOT_A_SITEMAP
from archiver.collect.web.examination import has_content, refusal
from archiver.collect.web.frontier import SITEMAP
from archiver.core.capture import HTML_TYPES, PAGE, REQUISITE, Capture
from archiver.core.errors import FetchError, PageMoved, ResponseTruncated, StatusRefused, Unreadable
from archiver.core.printable import printable
from archiver.core.reasons import GONE_UPSTREAM, LOGIN, NOT_WEB

if TYPE_CHECKING:
    from archiver.collect.web.discovery import Discovery
    from archiver.collect.web.documents.document import Facts
    from archiver.collect.web.documents.sitemap import Sitemap
    from archiver.collect.web.examination import Examination
    from archiver.collect.web.frontier import Found, Frontier
    from archiver.collect.web.known import Known
    from archiver.collect.web.recorder import Recorded
    from archiver.collect.web.sitemaps import Sitemaps
    from archiver.collect.web.verdicts import Verdict

_LONGEST_VALIDATOR = 1 << 10
_MOVED_HINT = "add that to `include` in the spec if it is the page's new place"


class Accounting:
    """Keeps what a source's responses mean. Belongs to the coordinator.

    Args:
        source: the doc site's name.
        previous: its captures in the last good snapshot, by URL: what failed now does not replace them.
        frontier: where everything is kept.
        discovery: queues what documents and redirects lead to.
        sitemaps: the site's.
        examination: tells what is not what it seems.
        known: the URLs of the last good snapshot.
    """

    def __init__(
        self,
        source: str,
        *,
        previous: Mapping[str, Capture],
        frontier: Frontier,
        discovery: Discovery,
        sitemaps: Sitemaps,
        examination: Examination,
        known: Known,
    ) -> None:
        self._source, self._previous, self._frontier = source, previous, frontier
        self._discovery, self._sitemaps, self._examination = discovery, sitemaps, examination
        self._known = known

    def account(self, recorded: Recorded, result: Document | Unreadable) -> None:
        """Remember what a recorded response means: a capture and its links, or a problem."""
        url, status = recorded.url, recorded.status
        entry = self._frontier.entry(url)
        assert entry is not None, "only known URLs are fetched"
        target = ""
        if status >= 400:
            self._account_error(entry, status)
        elif verdict := self._refusing(entry, recorded, result):
            self._account_refused(entry, verdict)
            target = self._place(entry, recorded)
        else:
            problem = self._problem(entry, recorded)
            if problem is not None and not (isinstance(problem, PageMoved) and self._is_known_gone(entry)):
                self.fail(url, problem)
            if _is_other_file(entry, recorded):
                self._frontier.forget(url)
            elif (problem is None or not has_content(self._previous, url)) and not self._is_no_sitemap(
                entry, result
            ):
                self._frontier.capture(self.capture_of(recorded, archived_kind(entry), facts_of(result)))
            target = self._lead_on(entry, recorded, result)
            if isinstance(problem, PageMoved):
                target = self._place(entry, recorded)
        self._frontier.settle(url, status=status, size=recorded.size, target=target)

    def account_unread(self, recorded: Recorded) -> None:
        """Remember that a URL is what it was, where all is known that it leads to."""
        entry = self._frontier.entry(recorded.url)
        assert entry is not None, "only known URLs are fetched"
        self._frontier.capture(self.capture_of(recorded, archived_kind(entry)))
        self._frontier.settle(recorded.url, status=recorded.status, size=recorded.size)

    def account_again(self, recorded: Recorded, result: Document | Unreadable) -> None:
        """Follow the links of what had been read as something less."""
        entry = self._frontier.entry(recorded.url)
        assert entry is not None, "only known URLs are read again"
        if verdict := self._refusing(entry, recorded, result):
            self._frontier.release(entry.url)
            self._account_refused(entry, verdict)
        else:
            self._lead_on(entry, recorded, result)

    def refuse(self, url: str, reason: str, error: FetchError) -> None:
        """Account for a URL that is not asked for: a failure where it is a seed, else left out for a reason."""
        entry = self._frontier.entry(url)
        if (entry is not None and entry.seed) or self._sitemaps.is_guess(url):
            self.fail(url, error)
        else:
            self._frontier.skip(url, reason)
        self._frontier.settle(url)

    def fail(self, url: str, error: FetchError) -> None:
        """Keep a failure; one of what was only guessed is none."""
        if self._sitemaps.is_guess(url):
            self._sitemaps.note(url, error.message)
            return
        entry = self._frontier.entry(url)
        if entry is not None and entry.guessed and url not in self._previous:
            self._frontier.forget(url)
            return
        message = f"{error.message} ({error.hint})" if error.hint else error.message
        self._frontier.fail(url, error.code, message, entry.referrer if entry else "")

    def capture_of(self, recorded: Recorded, kind: str, facts: Facts = NO_FACTS) -> Capture:
        """Return the capture that a response is.

        Args:
            recorded: the response.
            kind: what it is archived as.
            facts: what it says of itself, where it is HTML and was read.
        """
        earlier, before = recorded.revisited, self._previous.get(recorded.url)
        status = earlier.status if earlier else str(recorded.status)
        same = before is not None and (before.status, before.digest) == (status, recorded.digest)
        mime = earlier.mime if earlier else media_type(recorded.content_type)
        counted = facts is not NO_FACTS and status == "200" and mime in HTML_TYPES
        text = str(facts.text) if counted else ""
        return Capture(
            url=recorded.url,
            timestamp=recorded.timestamp,
            mime=mime,
            status=status,
            digest=recorded.digest,
            source=self._source,
            kind=kind,
            record=recorded.record,
            original=recorded.original,
            etag=_validator(recorded, "ETag") or (earlier.etag if earlier else ""),
            modified=_validator(recorded, "Last-Modified") or (earlier.modified if earlier else ""),
            since=(before.since or before.timestamp) if before and same else "",
            text=text or (before.text if before and same else ""),
        )

    def _lead_on(self, entry: Found, recorded: Recorded, result: Document | Unreadable) -> str:
        """Queue what a response leads to; return where it redirects to, if it does."""
        if recorded.is_redirect:
            target = self._discovery.follow(entry, recorded.header("Location"))
            if target and entry.kind == SITEMAP:
                self._sitemaps.redirected(entry.url, target)
            return target
        if isinstance(result, Unreadable):  # the capture stays, whatever is in it
            self.fail(recorded.url, result)
            return ""
        if result.damage and not recorded.truncated:
            self.fail(recorded.url, Unreadable(f"{result.damage}; links may be missing", place=recorded.url))
        if result.sitemap is not None:
            self._take_sitemap(entry, result.sitemap)
        if entry.kind == PAGE:
            self._sitemaps.linked(result.links.sitemaps, entry.url)
        for url, modified in result.updates.items():
            self._known.say(url, modified)
        self._discovery.links(entry, result.links)
        return ""

    def _place(self, entry: Found, recorded: Recorded) -> str:
        """Return where a redirect leads that is not followed; empty where it is none."""
        return (
            self._discovery.redirection(entry, recorded.header("Location"))[0] if recorded.is_redirect else ""
        )

    def _take_sitemap(self, entry: Found, sitemap: Sitemap) -> None:
        self._sitemaps.take(entry.url, sitemap, self._discovery.listed)
        for url, modified in sitemap.pages.items():
            self._known.say(url, modified)
        if entry.seed and sitemap.problem and not (sitemap.pages or sitemap.sitemaps):
            self.fail(entry.url, Unreadable(sitemap.problem, place=entry.url))

    def _is_no_sitemap(self, entry: Found, result: Document | Unreadable) -> bool:
        """Say whether another document was answered where a sitemap was only tried: it is not archived."""
        sitemap = result.sitemap if isinstance(result, Document) else None
        return sitemap is not None and sitemap.problem == NOT_A_SITEMAP and self._sitemaps.is_guess(entry.url)

    def _account_error(self, entry: Found, status: int) -> None:
        lost = entry.url in self._previous
        if status in GONE_STATUSES and self._is_known_gone(entry):
            return
        tried = entry.kind == SITEMAP and self._sitemaps.is_guess(entry.url)
        if entry.guessed and not lost:
            self._frontier.forget(entry.url)
        elif entry.seed or lost or tried or status not in GONE_STATUSES:
            self.fail(entry.url, status_refused(entry.url, status, lost=lost))
        else:
            self._frontier.broken_link(entry.url, status, entry.referrer)

    def _is_known_gone(self, entry: Found) -> bool:
        """Say whether upstream was known to have a URL no longer, and keep that it still has not: that is told once."""
        earlier = self._previous.get(entry.url)
        if earlier is None or not earlier.gone or entry.seed:
            return False
        self._frontier.skip(entry.url, GONE_UPSTREAM)
        return True

    def _refusing(self, entry: Found, recorded: Recorded, result: Document | Unreadable) -> Verdict | None:
        """Return what a response is where it is not what was asked for; None where it is, though it may be marked."""
        if not recorded.is_redirect:
            links = result.links if isinstance(result, Document) else NO_LINKS
            verdict = self._examination.verdict(entry, recorded, facts_of(result), links)
        elif entry.url in self._previous and not has_content(self._previous, entry.url):
            return None  # a redirect it was before
        else:
            target, reason = self._discovery.redirection(entry, recorded.header("Location"))
            verdict = None if reason == NOT_WEB else self._examination.redirect_verdict(entry, target)
        if verdict is not None and not verdict.refuses:
            self._frontier.mark(entry.url, verdict.mark, verdict.reason)
            return None
        return verdict

    def _account_refused(self, entry: Found, verdict: Verdict) -> None:
        lost = entry.url in self._previous
        if verdict.mark != LOGIN and self._is_known_gone(entry):
            return
        error = refusal(entry.url, verdict, lost=lost)
        if self._sitemaps.is_guess(entry.url):
            self._sitemaps.note(entry.url, error.message)
            return
        if entry.guessed and not lost:
            self._frontier.forget(entry.url)
            return
        self._frontier.mark(entry.url, verdict.mark, verdict.reason)
        if entry.seed or lost:
            self.fail(entry.url, error)
        else:
            self._frontier.broken_link(entry.url, verdict.mark, entry.referrer)

    def _problem(self, entry: Found, recorded: Recorded) -> FetchError | None:
        """Return why a response is not to replace what an earlier snapshot has; None where it may."""
        if recorded.truncated:
            return ResponseTruncated(
                "longer than what is archived of one response; cut there", place=entry.url
            )
        if recorded.is_redirect and entry.kind == PAGE and has_content(self._previous, entry.url):
            target, reason = self._discovery.redirection(entry, recorded.header("Location"))
            if reason:
                where = f"redirects to {printable(target)}, which is {reason}; the earlier capture is kept"
                return PageMoved(where, place=entry.url, hint=_MOVED_HINT)
        return None


def status_refused(url: str, status: int, *, lost: bool = False) -> StatusRefused:
    """Return the failure that an error status is; ``lost`` says that an earlier snapshot has the URL."""
    before = "; an earlier snapshot has it" if lost else ""
    return StatusRefused(f"the server answered {status}{before}", place=url)


def archived_kind(entry: Found) -> str:
    """Return the kind of capture that comes of a URL: sitemaps are kept as requisites."""
    return PAGE if entry.kind == PAGE else REQUISITE


def facts_of(result: Document | Unreadable) -> Facts:
    """Return what a page says of itself; nothing where it could not be read."""
    return result.facts if isinstance(result, Document) else NO_FACTS


def _is_other_file(entry: Found, recorded: Recorded) -> bool:
    """Say whether a page was answered where a script's file was only guessed: such hosts answer everything with it."""
    return (
        entry.guessed
        and entry.kind == REQUISITE
        and recorded.status == 200
        and is_html(recorded.content_type)
    )


def _validator(recorded: Recorded, name: str) -> str:
    """Return a validator to ask with next time; none where it could not be sent back as it is."""
    value = recorded.header(name)
    return value if value.isascii() and len(value) <= _LONGEST_VALIDATOR else ""
