"""Text as lines and words that can be compared: a sentence is a line, in whatever language."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Iterable, Iterator, NamedTuple

from archiver.offline.search.blocks import LONGEST_TEXT

if TYPE_CHECKING:
    from archiver.bundle.documents import Document
    from archiver.offline.search.blocks import Section

MOST_LINES = 50_000
MOST_CHARACTERS = 2_000_000
"""Lines and characters of one text that are compared."""
_SHORTEST, _LONGEST = 60, 400  # characters of a line, where no sentence ends
_STOPS = ".!?\u3002\uff01\uff1f"
# Whatever it is matched at it matches, so that nothing is looked at twice.
_SENTENCE = re.compile(rf"(?:[^{_STOPS}]+|[.!?]+(?=[^\s.!?]))*[{_STOPS}]*")
# Scripts without spaces between words: Han, Hiragana, Katakana. In Korean there are spaces.
_UNSPACED = "\u3005-\u3007\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003fffd"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}](?:[^\s{_UNSPACED}]{{0,200}}[^\W{_UNSPACED}])?|[^\s]")
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]")
_CUT_EVERY = 8  # words, on average, at which a long line may end
_WINDOW = 16  # characters that choose whether one does


@dataclass(frozen=True)
class Passage:
    """A line: a sentence, or the heading above some."""

    text: str
    is_heading: bool = False


class Word(NamedTuple):
    """A word, a character of a script that has no spaces, or a punctuation mark.

    Attributes:
        text: the word.
        spaced: whether something separates it from the next one.
        ends: whether it is a line's last.
    """

    text: str
    spaced: bool
    ends: bool

    @property
    def counts(self) -> bool:
        """Whether it is a word, and no punctuation mark."""
        return any(character.isalnum() for character in self.text)


def document_passages(document: Document) -> Iterator[Passage]:
    """Yield the lines of an HTML page's main text, headings among them; the title first, where no heading says it."""
    headings = [section.heading for section in document.sections if section.heading]
    if document.title and document.title not in headings[:1]:
        yield Passage(document.title, is_heading=True)
    for (_, heading), parts in groupby(
        document.sections, key=lambda section: (section.anchor, section.heading)
    ):
        if heading:
            yield Passage(heading, is_heading=True)
        yield from map(Passage, _lines("".join(map(_whole, parts)).rstrip()))


def _whole(part: Section) -> str:
    """Return what another part of a section may follow: a search index cuts long ones at a space, where there is one."""
    return part.text if len(part.text) == LONGEST_TEXT else f"{part.text} "


def plain_passages(text: str) -> Iterator[Passage]:
    """Yield the lines of plain text: its own, cut where they are long."""
    for line in text.splitlines():
        yield from map(Passage, _lines(line.strip()))


def limited(passages: Iterable[Passage]) -> tuple[Passage, ...]:
    """Return as many lines as are compared of one text; a last one stands for all others, and tells whether they changed."""
    every = iter(passages)
    found: list[Passage] = []
    size = 0
    for passage in every:
        found.append(passage)
        size += len(passage.text)
        if len(found) == MOST_LINES or size >= MOST_CHARACTERS:
            break
    rest, count = hashlib.sha256(), 0
    for passage in every:
        rest.update(passage.text.encode("utf-8", "surrogatepass") + b"\n")
        count += 1
    if count:
        found.append(Passage(f"({count:,} more lines, sha256 {rest.hexdigest():.16})"))
    return tuple(found)


def words(passages: Iterable[Passage]) -> list[Word]:
    """Return the words of lines."""
    found: list[Word] = []
    for passage in passages:
        matches = list(_WORD.finditer(passage.text))
        for match, behind in zip(matches, [*matches[1:], None]):
            ends = behind is None
            spaced = passage.text[-1].isascii() if behind is None else match.end() < behind.start()
            found.append(Word(match[0], spaced, ends))
    return found


def _lines(text: str) -> Iterator[str]:
    for match in _SENTENCE.finditer(text):
        sentence = match[0].strip()
        if len(sentence) > _LONGEST:
            yield from _cut(sentence)
        elif sentence:
            yield sentence


def _cut(sentence: str) -> Iterator[str]:
    """Cut what has no end, such as code: behind words that the text itself chooses, so that an edit moves few cuts."""
    begin = 0
    for match in _WORD.finditer(sentence):
        end = match.end()
        may_end = sentence[end : end + 1].isspace() or _UNSPACED_WORD.match(match[0]) is not None
        chosen = end - begin >= _SHORTEST and _is_chosen(sentence[max(0, end - _WINDOW) : end])
        if (may_end and (chosen or end - begin >= _LONGEST)) or end - begin >= 2 * _LONGEST:
            yield sentence[begin:end].strip()
            begin = end
    if rest := sentence[begin:].strip():
        yield rest


def _is_chosen(text: str) -> bool:
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % _CUT_EVERY == 0
