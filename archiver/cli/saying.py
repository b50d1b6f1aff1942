"""Printing for a command that goes on whether anybody listens: what it does matters more than what it says."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Iterator, TextIO

from archiver.offline.commands import report
from archiver.offline.exitcodes import exit_code

if TYPE_CHECKING:
    from archiver.core.errors import ArchiverError


def say(text: str, stream: TextIO) -> None:
    """Print a line, or lose it."""
    with maybe_unheard(stream):
        print(text, file=stream)


def say_error(error: ArchiverError) -> int:
    """Tell of an error as commands do, likewise; return the exit code it stands for."""
    with maybe_unheard(sys.stderr):
        report(error)
    return exit_code(error)


@contextmanager
def maybe_unheard(stream: TextIO) -> Iterator[None]:
    """Let a block print; what the stream does not take (a mail program has ended, a disk is full) is lost, and all that follows."""
    try:
        yield
        stream.flush()
    except OSError:
        # What is buffered goes nowhere, so that the program's end does not fail over it.
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
