"""``archiver refresh [SPEC|DIR]...``: archive again what is due, for cron: quiet unless something is wrong."""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.cli.log import ERROR, INFO, WARNING, LogFile, LogProgress
from archiver.cli.options import add_archives, add_json
from archiver.cli.progress import BothProgress, progress_for
from archiver.cli.reports import error_json, print_json
from archiver.cli.runline import failed_line, is_alarming, outcome_line
from archiver.cli.running import STOPPED, exit_code_of, index_for_search, noted
from archiver.cli.saying import maybe_unheard, say, say_error
from archiver.cli.stopping import stopping
from archiver.cli.summary import summary_json, summary_text
from archiver.collect.asking import DUE, EVERYTHING, UNCONDITIONAL
from archiver.collect.hook import call_hook, hook_problems
from archiver.collect.preflight import check_environment
from archiver.collect.refresh import NotDue, refresh_project
from archiver.collect.specs import Specs, read_specs
from archiver.core.amounts import count_text
from archiver.core.clock import iso, utc_now
from archiver.core.errors import ArchiverError, HookFailed, InternalError, LockHeld, StoreError, UsageError
from archiver.core.progress import NullProgress
from archiver.offline.exitcodes import COMPLETE, INTERRUPTED, USAGE, exit_code, worst
from archiver.store.atomic import write_atomically
from archiver.store.paths import create_archive
from archiver.store.status import project_status

if TYPE_CHECKING:
    import argparse
    import threading

    from archiver.collect.run import RunResult
    from archiver.core.progress import Progress
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths

