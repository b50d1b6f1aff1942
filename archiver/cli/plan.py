"""``archiver plan SPEC...``: show what archiving specs would fetch, without fetching it."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from archiver.cli.options import add_archives, add_json, add_quiet
from archiver.cli.plantext import plan_text
from archiver.cli.progress import default_progress
from archiver.cli.reports import print_reports, reported
from archiver.cli.stopping import stopping
from archiver.collect.plan.offline import plan_offline
from archiver.collect.preflight import check_environment, checked_spec
from archiver.core.errors import ArchiverError, Stopped
from archiver.offline.commands import report
from archiver.offline.exitcodes import COMPLETE, FAILURES, worst
from archiver.store.paths import ArchivePaths, is_archive, open_archive

if TYPE_CHECKING:
    import argparse
    import threading

    from archiver.collect.plan.model import Plan
    from archiver.spec.load import LoadedSpec

_STOPPED = Stopped("interrupted")


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
    """Check all specs first, then plan each; the exit code is the worst of them."""
    reports: list[dict[str, Any]] = []
    try:
        codes = _planned(args, reports)
    finally:
        if args.json:
            print_reports(reports, many=len(args.specs) > 1)
    return worst(codes)


def _planned(args: argparse.Namespace, reports: list[dict[str, Any]]) -> list[int]:
    """Plan each spec; return the exit codes, and put the plans into ``reports``."""
    specs = []
    for path in args.specs:
        with reported(reports, _STOPPED, spec=str(path)):
            specs.append(checked_spec(path))
            if not args.offline:
                check_environment(specs[-1], os.environ)
    codes = []
    with stopping() as stop:
        with reported(reports, _STOPPED):
            make = plan_offline if args.offline else _planner(args, stop)
        for number, loaded in enumerate(specs):
            try:
                with reported(reports, _STOPPED, project=loaded.spec.project):
                    plan = make(loaded)
            except ArchiverError as error:
                codes.append(report(error))
                continue
            codes.append(FAILURES if plan.failures else COMPLETE)
            reports.append(plan_json(plan))
            if not args.json:
                print("\n\n" * (number > 0) + plan_text(plan, _width()), flush=True)
    return codes


def _planner(args: argparse.Namespace, stop: threading.Event) -> Callable[[LoadedSpec], Plan]:
    from archiver.collect.plan.project import plan_project  # noqa: PLC0415 - keeps --offline quick

    archive, progress = _archive(args.archives), default_progress(quiet=args.quiet or args.json)
    return lambda loaded: plan_project(loaded, archive, stop=stop, progress=progress)


def _archive(root: Path) -> ArchivePaths:
    """Return the archive that is there, or the paths of one that is not there yet, which hold nothing."""
    return open_archive(root) if is_archive(root) else ArchivePaths(root)


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a plan for programs."""
    return {**asdict(plan), "complete": not plan.failures}


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
