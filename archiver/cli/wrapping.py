"""Text of any script laid out on a terminal: by the columns that it takes, with colours where those are wanted."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from typing import IO, Iterable, Iterator, Mapping

from archiver.core.printable import printable

PLAIN, BOLD, FAINT, RED, GREEN, CYAN = "", "1", "2", "31", "32", "36"
"""Styles: parameters of ECMA-48's SGR."""
WARNING = "1;31"
_MOST = 1 << 20  # characters of a piece
# What must not begin a line stays with what is before it: closing brackets and stops of East Asian scripts.
_CLOSING = (
    "\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\u300d\u300f\uff09\u3011\u300b\u3009\u2019\u201d\u30fc"
)
_WIDE = "\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60\uffe0-\uffe6\U00020000-\U0003fffd"
# So do the marks around what was removed and added, on either side.
_ATOM = re.compile(
    rf"\s+|(?:\[-|{{\+)?[{_WIDE}][{_CLOSING}]*(?:-\]|\+}})?|[^\s{_WIDE}]+?(?=\[-[{_WIDE}]|{{\+[{_WIDE}])|[^\s{_WIDE}]+[{_CLOSING}]*"
)


@dataclass(frozen=True)
class Terminal:
    """What output goes to.

    Attributes:
        width: how many columns it has; None where lines may have any length.
        colours: whether it shows colours.
    """

    width: int | None = None
    colours: bool = False

    @classmethod
    def of(cls, stream: IO[str], environment: Mapping[str, str]) -> Terminal:
        """Return what a stream is. Source: https://no-color.org, for when no colours are wanted."""
        if not stream.isatty():
            return cls()
        try:
            width = int(environment.get("COLUMNS") or os.get_terminal_size(stream.fileno()).columns)
        except (OSError, ValueError):
            width = 80
        plain = environment.get("NO_COLOR") or environment.get("TERM", "dumb") == "dumb"
        return cls(max(width, 20), not plain)

    def styled(self, text: str, style: str) -> str:
        """Return text in a style."""
        return f"\x1b[{style}m{text}\x1b[0m" if style and text and self.colours else text

    def lines(
        self, pieces: Iterable[tuple[str, str]], *, first: str = "", behind: str | None = None
    ) -> Iterator[str]:
        """Yield strangers' text in lines that fit, but for words that are longer than a line: those are to be copied whole.

        Args:
            pieces: each a text and its style; spaces between them are theirs.
            first: stands in front of the first line, in the style of the first piece.
            behind: stands in front of the others; as many blanks as ``first`` has where it is left out.
        """
        behind = " " * columns(first) if behind is None else behind
        line, at, indent = "", columns(first), first
        style_of_indent: str | None = None
        for text, style in pieces:
            style_of_indent = style if style_of_indent is None else style_of_indent
            for atom in _ATOM.findall(printable(text, _MOST)):
                taken = columns(atom)
                if self.width is not None and line and at + columns(atom.rstrip()) > self.width:
                    yield self.styled(indent, style_of_indent) + line.rstrip()
                    line, at, indent = "", columns(behind), behind
                    if atom.isspace():
                        continue
                line += self.styled(atom, style)
                at += taken
        yield (self.styled(indent, style_of_indent or PLAIN) + line).rstrip()


def columns(text: str) -> int:
    """Return how many columns a text takes on a terminal. Source: Unicode Standard Annex 11."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