_DEFAULT = Path("specs")


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "Archive again what is due of each spec: what changed is fetched, and a source that has lost what it had "
        "replaces nothing. Made for cron: where nothing is wrong and nobody watches, nothing is printed."
    )
    parser.add_argument(
        "specs",
        metavar="SPEC|DIR",
        nargs="*",
        type=Path,
        default=[_DEFAULT],
        help="a spec file, or a folder of them (default: specs/)",
    )
    asking = parser.add_mutually_exclusive_group()
    asking.add_argument(
        "--full",
        dest="asking",
        action="store_const",
        const=EVERYTHING,
        default=DUE,
        help="ask for everything, due or not; what did not change is still not sent again",
    )
    asking.add_argument(
        "--refetch",
        dest="asking",
        action="store_const",
        const=UNCONDITIONAL,
        help="ask for everything, and have it all sent again",
    )
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        type=Path,
        help="write metrics for Prometheus's node_exporter there; its name should end in .prom",
    )
    parser.add_argument("--log", metavar="FILE", type=Path, help="add a line an event to this file")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print a line for each project, whatever it is"
    )
    add_archives(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check all specs, then refresh each; the exit code is the worst of them.

    Raises:
        UsageError: the log or the metrics are to be in a folder that is not there.
    """
    for file in filter(None, (args.log, args.metrics)):
        _check_folder(file)
    codes = []
    try:
        log = LogFile(args.log)
    except StoreError as error:  # the archive matters more
        codes.append(say_error(error))
        log = LogFile(None)
    refreshing = _Refreshing(args, log)
    try:
        codes += refreshing.codes()
    except KeyboardInterrupt:
        refreshing.tell(STOPPED)
        codes.append(INTERRUPTED)
    if log.problem is not None:
        codes.append(say_error(log.problem))
    if args.metrics is not None:
        codes.append(refreshing.measured(worst(codes)))
    if args.json:
        with maybe_unheard(sys.stdout):
            print_json({"exit_code": worst(codes), **refreshing.document})
    log.write(INFO, f"refresh ends with exit code {worst(codes)}")
    log.close()
    return worst(codes)


def _check_folder(file: Path) -> None:
    """Refuse a file in a folder that is not there: most likely its name is mistyped, and nobody would look there."""
    if not os.path.lexists(file.parent):
        raise UsageError(
            "there is no such folder", place=str(file.parent), hint=f"make it first, for {file.name}"
        )


class _Refreshing:
    """One call of the command.

    Attributes:
        document: what happened, for programs.
    """

    def __init__(self, args: argparse.Namespace, log: LogFile) -> None:
        self._args, self._log = args, log
        self._is_watched = sys.stderr.isatty() and not args.json
        self._is_talkative = args.verbose or sys.stdout.isatty()
        self._archive: ArchivePaths | None = None
        self._specs = Specs()
        self.document: dict[str, Any] = {"projects": [], "problems": []}

    def codes(self) -> list[int]:
        """Refresh everything; return the exit codes of what went wrong.

        Raises:
            KeyboardInterrupt: it was stopped; ``document`` has what came before.
        """
        with stopping() as stop:
            self._specs = read_specs(self._args.specs, lambda loaded: check_environment(loaded, os.environ))
            self._log.write(INFO, f"refresh begins, with {count_text(len(self._specs.good), 'spec')}")
            codes = self._told_of(self._specs)
            if not self._specs.good:
                return codes
            try:
                archive = self._archive = create_archive(self._args.archives)
            except ArchiverError as error:
                return [*codes, self.tell(error)]
            return codes + [self._refreshed(loaded, archive, stop) for loaded in self._specs.good]

    def tell(self, error: ArchiverError, **about: str) -> int:
        """Tell of what is no project's own, and return the exit code that it stands for."""
        self.document["problems"].append({**about, **error_json(error)})
        self._log.error(error)
        return say_error(error)

    def measured(self, code: int) -> int:
        """Write the metrics, and return the exit code of that."""
        from archiver.cli.metrics import Refresh, metrics_text  # noqa: PLC0415 - few ask for them

        label = " ".join(map(str, self._args.specs))
        refresh = Refresh(label, utc_now(), code, len(self._specs.bad))
        projects = [loaded.spec.project for loaded in self._specs.good]
        try:
            statuses = [project_status(self._archive, name) for name in projects] if self._archive else []
            write_atomically(self._args.metrics, metrics_text(refresh, statuses).encode())
        except ArchiverError as error:
            return self.tell(error)
        return COMPLETE

    def _told_of(self, specs: Specs) -> list[int]:
        """Tell what is wrong with the specs, and return the exit codes of that."""
        for bad in specs.bad:
            self.tell(bad.error, spec=str(bad.path))
        for loaded in specs.good:
            for problem in hook_problems(loaded, os.environ):
                self._log.error(problem)
                say_error(problem)
        return [USAGE for _ in specs.bad]

    def _refreshed(self, loaded: LoadedSpec, archive: ArchivePaths, stop: threading.Event) -> int:
        """Refresh one project, tell what came of it, and return its exit code: whatever it is, the next one's turn comes."""
        project, begun = loaded.spec.project, time.monotonic()
        progress = self._progress(project)
        told: dict[str, Any] = {"project": project, "spec": str(loaded.path), "exit_code": COMPLETE}
        self.document["projects"].append(told)
        try:
            outcome = noted(
                loaded,
                archive.project(project),
                progress,
                lambda: refresh_project(loaded, archive, self._args.asking, stop=stop, progress=progress),
            )
            told |= _outcome_json(outcome, time.monotonic() - begun)
            told["exit_code"] = self._tell_outcome(outcome, time.monotonic() - begun)
            if not isinstance(outcome, NotDue):
                self._called(loaded, archive, outcome, told)
                index_for_search(archive, outcome.snapshot, progress)
        except ArchiverError as error:
            self._failed(error, told)
        except KeyboardInterrupt:
            told |= {"exit_code": INTERRUPTED, "error": error_json(STOPPED)}
            raise
        except Exception as error:  # noqa: BLE001 - a defect that one project brings out must not cost the others their refresh
            trace = traceback.format_exc()
            self._log.write(ERROR, trace)
            say(trace, sys.stderr)
            self._failed(InternalError.of(error), told)
        return int(told["exit_code"])

    def _progress(self, project: str) -> Progress:
        watched = progress_for(sys.stderr, quiet=False) if self._is_watched else NullProgress()
        return BothProgress(watched, LogProgress(self._log, project))

    def _tell_outcome(self, outcome: RunResult | NotDue, seconds: float) -> int:
        code = COMPLETE if isinstance(outcome, NotDue) else exit_code_of(outcome.snapshot)
        line = outcome_line(outcome, seconds)
        is_wrong = code != COMPLETE or is_alarming(outcome)
        if (is_wrong or self._is_talkative) and not self._args.json:
            say(line, sys.stdout)
        self._log.write(WARNING if is_wrong else INFO, line)
        if not isinstance(outcome, NotDue):
            self._log.write(INFO, summary_text(outcome, seconds))
        return code

    def _failed(self, error: ArchiverError, told: dict[str, Any]) -> None:
        told["exit_code"] = worst((told["exit_code"], exit_code(error)))
        told["state"] = "locked" if isinstance(error, LockHeld) else told.get("state", "failed")
        told["error"] = error_json(error)
        self._log.error(error)
        if not self._args.json:
            say(failed_line(told["project"], error), sys.stdout)
        if error.hint:
            say(f"  hint: {error.hint}", sys.stderr)

    def _called(
        self, loaded: LoadedSpec, archive: ArchivePaths, outcome: RunResult, told: dict[str, Any]
    ) -> None:
        """Call the spec's command for bad news; what becomes of it changes no exit code."""
        try:
            printed = call_hook(loaded, archive.project(loaded.spec.project), outcome.snapshot)
        except HookFailed as error:
            told["hook"] = error_json(error)
            self._log.error(error)
            say_error(error)
        else:
            self._log.write(INFO, printed)


def _outcome_json(outcome: RunResult | NotDue, seconds: float) -> dict[str, Any]:
    if isinstance(outcome, NotDue):
        return {"state": "not due", "due": iso(outcome.until) if outcome.until else ""}
    return {"state": "archived", **summary_json(outcome, seconds)}
