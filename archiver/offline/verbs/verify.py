"""``verify``: check every byte of bundles, who signed them, and that deltas have what they build on."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from archiver.core.amounts import count_text, size_text
from archiver.core.errors import NotABundle, UsageError, VolumeUnfit
from archiver.offline.exitcodes import COMPLETE, VERIFICATION_FAILED
from archiver.offline.verbs.inputs import add_signers, existing
from archiver.offline.verbs.output import print_json, shown

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.offline.problems import Problem
    from archiver.offline.requirements import Missing
    from archiver.offline.verbs.inputs import ProgressFactory
    from archiver.offline.verify import VerifyReport
    from archiver.offline.verifyarchive import ArchiveReport

_MOST_NAMED = 50
_DESCRIPTION = """\
Check every byte of a bundle and list all that is wrong, with the file in the
bundle that it is in; of volumes, which ones to copy again. Of several bundles
each is checked, and whether the updates among them find what they build on.
An update alone is well when it is whole; what it builds on is listed.
Of an archive folder, all that its snapshots have is read.
"""
_EPILOG = """\
examples:
  %(prog)s project.tar
  %(prog)s project.tar --signers allowed_signers
  %(prog)s project.tar.001           (volumes)
  %(prog)s project.tar update.tar    (an update)
  %(prog)s ./project                 (an archive folder)

