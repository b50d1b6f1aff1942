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
    """Print a line; if it cannot be taken, since a mail program has ended or a disk is full, this and what follows is lost."""
    with _unheard(stream):
        print(text, file=stream, flush=True)


def say_error(error: ArchiverError) -> int:
    """Tell of an error as commands do, likewise; return the exit code it stands for."""
    with _unheard(sys.stderr):
        report(error)
        sys.stderr.flush()
    return exit_code(error)


@contextmanager
def _unheard(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except OSError:
        with suppress(
            OSError, ValueError
        ):  # what is buffered goes nowhere, so that the program's end does not fail over it
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
