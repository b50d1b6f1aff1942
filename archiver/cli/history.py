"""``archiver history URL``: the captures of a page."""

from __future__ import annotations

import os
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Iterator

from archiver.changes.history import page_history
from archiver.cli.options import add_archives, add_json
from archiver.cli.reports import print_json
from archiver.cli.table import Column, table_lines
from archiver.cli.wrapping import Terminal
from archiver.core.printable import printable
from archiver.offline.exitcodes import COMPLETE
from archiver.store.paths import open_archive

if TYPE_CHECKING:
    import argparse

    from archiver.changes.history import History, PageCapture

FORMAT = "archiver-history/1"
_COLUMNS = (
    Column("CAPTURED"),
    Column("STATUS"),
    Column("TYPE", keep=1),
    Column("CONTENT", keep=2),
    Column("WHAT"),
    Column("SNAPSHOTS"),
)
_SHORT_DIGEST = 12  # hex digits, as docker shows them


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "List the captures of a URL over all projects and snapshots: when, whether its content changed, since when upstream "
        "has it no longer, and which snapshots have it."
    )
    parser.add_argument("url", metavar="URL", help="the page's URL")
    parser.add_argument(
        "--project", metavar="NAME", action="append", default=[], help="look only there; may be repeated"
    )
    add_archives(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look the URL up and list its captures."""
    history = page_history(open_archive(args.archives), args.url, args.project)
    if args.json:
        print_json({"format": FORMAT, **vars(history)})
    else:
        print("\n".join(_lines(history, Terminal.of(sys.stdout, os.environ).width)))
        for problem in history.problems:
            print(f"archiver: not looked at: {printable(problem)}", file=sys.stderr)
    return COMPLETE


def _lines(history: History, width: int | None) -> Iterator[str]:
    def place(capture: PageCapture) -> tuple[str, str, str]:
        return capture.project, capture.source, capture.url

    for (project, source, url), group in groupby(history.captures, key=place):
        captures = list(group)
        yield printable(url)
        yield f"  {project}, {source}"
        yield from table_lines(_COLUMNS, map(_row, captures), width=width, indent="  ")
        gone = next((each.gone for each in reversed(captures) if each.snapshots), "")
        if gone:
            yield f"  gone upstream since {_day(gone)}; the archive keeps it"


def _row(capture: PageCapture) -> tuple[str, ...]:
    at = capture.captured
    return (
        f"{_day(at)} {at[8:10]}:{at[10:12]}",
        capture.status,
        printable(capture.mime, 40),
        capture.digest.partition(":")[2][:_SHORT_DIGEST],
        capture.what,
        _snapshots(capture),
    )


def _snapshots(capture: PageCapture) -> str:
    ids = capture.snapshots
    if not ids:
        return f"none; in quarantine of {capture.refused_by[-1]}"
    return ids[0] if len(ids) == 1 else f"{len(ids):,}: {ids[0]} to {ids[-1]}"


def _day(timestamp: str) -> str:
    return f"{timestamp[:4]}-{timestamp[4:6]}-{timestamp[6:8]}"
