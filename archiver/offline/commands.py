"""The reader's verbs, defined once and mounted by both command lines: ``archiver`` and ``archiver.pyz``.

Commands parse, call one library function, print, and return an exit code. ``serve`` ended by Ctrl-C is
complete, exit 0: that is how serving ends; other commands interrupted are 130.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Sequence

from archiver.core.errors import ArchiverError
from archiver.offline.exitcodes import COMPLETE, INTERRUPTED, USAGE, exit_code
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
Check, read and use a bundle where there is no internet: the documentation in
it, its container images, its downloads. Nothing has to be installed or
unpacked. Begin with one of these (on Windows, write py for python3):

  %(prog)s verify BUNDLE.tar    is every byte as it was made?
  %(prog)s serve BUNDLE.tar     read: open the address it prints
"""
_EPILOG = """\
BUNDLE is the .tar that you were given; where it came in parts, the first of
them (.tar.001). With an update, name the bundle that it builds on as well.
COMMAND --help tells more, and so does README.html in the bundle.
"""
_MOST_PROBLEMS = 50
_READER = "python3 archiver.pyz"
_COMMAND = re.compile(r"\barchiver (?=(?:verify|serve|search|load|push|extract)\b)")


def run_reader(argv: Sequence[str]) -> int:
    """Run the reader's command line and return its exit code (docs/exit-codes.md)."""
    bear_any_script()
    parser = argparse.ArgumentParser(
        prog=_READER,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,  # below, so that the commands come first
    )
    add_reader_commands(parser.add_subparsers(title="commands", metavar="COMMAND", required=True))
    options = parser.add_argument_group("options")
    options.add_argument("-h", "--help", action="help", help="show this and exit")
    options.add_argument(
        "--version", action="version", version=PROGRAM, help="show the program's version and exit"
    )
    return run_line(parser, argv, called=_READER)


def run_line(parser: argparse.ArgumentParser, argv: Sequence[str], called: str = "archiver") -> int:
    """Run a command line and return its exit code; an empty one is told what there is, and is wrong usage.

    Args:
        parser: its commands set ``run``.
        argv: the arguments.
        called: how this program is started, for hints that say what to type.
    """
    if not argv:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        args = parser.parse_args(argv)
    except SystemExit as leaving:  # argparse's own way of ending after --help or a usage error
        return int(leaving.code or 0)
    return run_command(args, called=called)


def bear_any_script() -> None:
    """Let names in any script be printed on any terminal: what its encoding lacks becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def run_command(args: argparse.Namespace, called: str = "archiver") -> int:
    """Run the command that was parsed, tell of what ends it, and return its exit code.

    Args:
        args: what was parsed.
        called: how this program is started, for hints that say what to type.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cron and systemd end runs with it
    try:
        return int(args.run(args))
    except ArchiverError as error:
        return report(error, called)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return COMPLETE


def report(error: ArchiverError, called: str = "archiver") -> int:
    """Tell of an error with its hint on standard error, and return the exit code it stands for."""
    problems = (error, *error.more)
    for problem in problems[:_MOST_PROBLEMS]:
        print(f"archiver: {shown(str(problem))}", file=sys.stderr)
        if problem.hint:
            print(f"  hint: {shown(_COMMAND.sub(f'{called} ', problem.hint))}", file=sys.stderr)
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
    load.add(subparsers, told)
    push.add(subparsers, told)
    extract.add(subparsers, told)
