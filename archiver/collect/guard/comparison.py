"""Comparing what pages say with what they said before: a site that was sold answers as if all were well, with other texts."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Sequence

from archiver.collect.guard.phrases import FEWEST, phrases, shared
from archiver.collect.lots import lot

if TYPE_CHECKING:
    from archiver.collect.guard.phrases import Phrases
    from archiver.collect.guard.thresholds import Thresholds
    from archiver.core.capture import Capture

SAMPLED = 30
"""Pages that are looked at: enough to tell half of a site from a tenth of it."""
_MOST_SEARCHED = 1000  # pages that are looked through for texts that are elsewhere now
NOTHING = 0.1  # of its phrases: a page that has less of them in common with what it said has been replaced
_ELSEWHERE = 0.25  # a page that has so much in common with what another one said has its text


@dataclass(frozen=True)
class Kept:
    """A page that had text, and has: its capture in the last good snapshot, and this run's."""

    earlier: Capture
    now: Capture

    @property
    def is_changed(self) -> bool:
        """Whether its content is not what it was."""
        return self.now.digest != self.earlier.digest

    @property
    def was_settled(self) -> bool:
        """Whether it was found unchanged when it was last asked for."""
        return self.earlier.since not in ("", self.earlier.timestamp)


@dataclass(frozen=True)
class Compared:
    """What a comparison showed: how many pages were compared, and the URLs of those that have been replaced, sorted."""

    count: int = 0
    replaced: tuple[str, ...] = ()


NOTHING_COMPARED = Compared()


class Comparison:
    """Compares the pages of one doc site in one run.

    Args:
        run: the run's id; which pages are looked at depends on it.
        limits: where the lines are: what can no longer come to one is not looked at.
        text_of: returns the main text of a capture's page, or its beginning; None where it cannot be read.
    """

    def __init__(self, run: str, limits: Thresholds, text_of: Callable[[Capture], str | None]) -> None:
        self._run, self._limits, self._text_of = run, limits, text_of

    def of(self, kept: Sequence[Kept], came: Iterable[Capture], before: int) -> Compared:
        """Return how many pages have nothing in common with what they said, of a sample of all.

        Args:
            kept: the pages that had text and have, changed or not.
            came: all pages that came, these included: a text that is at another URL now is not lost.
            before: how many pages there were.
        """
        if not self._may_be_over(sum(page.is_changed for page in kept), len(kept), before):
            return NOTHING_COMPARED
        sample = heapq.nsmallest(SAMPLED, kept, key=lambda page: self._lot(page.earlier))
        count, replaced = self._replaced(sample, before)
        if self._may_be_over(len(replaced), count, before):
            replaced = self._without_moved(replaced, came)
        return Compared(count, tuple(sorted(replaced)))

    def _replaced(self, sample: Sequence[Kept], before: int) -> tuple[int, dict[str, Phrases]]:
        """Return how many pages could be compared, and what those said, by URL, that say nothing of it any more.

        Ends as soon as the pages that are left cannot make it too many.
        """
        changed = [page for page in sample if page.is_changed]
        count = len(sample) - len(changed)  # those that are as they were
        replaced: dict[str, Phrases] = {}
        for at, page in enumerate(changed):
            left = len(changed) - at
            if not self._may_be_over(len(replaced) + left, count + left, before):
                break
            said = self._phrases(page.earlier)
            common = shared(said, self._phrases(page.now))
            if common is not None:
                count += 1
                if common < NOTHING:
                    replaced[page.now.url] = said
        return count, replaced

    def _may_be_over(self, replaced: int, compared: int, before: int) -> bool:
        return self._limits.exceeded(self._limits.replaced, replaced, compared, before)

    def _without_moved(self, replaced: dict[str, Phrases], came: Iterable[Capture]) -> dict[str, Phrases]:
        """Return those whose text is at no other URL: a manual whose pages are numbered may count them anew.

        Where not all pages are looked through, as many more are taken to be there as have been found in proportion.
        """
        pages = list({page.digest: page for page in came}.values())
        searched = heapq.nsmallest(_MOST_SEARCHED, pages, key=self._lot)
        moved = sorted(_found(replaced, map(self._phrases, searched)), key=lambda url: lot(self._run, url))
        others = sorted(replaced.keys() - set(moved), key=lambda url: lot(self._run, url))
        count = len(moved) * len(pages) // len(searched) if searched else 0
        gone = {*moved, *others}.difference([*moved, *others][:count])
        return {url: said for url, said in replaced.items() if url in gone}

    def _phrases(self, capture: Capture) -> Phrases:
        return phrases(self._text_of(capture) or "")

    def _lot(self, capture: Capture) -> bytes:
        return lot(self._run, capture.digest)


def _found(wanted: dict[str, Phrases], texts: Iterable[Phrases]) -> set[str]:
    """Return the names of the texts that are, in good part, among others."""
    found: set[str] = set()
    names: dict[tuple[str, str, str], list[str]] = {}
    for name, said in wanted.items():
        for phrase in said:
            names.setdefault(phrase, []).append(name)
    for text in texts:
        hits = Counter(_hits(names, text))
        found.update(
            name
            for name, count in hits.items()
            if count >= _ELSEWHERE * max(FEWEST, min(len(wanted[name]), len(text)))
        )
    return found


def _hits(names: dict[tuple[str, str, str], list[str]], text: Phrases) -> Iterator[str]:
    for phrase in names.keys() & text:
        yield from names[phrase]
