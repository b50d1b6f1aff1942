"""Which snapshots stay: the rules one by one, what no rule can remove, and what holds for any history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.core.clock import snapshot_id
from archiver.core.errors import InvalidDocument
from archiver.core.judgement import DEGRADED, GONE, HEALTHY, Judgement
from archiver.store.retention import Policy, kept_by_rules, retained
from servers.records import run_record

if TYPE_CHECKING:
    from archiver.core.snapshot import Snapshot

FIRST = datetime(
    2024, 2, 26, 4, 30, tzinfo=timezone.utc
)  # a Monday, before the end of a leap year's February


def snapshot(name: str, *judgements: Judgement, locked: str = "") -> Snapshot:
    """Return a record that has nothing but what was judged, and what it is locked to."""
    return run_record(*judgements, id=name, locked=locked)


def daily(days: int, step: int = 1) -> list[str]:
    """Return the ids of runs at the same hour every so many days."""
    return [snapshot_id(FIRST + timedelta(days=day)) for day in range(0, days, step)]


def stay(history: dict[str, Snapshot], policy: Policy | None, good: str = "") -> list[str]:
    """Return the ids of the snapshots that stay."""
    return [each.snapshot for each in retained(history, policy, good=good)]


def records(names: list[str]) -> dict[str, Snapshot]:
    """Return a record for each id."""
    return {name: snapshot(name) for name in names}


counts = st.integers(0, 6)
policies = st.builds(Policy, counts, counts, counts, counts, counts)
moments = st.integers(0, 4 * 366 * 24).map(lambda hours: snapshot_id(FIRST + timedelta(hours=hours)))


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # other tests run beside


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Snapshot]:
    """Snapshots some of which found a source gone, or are locked to another."""
    names = sorted(draw(st.sets(moments, max_size=30)))
    made = {}
    for number, name in enumerate(names):
        other = draw(st.sampled_from(["", *names[:number]]))
        verdict = draw(st.sampled_from([HEALTHY, DEGRADED, GONE]))
        locked = draw(st.sampled_from(["", "", *names[:number]]))
        made[name] = snapshot(name, Judgement("docs", verdict, good=other), locked=locked)
    return made


def test_without_a_policy_everything_stays() -> None:
    """A spec that says nothing loses nothing, and the report says why."""
    names = daily(30)
    assert stay(records(names), None) == names
    assert {reason for each in retained(records(names), None) for reason in each.reasons} == {
        "newest", "everything is kept"}  # fmt: skip


def test_the_last_ones_stay() -> None:
    """``last`` keeps so many, counted from the newest; more than there are is no harm."""
    names = daily(10)
    assert stay(records(names), Policy(last=3)) == names[-3:]
    assert stay(records(names), Policy(last=99)) == names


def test_one_of_each_period_stays_the_newest() -> None:
    """Of several in a day, week, month or year the newest stays; ends of months, years and leap days are those of UTC."""
    hours = [snapshot_id(FIRST + timedelta(hours=6 * step)) for step in range(4 * 800)]
    assert [name[:8] for name in stay(records(hours), Policy(daily=3))] == [
        "20260503",
        "20260504",
        "20260505",
    ]
    weeks = stay(records(hours), Policy(weekly=4))
    assert [datetime.strptime(name[:8], "%Y%m%d").isoweekday() for name in weeks] == [7, 7, 7, 2]
    months = stay(records(hours), Policy(monthly=29))
    assert [name[:8] for name in months[:3]] == ["20240226", "20240229", "20240331"], "the first one fills up"
    assert len(months) == 29
    assert [name[:8] for name in stay(records(hours), Policy(yearly=2))] == ["20251231", "20260505"]


def test_periods_without_snapshots_do_not_count() -> None:
    """Runs every 40 days and ``monthly: 4``: the four newest months that have one, however far apart."""
    names = daily(400, 40)
    assert stay(records(names), Policy(monthly=4)) == names[-4:]


def test_a_young_history_keeps_its_first_snapshot() -> None:
    """As long as a rule has places left, the oldest stays too; once the rule is full it goes."""
    names = daily(75)
    assert stay(records(names), Policy(monthly=12))[0] == names[0]
    assert names[0] not in stay(records(names), Policy(monthly=3))


def test_each_that_stays_says_why() -> None:
    """The reasons are the rules that keep it, and what else does, in a fixed order."""
    names = daily(60)
    told = {
        each.snapshot: each.reasons
        for each in retained(records(names), Policy(last=2, monthly=1), good=names[9])
    }
    assert told == {names[9]: ("good",), names[-2]: ("last",), names[-1]: ("newest", "last", "monthly")}


def test_the_last_good_of_a_source_that_is_gone_stays() -> None:
    """However long it has been gone, and whatever other sources do: the snapshot that last found it healthy stays."""
    names = daily(200)
    history = {
        name: snapshot(name, Judgement("docs", GONE if number > 5 else HEALTHY, good=names[min(number, 5)]),
                       Judgement("images", HEALTHY, good=name))
        for number, name in enumerate(names)
    }  # fmt: skip
    kept = {each.snapshot: each.reasons for each in retained(history, Policy(last=1), good=names[-1])}
    assert kept == {names[5]: ("last good of docs",), names[-1]: ("newest", "good", "last")}


def test_what_a_snapshot_was_locked_to_stays() -> None:
    """The snapshot whose images were asked for again, and the one that this in turn was locked to."""
    a, b, c, d = daily(4)
    history = {a: snapshot(a), b: snapshot(b), c: snapshot(c, locked=a), d: snapshot(d, locked=c)}
    assert stay(history, Policy(last=1)) == [a, c, d]


def test_a_name_that_is_no_date_does_not_stop_it() -> None:
    """Ids have a form; one that is of no calendar counts as a week of its own."""
    names = ["20269999T000000Z", "20260101T000000Z"]
    assert set(kept_by_rules(names, Policy(weekly=1))) == {"20269999T000000Z"}


@pytest.mark.parametrize(
    "said", [[], {"last": -1}, {"last": True}, {"last": "5"}, {"hourly": 3}, {"last": 0}, {}]
)
def test_a_policy_that_cannot_be_read_removes_nothing(said: Any) -> None:
    """What a record says and this program does not understand is an error, never a reason to drop something."""
    with pytest.raises(InvalidDocument):
        Policy.of({"keep": said}, what="record")


def test_a_policy_is_read_from_a_spec() -> None:
    """Rules that a record leaves out keep nothing of their own; without ``keep`` there is no policy."""
    assert Policy.of({"keep": {"last": 5, "monthly": 12, "daily": 0}}, what="record") == Policy(
        last=5, monthly=12
    )
    assert Policy.of({"keep": None}, what="record") is Policy.of({}, what="record") is None


@unhurried
@given(histories(), policies)
def test_the_newest_and_what_it_needs_always_stay(history: dict[str, Snapshot], policy: Policy) -> None:
    """The newest snapshot stays, and of each that stays the last good of what is not healthy, and its lock."""
    kept = stay(history, policy)
    assert not history or max(history) in kept
    for name in kept:
        assert not history[name].locked or history[name].locked in kept
        for judgement in history[name].judgements:
            assert judgement.verdict == HEALTHY or not judgement.good or judgement.good in kept


@unhurried
@given(histories(), policies, policies)
def test_a_more_generous_policy_keeps_what_a_stricter_one_keeps(
    history: dict[str, Snapshot], one: Policy, more: Policy
) -> None:
    """Raising any count removes nothing that stayed before; no policy is the most generous one."""
    generous = Policy(*(max(getattr(one, rule), getattr(more, rule)) for rule in
                        ("last", "daily", "weekly", "monthly", "yearly")))  # fmt: skip
    strict = stay(history, one)
    assert set(strict) <= set(stay(history, generous)) <= set(stay(history, None)) == set(history)


@unhurried
@given(histories(), policies, st.data())
def test_what_stayed_once_stays_the_next_time(
    history: dict[str, Snapshot], policy: Policy, data: st.DataObject
) -> None:
    """Pruning what was pruned changes nothing."""
    good = data.draw(st.sampled_from(["", *sorted(history)]))
    kept = retained(history, policy, good=good)
    left = {each.snapshot: history[each.snapshot] for each in kept}
    assert stay(left, policy, good) == list(left)


def test_months_are_those_in_which_snapshots_were_made() -> None:
    """Once a clock was ten years ahead, later ids lie behind that second, all in one month: the rules go by when it was."""
    names = ["20260115T030000Z", *(f"20360301T0300{second:02}Z" for second in range(7))]
    made = {name: snapshot(name) for name in names}
    for month, name in enumerate(names[2:], start=2):
        made[name] = replace(made[name], started=f"2026-{month:02}-15T03:00:00Z")
    assert stay(made, Policy(monthly=4)) == names[-4:]
    assert stay(made, Policy(last=2)) == names[-2:]
