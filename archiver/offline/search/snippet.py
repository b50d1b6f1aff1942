"""The piece of a text that shows best why it was found, with what was looked for marked."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from archiver.offline.search.segment import is_cjk

_LENGTH = 220  # characters shown of a text
_LEAD = 60  # of them in front of the first match
_MOST_SCANNED = 200_000
_MOST_MARKS = 200
_SUFFIXES = ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "s", "e", "y")
_SHORTEST_STEM = 3


@dataclass(frozen=True)
class Snippet:
    """A piece of text, and the ``(start, stop)`` ranges in it that are to be marked."""

    text: str
    marks: tuple[tuple[int, int], ...]


def make_snippet(text: str, terms: tuple[str, ...]) -> Snippet:
    """Cut the window with the most distinct terms out of a text.

    The window begins and ends between words; an ellipsis stands where text was left out.

    Args:
        text: a section's whole text.
        terms: what was looked for, from ``Query.terms``.
    """
    text = " ".join(text[:_MOST_SCANNED].split())
    matches = _matches(text, terms)
    start, stop = _window(text, matches)
    before, after = ("… " if start else ""), (" …" if stop < len(text) else "")
    shift = len(before) - start
    marks = tuple((a + shift, b + shift) for a, b, _ in matches if a >= start and b <= stop)
    return Snippet(before + text[start:stop] + after, marks)


def _matches(text: str, terms: tuple[str, ...]) -> list[tuple[int, int, str]]:
    patterns = [pattern for term in terms if (pattern := _pattern(term))]
    if not patterns:
        return []
    found = re.finditer("|".join(f"(?:{pattern})" for pattern in patterns), text, re.IGNORECASE)
    return [
        (match.start(), match.end(), match[0].lower())
        for match, _ in zip(found, range(_MOST_MARKS))
        if match[0]
    ]


def _pattern(term: str) -> str:
    """Return a pattern for a term as the index finds it: whole words in any inflection, or CJK text as it is."""
    words = re.findall(r"\w+", term)
    return r"\W+".join(
        re.escape(word) if is_cjk(word[0]) else rf"\b{re.escape(_stem(word))}\w*" for word in words
    )


def _stem(word: str) -> str:
    """Cut an English ending off, roughly where Porter's algorithm would: it is only for marking."""
    for suffix in _SUFFIXES:
        if word.lower().endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            return word[: -len(suffix)]
    return word


def _window(text: str, matches: list[tuple[int, int, str]]) -> tuple[int, int]:
    if len(text) <= _LENGTH:
        return 0, len(text)
    best, most, end = 0, 0, 0
    within: Counter[str] = Counter()
    for start, _, first in matches:  # they are in their order: what is within moves on with them
        while end < len(matches) and matches[end][1] <= start + _LENGTH - _LEAD:
            within[matches[end][2]] += 1
            end += 1
        if len(within) > most:
            best, most = max(0, start - _LEAD), len(within)
        within[first] -= 1
        if within[first] <= 0:
            del within[first]
    start = 0 if best <= 0 else _next_break(text, best)
    stop = min(len(text), start + _LENGTH)
    return start, stop if stop == len(text) else _last_break(text, start, stop)


def _next_break(text: str, at: int) -> int:
    space = text.find(" ", at, at + _LEAD // 2)
    return space + 1 if space >= 0 else at


def _last_break(text: str, start: int, stop: int) -> int:
    space = text.rfind(" ", start + _LENGTH // 2, stop)
    return space if space >= 0 else stop
