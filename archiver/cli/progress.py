"""Progress for people: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from archiver.core.progress import NullProgress
from archiver.offline.lineprogress import LineProgress

if TYPE_CHECKING:
    from archiver.core.progress import Progress


def progress_for(stream: TextIO, *, quiet: bool) -> Progress:
    """Return bars where ``stream`` is a terminal, lines where it is not, and nothing where ``quiet``."""
    if quiet:
        return NullProgress()
    if not stream.isatty():
        return LineProgress(stream)
    from archiver.cli.bars import BarProgress  # noqa: PLC0415 - only a terminal needs tqdm, which is slow to import

    return BarProgress(stream)


def default_progress(*, quiet: bool) -> Progress:
    """Return the progress for standard error."""
    return progress_for(sys.stderr, quiet=quiet)
