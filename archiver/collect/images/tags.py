"""Which tags of a repository a spec chooses, and in what order. Pure; docs/mirroring.md says it to users."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, Protocol, Sequence

from archiver.collect.images.ranges import Range
from archiver.collect.images.versions import TagVersion, tag_version
from archiver.core.errors import SpecError
from archiver.core.reference import is_tag

if TYPE_CHECKING:
    from archiver.spec.images import TagSelection

_REGEX = "re:"
_RANGE = re.compile(r"[<>=^~|\s,]|\A[vV]?(?:[0-9]+\.)+[xX](?:\.[xX])*\Z")  # what no tag has, or 1.2.x
_GLOB = re.compile(r"[*?[]")
_GLOB_TEXT = re.compile(r"(?:[A-Za-z0-9_.*?-]|\[!?[A-Za-z0-9_.-]+\])+")
_ABOUT_OTHERS = re.compile(
    r"sha256-[0-9a-f]{64}(?:\.[a-z]+)?"
)  # OCI's fallback for referrers, and cosign's tags


@dataclass(frozen=True)
class Tag:
    """A tag of a repository.

    Attributes:
        name: the tag.
        named: the version that it names, if any.
        moves: whether it stands for the newest of several: ``3.4`` where ``3.4.1`` is there.
    """

    name: str
    named: TagVersion | None
    moves: bool = False


class TagRule(Protocol):
    """One of the rules in ``tags`` and ``exclude``."""

    @property
    def text(self) -> str:
        """How it is written."""

    def takes(self, tag: Tag) -> bool:
        """Say whether it matches a tag."""


@dataclass(frozen=True)
class ExactRule:
    """Takes the tag of this name."""

    text: str

    def takes(self, tag: Tag) -> bool:
        """Say whether it matches a tag."""
        return tag.name == self.text


@dataclass(frozen=True)
class PatternRule:
    """Takes what a regular expression is found in, except tags that only hold what refers to another image."""

    text: str
    _pattern: re.Pattern[str] = field(repr=False)

    def takes(self, tag: Tag) -> bool:
        """Say whether it matches a tag."""
        return self._pattern.search(tag.name) is not None and not _ABOUT_OTHERS.fullmatch(tag.name)


@dataclass(frozen=True)
class RangeRule:
    """Takes versions, not their variants, and not names that move; and the tag that is called so, if there is one."""

    text: str
    _range: Range = field(repr=False)

    def takes(self, tag: Tag) -> bool:
        """Say whether it matches a tag."""
        if tag.named is None or tag.named.variant or tag.moves:
            return tag.name == self.text
        return self._range.contains(tag.named.version)


def parse_rule(text: str) -> TagRule:
    """Read a rule: ``re:`` and a regular expression, a version range, a glob, or a tag's name.

    Raises:
        SpecError: it is none of these.
    """
    if text.startswith(_REGEX):
        try:
            return PatternRule(text, re.compile(text.removeprefix(_REGEX)))
        except (re.error, OverflowError, RecursionError) as error:
            hint = "behind re: stands a Python regular expression; put the whole in single quotes"
            raise SpecError(f"{text!r:.200} is not a regular expression: {error}", hint=hint) from error
    if _RANGE.search(text):
        return RangeRule(text, Range.parse(text))
    if _GLOB.search(text):
        return PatternRule(text, _glob(text))
    if not is_tag(text):
        raise SpecError(
            f"{text!r:.200} cannot be a tag",
            hint="write a tag's name, a glob such as 'v3.*', a range such as '>=3.3 <4', or re: and an expression",
        )
    return ExactRule(text)


def _glob(text: str) -> re.Pattern[str]:
    if not _GLOB_TEXT.fullmatch(text):
        raise SpecError(
            f"{text!r:.200} is a glob that no tag can match",
            hint="tags have letters, digits and _.- only; in a glob * stands for any of them, ? for one, [12] for 1 or 2",
        )
    return re.compile(r"\A" + fnmatch.translate(text))


def exact_tags(selection: TagSelection) -> tuple[str, ...] | None:
    """Return the tags that a selection names, where it takes no list of tags to know them; else None.

    Raises:
        SpecError: a rule cannot be read.
    """
    rules = [parse_rule(text) for text in selection.tags]
    if selection.latest is not None or not all(isinstance(rule, ExactRule) for rule in rules):
        return None
    return chosen_tags([rule.text for rule in rules], selection)


def chosen_tags(names: Iterable[str], selection: TagSelection) -> tuple[str, ...]:
    """Return the tags that a selection takes, the newest version first, and behind them those that name none.

    Args:
        names: the repository's tags, valid ones, in any order.
        selection: what the spec asks for.

    Raises:
        SpecError: a rule cannot be read.
    """
    tags = _parsed(names)
    matched = _taken(tags, selection.tags) if selection.tags else _releases(tags)
    unwanted = frozenset(_taken(matched, selection.exclude))
    if selection.latest is None:
        return _newest_first(tag for tag in matched if tag not in unwanted)
    versions = {tag: named.version for tag, named in _steady(matched) if tag not in unwanted}
    newest = frozenset(sorted(set(versions.values()), reverse=True)[: selection.latest])
    return _newest_first(tag for tag, version in versions.items() if version in newest)


def unmet_rules(names: Iterable[str], selection: TagSelection) -> tuple[str, ...]:
    """Return the rules of ``tags`` that match none of a repository's tags. Arguments as of ``chosen_tags``."""
    tags = _parsed(names)
    return tuple(text for text in selection.tags if not _taken(tags, (text,)))


