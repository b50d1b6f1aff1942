"""Telling of errors on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from archiver.core.errors import SpecError
from archiver.offline.exitcodes import exit_code

if TYPE_CHECKING:
    from archiver.core.errors import ArchiverError


def report(error: ArchiverError) -> int:
    """Tell of an error with its hint, and return the exit code it stands for."""
    problems = (error, *error.more) if isinstance(error, SpecError) else (error,)
    for problem in problems:
        print(f"archiver: {problem}", file=sys.stderr)
        if problem.hint:
            print(f"  hint: {problem.hint}", file=sys.stderr)
    return exit_code(error)
