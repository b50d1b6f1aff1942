"""``archiver archive SPEC...``: archive what specs ask for."""

from __future__ import annotations

import json
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

from archiver.bundle.searchindex import ensure_search_index
from archiver.cli.options import add_archives, add_json, add_quiet
from archiver.cli.progress import default_progress
from archiver.collect.preflight import checked_spec
from archiver.collect.run import archive_project
from archiver.core.amounts import size_text
from archiver.core.errors import ArchiverError, Stopped
from archiver.core.printable import printable
from archiver.offline.commands import report
from archiver.offline.exitcodes import COMPLETE, FAILURES, SOURCE_GONE, worst
from archiver.store.paths import create_archive

if TYPE_CHECKING:
    import argparse

    from archiver.collect.run import RunResult
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Snapshot
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths

_MOST_LISTED = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.add_argument("specs", metavar="SPEC", nargs="+", type=Path, help="a spec file")
    add_archives(parser)
    add_json(parser)
    add_quiet(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check all specs first, then archive each; the exit code is the worst of them."""
    reports: list[dict[str, Any]] = []
    try:
        codes = _archived(args, reports)
    finally:  # whoever reads JSON gets a document, however the run ended
        if args.json and reports:
            print(json.dumps(reports if len(args.specs) > 1 else reports[0], indent=1, ensure_ascii=False))
    return worst(codes)


def _archived(args: argparse.Namespace, reports: list[dict[str, Any]]) -> list[int]:
    """Archive each spec; return the exit codes, and put what happened into ``reports``."""
    specs = []
    for path in args.specs:
        with _reported(reports, spec=str(path)):
            specs.append(checked_spec(path))
    with _reported(reports):
        archive = create_archive(args.archives)
    progress = default_progress(quiet=args.quiet or args.json)
    codes = []
    with stopping() as stop:
        for loaded in specs:
            begun = time.monotonic()
            try:
                with _reported(reports, project=loaded.spec.project):
                    result = archive_one(loaded, archive, stop, progress)
            except ArchiverError as error:
                codes.append(report(error))
                continue
            codes.append(exit_code_of(result.snapshot))
            reports.append(_summary(result, time.monotonic() - begun))
            if not args.json:
                print(summary_text(result, time.monotonic() - begun))
    return codes


@contextmanager
def _reported(reports: list[dict[str, Any]], **about: str) -> Iterator[None]:
    """Let through what ends the block, after putting it into ``reports``."""
    try:
        yield
    except ArchiverError as error:
        reports.append({**about, "error": _error(error)})
        raise
    except KeyboardInterrupt:
        stopped = Stopped("interrupted", hint="run the same command again: it goes on from here")
        reports.append({**about, "error": _error(stopped)})
        raise


def _error(error: ArchiverError) -> dict[str, Any]:
    told = {"code": error.code, "message": error.message, "place": error.place, "hint": error.hint}
    return {**told, "more": [_error(each) for each in error.more]} if error.more else told


def archive_one(
    loaded: LoadedSpec, archive: ArchivePaths, stop: threading.Event, progress: Progress
) -> RunResult:
    """Archive one project and index it for search."""
    result = archive_project(loaded, archive, stop=stop, progress=progress)
    ensure_search_index(archive.project(result.snapshot.project), result.snapshot.id, progress)
    return result


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C (or SIGTERM) sets before it raises KeyboardInterrupt as usual."""
    stop = threading.Event()

    def interrupt(number: int, frame: Any) -> None:
        stop.set()
        signal.default_int_handler(number, frame)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code_of(snapshot: Snapshot) -> int:
    """Return the exit code that a run's snapshot stands for."""
    if any(site.verdict != "healthy" and site.carried for site in snapshot.sites):
        return SOURCE_GONE
    return FAILURES if snapshot.failures else COMPLETE


def summary_text(result: RunResult, seconds: float | None = None) -> str:
    """Return what a run did, for people."""
    snapshot = result.snapshot
    took = "" if seconds is None else f" in {seconds:.1f} s"
    lines = [f"{snapshot.project}: snapshot {snapshot.id}{took}, {size_text(result.bytes)} received"]
    for site in snapshot.sites:
        extra = [f"{site.unchanged} unchanged"] if site.unchanged else []
        extra += [f"{site.carried} kept from before"] if site.carried else []
        extra += [site.verdict] if site.verdict != "healthy" else []
        note = f" ({', '.join(extra)})" if extra else ""
        lines.append(f"  docs {site.name}: {site.pages} pages, {site.requisites} requisites{note}")
    if snapshot.images:
        carried = sum(image.carried for image in snapshot.images)
        note = f" ({carried} kept from before)" if carried else ""
        lines.append(f"  images: {len(snapshot.images)}{note}")
    if snapshot.files:
        lines.append(
            f"  files: {len(snapshot.files)}, {size_text(sum(file.size for file in snapshot.files))}"
        )
    if snapshot.broken_links:
        lines.append(f"  {len(snapshot.broken_links)} broken links of the site itself:")
        listed = [
            f"    {link.status} {printable(link.url)}"
            + (f"  (on {printable(link.referrer)})" if link.referrer else "")
            for link in snapshot.broken_links
        ]
        lines += _shortened(listed)
    if snapshot.failures:
        lines.append(f"  {len(snapshot.failures)} FAILED:")
        listed = [
            f"    {failure.source}: {printable(failure.subject)}: {printable(failure.message)} [{failure.code}]"
            for failure in snapshot.failures
        ]
        lines += _shortened(listed)
    return "\n".join(lines)


def _shortened(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LISTED
    return (
        lines if more <= 0 else [*lines[:_MOST_LISTED], f"    … and {more} more, all in the snapshot record"]
    )


def _summary(result: RunResult, seconds: float) -> dict[str, Any]:
    snapshot = result.snapshot
    return {
        "project": snapshot.project,
        "snapshot": snapshot.id,
        "complete": not snapshot.failures,
        "verdict": snapshot.verdict,
        "resumed": result.resumed,
        "pages": sum(site.pages for site in snapshot.sites),
        "requisites": sum(site.requisites for site in snapshot.sites),
        "captures": snapshot.captures,
        "unchanged": sum(site.unchanged for site in snapshot.sites),
        "bytes": result.bytes,
        "images": len(snapshot.images),
        "files": len(snapshot.files),
        "failures": [vars(failure) for failure in snapshot.failures],
        "broken_links": [vars(link) for link in snapshot.broken_links],
        "seconds": round(seconds, 3),
    }
