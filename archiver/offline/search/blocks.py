"""The text of sections as an index stores it: many sections to a block, each block compressed.

Neighbours share most of their words, so a block takes a third of what its sections would take one by one, and showing a
hit means inflating one block. What comes out is bounded before it is inflated: an index may come from strangers.

Source: docs/format.md, "docs/search.sqlite"; RFC 1950 (zlib).
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Iterator, Sequence

from archiver.core.errors import SearchUnavailable

BLOCK = 8 << 10
"""Characters after which a block ends."""
LONGEST_TEXT = 32 << 10
"""The most characters of one section; what is longer goes on in a section of the same heading."""
LONGEST_NAME = 1000
"""The most characters of a title, a heading or an anchor."""
_MOST_INFLATED = 512 << 10  # bytes; what is below comes to 50,000 characters, in JSON six bytes each at most
_LEVEL = 9


@dataclass(frozen=True)
class Section:
    """A page's text from one heading, or named entry of a definition list, to the next.

    ``anchor`` is what to put after ``#``, or empty.
    """

    anchor: str
    heading: str
    text: str


def pieces(section: Section) -> Iterator[Section]:
    """Cut a section where its text is longer than any that is stored; its names are cut off there."""
    anchor = section.anchor if len(section.anchor) <= LONGEST_NAME else ""
    heading, text = section.heading[:LONGEST_NAME], section.text
    while len(text) > LONGEST_TEXT:
        at = text.rfind(" ", LONGEST_TEXT // 2, LONGEST_TEXT) + 1 or LONGEST_TEXT
        yield Section(anchor, heading, text[:at].rstrip())
        text = text[at:]
    yield Section(anchor, heading, text)


def packed(sections: Sequence[Section]) -> bytes:
    """Return a block."""
    rows = [(section.anchor, section.heading, section.text) for section in sections]
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), _LEVEL)


def unpacked(content: object) -> tuple[Section, ...]:
    """Return a block's sections.

    Raises:
        SearchUnavailable: it is no block, or inflates to more than any block has.
    """
    try:
        rows = json.loads(_inflated(content).decode())
        sections = tuple(Section(*map(_text, row)) for row in rows)
    except (zlib.error, ValueError, TypeError, RecursionError) as error:
        raise SearchUnavailable("a block of text in the search index is damaged") from error
    return sections


def _inflated(content: object) -> bytes:
    if not isinstance(content, bytes):
        raise TypeError("not bytes")
    inflater = zlib.decompressobj()
    data = inflater.decompress(content, _MOST_INFLATED)
    if not inflater.eof or inflater.unused_data:
        raise ValueError("not one stream of a block's size")
    return data


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value
