"""The reader's verbs, defined once and mounted by both command lines: ``archiver`` and ``archiver.pyz``.

Commands parse, call one library function, print, and return an exit code. ``serve`` ended by Ctrl-C is
complete, exit 0: that is how serving ends; other commands interrupted are 130.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Sequence

from archiver.core.errors import ArchiverError
from archiver.offline.exitcodes import COMPLETE, INTERRUPTED, exit_code
from archiver.offline.lineprogress import LineProgress
from archiver.offline.verbs import extract, load, push, search, serve, verify
from archiver.offline.verbs.inputs import existing
from archiver.offline.verbs.output import shown
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.offline.verbs.inputs import ProgressFactory

Prepare = Callable[[Path, "Progress"], None]
_DESCRIPTION = """\
Read what is in a bundle, without a network: its documentation in a browser, its container images, its files.

  serve    open the documentation, search and a container registry on this machine
  verify   check that every byte of the bundle is as it was made
  search   look something up in the documentation from here
  push     bring the container images into a registry, and say how a cluster uses it
  load     load the container images into docker, podman or containerd; or bundles into a folder
  extract  unpack the bundle, or some of it, checking every byte
"""
_EPILOG = "Begin with:  python3 archiver.pyz serve BUNDLE.tar   and open the address that it prints."
_MOST_PROBLEMS = 50


def run_reader(argv: Sequence[str]) -> int:
    """Run the reader's command line and return its exit code (docs/exit-codes.md)."""
    bear_any_script()
    parser = argparse.ArgumentParser(
        prog="archiver.pyz",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=PROGRAM)
    add_reader_commands(parser.add_subparsers(metavar="COMMAND", required=True))
    try:
        args = parser.parse_args(argv)
    except SystemExit as leaving:  # argparse's own way of ending after --help or a usage error
        return int(leaving.code or 0)
    return run_command(args)


def bear_any_script() -> None:
    """Let names in any script be printed on any terminal: what its encoding lacks becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def run_command(args: argparse.Namespace) -> int:
    """Run the command that was parsed, tell of what ends it, and return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cron and systemd end runs with it
    try:
        return int(args.run(args))
    except ArchiverError as error:
        return report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return COMPLETE


def report(error: ArchiverError) -> int:
    """Tell of an error with its hint on standard error, and return the exit code it stands for."""
    problems = (error, *error.more)
    for problem in problems[:_MOST_PROBLEMS]:
        print(f"archiver: {shown(str(problem))}", file=sys.stderr)
        if problem.hint:
            print(f"  hint: {shown(problem.hint)}", file=sys.stderr)
    if len(problems) > _MOST_PROBLEMS:
        print(f"archiver: … and {len(problems) - _MOST_PROBLEMS} more", file=sys.stderr)
    return exit_code(error)


def add_reader_commands(
    subparsers: Any, progress: ProgressFactory | None = None, prepare: Prepare | None = None
) -> None:
    """Define the reader's commands; each sets ``run``, which takes the parsed arguments.

    Args:
        subparsers: what ``ArgumentParser.add_subparsers`` gave.
        progress: makes what progress is told to; plain lines on standard error by default.
        prepare: gets an archive folder that is about to be read, and may add what is missing to it.
    """
    told = progress or (lambda: LineProgress(sys.stderr))

    def ready(path: Path) -> Path:
        if prepare is not None and existing(path).is_dir():
            prepare(path, told())
        return existing(path)

    verify.add(subparsers, told)
    serve.add(subparsers, told, ready)
    search.add(subparsers, ready)
    push.add(subparsers, told)
    load.add(subparsers, told)
    extract.add(subparsers, told)
