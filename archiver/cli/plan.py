"""``archiver plan SPEC...``: show what archiving specs would fetch, without fetching it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from archiver.cli.options import add_archives, add_json, add_quiet
from archiver.cli.plantext import plan_text
from archiver.cli.progress import default_progress
from archiver.cli.stopping import stopping
from archiver.collect.plan.offline import plan_offline
from archiver.collect.preflight import check_environment, checked_spec
from archiver.offline.exitcodes import COMPLETE, FAILURES, worst
from archiver.store.paths import ArchivePaths, is_archive, open_archive

if TYPE_CHECKING:
    import argparse

    from archiver.collect.plan.model import Plan
    from archiver.spec.load import LoadedSpec


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.add_argument("specs", metavar="SPEC", nargs="+", type=Path, help="a spec file")
    parser.add_argument(
        "--offline",
        action="store_true",
        help="use no network: list what the spec and the lists beside it name, sizes unknown",
    )
    add_archives(parser)
    add_json(parser)
    add_quiet(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Plan each spec; the exit code is the worst of them."""
    specs = [checked_spec(path) for path in args.specs]
    plans = [plan_offline(loaded) for loaded in specs] if args.offline else _plans(specs, args)
    if args.json:
        documents = [plan_json(plan) for plan in plans]
        print(json.dumps(documents if len(documents) > 1 else documents[0], indent=1, ensure_ascii=False))
    else:
        print("\n\n".join(plan_text(plan, _width()) for plan in plans))
    return worst(FAILURES if plan.failures else COMPLETE for plan in plans)


def _plans(specs: Sequence[LoadedSpec], args: argparse.Namespace) -> list[Plan]:
    from archiver.collect.plan.project import plan_project  # noqa: PLC0415 - keeps --offline quick

    for loaded in specs:
        check_environment(loaded, os.environ)
    archive = _archive(args.archives)
    progress = default_progress(quiet=args.quiet or args.json)
    with stopping() as stop:
        return [plan_project(loaded, archive, stop=stop, progress=progress) for loaded in specs]


def _archive(root: Path) -> ArchivePaths:
    """Return the archive that is there, or the paths of one that is not there yet, which hold nothing."""
    return open_archive(root) if is_archive(root) else ArchivePaths(root)


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a plan for programs."""
    return {**asdict(plan), "complete": not plan.failures}


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
