"""Options that several of the keeper's commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_archives(parser: argparse.ArgumentParser) -> None:
    """Add ``--archives DIR``; ARCHIVER_ARCHIVES gives its default."""
    parser.add_argument(
        "--archives",
        metavar="DIR",
        type=Path,
        default=Path(os.environ.get("ARCHIVER_ARCHIVES") or "archives"),
        help="the archive folder (default: $ARCHIVER_ARCHIVES or %(default)s)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print the report as JSON on standard output")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add ``--quiet``."""
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="no progress, only the report and problems"
    )
