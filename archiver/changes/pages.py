"""What is different about the pages of two snapshots.

The indexes are read side by side as streams. Only pages with other content are read, one at a time, and, to find those that
moved, pages that came and went.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Optional, Sequence, Tuple

from archiver.changes.captures import differing
from archiver.changes.model import (
    CONTENT,
    MARKUP,
    TEXT,
    UNREADABLE,
    ChangedPage,
    MovedPage,
    Page,
    PageChanges,
    Requisites,
)
from archiver.changes.passages import words
from archiver.changes.textdiff import compare_texts
from archiver.core.capture import PAGE, REQUISITE, distinct_pages, preferred_url
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError
from archiver.store.snapshots import read_capture_lines

if TYPE_CHECKING:
    from archiver.changes.passages import Passage
    from archiver.core.capture import Capture
    from archiver.core.progress import Progress, Task
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ProjectPaths

Reading = Callable[["Capture"], Optional[Tuple["Passage", ...]]]
"""Gives the lines of a page's text; None for what is no text. Raises ArchiverError where it cannot be read."""
MOST_KEPT = 50_000
"""Lines of differences that are kept of all pages together; of pages beyond, only the numbers of words are."""
_ESTIMATED = 2  # times that the same text may be counted longer or shorter in other markup
_LEAST_MOVED = 8  # words; a text that is shorter may stand on any page


def compare_pages(
    paths: ProjectPaths,
    earlier: Snapshot,
    later: Snapshot,
    reading: Reading,
    *,
    under: str,
    progress: Progress,
) -> PageChanges:
    """Return what is different about the pages of two snapshots of a project.

    Args:
        paths: the project's files.
        earlier: the first snapshot.
        later: the one that has what was added.
        reading: reads pages.
        under: how the URLs to look at begin.
        progress: is told of the captures looked at.

    Raises:
        RecordCorrupt: a capture index is damaged. A page that is damaged is told of and ends nothing.
    """
    found = _Comparison(reading)
    places = str(paths.captures(earlier.id)), str(paths.captures(later.id))
    with closing(progress.task("compared", "captures", later.captures)) as task:
        lines = _counted(read_capture_lines(paths, later), task)
        for was, now in differing(read_capture_lines(paths, earlier), lines, places):
            if any(each and each.url.startswith(under) for each in (was, now)):
                found.take(was, now)
    removed, gone, added = _distinct(found.removed), _distinct(found.gone), _distinct(found.added)
    moves = _moves([*removed, *gone], added, reading, progress)
    left, come = {id(was) for was, _ in moves}, {id(now) for _, now in moves}
    return PageChanges(
        before=sum(site.pages for site in earlier.sites),
        after=sum(site.pages for site in later.sites),
        added=tuple(_page(each) for each in added if id(each) not in come),
        removed=tuple(_page(each) for each in removed if id(each) not in left),
        gone=tuple(_page(each) for each in gone if id(each) not in left),
        returned=tuple(map(_page, _distinct(found.returned))),
        moved=tuple(MovedPage(_page(was), _page(now)) for was, now in moves),
        changed=tuple(found.changed.values()),
        requisites=Requisites(**found.requisites),
    )


class _Comparison:
    """Sorts differing captures by what became of them; see ``PageChanges``."""

    def __init__(self, reading: Reading) -> None:
        self.added: list[Capture] = []
        self.removed: list[Capture] = []
        self.gone: list[Capture] = []
        self.returned: list[Capture] = []
        self.changed: dict[tuple[object, ...], ChangedPage] = {}
        self.requisites = {"added": 0, "removed": 0, "changed": 0}
        self._reading = reading
        self._kept = 0

    def take(self, was: Capture | None, now: Capture | None) -> None:
        """Sort in what the two snapshots have of a URL."""
        one, other = was if _is_page(was) else None, now if _is_page(now) else None
        if one and other:
            if other.gone and not one.gone:
                self.gone.append(other)
            elif one.gone and not other.gone:
                self.returned.append(other)
            if (one.digest, one.mime) != (other.digest, other.mime):
                self._change(one, other)
        elif one:
            self.removed.append(one)
        elif other:
            self.added.append(other)
        elif REQUISITE in (each.kind for each in (was, now) if each):
            self.requisites["changed" if was and now else "removed" if was else "added"] += 1

    def _change(self, was: Capture, now: Capture) -> None:
        """Compare a page with what it was; of one that is there under several URLs this is done once."""
        identity = (now.source, was.page, now.page)
        known = self.changed.get(identity)
        if known is None:
            self.changed[identity] = self._compared(was, now)
        elif preferred_url((known.now.url, now.url)) == now.url:
            self.changed[identity] = replace(known, was=_page(was), now=_page(now))

    def _compared(self, was: Capture, now: Capture) -> ChangedPage:
        try:
            one, other = self._reading(was), self._reading(now)
        except ArchiverError as error:
            return ChangedPage(_page(was), _page(now), UNREADABLE, problem=str(error))
        if one is None or other is None:
            return ChangedPage(_page(was), _page(now), CONTENT)
        diff = compare_texts(one, other)
        if diff is None:
            return ChangedPage(_page(was), _page(now), MARKUP)
        if self._kept < MOST_KEPT:
            self._kept += sum(len(hunk.lines) for hunk in diff.hunks)
            return ChangedPage(_page(was), _page(now), TEXT, diff, diff.removed, diff.added)
        return ChangedPage(_page(was), _page(now), TEXT, None, diff.removed, diff.added)


