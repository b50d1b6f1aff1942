"""Sites without end: calendars, facets, session ids, paths that grow. Recognised by their URLs, and bounded.

Nothing here judges a page; a bound says how much of a kind is enough, and the spec can raise each. What
has the shape of a trap is left out at once; what is only a trap in numbers is counted. The counts are
a table of fixed size, so that memory stays flat; two kinds may share a count, which at worst bounds
them a little earlier. The same URLs in the same order give the same answers.

Habits taken over: the bound on depth from Heritrix' TooManyPathSegmentsDecideRule, that on repeated
segments from its PathologicalPathDecideRule.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from archiver.spec.scope import Traps

TOO_DEEP = "trap: too deep"
REPEATED = "trap: repeated path"
CALENDAR = "trap: calendar"
QUERIES = "trap: too many queries"
SESSION = "trap: session id"
SORTED = "trap: listing sorted otherwise"

_SLOTS = 1 << 18
# A month or a day at the path's end. Behind it something else, as in /blog/2023/05/12/title, is a page of its own.
_DATE_PATH = re.compile(
    r"/(?:19|20|21)[0-9]{2}[-/](?:0?[1-9]|1[0-2])(?:[-/](?:0?[1-9]|[12][0-9]|3[01]))?(?:/|(?:/index)?\.html?)?\Z"
)
_DATE_NAMES = frozenset(
    {"date", "day", "eventdate", "mo", "mon", "month", "tribe-bar-date", "week", "year", "yr"}
)
_DATE_VALUE = re.compile(r"(?:19|20|21)[0-9]{2}-[01][0-9](?:-[0-3][0-9])?(?:\Z|T|%20|\+)")
_TOKEN = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[0-9A-Za-z_-]{20,}\Z")
_SORTED = re.compile(r"C=[NMSD](?:[;&]O=[AD])?\Z")  # the column headings of Apache's and nginx' listings


class _Kind(NamedTuple):
    """URLs that are counted together: what they are if there are too many, and how many are enough."""

    reason: str
    name: str
    most: int


class TrapGuard:
    """Says which URLs lead nowhere new. One for each source; it counts the pages that were queued.

    Args:
        bounds: how much is enough.
    """

    def __init__(self, bounds: Traps) -> None:
        self._bounds = bounds
        self._counts = array("I", bytes(4 * _SLOTS))

    def reason(self, url: str) -> str:
        """Return why a URL is not to be queued, by its shape or by how many of its kind were; empty where it may be.

        Args:
            url: in canonical spelling, not queued before.
        """
        shape = self.shape(url)
        if shape:
            return shape
        kind = self._kind(url)
        return kind.reason if kind and self._counts[_slot(kind)] >= kind.most else ""

    def shape(self, url: str) -> str:
        """Return what a URL's shape alone tells."""
        path, _, query = url[url.index("/", 8) :].partition("?")
        if path.count("/") > self._bounds.depth:
            return TOO_DEEP
        if _repeats(path, self._bounds.repeats):
            return REPEATED
        return SORTED if query and _SORTED.match(query) else ""

    def note(self, url: str) -> None:
        """Count a URL that was queued; once each, and on continuing a run once more for the pages that are known."""
        kind = self._kind(url)
        if kind:
            self._counts[_slot(kind)] += 1

    def _kind(self, url: str) -> _Kind | None:
        path, _, query = url.partition("?")
        if not query:
            date = _DATE_PATH.search(path)
            return _Kind(CALENDAR, path[: date.start()], self._bounds.dates) if date else None
        parameters = [each.partition("=") for each in query.split("&")]
        if any(_is_date(name, value) for name, _, value in parameters):
            return _Kind(CALENDAR, f"{path}?", self._bounds.dates)
        for name, _, value in parameters:
            if _TOKEN.match(value):
                return _Kind(SESSION, f"{path[: path.index('/', 8)]}?{name}", self._bounds.queries)
        several = len(parameters) > 1
        return _Kind(
            QUERIES, f"{path}?{'&' * several}", self._bounds.combinations if several else self._bounds.queries
        )


def _repeats(path: str, most: int) -> bool:
    """Say whether path segments follow themselves ``most`` times, or one occurs yet more often; numbers may."""
    segments = path.split("/")[1:-1]
    counts = Counter(segments)
    if len(counts) == len(segments):
        return False
    if any(count > most and not segment.isdigit() for segment, count in counts.items()):
        return True
    for period in range(1, len(segments) // most + 1):
        run = 0
        for at, (here, there) in enumerate(zip(segments, segments[period:])):
            run = run + 1 if here == there else 0
            if run >= period * (most - 1) and not all(map(str.isdigit, segments[at : at + period])):
                return True
    return False


def _is_date(name: str, value: str) -> bool:
    return (value[:1].isdigit() and name.lower() in _DATE_NAMES) or _DATE_VALUE.match(value) is not None


def _slot(kind: _Kind) -> int:
    return crc32(f"{kind.reason} {kind.name}".encode()) % _SLOTS
