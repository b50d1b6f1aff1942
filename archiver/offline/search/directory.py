"""Which sections are whose: the documents of an index, small enough to keep in memory.

Sections are numbered through, document after document; so a document is a range of them, and what a reader limits a search
to (a doc site, a version, a language) is a few ranges.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

from archiver.core.editions import language_of, normal_locale, normal_version
from archiver.core.errors import SearchUnavailable

if TYPE_CHECKING:
    import sqlite3

_PER_VERSION = 0.04  # of a score, for each version that is newer
_MOST_AGED = 5
_MOST_SECTIONS = 1 << 40  # whatever is beyond is no count of sections


@dataclass(frozen=True)
class Filters:
    """What a search is limited to; an empty one limits nothing.

    Attributes:
        source: a doc site's name.
        version: as ``normal_version`` compares them: ``3.4`` is ``v3.4``.
        locale: a language tag; ``zh`` takes every kind of Chinese.
    """

    source: str = ""
    version: str = ""
    locale: str = ""


EVERYTHING = Filters()


@dataclass(frozen=True)
class Facet:
    """A value to limit a search to, as most pages write it, and how many pages have it."""

    name: str
    pages: int


@dataclass(frozen=True)
class Facets:
    """The values there are, by name; versions with the newest first. Pages that show none are not counted."""

    sources: tuple[Facet, ...] = ()
    versions: tuple[Facet, ...] = ()
    locales: tuple[Facet, ...] = ()


class Directory:
    """The documents of one index. Unchangeable, so it may be used by several threads.

    Args:
        rows: source, version, locale and number of sections of each document, in their order.

    Raises:
        SearchUnavailable: a row is not what an index has.
    """

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self._first = array("q")
        self._kinds = array("l")
        kinds: dict[tuple[str, str, str], int] = {}
        next_section = 1
        for source, version, locale, sections in rows:
            if not (
                isinstance(sections, int)
                and 0 <= sections < _MOST_SECTIONS
                and isinstance(source, str)
                and isinstance(version, str)
                and isinstance(locale, str)
            ):
                raise SearchUnavailable("a document of the search index is not what an index has")
            self._first.append(next_section)
            self._kinds.append(kinds.setdefault((source, version, locale), len(kinds)))
            next_section += sections
        self._end = next_section
        self._named = tuple(kinds)
        versions = {normal_version(version) for _, version, _ in kinds if version}
        ages = {version: age for age, version in enumerate(sorted(versions, key=_age))}
        self._weights = [
            1 - _PER_VERSION * min(ages.get(normal_version(version), 0), _MOST_AGED)
            for _, version, _ in kinds
        ]
        self.ranges = lru_cache(maxsize=64)(self._ranges)

    @classmethod
    def of(cls, database: sqlite3.Connection) -> Directory:
        """Read the one of an index. Raises SearchUnavailable and sqlite3.Error."""
        return cls(database.execute("SELECT source, version, locale, sections FROM documents ORDER BY id"))

    def document_of(self, section: int) -> int:
        """Return the number of a section's document."""
        return bisect_right(self._first, section)

    def weight_of(self, document: int) -> float:
        """Return how much a document's score counts: of one page in several versions the newest is to come first."""
        return self._weights[self._kinds[document - 1]]

    def span(self, document: int) -> tuple[int, int]:
        """Return the first section of a document, and the one behind its last. Documents count from 1."""
        end = self._first[document] if document < len(self._first) else self._end
        return self._first[document - 1], end

    def _ranges(self, filters: Filters) -> tuple[tuple[int, int], ...]:
        """Return the sections that filters leave, as ascending ``(first, last)``."""
        wanted = {number for number, kind in enumerate(self._named) if _matches(filters, *kind)}
        runs = groupby(range(len(self._kinds)), key=lambda document: self._kinds[document] in wanted)
        found: list[tuple[int, int]] = []
        for is_wanted, run in runs:
            if is_wanted:
                documents = list(run)
                first, end = self.span(documents[0] + 1)[0], self.span(documents[-1] + 1)[1]
                if end > first:
                    found.append((first, end - 1))
        return tuple(found)

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Return how many documents have a source, version and locale."""
        counts = Counter(self._kinds)
        return {kind: counts[number] for number, kind in enumerate(self._named)}


def merged_facets(directories: Iterable[Directory]) -> Facets:
    """Return the values that several indexes have."""
    sources: Counter[str] = Counter()
    versions: Counter[str] = Counter()
    locales: Counter[str] = Counter()
    for directory in directories:
        for (source, version, locale), count in directory.counts().items():
            sources[source] += count
            versions[version] += count
            locales[locale] += count
    return Facets(
        _facets(sources, str, str),
        _facets(versions, normal_version, _age),
        _facets(locales, normal_locale, str),
    )


def _facets(
    counts: Counter[str], normal: Callable[[str], str], order: Callable[[str], Any]
) -> tuple[Facet, ...]:
    """Return what pages have as facets; what limits a search to the same pages, such as ``1.0`` and ``v1.0``, is one."""
    alike: dict[str, dict[str, int]] = {}
    for name, count in sorted(counts.items()):
        if name:
            alike.setdefault(normal(name), {})[name] = count
    facets = (Facet(max(names, key=names.__getitem__), sum(names.values())) for names in alike.values())
    return tuple(sorted(facets, key=lambda facet: order(facet.name)))


def _age(version: str) -> tuple[bool, list[int], str]:
    """Sort words such as ``latest`` first, then numbers, the highest first."""
    numbers = [
        -int(part) for part in normal_version(version).split(".") if part.isdecimal() and len(part) < 9
    ]
    return bool(numbers), numbers, version


def _matches(filters: Filters, source: str, version: str, locale: str) -> bool:
    if filters.source and source != filters.source:
        return False
    if filters.version and normal_version(version) != normal_version(filters.version):
        return False
    if not filters.locale:
        return True
    asked, tag = normal_locale(filters.locale), normal_locale(locale)
    return asked == tag or ("-" not in asked and bool(tag) and language_of(asked) == language_of(tag))
