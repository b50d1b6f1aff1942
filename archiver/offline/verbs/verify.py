"""``verify``: check every byte of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.core.errors import UsageError
from archiver.offline.exitcodes import COMPLETE, VERIFICATION_FAILED
from archiver.offline.verbs.inputs import existing
from archiver.offline.verbs.output import print_json, shown

if TYPE_CHECKING:
    import argparse

    from archiver.core.progress import Progress
    from archiver.offline.verbs.inputs import ProgressFactory
    from archiver.offline.verify import VerifyReport


def add(subparsers: Any, progress: ProgressFactory) -> None:
    """Define the command."""
    parser = subparsers.add_parser(
        "verify",
        help="check every byte of a bundle",
        description="Check every byte of a bundle and list all that is wrong. "
        "Exit code 0 means that it is whole, 5 that it is not.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=lambda args: _run(args, progress()))


def _run(args: argparse.Namespace, progress: Progress) -> int:
    from archiver.offline.verify import verify_bundle  # noqa: PLC0415 - keeps the other commands quick

    if existing(args.bundle).is_dir():
        raise UsageError("verify takes a bundle, not a folder", place=str(args.bundle))
    report = verify_bundle(args.bundle, progress)
    if args.json:
        problems = [
            {"code": problem.code, "where": problem.where, "detail": problem.detail}
            for problem in report.problems
        ]
        print_json({"bundle": str(args.bundle), "ok": report.ok, "problems": problems})
    else:
        _print_report(args.bundle, report)
    return COMPLETE if report.ok else VERIFICATION_FAILED


def _print_report(bundle: Path, report: VerifyReport) -> None:
    for problem in report.problems:
        print(shown(f"{bundle}: {problem}"))
    if report.ok:
        print(f"{bundle}: whole; every byte is as it was made")
    else:
        count = len(report.problems)
        print(f"{bundle}: {count} problem{'' if count == 1 else 's'} found")
