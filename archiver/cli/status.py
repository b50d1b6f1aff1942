"""``archiver status [PROJECT]``: how projects are: last run, last good, age, size, next due, health."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Mapping

from archiver.cli.options import add_archives, add_json
from archiver.cli.reports import print_json
from archiver.cli.statustext import health_text, project_text, table_text
from archiver.cli.wrapping import Terminal
from archiver.core.clock import parse_iso, utc_now
from archiver.core.errors import NotArchived
from archiver.offline.exitcodes import COMPLETE
from archiver.store.atomic import storage_errors
from archiver.store.paths import open_archive
from archiver.store.status import known_projects, project_status, shares

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from archiver.store.paths import ArchivePaths
    from archiver.store.status import ProjectStatus


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "Show of each project when it was last run and last good, how old that is, what it takes on the disk, when "
        "something is due again, and its health with the reason. With PROJECT, all there is to say of one."
    )
    parser.add_argument("project", metavar="PROJECT", nargs="?", help="one project, in detail")
    add_archives(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show it. However projects are, the exit code is 0: scripts read the JSON."""
    archive = open_archive(args.archives)
    names = known_projects(archive)
    if args.project is not None and args.project not in names:
        raise NotArchived(
            f"there is no project {args.project!r:.80}",
            place=str(args.archives),
            hint=f"projects there are: {', '.join(names) or 'none'}",
        )
    statuses = tuple(project_status(archive, name) for name in names)  # what is shared, all together tell
    shared, now, terminal = shares(statuses), utc_now(), Terminal.of(sys.stdout, os.environ)
    chosen = tuple(status for status in statuses if args.project in (None, status.name))
    if args.json:
        documents = [_json(status, shared, now) for status in chosen]
        print_json({"archives": str(archive.root), "free": _free(archive), "projects": documents})
    elif args.project is None:
        print(table_text(chosen, shared, _free(archive), now, terminal))
    else:
        print(project_text(chosen[0], shared, now, terminal))
    return COMPLETE


def _free(archive: ArchivePaths) -> int:
    with storage_errors(archive.root):
        return shutil.disk_usage(archive.root).free


def _json(status: ProjectStatus, shared: Mapping[str, int], now: datetime) -> dict[str, Any]:
    run, share = status.last_run, shared[status.name]
    return {
        "project": status.name,
        "title": status.title,
        "health": health_text(status),
        "last_run": asdict(run) if run else None,
        "unfinished": status.unfinished,
        "last_good": status.last_good,
        "age": int((now - parse_iso(status.last_good)).total_seconds()) if status.last_good else None,
        "next_due": run.due if run else "",
        "good": status.good,
        "accepted": status.newest.id if status.has_accepted and status.newest else "",
        "refused": list(status.refused),
        "snapshots": list(status.snapshots),
        "sizes": {
            "total": status.folder + share,
            "folder": status.folder,
            "warc": status.warc,
            "blobs": status.blob_bytes,
            "share": share,
        },
        "sources": [
            {**asdict(judgement), "last_good": status.healthy_last(judgement)}
            for judgement in status.judgements
        ],
        "problems": list(status.problems),
    }
