"""README.txt: the same as README.html for a terminal, 78 columns wide."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Iterator

from archiver.bundle.readme import facts
from archiver.bundle.readme.blocks import Commands, Fold, Heading, Paragraph, Table
from archiver.bundle.readme.sections import sections
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents
    from archiver.bundle.readme.blocks import Block

_WIDTH = 78
_SYSTEMS = {"linux": "Linux", "macos": "macOS", "windows": "Windows, in PowerShell"}
_LINK = re.compile(r"\[([^\]]*)\]\(#[a-z]+\)")


def render(contents: Contents, *, signed: bool = False) -> bytes:
    """Return the text; ``signed`` says whether a signature comes with it."""
    return ("\n".join(_lines(contents, signed=signed)).rstrip() + "\n").encode("utf-8")


def _lines(contents: Contents, *, signed: bool) -> Iterator[str]:
    title = f"{facts.title(contents)} - offline {'update' if contents.base else 'archive'}"
    yield from (title, "=" * len(title), "")
    yield from _wrapped(facts.lead(contents))
    for name, value in facts.origin_rows(contents):
        yield from _lines_of(f"{name + ':':<20} {value}", indent=21)
    yield ""
    for sentence in facts.state(contents):
        yield from _wrapped(sentence)
    yield from _wrapped("README.html says the same and is easier to read. On Windows, write py for python3.")
    step = 0
    for section in sections(contents, signed=signed):
        step += section.is_step
        yield from _heading(f"{step}. {section.title}" if section.is_step else section.title, "=")
        for block in section.blocks:
            yield from _block(block)
    yield from ("", f"Snapshot {contents.snapshot.id} of {contents.snapshot.project}, packed by {PROGRAM}.")


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from _wrapped(_plain(block.text))
    elif isinstance(block, Commands):
        yield from _commands(block)
    elif isinstance(block, Heading):
        yield from _heading(block.text, "-")
    elif isinstance(block, Fold):
        yield from _heading(_plain(block.summary), "-")
        for each in block.blocks:
            yield from _block(each)
    else:
        yield from _records(block)


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", text).replace("`", "")


def _heading(text: str, line: str) -> Iterator[str]:
    yield from ("", text, line * len(text), "") if line == "=" else (text, line * len(text), "")


def _wrapped(text: str) -> Iterator[str]:
    yield from _lines_of(text)
    yield ""


def _lines_of(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


def _commands(block: Commands) -> Iterator[str]:
    """The lines, told once for systems that differ by Python's name only."""
    told: dict[tuple[str, ...], list[str]] = {}
    for systems, lines in block.variants:
        told.setdefault(tuple(re.sub(r"^py ", "python3 ", line) for line in lines), []).extend(systems)
    for common, among in told.items():
        where = ", ".join(_SYSTEMS[system] for system in among) if len(among) < len(_SYSTEMS) else ""
        yield f"  {block.caption}{f' ({where})' if where else ''}:"
        yield from ("", *(f"    {line}" for line in common), "")


def _records(table: Table) -> Iterator[str]:
    """A table as blocks: names and digests are too long for columns."""
    if table.columns == facts.LAYOUT_COLUMNS:
        for (name, *_), (purpose, *_) in table.rows:
            yield from _lines_of(f"{name:<24} {purpose}", indent=25)
        return
    for row in table.rows:
        (first, *small), *others = row
        yield f"* {first}"
        yield from (f"  {line}" for line in small if line)
        for column, cell in zip(table.columns[1:], others):
            yield f"  {column}: " + ", ".join(filter(None, cell))
        yield ""
