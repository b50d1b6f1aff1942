"""What holds of every world that the guard may see."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.collect.guard.chance import share_at_least
from archiver.collect.guard.judging import judge_site
from archiver.collect.guard.sight import site_evidence
from archiver.collect.guard.thresholds import Thresholds
from archiver.core.judgement import DEGRADED, HEALTHY, VERDICTS, Judgement
from servers.worlds import (
    RUN,
    SITE,
    World,
    busy,
    edited,
    emptied,
    failed,
    had,
    led_to,
    login,
    missing,
    moved_within,
    noticed,
    parked,
    same,
    unchanged,
    unreachable,
)

FATES = [
    *(unchanged, edited, emptied, same, noticed, missing, busy, unreachable, login, parked, moved_within),
    *(
        led_to("https://docs.example.org/"),
        led_to("https://new.example/docs/{name}"),
        failed("fetch.moved", "301"),
    ),
]
SOUND = (unchanged, edited)
PEAKS = st.none() | st.builds(
    lambda alive, more: Judgement("docs", HEALTHY, alive=alive, peak=alive + more),
    st.integers(0, 60),
    st.integers(0, 40),
)


def _verdict(fates, new, asked, earlier):
    """Judge a site of which the first page is the seed; ``fates`` are those of all pages, of which some were asked for."""
    pages = [had(), *(had(f"p{n:03}") for n in range(len(fates) - 1))]
    answers = [fate(page) for fate, page, is_asked in zip(fates, pages, asked) if is_asked]
    found = [replace(unchanged(had(f"new{n}")), earlier=None) for n in range(new)]
    evidence = site_evidence([*answers, *found], pages, lambda _: True)
    return judge_site("docs", evidence, Thresholds(), earlier, RUN)


@st.composite
def worlds(draw):
    """Draw the fates of pages, how many are new, which were asked for, and what was judged before."""
    fates = draw(st.lists(st.sampled_from(FATES), min_size=1, max_size=40))
    asked = [draw(st.sampled_from([True, True, True, False])) for _ in fates]
    return fates, draw(st.integers(0, 30)), asked, draw(PEAKS)


@settings(max_examples=400, deadline=None)
@given(worlds(), st.data())
def test_losing_more_never_improves_the_verdict(world, data):
    """One more page that is not there any more, of those that came or were not asked for: as grave as before, or graver."""
    fates, new, asked, earlier = world
    here = [n for n, fate in enumerate(fates) if fate in SOUND or not asked[n]]
    if not here:
        return
    lost = data.draw(st.sampled_from(here))
    before = _verdict(fates, new, asked, earlier).verdict
    worse = [missing if n == lost else fate for n, fate in enumerate(fates)]
    after = _verdict(worse, new, [is_asked or n == lost for n, is_asked in enumerate(asked)], earlier).verdict
    assert VERDICTS.index(after) <= VERDICTS.index(before)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(SOUND), min_size=1, max_size=40), st.integers(0, 100), st.integers(0, 300))
def test_where_nothing_is_lost_a_site_is_healthy(fates, new, seed):
    """Pages that are as they were, or edited, and new ones, however few of them were asked for."""
    asked = [(n * 7 + seed) % 3 != 0 for n in range(len(fates))]
    alive = len(fates)
    judgement = _verdict(fates, new, asked, Judgement("docs", HEALTHY, alive=alive, peak=alive))
    assert (judgement.verdict, judgement.reason) == (HEALTHY, "")
    assert judgement.peak >= judgement.alive >= alive


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_a_first_run_is_never_condemned_by_counts(world):
    """Whatever came of however many URLs: one seed that gives a page is all that a first run needs."""
    fates = world[0]
    answers = [replace(fate(had(f"p{n}")), earlier=None) for n, fate in enumerate(fates)]
    seed = replace(unchanged(had()), earlier=None)
    evidence = site_evidence([seed, *answers], [], lambda _: True)
    assert judge_site("docs", evidence, Thresholds(), None, RUN).verdict == HEALTHY


@settings(max_examples=300, deadline=None)
@given(worlds(), st.randoms())
def test_the_order_of_answers_does_not_matter(world, chance):
    """Verdict, sentence and examples are the same however the answers come, and each that is not healthy has all three."""
    fates, new, asked, earlier = world
    pages = [had(), *(had(f"p{n:03}") for n in range(len(fates) - 1))]
    answers = [fate(page) for fate, page, is_asked in zip(fates, pages, asked) if is_asked]
    answers += [replace(unchanged(had(f"new{n}")), earlier=None) for n in range(new)]
    judged = []
    for _ in range(2):
        evidence = site_evidence(answers, pages, lambda _: True)
        judged.append(judge_site("docs", evidence, Thresholds(), earlier, RUN))
        answers, pages = chance.sample(answers, len(answers)), chance.sample(pages, len(pages))
    assert judged[0] == judged[1]
    told = judged[0]
    if told.verdict == HEALTHY:
        assert (told.reason, told.examples) == ("", ())
    else:
        assert told.reason
        assert all(each.startswith(SITE) for each in told.examples)
        assert told.examples or "once were" in told.reason


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 1000))
def test_the_least_share_grows_with_what_is_hit(hits, asked, more):
    """It lies between nothing and the sample's share, is that share where all were asked, and grows with every hit."""
    hits, whole = min(hits, asked), asked + more
    least = share_at_least(hits, asked, whole)
    assert -1e-9 <= least <= hits / asked + 1e-9
    assert share_at_least(hits, asked, asked) == hits / asked
    if hits < asked:
        assert share_at_least(hits + 1, asked, whole) > least
    if more:
        assert share_at_least(hits + 1, asked + 1, whole) > least - 1e-9


def test_a_small_sample_must_be_conspicuous():
    """Numbers to know the rule by: three of ten out of a thousand pages say a tenth, half of a hundred two fifths."""
    assert round(share_at_least(3, 10, 1000), 2) == 0.13
    assert round(share_at_least(50, 100, 1000), 2) == 0.42
    assert round(share_at_least(250, 500, 1000), 2) == 0.47
    assert share_at_least(0, 0, 10) == 0


def test_a_world_that_is_lost_little_by_little_is_degraded_in_the_end():
    """A page a month of ten, each judged by what is left of the last: four of them are lost before that is told."""
    judgement, months = World(pages=99).judgement, 0
    left = 99
    while judgement.verdict == HEALTHY:
        months += 1
        judgement = World(pages=left, fates=((4, missing),), earlier=judgement).judgement
        left -= 4
    assert (judgement.verdict, months) == (DEGRADED, 8)
    assert judgement.reason == "of the 100 pages that there once were 68 are left"
