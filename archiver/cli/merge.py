"""``archiver merge``: take in what another archive folder has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from archiver.cli.options import add_archives, add_json, add_quiet
from archiver.cli.progress import default_progress
from archiver.cli.reports import print_json
from archiver.core.amounts import count_text
from archiver.offline.exitcodes import COMPLETE
from archiver.store.merge import merge
from archiver.store.paths import create_archive, open_archive

if TYPE_CHECKING:
    import argparse

    from archiver.store.merge import Merged


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "Take in all snapshots that another archive folder has and this one has not, with their pages, images and "
        "files. The other folder is only read. Calling it again does no harm."
    )
    parser.add_argument("other", metavar="OTHER", type=Path, help="the archive folder to take from")
    add_archives(parser)
    add_quiet(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Merge, and say what came."""
    other = open_archive(args.other)
    merged = merge(other, create_archive(args.archives), default_progress(quiet=args.quiet or args.json))
    if args.json:
        print_json(asdict(merged))
    else:
        print("\n".join(_lines(merged)))
    return COMPLETE


def _lines(merged: Merged) -> Iterator[str]:
    for project in merged.projects:
        if not project.snapshots:
            yield f"{project.name}: nothing new"
            continue
        came = f"{count_text(len(project.snapshots), 'snapshot')} and {count_text(project.records, 'record')} taken in"
        yield f"{project.name}: {came}; good is {project.good or 'none'}"
    yield f"{count_text(merged.blobs, 'blob')} of images and files copied"
