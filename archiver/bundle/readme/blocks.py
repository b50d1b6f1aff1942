"""What a README is made of: sections of paragraphs, commands and tables, as yet in neither HTML nor plain text.

In paragraphs, headings and notes, what stands between backquotes is code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Union

Cell = Sequence[str]
"""A line, and small print below it."""
NUMBERS = frozenset({"Pages", "Size"})
"""Columns of numbers."""


@dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    text: str


@dataclass(frozen=True)
class Commands:
    """Lines to copy into a terminal, on Windows into PowerShell; none where a system has no such thing."""

    caption: str
    linux: tuple[str, ...]
    macos: tuple[str, ...]
    windows: tuple[str, ...]

    @property
    def variants(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """The different lines, each with the systems (``linux``, ``macos``, ``windows``) that they are for."""
        by_lines: dict[tuple[str, ...], list[str]] = {}
        for system in ("linux", "macos", "windows"):
            by_lines.setdefault(getattr(self, system), []).append(system)
        return tuple((tuple(systems), lines) for lines, systems in by_lines.items() if lines)


@dataclass(frozen=True)
class Table:
    """Rows of cells below the names of their columns."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Fold:
    """What only some readers need: a line that says whom, and what they need."""

    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


Block = Union[Paragraph, Commands, Table, Fold, Heading]


@dataclass(frozen=True)
class Section:
    """A part of a README.

    Attributes:
        anchor: its name in links.
        short: its name for people, in a word or two.
        title: its heading.
        blocks: what it says.
        is_step: whether it is something to do, which is numbered.
    """

    anchor: str
    short: str
    title: str
    blocks: tuple[Block, ...]
    is_step: bool = False


def everywhere(caption: str, *lines: str) -> Commands:
    """Return commands that are the same on all systems."""
    return Commands(caption, lines, lines, lines)


def with_python(caption: str, *lines: str) -> Commands:
    """Return commands that begin with ``python3``, which is ``py`` on Windows."""
    windows = tuple(
        "py" + line.removeprefix("python3") if line.startswith("python3 ") else line for line in lines
    )
    return Commands(caption, lines, lines, windows)
