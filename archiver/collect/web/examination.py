"""Examining what came during a crawl: what each origin sends for nothing, and what is therefore no page.

Keeps what it learns in the run's state, so that a continued run judges as the one before would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Mapping

from archiver.collect.web.documents.mediatype import is_html
from archiver.collect.web.probe import MOST_PROBE_REDIRECTS, ProbeAnswer, led_away, probe_urls
from archiver.collect.web.urls import origin_of
from archiver.collect.web.verdicts import (
    Answer,
    Verdict,
    is_catch_all,
    judge,
    judge_redirect,
)
from archiver.core.capture import PAGE, REQUISITE
from archiver.core.errors import DomainParked, LoginRequired, PageReplaced, SoftNotFound, UnexpectedContent
from archiver.core.reasons import CATCH_ALL, LOGIN, NOT_THE_FILE, PARKED, SOFT_404, TAKEN_DOWN
from archiver.core.urlidentity import twins_key
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from archiver.collect.web.documents.document import Facts, Links
    from archiver.collect.web.frontier import Found, Frontier
    from archiver.collect.web.recorder import Recorded
    from archiver.core.capture import Capture
    from archiver.core.errors import FetchError

_ERRORS: dict[str, type[FetchError]] = {
    SOFT_404: SoftNotFound,
    LOGIN: LoginRequired,
    PARKED: DomainParked,
    TAKEN_DOWN: PageReplaced,
    NOT_THE_FILE: UnexpectedContent,
}


class Examination:
    """Judges what came. Belongs to the coordinator.

    Args:
        frontier: where answers and marks are kept.
        seeds: the site's, in canonical spelling.
        hosts: those that have pages of the site; the others are not asked for what does not exist.
        previous: the site's captures in the last good snapshot, by URL: what is to be replaced.
    """

    def __init__(
        self, frontier: Frontier, seeds: Iterable[str], hosts: frozenset[str], previous: Mapping[str, Capture]
    ) -> None:
        self._frontier, self._seeds, self._hosts = frontier, tuple(seeds), hosts
        self._previous = previous
        self._spellings = frozenset(map(twins_key, self._seeds))
        self._known: dict[str, dict[str, ProbeAnswer]] = {}
        self._led: dict[
            str, tuple[int, str]
        ] = {}  # probes under way: redirects so far, and where they led away
        for text in frontier.probes():
            self._remember(ProbeAnswer.from_json(text))

    def probes(self, origin: str) -> tuple[str, ...]:
        """Return the URLs that an origin is to be asked for before its pages are."""
        if Origin.of(origin).host not in self._hosts:
            return ()
        known = self._known.get(origin, {})
        return tuple(url for url in probe_urls(origin, self._seeds) if url not in known)

    def follows(self, probe: str, target: str) -> bool:
        """Take note that a probe is redirected; say whether to ask there: within the origin, and not for ever."""
        hops, place = self._led.get(probe, (0, ""))
        self._led[probe] = (hops + 1, place or led_away(target))
        return hops < MOST_PROBE_REDIRECTS and origin_of(target) == origin_of(probe)

    def probed(self, probe: str, recorded: Recorded | None, facts: Facts) -> None:
        """Keep what came for a probe in the end.

        Args:
            probe: what was asked for at first.
            recorded: the last answer, if there was one.
            facts: what it says of itself, where it is HTML.
        """
        _, place = self._led.pop(probe, (0, ""))
        answer = ProbeAnswer(probe, 0)
        if recorded is not None:
            answer = ProbeAnswer(probe, recorded.status, place, recorded.digest, recorded.size, facts)
        self._remember(answer)
        self._frontier.keep_probe(probe, answer.to_json())

    def verdict(self, entry: Found, recorded: Recorded, facts: Facts, links: Links) -> Verdict | None:
        """Return what is to be said of a response of 2xx; None where it is what it seems.

        What an earlier snapshot has got the same is not refused now.

        Args:
            entry: what was asked for.
            recorded: what came.
            facts: what it says of itself, where it is HTML.
            links: what it leads to.
        """
        if entry.kind not in (PAGE, REQUISITE):
            return None
        probes = tuple(self._known.get(origin_of(entry.url), {}).values())
        seed = entry.seed or twins_key(entry.url) in self._spellings
        answer = Answer(
            entry.url,
            entry.kind,
            seed,
            is_html(recorded.content_type),
            recorded.digest,
            recorded.size,
            facts,
            replaces=recorded.revisited is None and has_content(self._previous, entry.url),
            estranged=seed and self._is_estranged(entry.url, links),
            had=self._text_before(entry.url),
        )
        if entry.seed and is_catch_all(answer, probes):
            place = f"{origin_of(entry.url)}/"
            self._frontier.mark(place, CATCH_ALL, "the site answers every URL with the same page")
        verdict = judge(answer, probes)
        return None if verdict is None or (verdict.refuses and recorded.revisited) else verdict

    def redirect_verdict(self, entry: Found, target: str) -> Verdict | None:
        """Return what is to be said of a redirect; None where it is what it seems."""
        if entry.seed:
            return None
        return judge_redirect(entry.url, target, self._known.get(origin_of(entry.url), {}).values())

    def _text_before(self, url: str) -> int:
        earlier = self._previous.get(url)
        return (earlier.characters or 0) if earlier is not None else 0

    def _is_estranged(self, seed: str, links: Links) -> bool:
        """Say whether a seed leads to none of the pages that there were beside the site's seeds."""
        if not has_content(self._previous, seed):
            return False
        pages = (url for url, capture in self._previous.items() if capture.kind == PAGE)
        known = {twins_key(url) for url in pages if has_content(self._previous, url)}
        others = known - self._spellings
        return bool(others) and others.isdisjoint(map(twins_key, (*links.pages, *links.frames)))

    def _remember(self, answer: ProbeAnswer) -> None:
        self._known.setdefault(origin_of(answer.url), {})[answer.url] = answer


def has_content(captures: Mapping[str, Capture], url: str) -> bool:
    """Say whether a snapshot's captures, by URL, have a URL's content."""
    earlier = captures.get(url)
    return earlier is not None and earlier.status == "200"


def refusal(url: str, verdict: Verdict, *, lost: bool) -> FetchError:
    """Return the failure that a refused answer is.

    Args:
        url: what was asked for.
        verdict: what came instead.
        lost: whether an earlier snapshot has what is missing now.
    """
    kept = "; the earlier capture is kept" if lost else ""
    return _ERRORS[verdict.mark](f"{verdict.reason}{kept}", place=url)
