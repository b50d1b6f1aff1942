"""``archiver accept PROJECT SNAPSHOT``: take over what the guard refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archiver.cli.options import add_archives, add_json, add_quiet
from archiver.cli.progress import default_progress
from archiver.cli.reports import print_json
from archiver.cli.running import index_for_search
from archiver.collect.accept import accept_refused
from archiver.core.amounts import count_text
from archiver.core.judgement import FILES, IMAGES
from archiver.offline.exitcodes import COMPLETE
from archiver.store.paths import open_archive

if TYPE_CHECKING:
    import argparse

    from archiver.collect.accept import Accepted
    from archiver.core.snapshot import Snapshot


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "Overrule the guard: make a new snapshot of the last good one and of what was refused in SNAPSHOT, as if it had "
        "been healthy. Nothing is fetched. From then on sources are judged by what they have in the new snapshot."
    )
    parser.add_argument("project", metavar="PROJECT", help="a project of the archive")
    parser.add_argument(
        "snapshot",
        metavar="SNAPSHOT",
        help="the snapshot in which something was refused, such as 20261123T004400Z, or how its id begins",
    )
    add_archives(parser)
    add_json(parser)
    add_quiet(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Accept it."""
    archive = open_archive(args.archives)
    progress = default_progress(quiet=args.quiet or args.json)
    accepted = accept_refused(archive, args.project, args.snapshot, progress)
    if args.json:
        print_json(_json(accepted))
    else:
        print(_text(accepted), flush=True)
    index_for_search(archive, accepted.snapshot, progress)
    return COMPLETE


def _text(accepted: Accepted) -> str:
    snapshot = accepted.snapshot
    how = "was accepted already" if accepted.again else "is accepted"
    lines = [
        f"{snapshot.project}: what was refused in {snapshot.accepted} {how}; snapshot {snapshot.id} has it"
    ]
    return "\n".join([*lines, *(f"  {_source(snapshot, source)}" for source in accepted.sources)])


def _source(snapshot: Snapshot, source: str) -> str:
    if source in (IMAGES, FILES):
        items = [bool(each.gone) for each in (snapshot.images if source == IMAGES else snapshot.files)]
        return f"{count_text(len(items), source[:-1])}{_gone(sum(items))}"
    site = next(site for site in snapshot.sites if site.name == source)
    return f"site {source}: {count_text(site.pages, 'page')}{_gone(site.gone)}"


def _gone(number: int) -> str:
    return f" ({number} gone upstream)" if number else ""


def _json(accepted: Accepted) -> dict[str, Any]:
    return {
        "project": accepted.snapshot.project,
        "snapshot": accepted.snapshot.id,
        "accepted": accepted.snapshot.accepted,
        "again": accepted.again,
        "sources": list(accepted.sources),
    }
