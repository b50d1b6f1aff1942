"""Two capture indexes side by side, as streams: which URLs they tell different things of."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Iterable, Iterator, Optional, Tuple

from archiver.store.captureindex import parsed

if TYPE_CHECKING:
    from archiver.core.capture import Capture

Pair = Tuple[Optional["Capture"], Optional["Capture"]]
# What says how a capture came about and not what it is. In JSON, a quotation mark within a string has a backslash
# before it, so that what stands between two is a member.
_INCIDENTAL = re.compile(rb'"(?:record|original|etag|modified|since|text)":"(?:[^"\\]|\\.)*",?')
_Group = Tuple[bytes, Tuple[bytes, ...]]


def differing(earlier: Iterable[bytes], later: Iterable[bytes], places: tuple[str, str]) -> Iterator[Pair]:
    """Yield the captures of each doc site's URL of which two snapshots differ, None where one has none of it.

    Times, records and validators count for nothing. Memory is that of the captures of one key.

    Args:
        earlier: the lines of a capture index, sorted.
        later: those of another one.
        places: name the indexes in errors.

    Raises:
        RecordCorrupt: a line is malformed.
    """
    for one, other in _merged(earlier, later):
        if set(map(_essence, one)) == set(map(_essence, other)):
            continue
        was = {(capture.source, capture.url): capture for capture in parsed(one, places[0])}
        now = {(capture.source, capture.url): capture for capture in parsed(other, places[1])}
        for identity in dict.fromkeys((*was, *now)):
            pair = was.get(identity), now.get(identity)
            if not (pair[0] and pair[1]) or _told(pair[0]) != _told(pair[1]):
                yield pair


def _told(capture: Capture) -> tuple[str, ...]:
    return capture.digest, capture.kind, capture.status, capture.mime, capture.gone


def _essence(line: bytes) -> bytes:
    """Return what a line says of its URL, time and record apart."""
    key, _, rest = line.partition(b" ")
    return key + _INCIDENTAL.sub(b"", rest.partition(b" ")[2])


def _merged(
    earlier: Iterable[bytes], later: Iterable[bytes]
) -> Iterator[tuple[tuple[bytes, ...], tuple[bytes, ...]]]:
    """Yield the lines of each key on both sides."""
    ones, others = _groups(earlier), _groups(later)
    one, other = next(ones, None), next(others, None)
    while one or other:
        if other is None or (one and one[0] < other[0]):
            assert one is not None
            yield one[1], ()
            one = next(ones, None)
        elif one is None or other[0] < one[0]:
            yield (), other[1]
            other = next(others, None)
        else:
            yield one[1], other[1]
            one, other = next(ones, None), next(others, None)


def _groups(lines: Iterable[bytes]) -> Iterator[_Group]:
    for key, group in groupby(lines, key=lambda line: line.partition(b" ")[0]):
        yield key, tuple(group)
