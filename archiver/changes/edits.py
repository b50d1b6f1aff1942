"""What turns one sequence into another, in time and memory that no input can blow up.

Myers' greedy algorithm finds the fewest edits where there are few of them; where there are many, elements that both
sides have once are taken for fixed points, and what lies between them is compared by itself. What is left when the work
allowed is done counts as replaced.

Sources: E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", Algorithmica 1 (1986); Bram Cohen's patience diff.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import Hashable, Iterator, NamedTuple, Sequence

MOST_WORK = 1_000_000
"""Steps for a comparison, unless another number is given: half a second or so."""
_MOST_EDITS = 400  # that Myers' algorithm looks for; its memory grows with the square
_MOST_NESTED = 16  # times that what lies between fixed points is cut at further ones


@dataclass(frozen=True)
class Edit:
    """``earlier[start:stop]`` became ``later[new_start:new_stop]``; one of the two may be empty."""

    start: int
    stop: int
    new_start: int
    new_stop: int


class Work:
    """How many steps a comparison, or several together, may still take.

    Args:
        most: how many there are.
    """

    def __init__(self, most: int = MOST_WORK) -> None:
        self._left = most

    def spend(self, steps: int) -> bool:
        """Count steps; say whether there were as many left."""
        self._left -= steps
        return self._left >= 0


def edits(earlier: Sequence[Hashable], later: Sequence[Hashable], work: Work | None = None) -> list[Edit]:
    """Return what has to be replaced of one sequence to get another, in order; nothing where they are equal.

    Args:
        earlier: what there was.
        later: what there is.
        work: what may be done for it; where that is not enough, more is said to be replaced than was.
    """
    numbers: dict[Hashable, int] = {}
    one = [numbers.setdefault(each, len(numbers)) for each in earlier]
    other = [numbers.setdefault(each, len(numbers)) for each in later]
    found: list[Edit] = []
    start = new_start = 0
    for match in _matches(one, other, work or Work()):
        if match.start > start or match.new_start > new_start:
            found.append(Edit(start, match.start, new_start, match.new_start))
        start, new_start = match.start + match.length, match.new_start + match.length
    if start < len(one) or new_start < len(other):
        found.append(Edit(start, len(one), new_start, len(other)))
    return found


class _Match(NamedTuple):
    """Where both sides have the same, and for how many elements."""

    start: int
    new_start: int
    length: int


class _Range(NamedTuple):
    """A part of either side, and how many cuts led to it."""

    start: int
    stop: int
    new_start: int
    new_stop: int
    depth: int = 0


def _matches(one: list[int], other: list[int], work: Work) -> Iterator[_Match]:
    """Yield what both sides have in common, in order; matches may touch, and may be empty."""
    waiting: list[_Range | _Match] = [_Range(0, len(one), 0, len(other))]
    while waiting:
        part = waiting.pop()
        if isinstance(part, _Match):
            yield part
            continue
        front = _equal(one, other, part)
        inner = part._replace(start=part.start + front, new_start=part.new_start + front)
        back = _equal_behind(one, other, inner)
        inner = inner._replace(stop=inner.stop - back, new_stop=inner.new_stop - back)
        yield _Match(part.start, part.new_start, front)
        waiting.append(_Match(inner.stop, inner.new_stop, back))
        if inner.start < inner.stop and inner.new_start < inner.new_stop and work.spend(front + back):
            waiting.extend(reversed(_parts(one, other, inner, work)))


def _equal(one: list[int], other: list[int], part: _Range) -> int:
    """Return how many elements at the beginning are the same."""
    most = min(part.stop - part.start, part.new_stop - part.new_start)
    return next((n for n in range(most) if one[part.start + n] != other[part.new_start + n]), most)


def _equal_behind(one: list[int], other: list[int], part: _Range) -> int:
    """Return how many elements at the end are the same."""
    most = min(part.stop - part.start, part.new_stop - part.new_start)
    return next((n for n in range(most) if one[part.stop - 1 - n] != other[part.new_stop - 1 - n]), most)


def _parts(one: list[int], other: list[int], part: _Range, work: Work) -> list[_Range | _Match]:
    """Return what a range comes down to: its matches where they can be found at once, else smaller ranges between some."""
    found = _fewest_edits(one[part.start : part.stop], other[part.new_start : part.new_stop], work)
    if found is not None:
        return [_Match(part.start + m.start, part.new_start + m.new_start, m.length) for m in found]
    fixed = _fixed_points(one, other, part, work) if part.depth < _MOST_NESTED else []
    parts: list[_Range | _Match] = []
    start, new_start = part.start, part.new_start
    for at, new_at in fixed:
        parts.append(_Range(start, at, new_start, new_at, part.depth + 1))
        parts.append(_Match(at, new_at, 1))
        start, new_start = at + 1, new_at + 1
    if fixed:
        parts.append(_Range(start, part.stop, new_start, part.new_stop, part.depth + 1))
    return parts


def _fewest_edits(one: list[int], other: list[int], work: Work) -> list[_Match] | None:
    """Return the matches that leave the fewest edits; None where those would be many, or the work is done."""
    goal = len(one) - len(other)
    if abs(goal) > _MOST_EDITS:
        return None
    rounds: list[dict[int, int]] = []
    before = {1: 0}
    for edit_count in range(_MOST_EDITS + 1):
        reached: dict[int, int] = {}
        followed = 0
        for diagonal in range(-edit_count, edit_count + 1, 2):
            at = begin = _step(before, diagonal, edit_count)
            while at < len(one) and at - diagonal < len(other) and one[at] == other[at - diagonal]:
                at += 1
            followed += at - begin
            reached[diagonal] = at
            if diagonal == goal and at >= len(one):
                return _way_back(rounds, at, goal, edit_count)
        if not work.spend(edit_count + 1 + followed):
            return None
        rounds.append(reached)
        before = reached
    return None


def _step(before: dict[int, int], diagonal: int, edit_count: int) -> int:
    """Return where a diagonal is reached by one more edit: one that adds, or one that removes, whichever leads further."""
    added, removed = before.get(diagonal + 1, -1), before.get(diagonal - 1, -1)
    if diagonal == -edit_count or (diagonal != edit_count and removed < added):
        return added
    return removed + 1


def _way_back(rounds: list[dict[int, int]], at: int, diagonal: int, edit_count: int) -> list[_Match]:
    """Return the matches on the way that led to a place, from its beginning on."""
    found: list[_Match] = []
    for count in range(edit_count, -1, -1):
        before = rounds[count - 1] if count else {1: 0}
        begin = _step(before, diagonal, count)
        if at > begin:
            found.append(_Match(begin, begin - diagonal, at - begin))
        if count:
            added = before.get(diagonal + 1, -1)
            is_added = diagonal == -count or (diagonal != count and before.get(diagonal - 1, -1) < added)
            at, diagonal = (begin, diagonal + 1) if is_added else (begin - 1, diagonal - 1)
    return found[::-1]


def _fixed_points(one: list[int], other: list[int], part: _Range, work: Work) -> list[tuple[int, int]]:
    """Return places of elements that both sides have once, as many as stand in the same order on both."""
    if not work.spend(part.stop - part.start + part.new_stop - part.new_start):
        return []
    counts, new_counts = Counter(one[part.start : part.stop]), Counter(other[part.new_start : part.new_stop])
    places = {each: n for n, each in enumerate(other[part.new_start : part.new_stop], part.new_start)}
    pairs = [
        (n, places[each])
        for n, each in enumerate(one[part.start : part.stop], part.start)
        if counts[each] == 1 and new_counts.get(each) == 1
    ]
    return _longest_rising(pairs)


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the most of the pairs, in their order, whose second members rise (patience sorting)."""
    tops: list[int] = []  # the least last member of a rising run, by its length
    ends: list[int] = []  # which pair that is
    before: list[int] = []  # which pair stands in front of each, or -1
    for number, (_, new) in enumerate(pairs):
        pile = bisect_left(tops, new)
        before.append(ends[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [new]
        ends[pile : pile + 1] = [number]
    chosen: list[tuple[int, int]] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]
