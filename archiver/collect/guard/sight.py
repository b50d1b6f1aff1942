"""Putting together what a run saw of a doc site: what came of each URL becomes numbers and examples."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Callable, Collection, Iterable, Mapping

from archiver.collect.guard.comparison import NOTHING_COMPARED, Kept
from archiver.collect.guard.evidence import SiteEvidence, is_page
from archiver.collect.guard.kinds import (
    COLLAPSED,
    ELSEWHERE,
    ERROR_PAGE,
    MISSING,
    NOTICE,
    ONE_PAGE,
    ONE_PLACE,
    OTHER_HOST,
    REPLACED,
    SILENT,
    UNREACHABLE,
    kind_of_absence,
    kind_of_failure,
    losses,
)
from archiver.core.errors import InvalidURL, PageMoved, SoftNotFound
from archiver.core.reasons import TAKEN_DOWN
from archiver.core.urlidentity import twins_key
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from archiver.collect.guard.comparison import Compared, Comparison
    from archiver.collect.guard.evidence import Answer
    from archiver.collect.guard.kinds import Loss
    from archiver.core.capture import Capture

_NO_CHANCE = 3  # so many pages do not lead to one place, or become one page, by chance; nor do both of two
_MEANT = 300  # characters of main text: a page with fewer has not much to lose
_LEFT = 3  # a page has collapsed that has less than one in so many of its characters left, and little text
_LITTLE = 800  # characters: fewer are counted, more are estimated, and what is around them may have been counted, too
_HARDLY = 10  # of longer texts less than one in so many is left
_HARDLY_ANY = 200  # characters of main text: a new page with fewer replaces nothing
_LEADING = frozenset(
    {"", PageMoved.code, SoftNotFound.code}
)  # what redirects are taken for, beside logins and the like


def site_evidence(
    answers: Iterable[Answer],
    before: Iterable[Capture],
    asked_for: Callable[[str], bool],
    comparison: Comparison | None = None,
) -> SiteEvidence:
    """Return what a run saw of a doc site.

    Args:
        answers: what came of each URL that was asked for.
        before: the site's captures in the last good snapshot.
        asked_for: whether the spec still asks for a page.
        comparison: compares what pages say with what they said; None where that is not to be looked at.
    """
    sight = _Sight(before, asked_for)
    for answer in answers:
        sight.take(answer)
    return sight.evidence(comparison)


class _Sight:
    """Counts by content, not by URL: so what is at several URLs counts once, and what moved is not lost."""

    def __init__(self, before: Iterable[Capture], asked_for: Callable[[str], bool]) -> None:
        self._known: dict[str, list[str]] = {}  # the URLs of each content that there was
        self._texts: dict[str, int] = {}  # how much text each had
        self._earlier: dict[str, Capture] = {}  # one capture of each
        self._vanished: list[str] = []
        self._hosts: set[str] = set()
        unwanted: set[str] = set()
        for capture in filter(is_page, before):
            if not asked_for(capture.url):
                unwanted.add(capture.digest)
            elif capture.gone:
                self._vanished.append(capture.url)
            else:
                self._known.setdefault(capture.digest, []).append(capture.url)
                self._earlier.setdefault(capture.digest, capture)
                self._hosts.add(Origin.of(capture.url).netloc)
                if capture.characters is not None:
                    self._texts[capture.digest] = capture.characters
        self._unwanted = len(unwanted - self._known.keys())
        self._pages: dict[str, Capture] = {}  # by URL: what came in place of what there was
        self._lost: dict[str, Answer] = {}  # by URL
        self._new: dict[str, Capture] = {}  # by content: what came where there was nothing
        self._noticed: set[str] = set()
        self._seeds: list[Answer] = []

    def take(self, answer: Answer) -> None:
        """Take what came of one URL."""
        if answer.seed:
            self._seeds.append(answer)
            self._hosts.add(Origin.of(answer.url).netloc)
        known = answer.was_good and answer.earlier is not None and answer.earlier.digest in self._known
        if answer.gives_page and answer.capture is not None:
            if not known:
                if answer.mark != TAKEN_DOWN:  # a page known to be gone, whose notice is there still
                    self._new.setdefault(answer.capture.digest, answer.capture)
                return
            self._pages[answer.url] = answer.capture
            if answer.mark == TAKEN_DOWN:
                self._noticed.add(answer.url)
        elif known:
            self._lost[answer.url] = answer

    def evidence(self, comparison: Comparison | None) -> SiteEvidence:
        """Return what all of it shows."""
        here = {page.digest for page in self._pages.values()} | self._new.keys()
        one_page = self._one_page()
        unchanged: list[str] = []
        changed: dict[str, Capture] = {}
        lost: list[str] = []
        for digest, urls in self._known.items():
            pages = [self._pages[url] for url in urls if url in self._pages]
            good = [page for page in pages if page.url not in self._noticed and page.digest not in one_page]
            if digest in here:
                unchanged.append(digest)
            elif good:
                changed[digest] = good[0]
            elif all(url in self._pages or url in self._lost for url in urls):
                lost.append(min(urls))
        measured = [
            (digest, page.url, page.characters)
            for digest, page in changed.items()
            if digest in self._texts and page.characters is not None
        ]
        collapsed = [
            url for digest, url, characters in measured if _has_collapsed(self._texts[digest], characters)
        ]
        asked = len(unchanged) + len(changed) + len(lost)
        compared = self._compared(comparison, unchanged, changed, is_most=2 * asked >= len(self._known))
        seeds = [answer for answer in self._seeds if not _leads_on(answer)]
        dead = [answer for answer in seeds if answer.capture is None or answer.url in self._noticed]
        fates = self._fates((*(self._lost[url] for url in lost if url in self._lost), *dead))
        return SiteEvidence(
            before=len(self._known),
            unwanted=self._unwanted,
            asked=asked,
            unchanged=len(unchanged),
            changed=len(changed),
            lost=losses((*self._fate(url, fates), url) for url in lost),
            new=self._replacing({page.digest for page in changed.values()}),
            measured=len(measured) + sum(digest in self._texts for digest in unchanged),
            collapsed=_one_loss(COLLAPSED, collapsed),
            compared=compared.count,
            replaced=_one_loss(REPLACED, compared.replaced),
            vanished=_one_loss(MISSING, self._vanished),
            seeds=sum(answer.capture is not None for answer in seeds),
            seeds_asked=len(seeds),
            seeds_lost=losses((*self._fate(answer.url, fates), answer.url) for answer in dead),
        )

    def _compared(
        self,
        comparison: Comparison | None,
        unchanged: Iterable[str],
        changed: Mapping[str, Capture],
        *,
        is_most: bool,
    ) -> Compared:
        """Compare what pages say with what they said, where they had something to say, and have.

        Where few were asked for, those that were other ones at each look are due more often than the rest, and no sample
        of it: news of the day have nothing in common with yesterday's.
        """
        if comparison is None:
            return NOTHING_COMPARED
        pages = [Kept(self._earlier[digest], self._earlier[digest]) for digest in unchanged]
        pages += [Kept(self._earlier[digest], page) for digest, page in changed.items() if _has_text(page)]
        kept = [page for page in pages if _has_text(page.earlier) and (is_most or page.was_settled)]
        return comparison.of(kept, (*self._pages.values(), *self._new.values()), len(self._known))

    def _one_page(self) -> frozenset[str]:
        """Return the contents that several pages have now which had different ones."""
        had: dict[str, set[str]] = {}
        for digest, urls in self._known.items():
            for url in urls:
                page = self._pages.get(url)
                if page is not None and page.digest != digest:
                    had.setdefault(page.digest, set()).add(digest)
        crowd = _NO_CHANCE if len(self._known) >= _NO_CHANCE else 2
        return frozenset(digest for digest, earlier in had.items() if len(earlier) >= crowd)

    def _fate(self, url: str, fates: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
        """Return of which kind the loss of a page is, and the place that belongs to it."""
        if url in self._noticed:
            return NOTICE, ""
        return fates.get(url, (ONE_PAGE, ""))

    def _fates(self, lost: Iterable[Answer]) -> dict[str, tuple[str, str]]:
        """Return the same of what gave no page, by URL."""
        answers = {answer.url: answer for answer in lost}
        targets = {url: _place(answer) for url, answer in answers.items() if _is_led_away(answer)}
        crowd = Counter(map(twins_key, targets.values()))
        fates = {}
        for url, answer in answers.items():
            target = targets.get(url, "")
            kind_of = kind_of_failure if answer.was_good else kind_of_absence
            kind = kind_of(answer.code, answer.status)
            if target and crowd[twins_key(target)] >= _NO_CHANCE:
                fates[url] = ONE_PLACE, target
            elif target and (origin := _origin(target)) is not None and origin.netloc not in self._hosts:
                fates[url] = OTHER_HOST, str(origin)
            elif target:
                fates[url] = (ERROR_PAGE if kind == ERROR_PAGE else ELSEWHERE), ""
            else:
                fates[url] = kind, Origin.of(url).netloc if kind in (UNREACHABLE, SILENT) else ""
        return fates

    def _replacing(self, changed: Collection[str]) -> int:
        """Return how many new pages there are that can stand for what is lost: those that have something to say."""
        least = min(_HARDLY_ANY, median(self._texts.values()) / _LEFT) if self._texts else 0
        return sum(
            digest not in self._known
            and digest not in changed
            and (page.characters is None or page.characters >= least)
            for digest, page in self._new.items()
        )


def _leads_on(answer: Answer) -> bool:
    """Say whether an answer is a redirect that was followed: what came there counts in its place."""
    return answer.capture is not None and not answer.gives_page and bool(answer.target)


def _is_led_away(answer: Answer) -> bool:
    return bool(answer.target) and answer.code in _LEADING


def _place(answer: Answer) -> str:
    """Return where a redirect leads; without the query, which may only say where one comes from."""
    return answer.target if "?" in answer.url else answer.target.partition("?")[0]


def _origin(url: str) -> Origin | None:
    try:
        return Origin.of(url)
    except InvalidURL:
        return None


def _has_text(page: Capture) -> bool:
    return (page.characters or 0) >= _MEANT


def _has_collapsed(before: int, now: int) -> bool:
    if before < _MEANT or now * _LEFT >= before:
        return False
    return now < _LITTLE or now * _HARDLY < before


def _one_loss(kind: str, urls: Iterable[str]) -> Loss | None:
    return next(iter(losses((kind, "", url) for url in urls)), None)
