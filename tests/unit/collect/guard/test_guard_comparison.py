"""Comparing what pages say with what they said."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from archiver.collect.guard.comparison import SAMPLED, Comparison, Kept
from archiver.collect.guard.thresholds import Thresholds
from servers.prose import prose
from servers.worlds import RUN, had

if TYPE_CHECKING:
    from archiver.collect.guard.comparison import Compared
    from archiver.core.capture import Capture

LIMITS = Thresholds()


@dataclass
class Texts:
    """The texts of a site's pages, before and now, by content; notes which were read."""

    known: dict[str, str] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    def text_of(self, capture: Capture) -> str | None:
        """Return a page's text."""
        self.read.append(capture.digest)
        return self.known.get(capture.digest)

    def kept(
        self, count: int, now: str | None = "cluster", *, name: str = "p{}", then: str = "cluster"
    ) -> list[Kept]:
        """Return pages that said something of one trade and say something of another, each something of its own.

        Args:
            count: how many.
            now: the trade; None for pages that cannot be read.
            name: of what they say now.
            then: what they were about.
        """
        pages = []
        for n in range(count):
            page = had(f"{then}{n}")
            changed = replace(page, digest=f"sha256:{now} {n}")
            self.known[page.digest] = prose(then, f"p{n}")
            if now is not None:
                self.known[changed.digest] = f"{prose(now, name.format(n))} Revised."
            pages.append(Kept(page, changed))
        return pages

    def compared(
        self, kept: list[Kept], *, limits: Thresholds = LIMITS, before: int | None = None, run: str = RUN
    ) -> Compared:
        """Compare pages; all that came are these."""
        came = [page.now for page in kept]
        return Comparison(run, limits, self.text_of).of(kept, came, len(kept) if before is None else before)


@pytest.fixture
def texts() -> Texts:
    return Texts()


def _as_they_were(count: int) -> list[Kept]:
    pages = [had(f"same{n}") for n in range(count)]
    return [Kept(page, page) for page in pages]


def test_pages_that_say_other_things_are_replaced(texts: Texts) -> None:
    """All of a sample of them are told, with their URLs in order."""
    kept = texts.kept(80, "casino")
    found = texts.compared(kept)
    assert (found.count, len(found.replaced)) == (SAMPLED, SAMPLED)
    assert list(found.replaced) == sorted(found.replaced)
    assert {*found.replaced} < {page.now.url for page in kept}


def test_pages_that_say_what_they_said_are_not(texts: Texts) -> None:
    """And once it is sure that they are too few, none is read any more: half of the sample, each as it was and as it is."""
    found = texts.compared(texts.kept(80))
    assert found.replaced == ()
    assert 0 < found.count <= SAMPLED / 2 + 1
    assert len(texts.read) == 2 * found.count


def test_where_little_changed_nothing_is_read(texts: Texts) -> None:
    """Not with fewer than ``least``, not with less than the share of the site, and not where the rule is off."""
    assert texts.compared([*texts.kept(2, "casino"), *_as_they_were(1)]).count == 0
    assert texts.compared([*texts.kept(40, "casino"), *_as_they_were(60)]).count == 0
    assert texts.compared(texts.kept(40, "casino"), limits=replace(LIMITS, replaced=None)).count == 0
    assert texts.compared([]).count == 0
    assert texts.read == []


def test_what_is_as_it_was_counts(texts: Texts) -> None:
    """Four pages in five say other things: about as many of the sample."""
    found = texts.compared([*texts.kept(80, "casino"), *_as_they_were(20)])
    assert found.count == SAMPLED
    assert 0.65 * SAMPLED < len(found.replaced) < 0.95 * SAMPLED


def test_what_cannot_be_read_is_left_out(texts: Texts) -> None:
    """A record that is missing or damaged is evidence for nothing."""
    found = texts.compared([*texts.kept(10, "casino"), *texts.kept(10, None, then="集群")])
    assert (found.count, len(found.replaced)) == (10, 10)
    assert texts.compared(texts.kept(10, None)).replaced == ()


def test_a_small_sample_must_show_it_all(texts: Texts) -> None:
    """Five pages that were due, of a thousand: all of them, or it may be chance."""
    assert len(texts.compared(texts.kept(5, "casino"), before=1000).replaced) == 5
    mixed = texts.compared([*texts.kept(3, "casino"), *_as_they_were(2)], before=1000)
    assert not LIMITS.exceeded(LIMITS.replaced, len(mixed.replaced), mixed.count, 1000)


def test_chinese_pages_are_compared_alike(texts: Texts) -> None:
    """Other texts are seen, the same ones too."""
    assert len(texts.compared(texts.kept(10, "游戏", then="集群")).replaced) == 10
    assert texts.compared(texts.kept(10, "集群", then="集群")).replaced == ()


def test_pages_that_are_counted_anew_are_not_replaced(texts: Texts) -> None:
    """A manual with a new second chapter has the third one's text at the fourth one's URL."""
    kept = texts.kept(60, "cluster")
    says = [page.now.digest for page in kept]
    shifted = [texts.known[digest] for digest in says]
    texts.known |= zip(says, shifted[-1:] + shifted[:-1])
    assert texts.compared(kept).replaced == ()


def test_where_the_texts_are_looked_for_in_a_part_only_that_is_allowed_for(texts: Texts) -> None:
    """Of 3,000 pages some are looked through: what is found there stands for what is elsewhere."""
    kept = texts.kept(3000)
    says = [page.now.digest for page in kept]
    shifted = [texts.known[digest] for digest in says]
    texts.known |= zip(says, shifted[-1:] + shifted[:-1])
    found = texts.compared(kept)
    assert not LIMITS.exceeded(LIMITS.replaced, len(found.replaced), found.count, 3000)
    assert len(texts.read) < 2500


def test_a_run_that_is_gone_on_with_draws_the_same_sample(texts: Texts) -> None:
    """Whatever the order of the pages; another run draws another one."""
    kept = texts.kept(200, "casino")
    first = texts.compared(kept)
    random.Random(1).shuffle(kept)
    assert texts.compared(kept) == first
    assert texts.compared(kept, run="20260106T030000Z") != first
