from __future__ import annotations

import pytest

from archiver.collect.web.pace import LONGEST_PAUSE, MOST_PAUSES, Manners, Pace


def _answered(pace: Pace, count: int, now: float) -> None:
    for _ in range(count):
        pace.succeeded(now)


def test_a_contented_host_is_asked_as_fast_as_the_spec_allows() -> None:
    """Without a delay, each connection gets one request and one ahead, at any time."""
    pace = Pace(Manners(8))
    assert (pace.room(0, 0.0), pace.room(15, 0.0), pace.room(16, 0.0)) == (16, 1, 0)
    pace.began(0.0)
    assert pace.wait(0.0) == 0


def test_a_delay_lies_between_the_starts_of_requests() -> None:
    """With a delay requests are handed out one by one, however many connections there are."""
    pace = Pace(Manners(8, 2.0))
    assert pace.room(0, 10.0) == 1
    pace.began(10.0)
    assert (pace.room(1, 11.9), pace.wait(11.5)) == (0, 0.5)
    assert pace.room(1, 12.0) == 1
    assert pace.room(8, 12.0) == 0


def test_hosts_that_the_spec_does_not_name_get_few_connections() -> None:
    """A CDN gets no more than four, nor more than the spec allows its own hosts, and the same delay."""
    assert Manners(8, 1.0).elsewhere == Manners(4, 1.0)
    assert Manners(2).elsewhere == Manners(2)


def test_a_crawl_delay_can_only_slow_down() -> None:
    """The longer of the spec's and the host's own delay counts."""
    pace = Pace(Manners(1, 2.0))
    pace.slow_to(1.0)
    assert pace.delay == 2.0
    pace.slow_to(5.0)
    assert pace.delay == 5.0


def test_a_throttled_host_is_left_alone_for_as_long_as_it_asks() -> None:
    """Retry-After holds every request back, not only the one that got it."""
    pace = Pace(Manners(8))
    assert pace.throttled(0.0, 1.0, 30.0) == 30.0
    assert (pace.room(0, 30.9), pace.wait(11.0)) == (0, 20.0)
    assert pace.room(0, 31.0) == 1


def test_a_pause_is_bounded() -> None:
    """Nobody can make the crawl wait for a day."""
    assert Pace(Manners(8)).throttled(0.0, 0.0, 86_400.0) == LONGEST_PAUSE


def test_pauses_double_while_no_good_answer_comes() -> None:
    """Without a Retry-After the pause doubles each time; a good answer begins anew."""
    pace, now, pauses = Pace(Manners(8)), 0.0, []
    for _ in range(4):
        pauses.append(pace.throttled(now, now, None))
        now += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 8.0]
    pace.succeeded(now)
    assert pace.throttled(now, now, 0.0) == 1.0


def test_complaints_of_one_burst_count_once() -> None:
    """What was asked before a cut slows no further down; but a longer wait that it asks for is kept."""
    pace = Pace(Manners(8))
    pace.throttled(0.0, 1.0, 5.0)
    after = (pace.connections, pace.delay)
    assert pace.throttled(0.5, 1.1, None) == pytest.approx(4.9)
    assert pace.throttled(0.5, 1.1, 20.0) == 20.0
    assert (pace.connections, pace.delay) == after


def test_speed_is_cut_by_halves_and_given_back_in_steps() -> None:
    """Each complaint halves the connections and doubles the delay; good answers undo that in equal steps."""
    pace = Pace(Manners(8))
    pace.throttled(0.0, 0.0, None)
    assert (pace.connections, pace.delay) == (4, 0.25)
    pace.throttled(1.0, 1.0, None)
    assert (pace.connections, pace.delay) == (2, 0.5)
    _answered(pace, 9, 5.0)
    assert (pace.connections, pace.delay) == (2, 0.5)
    _answered(pace, 1, 5.0)
    assert pace.connections == 3
    assert pace.delay == pytest.approx(0.45)
    _answered(pace, 90, 5.0)
    assert (pace.connections, pace.delay) == (8, 0.0)


def test_answers_to_what_was_asked_before_a_cut_prove_nothing() -> None:
    """Late good answers of the burst that was too much do not speed up, nor end the doubling of pauses."""
    pace = Pace(Manners(8))
    pace.throttled(0.0, 10.0, None)
    _answered(pace, 1000, 9.9)
    assert pace.connections == 4
    assert pace.throttled(11.0, 11.0, None) == 2.0


def test_trouble_on_the_way_reduces_connections_only() -> None:
    """Timeouts and broken connections halve the connections, to one at least, and make no pause."""
    pace = Pace(Manners(8))
    for moment in range(5):
        pace.stumbled(float(moment), float(moment))
    assert (pace.connections, pace.delay, pace.wait(4.0)) == (1, 0.0, 0.0)
    assert pace.room(0, 4.0) == 1


def test_the_spec_s_own_delay_is_the_least_after_recovery() -> None:
    """A host that was throttled ends at the spec's speed again, never above it."""
    pace = Pace(Manners(2, 1.0))
    pace.throttled(0.0, 0.0, None)
    assert pace.delay == 2.0
    _answered(pace, 1000, 1.0)
    assert (pace.connections, pace.delay) == (2, 1.0)


def test_a_delay_is_raised_to_ten_seconds_at_most() -> None:
    """However often a host objects, it is asked now and then; the spec's own delay may be longer."""
    pace, slow = Pace(Manners(8)), Pace(Manners(8, 60.0))
    for moment in range(9):
        pace.throttled(float(moment), float(moment), None)
        slow.throttled(float(moment), float(moment), None)
    assert (pace.delay, slow.delay) == (10.0, 60.0)


def test_a_host_that_only_objects_is_given_up() -> None:
    """After ten pauses without one good answer the host counts as exhausted; one good answer forgives all."""
    pace, now = Pace(Manners(8)), 0.0
    for _ in range(MOST_PAUSES):
        assert not pace.exhausted
        now += pace.throttled(now, now, None)
    assert pace.exhausted
    pace.succeeded(now)
    assert not pace.exhausted
