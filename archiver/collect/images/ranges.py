"""Version ranges as npm writes them: ``>=3.3 <4``, ``^1.2``, ``~3.4.1``, ``1.2.x``, ``1.2 - 2.0``, ``||``. Pure.

Source: the "Ranges" chapter of the node-semver documentation. Versions may have up to six numbers here, and
a comma between comparators means what a space does.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from typing import Callable

from archiver.collect.images.versions import Version, tag_version
from archiver.core.errors import SpecError

_HINT = "write a range such as '>=3.3 <4', '^1.2', '~3.4.1', '1.2.x', '1.2 - 2.0' or '1.x || >=2.5'"
_COMPARATOR = re.compile(r"(?P<operator>[<>=^~]*)(?P<version>[^<>=^~]+)")
_GAP = re.compile(r"([<>=^~])\s+")
_WILD = frozenset("xX*")
_FULL = 3  # numbers of a version; with fewer, what follows is left open
_COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq,
}  # fmt: skip
_Bound = tuple[Callable[[Version, Version], bool], Version]


@dataclass(frozen=True)
class _All:
    """Comparators that must all hold. ``candidates``: the numbers of which pre-releases are meant, too."""

    bounds: tuple[_Bound, ...]
    candidates: frozenset[tuple[int, ...]]

    def contains(self, version: Version) -> bool:
        if not version.is_release and version.numbers not in self.candidates:
            return False
        return all(compare(version, bound) for compare, bound in self.bounds)


@dataclass(frozen=True)
class Range:
    """A set of versions. ``text`` is how it is written."""

    text: str
    _alternatives: tuple[_All, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read a range.

        Raises:
            SpecError: it is none.
        """
        return cls(text, tuple(_all(part.strip(), text) for part in text.split("||")))

    def contains(self, version: Version) -> bool:
        """Say whether a version is in it. Of pre-releases, only those of a version that it names as one."""
        return any(alternative.contains(version) for alternative in self._alternatives)


@dataclass(frozen=True)
class _Partial:
    """A version of which the end may be left open: ``1.2``, ``1.2.x``."""

    parts: tuple[int, ...]
    is_open: bool
    version: Version

    def after(self, index: int) -> Version:
        """The first version that differs in one of the numbers up to an index."""
        return Version.of((*self.parts[:index], self.parts[index] + 1))

    @property
    def end(self) -> Version:
        """The first version behind all that it stands for, where it is open."""
        return self.after(len(self.parts) - 1)


def _all(text: str, whole: str) -> _All:
    bounds: list[_Bound] = []
    named: list[Version] = []
    first, dash, last = (part.strip() for part in text.partition(" - "))
    if dash:
        spans = [(">=", _partial(first, whole)), ("<=", _partial(last, whole))]
    else:
        spans = [_comparator(part, whole) for part in re.split(r"[\s,]+", _GAP.sub(r"\1", text)) if part]
    if not spans:
        raise SpecError(f"{whole!r:.120} is not a version range", hint=_HINT)
    for sign, partial in spans:
        bounds.extend(_bounds(sign, partial, whole))
        named.append(partial.version)
    return _All(tuple(bounds), frozenset(each.numbers for each in named if not each.is_release))


def _comparator(text: str, whole: str) -> tuple[str, _Partial]:
    match = _COMPARATOR.fullmatch(text)
    if match is None or match["operator"] not in {*_COMPARE, "", "^", "~"}:
        raise SpecError(f"{whole!r:.120} is not a version range: {text!r:.60}", hint=_HINT)
    return match["operator"] or "=", _partial(match["version"], whole)


def _partial(text: str, whole: str) -> _Partial:
    pieces = text.lstrip("vV").split(".")
    known = len(pieces)
    while known and pieces[known - 1] in _WILD:
        known -= 1
    if not known:
        return _Partial((), True, Version(()))
    is_wild = known < len(pieces)
    read = tag_version(".".join(pieces[:known]))
    if read is None or read.variant or (is_wild and not read.version.is_release):
        raise SpecError(f"{whole!r:.120} is not a version range: {text!r:.60} is not a version", hint=_HINT)
    is_open = is_wild or (len(read.parts) < _FULL and read.version.is_release)
    return _Partial(read.parts, is_open, read.version)


def _bounds(sign: str, partial: _Partial, whole: str) -> list[_Bound]:
    ge, lt = _COMPARE[">="], _COMPARE["<"]
    start = partial.version
    if not partial.parts:  # a wildcard alone
        if sign in {"<", ">"}:
            raise SpecError(f"{whole!r:.120} leaves no version", hint=_HINT)
        return []
    if sign == "^":
        leading = next((index for index, part in enumerate(partial.parts) if part), len(partial.parts) - 1)
        return [(ge, start), (lt, partial.after(leading))]
    if sign == "~":
        return [(ge, start), (lt, partial.after(min(1, len(partial.parts) - 1)))]
    if not partial.is_open or sign in {">=", "<"}:
        return [(_COMPARE[sign], start)]
    if sign == "=":
        return [(ge, start), (lt, partial.end)]
    return [(ge if sign == ">" else lt, partial.end)]
