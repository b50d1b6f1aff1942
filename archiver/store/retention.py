"""Which snapshots of a project are kept: the rules of a spec's ``keep``, and what is kept whatever they say.

The rules are restic's: of each day, week, month or year that has a snapshot the newest one is kept, for as many of
them as the rule says. All rules count from the newest snapshot backwards, and what one of them keeps stays. Pure.

Source: docs/pruning.md; restic's manual, "Removing snapshots according to a policy".
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping

from archiver.core.clock import parse_iso, parse_snapshot_id, snapshot_id
from archiver.core.errors import InvalidDocument
from archiver.core.judgement import HEALTHY

if TYPE_CHECKING:
    from archiver.core.snapshot import Snapshot

EVERYTHING = "everything is kept"
NEWEST = "newest"
GOOD = "good"


@dataclass(frozen=True)
class Policy:
    """How many snapshots each rule keeps; 0 for none.

    Attributes:
        last: the newest ones.
        daily, weekly, monthly, yearly: the newest of each day, week (ISO 8601), month and year, in UTC.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    @classmethod
    def of(cls, spec: Mapping[str, Any], *, what: str) -> Policy | None:
        """Return what a spec, as a snapshot's record has it, says; None where it says nothing.

        Raises:
            InvalidDocument: it cannot be read, so that nothing may be removed by it.
        """
        said = spec.get("keep")
        if said is None:
            return None
        names = [field.name for field in fields(cls)]
        if not isinstance(said, dict) or not set(said) <= set(names):
            raise InvalidDocument("the spec's 'keep' has rules that this program does not know", place=what)
        if not all(type(count) is int and count >= 0 for count in said.values()) or not any(said.values()):
            raise InvalidDocument("the spec's 'keep' is not made of numbers", place=what)
        return cls(**said)


@dataclass(frozen=True)
class Kept:
    """A snapshot that stays, and why: the rules, and whatever else, that keep it."""

    snapshot: str
    reasons: tuple[str, ...]


def kept_by_rules(
    snapshots: Iterable[str], policy: Policy | None, made: Mapping[str, str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the snapshots that a policy keeps, newest first, each with the names of the rules that keep it.

    Where a rule has places left for periods before the first snapshot, the first one stays by it, too: so a history
    is not cut short as long as it is younger than what the rule spans.

    Args:
        snapshots: their ids, in any order.
        policy: None keeps all.
        made: by id the second in which a snapshot was made, in the form of an id; None where ids say that, as they mostly do.
    """
    times = made or {}
    ordered = sorted(set(snapshots), reverse=True)
    if policy is None:
        return dict.fromkeys(ordered, (EVERYTHING,))
    kept: dict[str, list[str]] = {}
    for rule, period in _PERIODS.items():
        left, before = getattr(policy, rule), None
        for name in ordered:
            now = period(name if period is _itself else times.get(name, name))
            if left and (now != before or name == ordered[-1]):
                kept.setdefault(name, []).append(rule)
                before = now
                left -= 1
    return {name: tuple(kept[name]) for name in ordered if name in kept}


def retained(snapshots: Mapping[str, Snapshot], policy: Policy | None, *, good: str = "") -> tuple[Kept, ...]:
    """Return the snapshots of a project that stay, oldest first.

    Beside what the policy keeps these are the newest; the one that is bundled and served; of a source that a snapshot that
    stays found degraded or gone, the last one that found it healthy; and the snapshots that one that stays was locked to.

    Args:
        snapshots: all records by their ids.
        policy: of the project's newest spec; None keeps all.
        good: the id of the snapshot that is bundled and served; empty where there is none.
    """
    made = {name: _made(snapshot) for name, snapshot in snapshots.items()}
    reasons = {name: list(rules) for name, rules in kept_by_rules(snapshots, policy, made).items()}
    waiting = list(reasons)

    def keep(name: str, reason: str) -> None:
        if name in snapshots:
            if name not in reasons:
                waiting.append(name)
            if reason not in reasons.setdefault(name, []):
                reasons[name].append(reason)

    keep(max(snapshots, default=""), NEWEST)
    keep(good, GOOD)
    while waiting:
        snapshot = snapshots[waiting.pop()]
        for judgement in snapshot.judgements:
            if judgement.verdict != HEALTHY:
                keep(judgement.good, f"last good of {judgement.source}")
        keep(snapshot.locked, f"locked to by {snapshot.id}")
    return tuple(Kept(name, tuple(sorted(reasons[name], key=_rank))) for name in sorted(reasons))


def _made(snapshot: Snapshot) -> str:
    """Return when a snapshot was made; its id lies ahead of that where it follows one that was made by a clock that was ahead."""
    try:
        return min(snapshot.id, snapshot_id(parse_iso(snapshot.started)))
    except ValueError:
        return snapshot.id


def _itself(snapshot: str) -> str:
    return snapshot


def _week(snapshot: str) -> str:
    try:
        year, week, _ = parse_snapshot_id(snapshot).isocalendar()
    except ValueError:  # a name of the right form that is no date: in no week but its own
        return snapshot
    return f"{year}-{week}"


_PERIODS: Mapping[str, Callable[[str], str]] = {
    "last": _itself,
    "daily": lambda snapshot: snapshot[:8],
    "weekly": _week,
    "monthly": lambda snapshot: snapshot[:6],
    "yearly": lambda snapshot: snapshot[:4],
}
_ORDER = (NEWEST, GOOD, EVERYTHING, *_PERIODS)


def _rank(reason: str) -> tuple[int, str]:
    return (_ORDER.index(reason) if reason in _ORDER else len(_ORDER)), reason
