"""The guard's rules, over made-up sites: what is healthy, what is degraded, what is gone, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archiver.collect.guard.evidence import SiteEvidence
from archiver.collect.guard.judging import judge_site
from archiver.collect.guard.kinds import REPLACED, Loss
from archiver.collect.guard.sight import site_evidence
from archiver.collect.guard.thresholds import Thresholds
from archiver.core.judgement import DEGRADED, GONE, HEALTHY, VERDICTS, Judgement
from servers.worlds import (
    RUN,
    SITE,
    World,
    busy,
    edited,
    emptied,
    had,
    led_to,
    login,
    missing,
    moved_within,
    noticed,
    parked,
    refused,
    replaced,
    same,
    soft_404,
    timed_out,
    unchanged,
    unreachable,
    withheld,
)

NORMAL = {
    "nothing changed": World(),
    "everything was edited": World(fates=((99, edited),), seed=edited),
    "one page vanished": World(fates=((1, missing),)),
    "two of five pages vanished": World(pages=4, fates=((2, missing),)),
    "one in twenty failed on a flaky day": World(fates=((3, busy), (2, timed_out))),
    "nineteen of a hundred vanished": World(fates=((19, missing),)),
    "a redesign moved all pages, and redirects": World(fates=((99, moved_within),), seed=edited, new=99),
    "a redesign moved all pages, and nothing redirects": World(fates=((99, missing),), seed=edited, new=95),
    "a third was merged into fewer new pages": World(fates=((33, moved_within),), new=20),
    "four in ten pages lost most of their text": World(fates=((40, emptied),)),
    "one page shows a notice": World(fates=((1, noticed),)),
    "two pages became one": World(fates=((2, same),)),
    "three of ten that were asked for vanished": World(pages=999, fates=((3, missing),), unasked=990),
    "a seed was renamed": World(seed=moved_within, new=1),
    "nothing was asked for": World(unasked=100),
    "a manual of one page was edited": World(pages=0, seed=edited),
    "one of two pages vanished": World(pages=1, fates=((1, missing),)),
    "one of two pages lost its text": World(pages=1, fates=((1, emptied),)),
}
DEGRADING = {
    "a fifth vanished": World(fates=((20, missing),)),
    "half of the pages time out": World(fates=((50, timed_out),)),
    "a fifth was lost in several ways": World(
        fates=((8, missing), (5, soft_404), (4, busy), (2, refused), (1, withheld))
    ),
    "a third leads to one place": World(fates=((33, led_to("https://docs.example.org/")),)),
    "a third became one page": World(fates=((33, same),)),
    "half of the pages lost most of their text": World(fates=((50, emptied),)),
    "notices on a third": World(fates=((33, noticed),)),
    "a notice in place of the seed": World(seed=noticed),
    "the site moved to another host": World(
        fates=((99, led_to("https://new.example/docs/{name}")),), seed=led_to("https://new.example/docs/")
    ),
    "a manual of one page lost its text": World(pages=0, seed=emptied),
    "a manual of two pages lost its text": World(pages=1, fates=((1, emptied),), seed=emptied),
    "a manual of two pages lost one and the other's text": World(
        pages=1, fates=((1, missing),), seed=emptied
    ),
    "a redesign that lost a third": World(fates=((99, missing),), seed=edited, new=66),
    "seven of ten that were asked for vanished": World(pages=999, fates=((7, missing),), unasked=990),
    "a slow decay": World(
        pages=65, fates=((1, missing),), gone=34, earlier=Judgement("docs", HEALTHY, alive=66, peak=100)
    ),
}
LETHAL = {
    "nothing answers": World(fates=((99, unreachable),), seed=unreachable),
    "nothing but 404": World(fates=((99, missing),), seed=missing),
    "nothing but 503": World(fates=((99, busy),), seed=busy),
    "a login wall": World(fates=((99, login),), seed=login),
    "a domain for sale": World(fates=((99, parked),), seed=parked),
    "everything leads to a company's front page": World(
        fates=((99, led_to("https://company.example/")),), seed=led_to("https://company.example/")
    ),
    "one notice in place of everything": World(fates=((99, same),), seed=same),
    "the seed alone answers": World(fates=((99, missing),)),
    "a site of one page is gone": World(pages=0, seed=missing),
    "a notice for every URL, of which the seed alone was asked for": World(seed=replaced, unasked=99),
    "both pages became one": World(pages=1, fates=((1, same),), seed=same),
    "nine in ten lost": World(fates=((45, missing), (45, soft_404))),
    "the seed vanished, and the rest was not asked for": World(seed=missing, unasked=99),
}


@pytest.mark.parametrize("name", NORMAL)
def test_what_happens_in_normal_months_is_healthy(name: str) -> None:
    """Edits, growth, single deletions, flaky days, redesigns, unlucky samples: no alarm, and nothing to say."""
    judgement = NORMAL[name].judgement
    assert (judgement.verdict, judgement.reason, judgement.examples) == (HEALTHY, "", ())
    assert (judgement.good, judgement.since) == (RUN, "")


@pytest.mark.parametrize("name", DEGRADING)
def test_a_large_loss_is_degraded(name: str) -> None:
    """It has a sentence with numbers and places that show it."""
    judgement = DEGRADING[name].judgement
    assert judgement.verdict == DEGRADED, judgement
    _assert_told(judgement)


@pytest.mark.parametrize("name", LETHAL)
def test_a_site_that_is_not_there_is_gone(name: str) -> None:
    """No seed gives a page, or nine in ten pages are lost."""
    judgement = LETHAL[name].judgement
    assert judgement.verdict == GONE, judgement
    _assert_told(judgement)


def _assert_told(judgement: Judgement) -> None:
    assert judgement.reason
    assert judgement.reason[-1] not in ".;:,"
    assert "  " not in judgement.reason
    assert 1 <= len(judgement.examples) <= 3
    assert all(each.startswith(SITE) for each in judgement.examples)
    assert (judgement.checked, judgement.since) == ("2026-01-05T03:00:00Z", "2026-01-05T03:00:00Z")


SAID = {
    "a fifth vanished": "20 of the 100 pages asked for are not there any more",
    "a fifth was lost in several ways": (
        "20 of the 100 pages asked for are lost: 8 are not there any more, 5 show an error page, 4 fail with errors of the "
        "server, 2 are refused to us, 1 in other ways"
    ),
    "a third leads to one place": (
        "33 of the 100 pages asked for lead to one place (https://docs.example.org/)"
    ),
    "half of the pages lost most of their text": "50 of the 100 pages that answer have lost most of their text",
    "a notice in place of the seed": "the seed has been replaced by a notice",
    "the site moved to another host": (
        "it seems to have moved to https://new.example: all 100 pages asked for lead to another host (https://new.example); "
        "name that in the spec's seeds if it has"
    ),
    "a manual of one page lost its text": "the only page that answers has lost most of its text",
    "a manual of two pages lost its text": "both pages that answer have lost most of their text",
    "a manual of two pages lost one and the other's text": (
        "the only page that answers has lost most of its text; 1 of the 2 pages asked for is not there any more"
    ),
    "a redesign that lost a third": (
        "99 of the 100 pages asked for are not there any more; 66 new ones do not make up for that"
    ),
    "seven of ten that were asked for vanished": (
        "7 of the 10 pages asked for, of 1,000 in all, are not there any more"
    ),
    "a slow decay": "of the 100 pages that there once were 65 are left",
}


@pytest.mark.parametrize("name", SAID)
def test_sentences_say_how_much_and_how(name: str) -> None:
    """Counts, what became of the pages, and where they lead."""
    assert DEGRADING[name].judgement.reason == SAID[name]


DIED = {
    "nothing answers": (
        "the seed is on a host that cannot be reached (docs.example.org); all 100 pages asked for are on a host that cannot be "
        "reached (docs.example.org)"
    ),
    "everything leads to a company's front page": (
        "the seed leads to the same place as others (https://company.example/); all 100 pages asked for lead to one place "
        "(https://company.example/)"
    ),
    "a login wall": "the seed asks to log in; all 100 pages asked for ask to log in",
    "a site of one page is gone": "the seed is not there any more",
    "a notice for every URL, of which the seed alone was asked for": "the seed has been replaced by a notice",
    "nine in ten lost": "90 of the 100 pages asked for are lost: 45 show an error page, 45 are not there any more",
}


@pytest.mark.parametrize("name", DIED)
def test_of_a_site_that_is_gone_the_seeds_are_told_first(name: str) -> None:
    """What became of the seeds, and then of the pages."""
    assert LETHAL[name].judgement.reason == DIED[name]


def test_several_seeds_are_counted_with_those_that_are_refused() -> None:
    """Notices that are sent for every URL are no pages, others are; each seed counts once."""
    other = f"{SITE}other/"
    before = [had(), had("other/")]
    refused = [replace(replaced(page), seed=True) for page in before]
    judgement = judge_site("docs", site_evidence(refused, before, lambda _: True), Thresholds(), None, RUN)
    assert judgement.reason == "none of the 2 seeds gives a page: 2 have been replaced by a notice"
    mixed = [refused[0], replace(noticed(before[1]), seed=True)]
    judgement = judge_site("docs", site_evidence(mixed, before, lambda _: True), Thresholds(), None, RUN)
    assert judgement.reason == "both pages asked for have been replaced by a notice"
    assert judgement.examples == (SITE, other)


def test_examples_show_each_kind_of_loss() -> None:
    """Three of them: one of each kind as far as they go, the commonest kind first, in the order of the URLs."""
    world = World(fates=((30, missing), (20, busy)))
    assert world.judgement.examples == (f"{SITE}p0000.html", f"{SITE}p0030.html", f"{SITE}p0001.html")


def test_a_first_run_is_healthy_with_one_seed_and_gone_without() -> None:
    """There is nothing to compare with: failures and refusals by the dozen do not matter, the seed does."""
    first = World(pages=0, new=50)
    assert first.judgement.verdict == HEALTHY
    failures = [replace(busy(page), earlier=None) for page in World().before[1:]]
    seed = replace(first.answers[0], earlier=None)
    for answers, verdict in (
        ([seed, *failures], HEALTHY),
        ([replace(seed, capture=None, status="404"), *failures], GONE),
    ):
        judgement = judge_site("docs", site_evidence(answers, [], lambda _: True), Thresholds(), None, RUN)
        assert judgement.verdict == verdict
        assert judgement.reason == ("" if verdict == HEALTHY else "the seed is not there")


def test_what_is_judged_goes_on_from_what_was_judged_before() -> None:
    """``since`` and ``good`` stay while a source is not healthy; the peak stays, and grows."""
    first = World(new=20).judgement
    assert (first.alive, first.peak, first.good) == (120, 120, RUN)
    bad = World(fates=((50, missing),), earlier=first).judgement
    assert (bad.alive, bad.peak, bad.good, bad.since) == (50, 120, RUN, "2026-01-05T03:00:00Z")
    worse = World(fates=((60, missing),), earlier=replace(bad, since="2025-12-24T00:00:00Z")).judgement
    assert (worse.since, worse.good, worse.peak) == ("2025-12-24T00:00:00Z", RUN, 120)
    back = World(earlier=worse).judgement
    assert (back.verdict, back.since, back.peak) == (HEALTHY, "", 120)


def test_what_is_refused_is_not_missed_later() -> None:
    """Whoever had the domain meanwhile had twice as many pages: they are not the most that there ever was of the manual."""
    first = Judgement("docs", HEALTHY, alive=100, peak=100)
    refused = World(seed=noticed, new=300, earlier=first).judgement
    assert (refused.verdict, refused.alive > 300, refused.peak) == (DEGRADED, True, 100)
    assert World(earlier=refused).judgement.verdict == HEALTHY


def test_what_fails_for_now_is_not_known_to_be_lost() -> None:
    """A flaky day does not add to a slow decay: what fails counts as alive, what is not there any more does not."""
    earlier = Judgement("docs", HEALTHY, alive=100, peak=110)
    flaky = World(fates=((12, missing), (15, busy)), earlier=earlier)
    assert flaky.evidence.alive == 88
    lost = World(fates=((19, missing),), earlier=replace(earlier, peak=120))
    assert lost.judgement.verdict == DEGRADED
    assert lost.judgement.reason == "of the 120 pages that there once were 81 are left"


def test_a_spec_that_asks_for_less_has_lost_nothing() -> None:
    """What the spec does not ask for any more counts neither as lost nor for the most that there ever was."""
    world = World()
    kept = [answer for answer in world.answers if answer.url < f"{SITE}p0030"]
    evidence = site_evidence(kept, world.before, lambda url: url < f"{SITE}p0030")
    assert (evidence.before, evidence.unwanted, evidence.asked, evidence.lost) == (31, 69, 31, ())
    judgement = judge_site(
        "docs", evidence, Thresholds(), Judgement("docs", HEALTHY, alive=100, peak=100), RUN
    )
    assert (judgement.verdict, judgement.alive, judgement.peak) == (HEALTHY, 31, 31)


@pytest.mark.parametrize(
    ("limits", "world", "verdict"),
    [
        (Thresholds(lost=None, decayed=None), World(fates=((50, missing),)), HEALTHY),
        (Thresholds(lost=0.6, decayed=0.6), World(fates=((50, missing),)), HEALTHY),
        (Thresholds(lost=0.05), World(fates=((5, missing),)), DEGRADED),
        (Thresholds(gone=0.5), World(fates=((50, missing),)), GONE),
        (Thresholds(gone=None), World(fates=((99, missing),)), DEGRADED),
        (Thresholds(least=30), World(fates=((29, missing),)), HEALTHY),
        (Thresholds(least=1), World(pages=3, fates=((1, missing),)), DEGRADED),
        (Thresholds(collapsed=None), World(fates=((99, emptied),)), HEALTHY),
        (Thresholds(collapsed=0.1), World(fates=((10, emptied),)), DEGRADED),
        (Thresholds(None, None, None, None, None), World(fates=((99, missing),), seed=noticed), HEALTHY),
        (Thresholds(None, None, None, None, None), World(fates=((99, missing),), seed=missing), GONE),
    ],
)
def test_the_lines_are_where_the_spec_draws_them(limits: Thresholds, world: World, verdict: str) -> None:
    """Each share can be moved or turned off; that no seed answers counts always."""
    assert replace(world, thresholds=limits).judgement.verdict == verdict


@pytest.mark.parametrize(
    ("replaced", "compared", "before", "reason"),
    [
        (24, 50, 100, ""),
        (
            45,
            50,
            100,
            "45 of the 50 pages that were compared have nothing in common with what they said before",
        ),
        (50, 50, 100, "all 50 pages that were compared have nothing in common with what they said before"),
        (2, 2, 2, "both pages that were compared have nothing in common with what they said before"),
        (1, 1, 1, "the only page that was compared has nothing in common with what it said before"),
        (2, 2, 100, ""),
        (5, 8, 1000, ""),
        (8, 8, 1000, "all 8 pages that were compared have nothing in common with what they said before"),
    ],
)
def test_a_site_that_says_other_things_is_degraded(
    replaced: int, compared: int, before: int, reason: str
) -> None:
    """Where it is more than half of the site for sure, with three examples; a few pages never are."""
    names = tuple(f"{SITE}{n}" for n in range(3))
    evidence = SiteEvidence(
        before=before,
        asked=before,
        changed=before,
        compared=compared,
        replaced=Loss(REPLACED, replaced, names[:replaced]),
        seeds=1,
        seeds_asked=1,
    )
    judgement = judge_site("docs", evidence, Thresholds(), None, RUN)
    assert judgement.reason == reason
    assert judgement.verdict == (DEGRADED if reason else HEALTHY)
    assert judgement.examples == (names[:replaced] if reason else ())
    ignored = judge_site("docs", evidence, Thresholds(replaced=None), None, RUN)
    assert ignored.verdict == HEALTHY


def test_verdicts_are_ordered_by_gravity() -> None:
    """Of several findings the gravest is told: a site that lost nine in ten, with a notice at its seed, is gone."""
    assert World(fates=((95, missing),), seed=noticed).judgement.verdict == GONE
    assert VERDICTS == (GONE, DEGRADED, HEALTHY)
    assert World(fates=((99, unchanged),)).judgement.verdict == HEALTHY