def _parsed(names: Iterable[str]) -> list[Tag]:
    tags = [Tag(name, tag_version(name)) for name in frozenset(names)]
    moving = _moving(tags)
    return [Tag(tag.name, tag.named, tag in moving) for tag in tags]


def _taken(tags: Iterable[Tag], rules: Sequence[str]) -> list[Tag]:
    parsed = [parse_rule(text) for text in rules]
    return [tag for tag in tags if any(rule.takes(tag) for rule in parsed)]


def _releases(tags: Iterable[Tag]) -> list[Tag]:
    return [tag for tag in tags if tag.named is not None and tag.named.is_release]


def _versioned(tags: Iterable[Tag]) -> list[tuple[Tag, TagVersion]]:
    return [(tag, tag.named) for tag in tags if tag.named is not None]


def _moving(tags: Iterable[Tag]) -> frozenset[Tag]:
    """Return the tags whose version others go on with: they are moved from one of these to the next.

    ``3.4`` moves where ``3.4.1`` is there, ``3.4-rc`` where ``3.4-rc1`` or ``3.4.0-rc1`` is; variants each among
    themselves.
    """
    versioned = _versioned(tags)
    begun: set[tuple[str, str, tuple[int, ...]]] = set()  # variant, label, numbers that others go on with
    for _, named in versioned:
        version = named.version
        for end in range(1, len(named.parts)):
            begun.update((named.variant, label, named.parts[:end]) for label in ("", version.label))
        if version.step:
            begun.add((named.variant, version.label, named.parts))
    return frozenset(
        tag
        for tag, named in versioned
        if not named.version.step and (named.variant, named.version.label, named.parts) in begun
    )


def _steady(tags: Sequence[Tag]) -> list[tuple[Tag, TagVersion]]:
    """Return the tags that can be among the newest: those of a version, without the ones that move.

    A number alone (3, 20230901) counts only where no version with a dot does: beside these it moves, or is a date.
    """
    moving = _moving(tags)
    versioned = [(tag, named) for tag, named in _versioned(tags) if tag not in moving]
    dotted = any(len(named.parts) > 1 for _, named in versioned)
    return [
        (tag, named)
        for tag, named in versioned
        if not dotted or len(named.parts) > 1 or not named.version.is_release
    ]


def _newest_first(tags: Iterable[Tag]) -> tuple[str, ...]:
    ordered = sorted(tags, key=lambda tag: tag.name)
    versioned = _versioned(ordered)
    versioned.sort(key=lambda pair: pair[1].order, reverse=True)
    versioned.sort(key=lambda pair: bool(pair[1].variant))
    versioned.sort(key=lambda pair: pair[1].version, reverse=True)
    others = [tag for tag in ordered if tag.named is None]
    return tuple(tag.name for tag in (*(tag for tag, _ in versioned), *others))
