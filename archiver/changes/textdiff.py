"""The difference between two texts, as people read it: the sentences that changed, with the words that did marked in them.

Pure functions; texts come from strangers, and both the work and the result are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.changes.edits import Edit, Work, edits
from archiver.changes.passages import words

if TYPE_CHECKING:
    from archiver.changes.passages import Passage, Word

SAME, REMOVED, ADDED, CHANGED = "same", "removed", "added", "changed"
MOST_SHOWN = 30_000
"""Characters of one difference; of what is beyond only the number of lines is told."""
_CONTEXT = 1  # lines that are shown around what changed
_ALIKE = 0.4  # of the characters of two passages must be the same for their words to be compared
_LENGTH_OF_WORD = 4  # characters, on average and with all scripts together
_SPLINTER = 1  # words between two changes that are not shown as unchanged


@dataclass(frozen=True)
class Part:
    """A piece of a line: the same on both sides, removed or added."""

    kind: str
    text: str


@dataclass(frozen=True)
class Line:
    """A line of a difference: ``same``, ``removed``, ``added``, or ``changed``, which has parts of each."""

    kind: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All of it, what was removed included."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Hunk:
    """Lines that stand together, with the heading above them; empty where there is none."""

    heading: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class TextDiff:
    """The difference between two texts.

    Attributes:
        hunks: what changed, with a line around it.
        removed: how many words went, a character counting as one in Chinese and Japanese.
        added: how many came.
        omitted: how many more lines changed that are not in ``hunks``.
    """

    hunks: tuple[Hunk, ...]
    removed: int
    added: int
    omitted: int = 0

    @property
    def changes(self) -> tuple[Part, ...]:
        """What was removed and added, without what stands around it: the same on pages that changed alike."""
        lines = (line for hunk in self.hunks for line in hunk.lines)
        return tuple(part for line in lines for part in line.parts if part.kind != SAME)


def compare_texts(
    earlier: Sequence[Passage], later: Sequence[Passage], work: Work | None = None
) -> TextDiff | None:
    """Return the difference between two texts.

    Args:
        earlier: the lines of the first.
        later: those of the second.
        work: what may be done for it.

    Returns:
        The difference; None where both say the same, however that is cut into lines.
    """
    work = work or Work()
    found = edits([each.text for each in earlier], [each.text for each in later], work)
    changes = [change for edit in found if (change := _change(edit, earlier, later, work))]
    if not changes:
        return None
    hunks, omitted = _hunks(later, changes)
    return TextDiff(
        hunks, sum(each.removed for each in changes), sum(each.added for each in changes), omitted
    )


@dataclass(frozen=True)
class _Change:
    """What became of the lines of an edit, and how many words went and came."""

    edit: Edit
    lines: tuple[Line, ...]
    removed: int
    added: int


def _change(edit: Edit, earlier: Sequence[Passage], later: Sequence[Passage], work: Work) -> _Change | None:
    """Look at an edit word by word; as a whole where hardly a word is left, and not at all where all are."""
    old_lines, new_lines = earlier[edit.start : edit.stop], later[edit.new_start : edit.new_stop]
    size = sum(len(each.text) for each in (*old_lines, *new_lines))
    if not work.spend(size):
        return _unread(edit, old_lines, new_lines)
    gone, new = words(old_lines), words(new_lines)
    steps = edits([word.text for word in gone], [word.text for word in new], work)
    if not steps:
        return None
    kept = _length(gone) - sum(_length(gone[step.start : step.stop]) for step in steps)
    if kept < _ALIKE * max(_length(gone), _length(new)):
        steps = [Edit(0, len(gone), 0, len(new))]
    marked = _marked(gone, new, _joined(steps))
    return _Change(
        edit,
        tuple(_laid_out(marked)),
        sum(word.counts for kind, word in marked if kind == REMOVED),
        sum(word.counts for kind, word in marked if kind == ADDED),
    )


def _unread(edit: Edit, gone: Sequence[Passage], new: Sequence[Passage]) -> _Change | None:
    """Take lines as they are, where comparing their words would take too long."""
    if _without_spaces(gone) == _without_spaces(new):
        return None
    lines = [
        Line(kind, (Part(kind, each.text),))
        for kind, side in ((REMOVED, gone), (ADDED, new))
        for each in side
    ]
    removed, added = (sum(len(each.text) for each in side) // _LENGTH_OF_WORD for side in (gone, new))
    return _Change(edit, tuple(lines), removed, added)


def _without_spaces(passages: Sequence[Passage]) -> str:
    return "".join("".join(each.text.split()) for each in passages)


def _length(found: Sequence[Word]) -> int:
    return sum(len(word.text) for word in found)


def _joined(steps: list[Edit]) -> list[Edit]:
    """Join changes that hardly anything stands between: they are read as one."""
    joined = steps[:1]
    for step in steps[1:]:
        last = joined[-1]
        if step.start - last.stop <= _SPLINTER:
            joined[-1] = Edit(last.start, step.stop, last.new_start, step.new_stop)
        else:
            joined.append(step)
    return joined


def _marked(gone: list[Word], new: list[Word], steps: list[Edit]) -> list[tuple[str, Word]]:
    """Return the words of both sides in one row, those that were removed in front of what took their place."""
    marked: list[tuple[str, Word]] = []
    at = 0
    for step in steps:
        marked += [(SAME, word) for word in new[at : step.new_start]]
        marked += [(REMOVED, word) for word in gone[step.start : step.stop]]
        marked += [(ADDED, word) for word in new[step.new_start : step.new_stop]]
        at = step.new_stop
    return marked + [(SAME, word) for word in new[at:]]


def _laid_out(marked: list[tuple[str, Word]]) -> Iterator[Line]:
    """Cut words into lines: where the later text has its own, and where whole lines were removed."""
    waiting: list[tuple[str, Word]] = []
    for kind, word in marked:
        waiting.append((kind, word))
        if word.ends and (kind != REMOVED or all(each == REMOVED for each, _ in waiting)):
            yield from _line(waiting)
            waiting = []
    yield from _line(waiting)


def _line(marked: list[tuple[str, Word]]) -> Iterator[Line]:
    """Yield the line that words make; two where hardly any of them is the same."""
    sizes = dict.fromkeys((SAME, REMOVED, ADDED), 0)
    for kind, word in marked:
        sizes[kind] += len(word.text)
    if (
        sizes[REMOVED]
        and sizes[ADDED]
        and sizes[SAME] < _ALIKE * (sizes[SAME] + max(sizes[REMOVED], sizes[ADDED]))
    ):
        for side, other in ((REMOVED, ADDED), (ADDED, REMOVED)):
            yield Line(side, _parts([(side, word) for kind, word in marked if kind != other]))
    elif marked:
        parts = _parts(marked)
        yield Line(parts[0].kind if len(parts) == 1 else CHANGED, parts)


def _parts(marked: list[tuple[str, Word]]) -> tuple[Part, ...]:
    """Return the pieces of a line, with the spaces between them outside of what was removed and added."""
    parts: list[Part] = []
    space = ""
    for kind, group in groupby(marked, key=lambda each: each[0]):
        text = "".join(word.text + " " * word.spaced for _, word in group)
        if kind == SAME:
            parts.append(Part(SAME, space + text))
            space = ""
            continue
        if space:
            parts.append(Part(SAME, space))
        parts.append(Part(kind, text.rstrip()))
        space = text[len(text.rstrip()) :]
    parts[-1] = Part(parts[-1].kind, parts[-1].text.rstrip())
    return tuple(parts)


def _hunks(later: Sequence[Passage], changes: Sequence[_Change]) -> tuple[tuple[Hunk, ...], int]:
    """Put changes that are near each other together, with a line around them; say how many lines there is no room for."""
    hunks: list[Hunk] = []
    shown = omitted = end = 0  # characters; lines; up to which line of the later text is shown
    heading = ""
    for change in changes:
        start, stop = change.edit.new_start, change.edit.new_stop
        if shown > MOST_SHOWN:
            omitted += sum(line.kind != SAME for line in change.lines)
            continue
        begin = max(end, start - _CONTEXT)
        passed = [n for n in range(end, start) if later[n].is_heading]
        if passed:
            heading, begin = later[passed[-1]].text, max(begin, passed[-1] + 1)
        lines = [*_context(later, begin, start), *change.lines]
        behind = next(
            (n for n in range(stop, len(later)) if n >= stop + _CONTEXT or later[n].is_heading), len(later)
        )
        lines += _context(later, stop, behind)
        if hunks and begin == end and not passed:
            hunks[-1] = Hunk(hunks[-1].heading, (*hunks[-1].lines, *lines))
        else:
            hunks.append(Hunk(heading, tuple(lines)))
        end = behind
        shown += sum(len(line.text) for line in lines)
    return tuple(hunks), omitted


def _context(later: Sequence[Passage], start: int, stop: int) -> list[Line]:
    return [Line(SAME, (Part(SAME, each.text),)) for each in later[start:stop]]
