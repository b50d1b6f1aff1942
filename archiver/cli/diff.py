"""``archiver diff PROJECT [A [B]]``: what is different between two snapshots."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.changes.compare import choose_snapshots, compare_snapshots
from archiver.cli.difftext import DiffText
from archiver.cli.options import add_archives, add_json, add_quiet
from archiver.cli.progress import default_progress
from archiver.cli.reports import print_json
from archiver.cli.wrapping import Terminal
from archiver.offline.exitcodes import COMPLETE, DIFFERENT, REPLACED
from archiver.store.atomic import write_atomically
from archiver.store.paths import open_archive

if TYPE_CHECKING:
    import argparse

    from archiver.changes.model import Changes

FORMAT = "archiver-changes/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "Say what is different between two snapshots of a project: files replaced under the same name first, then images "
        "whose tag moved, pages that came, went, moved or say something else."
    )
    parser.add_argument("project", metavar="PROJECT", help="the project's name")
    parser.add_argument(
        "earlier",
        metavar="A",
        nargs="?",
        default="",
        help="a snapshot's id, or how it begins; the good one before the newest where it is left out",
    )
    parser.add_argument(
        "later",
        metavar="B",
        nargs="?",
        default="",
        help="another one; the newest good one where it is left out",
    )
    parser.add_argument(
        "--under",
        metavar="URL",
        default="",
        help="look only at pages whose URL begins so; not at images and files",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--all", action="store_true", help="list everything, however long that gets")
    shown.add_argument(
        "--brief", action="store_true", help="only say which pages changed, not how their text did"
    )
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page for a browser, one file that needs no network"
    )
    parser.add_argument(
        "--exit-code",
        action="store_true",
        help=f"exit with {DIFFERENT} where anything is different, {REPLACED} where a file was replaced under the same name",
    )
    add_archives(parser)
    add_json(parser)
    add_quiet(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare two snapshots, and say or write what is different."""
    paths = open_archive(args.archives).archived_project(args.project)
    earlier, later = choose_snapshots(paths, args.earlier, args.later)
    progress = default_progress(quiet=args.quiet or args.json)
    changes = compare_snapshots(paths, earlier, later, under=args.under, progress=progress)
    if args.html:
        write_page(args.html, changes)
    if args.json:
        print_json({"format": FORMAT, "different": not changes.is_empty, **vars(changes)})
    else:
        text = DiffText(changes, Terminal.of(sys.stdout, os.environ), **({"most": None} if args.all else {}))
        print("\n".join(text.summary()))
        if not args.brief:
            print("".join(f"{line}\n" for line in text.texts()), end="")
        if args.html:
            print(f"page: {args.html}")
    return _exit_code(changes) if args.exit_code else COMPLETE


def write_page(path: Path, changes: Changes) -> None:
    """Write the page. Raises StoreError where it cannot be written."""
    from archiver.changes.page import changes_page  # noqa: PLC0415 - only where it is asked for

    write_atomically(path, changes_page(changes))


def _exit_code(changes: Changes) -> int:
    if changes.files.replaced:
        return REPLACED
    return COMPLETE if changes.is_empty else DIFFERENT