def _is_page(capture: Capture | None) -> bool:
    return capture is not None and capture.kind == PAGE and capture.status == "200"


def _page(capture: Capture) -> Page:
    return Page(
        sys.intern(capture.source),
        sys.intern(capture.url),  # mostly the same on both sides
        capture.timestamp,
        sys.intern(capture.mime),
        capture.digest,
        capture.gone,
    )


def _counted(lines: Iterable[bytes], task: Task) -> Iterator[bytes]:
    for line in lines:
        task.advance()
        yield line


def _distinct(captures: Sequence[Capture]) -> list[Capture]:
    """Return one capture of each page of each doc site, whatever it is written in."""
    sites = dict.fromkeys(each.source for each in captures)
    readable = [
        page for site in sites for page in distinct_pages(each for each in captures if each.source == site)
    ]
    return readable + [each for each in captures if not each.is_readable]


def _moves(
    left: Sequence[Capture], come: Sequence[Capture], reading: Reading, progress: Progress
) -> list[tuple[Capture, Capture]]:
    """Return which of the pages that left are among those that came: with the same content, or else the same text."""
    moves = _paired(left, come, lambda capture: capture.digest)
    known = {id(each) for pair in moves for each in pair}
    left = [each for each in left if id(each) not in known and each.is_readable]
    come = [each for each in come if id(each) not in known and each.is_readable]
    if not (left and come):
        return moves
    lengths = [sorted(map(_counted_text, side)) for side in (left, come)]
    with closing(progress.task("looked for elsewhere", "pages", len(left) + len(come))) as task:

        def text_of(capture: Capture) -> str:
            task.advance()
            return _fingerprint(capture, reading) if all(_has_near(side, capture) for side in lengths) else ""

        return moves + _paired(left, come, text_of)


def _counted_text(capture: Capture) -> int:
    """Return how much text a crawl counted; 0 where it did not."""
    return capture.characters or 0


def _has_near(lengths: Sequence[int], capture: Capture) -> bool:
    """Say whether some page has about as much text, which was estimated, or one was not counted; lengths are sorted."""
    length = _counted_text(capture)
    at = bisect_left(lengths, length / _ESTIMATED)
    return not length or not lengths[0] or (at < len(lengths) and lengths[at] <= length * _ESTIMATED)


def _paired(
    left: Sequence[Capture], come: Sequence[Capture], told_by: Callable[[Capture], str]
) -> list[tuple[Capture, Capture]]:
    """Pair what is told by the same string, by its file name where several are; an empty string tells nothing."""
    groups: dict[str, tuple[list[Capture], list[Capture]]] = defaultdict(lambda: ([], []))
    for side, captures in enumerate((left, come)):
        for capture in captures:
            if told := told_by(capture):
                groups[told][side].append(capture)
    pairs: list[tuple[Capture, Capture]] = []
    for gone, new in groups.values():
        by_name: dict[str, list[Capture]] = defaultdict(list)
        for capture in new:
            by_name[_name(capture)].append(capture)
        named = [(each, by_name[_name(each)].pop()) for each in gone if by_name.get(_name(each))]
        known = {id(each) for pair in named for each in pair}
        rest = [[each for each in side if id(each) not in known] for side in (gone, new)]
        pairs += named + ([(rest[0][0], rest[1][0])] if len(rest[0]) == len(rest[1]) == 1 else [])
    return pairs


def _name(capture: Capture) -> str:
    return capture.url.partition("?")[0].rstrip("/").rpartition("/")[2]


def _fingerprint(capture: Capture, reading: Reading) -> str:
    """Return what only pages of the same text have in common; empty where there is next to none."""
    try:
        found = words(reading(capture) or ())
    except ArchiverError:
        return ""
    text = " ".join(word.text for word in found)
    return str(Digest.of(text.encode("utf-8", "surrogatepass"))) if len(found) >= _LEAST_MOVED else ""