Exit code 0 means that all is well, 5 that it is not.
"""


def add(subparsers: Any, progress: ProgressFactory) -> None:
    """Define the command."""
    parser = subparsers.add_parser(
        "verify",
        help="check that every byte is as it was made, and who signed it",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundles",
        metavar="BUNDLE",
        type=Path,
        nargs="+",
        help="a bundle, or one of its volumes, or the list of them (NAME.tar.sha256); or an archive folder",
    )
    add_signers(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=lambda args: _run(args, progress()))


def _run(args: argparse.Namespace, progress: Progress) -> int:
    from archiver.offline.volumes import distinct_sources  # noqa: PLC0415 - keeps the other commands quick

    paths = distinct_sources(args.bundles)
    folders = [path for path in paths if existing(path).is_dir()]
    if folders:
        return _run_on_folder(paths, progress, args)
    reports = [_verified(path, progress, args.signers) for path in paths]
    ok = all(report.ok for report in reports)
    alone = len(reports) == 1
    lacking = _missing(paths) if ok else None
    complete = ok and (alone or not lacking)
    if args.json:
        documents = [_document(report) for report in reports]
        together = documents[0] if alone else {"bundles": documents}
        print_json({**together, "ok": complete, "missing": _lacking_document(lacking) if lacking else None})
    else:
        for report in reports:
            _print_report(report)
        if lacking:
            _print_lacking(lacking, alone=alone)
    return COMPLETE if complete else VERIFICATION_FAILED


def _run_on_folder(paths: Sequence[Path], progress: Progress, args: argparse.Namespace) -> int:
    """Check an archive folder, which has to be all that was named."""
    from archiver.offline.verifyarchive import verify_archive  # noqa: PLC0415 - keeps the other commands quick

    if len(paths) > 1:
        raise UsageError("verify takes one archive folder, or bundles", hint="check one after the other")
    if args.signers is not None:
        raise UsageError("--signers is for bundles: an archive folder is not signed", place=str(paths[0]))
    report = verify_archive(paths[0], progress)
    if args.json:
        print_json(_folder_document(report))
    else:
        _print_folder(report)
    return COMPLETE if report.ok else VERIFICATION_FAILED


def _verified(path: Path, progress: Progress, signers: Path | None) -> VerifyReport:
    """Check one bundle; one that cannot even be opened is reported like the others."""
    from archiver.offline.problems import Problem  # noqa: PLC0415 - keeps the other commands quick
    from archiver.offline.verify import VerifyReport, verify_bundle  # noqa: PLC0415 - see above

    try:
        return verify_bundle(path, progress, signers)
    except NotABundle as error:
        return VerifyReport.unreadable(path, [Problem("bundle.unrecognised", "", error.message)])
    except VolumeUnfit as error:
        found = [Problem("volume.unfit", str(each.place), each.args[0]) for each in (error, *error.more)]
        return VerifyReport.unreadable(path, found)


def _missing(paths: Sequence[Path]) -> Missing:
    """Return what the deltas among sound bundles build on and none of them has."""
    from archiver.offline.bundle import read_bundle  # noqa: PLC0415 - keeps the other commands quick
    from archiver.offline.requirements import missing  # noqa: PLC0415 - see above

    with ExitStack() as held:
        return missing([held.enter_context(read_bundle(path)) for path in paths])


def _document(report: VerifyReport) -> dict[str, Any]:
    signer = report.signer
    return {
        "bundle": report.path,
        "ok": report.ok,
        "project": report.project,
        "snapshot": report.snapshot,
        "size": report.bytes,
        "signature": report.signature,
        "key": report.key or None,
        "signer": {
            "principal": signer.principal,
            "key_type": signer.key_type,
            "fingerprint": signer.fingerprint,
        }
        if signer
        else None,
        "problems": _problems(report.problems),
    }


def _folder_document(report: ArchiveReport) -> dict[str, Any]:
    return {
        "archive": report.path,
        "ok": report.ok,
        "projects": [{"project": name, "snapshots": list(ids)} for name, ids in report.projects.items()],
        "captures": report.captures,
        "blobs": report.blobs,
        "problems": _problems(report.problems),
    }


def _problems(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"code": problem.code, "where": problem.where, "detail": problem.detail} for problem in problems]


def _lacking_document(lacking: Missing) -> dict[str, Any]:
    return {
        "bundles": list(lacking.bases),
        "images": [image.reference for image in lacking.images],
        "files": [file.url for file in lacking.files],
        "docs": [
            {"name": site.site, "captures": site.total, "urls": list(site.urls)} for site in lacking.docs
        ],
        "blobs": [str(digest) for digest in lacking.blobs],
    }


def _print_folder(report: ArchiveReport) -> None:
    _print_problems(report)
    if report.ok:
        counts = f"{count_text(report.captures, 'capture')} and {count_text(report.blobs, 'blob')}"
        print(shown(f"{report.path}: whole; {counts} are there, and what they were"))
        for name, snapshots in report.projects.items():
            print("  " + shown(f"{name}: {count_text(len(snapshots), 'snapshot')}, the last {snapshots[-1]}"))


def _print_problems(report: VerifyReport | ArchiveReport) -> None:
    for problem in report.problems:
        print(shown(f"{report.path}: {problem}"))
    if not report.ok:
        print(shown(f"{report.path}: {count_text(len(report.problems), 'problem')} found"))


def _print_report(report: VerifyReport) -> None:
    _print_problems(report)
    if not report.ok:
        return
    print(shown(f"{report.path}: whole; every byte is as it was made"))
    print("  " + shown(f"{report.project}, snapshot {report.snapshot}, {size_text(report.bytes)}"))
    print("  " + shown(_signature(report)))


def _signature(report: VerifyReport) -> str:
    if report.signer:
        return f"signed by {report.signer}"
    if report.key:
        return (
            f"{report.signature}: name those who may sign it with --signers; this is by the key {report.key}"
        )
    return "not signed"


def _print_lacking(lacking: Missing, *, alone: bool) -> None:
    if alone:
        print(f"It builds on an earlier bundle, which has {lacking.summary} of what it lists:")
    else:
        print(f"{lacking.summary} missing in these bundles [requires.missing]:")
    lines = list(lacking.lines())
    for line in lines[:_MOST_NAMED]:
        print("  " + shown(line))
    if len(lines) > _MOST_NAMED:
        print(f"  and {len(lines) - _MOST_NAMED} more")
    for base in lacking.bases:
        print("  " + shown(f"the bundle it builds on: {base}"))
