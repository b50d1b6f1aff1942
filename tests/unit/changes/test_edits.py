"""Edits: they make the later sequence of the earlier one, are as few as can be, and no input takes long."""

from __future__ import annotations

import random
import time
from typing import Sequence

import pytest

from archiver.changes import edits as module
from archiver.changes.edits import Edit, Work, edits


def _applied(earlier: Sequence[int], later: Sequence[int], found: list[Edit]) -> list[int]:
    made: list[int] = []
    at = 0
    for edit in found:
        assert edit.start < edit.stop or edit.new_start < edit.new_stop, "no edit is empty"
        made += [*earlier[at : edit.start], *later[edit.new_start : edit.new_stop]]
        at = edit.stop
    return [*made, *earlier[at:]]


def _longest_common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the length of the longest common subsequence, by the table that everybody knows."""
    before = [0] * (len(other) + 1)
    for element in one:
        row = [0]
        for n, each in enumerate(other):
            row.append(before[n] + 1 if element == each else max(before[n + 1], row[-1]))
        before = row
    return before[-1]


def _sequences(seed: int) -> tuple[list[int], list[int]]:
    chance = random.Random(seed)
    variety = chance.choice((2, 4, 30))
    one = [chance.randrange(variety) for _ in range(chance.randrange(25))]
    other = list(one) if chance.random() < 0.8 else []
    for _ in range(chance.randrange(12)):
        at = chance.randrange(len(other) + 1)
        other[at : at + chance.randrange(2)] = [chance.randrange(variety)] * chance.randrange(2)
    return one, other


@pytest.mark.parametrize("first", range(0, 2000, 500))
def test_the_fewest_edits_make_one_of_the_other(first: int) -> None:
    """What is replaced makes the later of the earlier one, and as much is kept as can be."""
    for seed in range(first, first + 500):
        one, other = _sequences(seed)
        found = edits(one, other)
        assert _applied(one, other, found) == other
        kept = len(one) - sum(edit.stop - edit.start for edit in found)
        assert kept == _longest_common(one, other)


@pytest.mark.parametrize("most", [0, 10, 40, 100, 1000])
def test_too_little_work_replaces_more_and_nothing_wrongly(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Where the fewest edits are not found in time, fixed points and whole replacements give a right result too."""
    monkeypatch.setattr(module, "_MOST_EDITS", 3)
    for seed in range(500):
        one, other = _sequences(seed)
        assert _applied(one, other, edits(one, other, Work(most))) == other


def test_what_is_equal_has_no_edit() -> None:
    """Equal sequences give nothing, empty ones too."""
    assert edits([], []) == edits("abc", "abc") == []
    assert edits("", "ab") == [Edit(0, 0, 0, 2)]
    assert edits("ab", "") == [Edit(0, 2, 0, 0)]


@pytest.mark.parametrize(
    "kind", ["alternating", "random", "reversed", "each block changed", "one in fifty changed"]
)
def test_no_sequence_takes_long(kind: str) -> None:
    """What makes other algorithms quadratic or worse: repetitions, noise, everything upside down."""
    chance = random.Random(1)
    size = 100_000
    one, other = {
        "alternating": ([0, 1] * size, [1, 0, 0] * (2 * size // 3)),
        "random": ([chance.randrange(3) for _ in range(size)], [chance.randrange(3) for _ in range(size)]),
        "reversed": (list(range(size)), list(range(size))[::-1]),
        "each block changed": ([e for n in range(size // 5) for e in (n, -1, -2)], [e for n in range(size // 5) for e in (n, -2, -1)]),
        "one in fifty changed": (list(range(size)), [n if n % 50 else -n for n in range(size)]),
    }[kind]  # fmt: skip
    begun = time.process_time()
    found = edits(one, other)
    assert _applied(one, other, found) == other
    assert time.process_time() - begun < 10
    if kind == "one in fifty changed":
        assert sum(edit.stop - edit.start for edit in found) == size // 50 - 1
