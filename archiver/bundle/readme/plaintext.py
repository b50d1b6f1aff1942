"""README.txt: the same as README.html for a terminal, 78 columns wide."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.bundle.readme import facts
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents

_WIDTH = 78


def render(contents: Contents) -> bytes:
    """Return the text."""
    return ("\n".join(_lines(contents)).rstrip() + "\n").encode("utf-8")


def _lines(contents: Contents) -> Iterator[str]:
    known = facts.commands(contents)
    title = f"{facts.title(contents)} - offline archive"
    yield from (title, "=" * len(title), "")
    yield from _paragraph(facts.lead(contents))
    for sentence in facts.state(contents):
        yield from _paragraph(sentence)
    yield from _heading("Check that it is whole")
    yield from _paragraph("With Python 3.9 or later, nothing else installed and nothing unpacked:")
    yield from _commands(*known.program, *known.verify)
    yield from _paragraph("(On Windows, write py for python3, here and below.)")
    yield from _paragraph("Without Python, unpack the archive first:")
    yield from _commands(*known.unpack)
    yield from _paragraph("and then on Linux:")
    yield from _commands(*known.check_linux)
    yield from _paragraph("on macOS:")
    yield from _commands(*known.check_macos)
    yield from _paragraph("in Windows PowerShell:")
    yield from _commands(*known.check_windows)
    if contents.docs:
        yield from _heading("Read and search the documentation")
        yield from _paragraph(
            "Start the reading program and open the address that it prints in your browser:"
        )
        yield from _commands(*known.serve)
        yield from _paragraph("The page that opens has a search box. In a terminal:")
        yield from _commands(*known.search)
        yield from _paragraph("To serve others on your network as well:")
        yield from _commands(*known.serve_network)
        yield from _paragraph(
            "Without Python: ReplayWeb.page and other web archive viewers open docs/*.wacz."
        )
    if contents.images:
        yield from _heading("Load the container images")
        yield from _paragraph("Take the images out of the archive, then load them with one of these:")
        yield from _commands(*known.take_images, "", *known.docker, *known.podman, *known.containerd)
        yield from _paragraph(
            "Docker gets one platform of each image this way, the first one named below. For the others, or to "
            "feed a cluster, serve the archive as a registry and pull from it, for instance:"
        )
        yield from _commands(*known.serve_network, "", *known.pull)
        yield from _paragraph(
            "From another machine, the name of the one that serves stands for localhost; without encryption, "
            "Docker wants that name among its insecure-registries."
        )
    if contents.files:
        yield from _heading("Take out the downloads")
        yield from _commands(*known.files)
    yield from _heading("What is in here")
    yield from _records(facts.DOC_COLUMNS, facts.doc_rows(contents))
    yield from _records(facts.IMAGE_COLUMNS, facts.image_rows(contents))
    yield from _records(facts.FILE_COLUMNS, facts.file_rows(contents))
    rows = facts.failure_rows(contents)
    if rows:
        yield from _heading("What is missing")
        yield from _records(facts.FAILURE_COLUMNS, rows)
        if len(rows) < len(contents.failures):
            yield from _paragraph(f"And {len(contents.failures) - len(rows):,} more, listed in bundle.json.")
    yield from _heading("The files of this archive")
    for name, purpose in facts.layout(contents):
        yield from textwrap.wrap(f"{name:<20} {purpose}", _WIDTH, subsequent_indent=" " * 21)
    yield from ("", f"Snapshot {contents.snapshot.id} of {contents.snapshot.project}, packed by {PROGRAM}.")


def _heading(text: str) -> Iterator[str]:
    yield from (text, "-" * len(text), "")


def _paragraph(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    yield ""


def _commands(*lines: str) -> Iterator[str]:
    yield from (f"    {line}" if line else "" for line in lines)
    yield ""


def _records(columns: Sequence[str], rows: Sequence[Sequence[facts.Cell]]) -> Iterator[str]:
    """A table as blocks: names and digests are too long for columns."""
    for row in rows:
        (first, *small), *others = row
        yield f"* {first}"
        yield from (f"  {line}" for line in small if line)
        for column, cell in zip(columns[1:], others):
            yield f"  {column}: " + ", ".join(filter(None, cell))
        yield ""
