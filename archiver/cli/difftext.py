"""What is different between two snapshots, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Iterator, Sequence, TypeVar

from archiver.changes import model, textdiff
from archiver.cli.wrapping import BOLD, CYAN, FAINT, GREEN, PLAIN, RED, WARNING
from archiver.core.amounts import count_text, size_text

if TYPE_CHECKING:
    from archiver.changes.model import ChangedPage, Changes, Item, MovedTag, Page
    from archiver.changes.textdiff import Hunk, Line
    from archiver.cli.wrapping import Terminal

_T = TypeVar("_T")
_MOST_LISTED = 20
_MARKS = {textdiff.SAME: ("", ""), textdiff.REMOVED: ("[-", "-]"), textdiff.ADDED: ("{+", "+}")}
_SIGNS = {textdiff.SAME: "  ", textdiff.REMOVED: "- ", textdiff.ADDED: "+ ", textdiff.CHANGED: "~ "}
_STYLES = {textdiff.SAME: PLAIN, textdiff.REMOVED: RED, textdiff.ADDED: GREEN, textdiff.CHANGED: PLAIN}
_LABEL = 10  # columns


class DiffText:
    """Says what is different.

    Args:
        changes: what is.
        terminal: what it is written for.
        most: how many things of each kind are listed, and of how many pages the text is shown; None for all.
    """

    def __init__(self, changes: Changes, terminal: Terminal, *, most: int | None = _MOST_LISTED) -> None:
        self._changes = changes
        self._terminal = terminal
        self._most = most

    def summary(self) -> Iterator[str]:
        """Yield what is different, name by name."""
        changes = self._changes
        yield from self._line((f"{changes.project}: {changes.earlier.id} -> {changes.later.id}", BOLD))
        yield from self._replaced()
        for note in changes.notes:
            good = f" What is here of it is of {note.good} or older." if note.good else ""
            yield from self._line(
                (f"{note.source} was {note.verdict}: {note.reason.rstrip('.')}.{good}", WARNING), first="  "
            )
        yield from self._files()
        yield from self._images()
        yield from self._pages()
        if changes.is_empty:
            yield "  nothing that people read, run or install is different"

    def texts(self) -> Iterator[str]:
        """Yield how the text of pages changed; what is the same on several pages once."""
        pages = self._changes.pages
        found = pages.differences
        for alike in self._shortened(found):
            yield ""
            yield from self._text(alike)
        hidden = len(pages.changed_as(model.TEXT)) - sum(map(len, self._shortened(found)))
        if hidden:
            yield ""
            yield f"… and {count_text(hidden, 'more page')} that changed; --all shows more, --under URL those of a part of a site"

    def _line(self, *pieces: tuple[str, str], first: str = "", behind: str | None = None) -> Iterator[str]:
        return self._terminal.lines(pieces, first=first, behind=behind)

    def _replaced(self) -> Iterator[str]:
        replaced = self._changes.files.replaced
        if not replaced:
            return
        what = "1 file has" if len(replaced) == 1 else f"{len(replaced):,} files have"
        yield ""
        yield from self._line(
            (f"SUPPLY CHAIN: {what} other content under the same name.", WARNING),
            (" Whoever has the old one should know why before the new one is used.", PLAIN),
            first="!! ",
        )
        for each in self._shortened(replaced):
            yield from self._line((each.now.name, BOLD), first="   ")
            for word, item in (("was", each.was), ("is", each.now)):
                yield from self._line(
                    (f"{item.digest}  {size_text(item.size)} ({item.size:,} bytes)", PLAIN),
                    first=f"     {word:<3} ",
                )
        yield from self._rest(replaced)
        yield ""

    def _files(self) -> Iterator[str]:
        files = self._changes.files
        counts = [("replaced", len(files.replaced)), *_counts(files)]
        yield from self._heading("file", files.before, files.after, counts)
        yield from self._items(files)

    def _images(self) -> Iterator[str]:
        images = self._changes.images
        counts = [("moved", len(images.moved)), *_counts(images)]
        yield from self._heading("image", images.before, images.after, counts)
        for each in self._shortened(images.moved):
            yield from self._moved_tag(each)
        yield from self._rest(images.moved)
        yield from self._items(images)

    def _moved_tag(self, each: MovedTag) -> Iterator[str]:
        yield from self._labelled("moved", each.now.name)
        for word, item in (("was", each.was), ("is", each.now)):
            yield from self._line((item.digest, FAINT), first=f"    {word:<3} ")
        if each.note:
            yield from self._line((each.note, PLAIN), first="    ")

    def _items(self, changes: model.ImageChanges | model.FileChanges) -> Iterator[str]:
        groups = (
            ("added", changes.added), ("removed", changes.removed), ("gone", changes.gone), ("back", changes.returned),
        )  # fmt: skip
        for label, items in groups:
            for item in self._shortened(items):
                yield from self._labelled(label, item.name, _note(item))
            yield from self._rest(items)

    def _pages(self) -> Iterator[str]:
        pages = self._changes.pages
        counts = [
            ("changed", len(pages.changed_as(model.TEXT)) + len(pages.changed_as(model.CONTENT))),
            *_counts(pages),
            ("moved", len(pages.moved)),
            ("with other markup only", len(pages.changed_as(model.MARKUP))),
            ("damaged", len(pages.changed_as(model.UNREADABLE))),
        ]
        yield from self._heading("page", pages.before, pages.after, counts)
        singles: tuple[tuple[str, Sequence[Page]], ...] = (
            ("added", pages.added), ("removed", pages.removed), ("gone", pages.gone), ("back", pages.returned),
        )  # fmt: skip
        for label, found in singles:
            for each in self._shortened(found):
                since = f"since {_day(each.gone)}; kept" if label == "gone" else ""
                yield from self._labelled(label, each.url, since)
            yield from self._rest(found)
        for move in self._shortened(pages.moved):
            yield from self._labelled("moved", move.was.url)
            yield from self._line((move.now.url, PLAIN), first=f"{'to':>{_LABEL}}  ")
        yield from self._rest(pages.moved)
        for what in (model.TEXT, model.CONTENT, model.UNREADABLE):
            label = "damaged" if what == model.UNREADABLE else "changed"
            for page in self._shortened(these := pages.changed_as(what)):
                yield from self._labelled(label, page.now.url, _told(page))
            yield from self._rest(these)
        requisites = pages.requisites
        if any((requisites.added, requisites.removed, requisites.changed)):
            yield (
                f"requisites: {requisites.changed:,} changed, {requisites.added:,} added, {requisites.removed:,} removed"
            )

    def _heading(
        self, noun: str, before: int, after: int, counts: Sequence[tuple[str, int]]
    ) -> Iterator[str]:
        told = ", ".join(f"{count:,} {what}" for what, count in counts if count)
        if told:
            number = count_text(after, noun) + ("" if before == after else f", were {before:,}")
            yield from self._line((f"{number}: ", BOLD), (told, PLAIN))

    def _labelled(self, label: str, name: str, note: str = "") -> Iterator[str]:
        pieces = [(name, PLAIN), *([(f"  {note}", FAINT)] if note else [])]
        return self._line(*pieces, first=f"  {label:<{_LABEL}}")

    def _shortened(self, found: Sequence[_T]) -> Sequence[_T]:
        return found[: self._most]

    def _rest(self, found: Sequence[object]) -> Iterator[str]:
        if self._most is not None and len(found) > self._most:
            yield f"  {'':<{_LABEL}}… and {len(found) - self._most:,} more; --all lists them"

    def _text(self, alike: Sequence[ChangedPage]) -> Iterator[str]:
        """Yield a difference, with the names of the pages that have it."""
        page = alike[0]
        assert page.diff is not None
        dates = f"{_day(page.was.captured)} -> {_day(page.now.captured)}"
        words = f"{count_text(page.removed, 'word')} removed, {page.added:,} added"
        yield from self._line((page.now.url, BOLD), first="=== ")
        yield from self._line((f"{dates}, {words}", FAINT), first="    ")
        for hunk in page.diff.hunks:
            yield from self._hunk(hunk)
        if page.diff.omitted:
            yield f"    … and {count_text(page.diff.omitted, 'more line')} that changed"
        if alike[1:]:
            yield from self._line(
                (f"the same on {count_text(len(alike) - 1, 'more page')}:", BOLD), first="    "
            )
            for other in self._shortened(alike[1:]):
                yield from self._line((other.now.url, PLAIN), first="    ")
            yield from self._rest(alike[1:])

    def _hunk(self, hunk: Hunk) -> Iterator[str]:
        yield from self._line((hunk.heading or "(beginning)", CYAN), first="@@ ")
        for line in hunk.lines:
            yield from self._hunk_line(line)

    def _hunk_line(self, line: Line) -> Iterator[str]:
        if line.kind != textdiff.CHANGED:
            yield from self._line((line.text, _STYLES[line.kind]), first=_SIGNS[line.kind])
            return
        pieces = [
            (f"{_MARKS[part.kind][0]}{part.text}{_MARKS[part.kind][1]}", _STYLES[part.kind])
            for part in line.parts
        ]
        yield from self._line(("", PLAIN), *pieces, first=_SIGNS[line.kind])


def _counts(
    changes: model.PageChanges | model.ImageChanges | model.FileChanges,
) -> Iterable[tuple[str, int]]:
    yield "added", len(changes.added)
    yield "removed", len(changes.removed)
    yield "gone upstream", len(changes.gone)
    yield "back", len(changes.returned)


def _note(item: Item) -> str:
    notes = [size_text(item.size)]
    notes += [f"since {item.gone[:10]}; kept"] if item.gone else []
    notes += [f"signs or describes {item.refers_to}"] if item.refers_to else []
    return ", ".join(notes)


def _told(page: ChangedPage) -> str:
    if page.what == model.TEXT:
        return f"-{page.removed:,} +{page.added:,} words"
    if page.what == model.UNREADABLE:
        return page.problem
    return page.now.mime if page.was.mime == page.now.mime else f"{page.was.mime} -> {page.now.mime}"


def _day(timestamp: str) -> str:
    return f"{timestamp[:4]}-{timestamp[4:6]}-{timestamp[6:8]}"
