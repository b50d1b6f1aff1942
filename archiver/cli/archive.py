"""``archiver archive SPEC...``: archive what specs ask for."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.cli.options import add_archives, add_json, add_quiet
from archiver.cli.progress import default_progress
from archiver.cli.reports import print_reports, reported
from archiver.cli.running import STOPPED, exit_code_of, index_for_search, noted
from archiver.cli.stopping import stopping
from archiver.cli.summary import summary_json, summary_text
from archiver.collect.preflight import check_environment, checked_spec
from archiver.collect.run import archive_project
from archiver.core.errors import ArchiverError, InvalidDocument, UsageError
from archiver.core.snapshot import Snapshot
from archiver.offline.commands import report
from archiver.offline.exitcodes import INTERRUPTED, worst
from archiver.store.paths import create_archive
from archiver.store.snapshots import good_snapshot, read_snapshot

if TYPE_CHECKING:
    import argparse
    import threading

    from archiver.collect.run import RunResult
    from archiver.core.progress import Progress
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.add_argument("specs", metavar="SPEC", nargs="+", type=Path, help="a spec file")
    parser.add_argument(
        "--locked",
        action="store_true",
        help="take images and files by the digests of the last good snapshot, whatever their tags mean today",
    )
    parser.add_argument(
        "--lock",
        metavar="RECORD",
        type=Path,
        help="the same by a snapshot's record (PROJECT/snapshots/ID.json), which may come from another archive",
    )
    add_archives(parser)
    add_json(parser)
    add_quiet(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check all specs first, then archive each; the exit code is the worst of them."""
    reports: list[dict[str, Any]] = []
    try:
        codes = _archived(args, reports)
    except KeyboardInterrupt:
        report(STOPPED)
        return INTERRUPTED
    finally:  # whoever reads JSON gets a document, however the run ended
        if args.json:
            print_reports(reports, many=len(args.specs) > 1)
    return worst(codes)


def _archived(args: argparse.Namespace, reports: list[dict[str, Any]]) -> list[int]:
    """Archive each spec; return the exit codes, and put what happened into ``reports``."""
    specs = []
    for path in args.specs:
        with reported(reports, STOPPED, spec=str(path)):
            specs.append(checked_spec(path))
            check_environment(specs[-1], os.environ)
    with reported(reports, STOPPED):
        archive = create_archive(args.archives)
    progress = default_progress(quiet=args.quiet or args.json)
    codes = []
    with stopping() as stop:
        for loaded in specs:
            begun = time.monotonic()
            try:
                with reported(reports, STOPPED, project=loaded.spec.project):
                    result = _archive(args, loaded, archive, stop, progress)
                codes.append(exit_code_of(result.snapshot))
                reports.append(summary_json(result, time.monotonic() - begun))
                if not args.json:
                    print(summary_text(result, time.monotonic() - begun), flush=True)
                index_for_search(archive, result.snapshot, progress)
            except ArchiverError as error:
                codes.append(report(error))
    return codes


def _archive(
    args: argparse.Namespace,
    loaded: LoadedSpec,
    archive: ArchivePaths,
    stop: threading.Event,
    progress: Progress,
) -> RunResult:
    lock = _lock(args, archive, loaded.spec.project)
    return noted(
        loaded,
        archive.project(loaded.spec.project),
        progress,
        lambda: archive_project(loaded, archive, lock=lock, stop=stop, progress=progress),
    )


def _lock(args: argparse.Namespace, archive: ArchivePaths, project: str) -> Snapshot | None:
    """Return the snapshot whose images and files are to be reproduced, if one is.

    Raises:
        NotArchived: there is no good snapshot yet.
        UsageError: the record cannot be read, is none, or is another project's.
        InvalidDocument: the archive's own record is damaged.
    """
    if args.lock is None:
        paths = archive.project(project)
        return read_snapshot(paths, good_snapshot(paths)) if args.locked else None
    try:
        data = args.lock.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=str(args.lock)) from error
    try:
        lock = Snapshot.from_json(data, what=str(args.lock))
    except InvalidDocument as error:
        raise UsageError(
            f"cannot be reproduced: {error.message}",
            place=str(args.lock),
            hint="give the record of a snapshot: ARCHIVES/PROJECT/snapshots/ID.json",
        ) from error
    if lock.project != project:
        raise UsageError(f"is a snapshot of {lock.project}, not of {project}", place=str(args.lock))
    return lock
