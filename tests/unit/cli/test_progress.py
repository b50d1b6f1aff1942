from __future__ import annotations

import io

from archiver.cli.bars import BarProgress
from archiver.cli.progress import progress_for
from archiver.core.progress import NullProgress
from archiver.offline.lineprogress import LineProgress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_bars_are_for_terminals_only():
    """A log file gets lines; quiet gets nothing."""
    assert isinstance(progress_for(Terminal(), quiet=False), BarProgress)
    assert isinstance(progress_for(io.StringIO(), quiet=False), LineProgress)
    assert isinstance(progress_for(Terminal(), quiet=True), NullProgress)


def test_lines_tell_the_outcome_once():
    """A task that ends is one line with its count, without control characters."""
    stream = io.StringIO()
    progress = LineProgress(stream)
    task = progress.task("docs", "pages")
    task.expect(3)
    for _ in range(3):
        task.advance()
    task.close()
    task.close()
    progress.warn("slow")
    assert stream.getvalue() == "docs: 3 of 3 pages\nwarning: slow\n"


def test_bars_show_done_and_total():
    """A terminal sees label, done, total and unit."""
    stream = Terminal()
    task = BarProgress(stream).task("docs", "pages", 2)
    task.advance(2)
    task.describe("queued 0")
    task.close()
    assert "docs" in stream.getvalue()
    assert "2/2" in stream.getvalue()
