"""The console script: finds the command, runs it, and turns errors into exit codes.

Only the module of the command that was asked for is imported, so that ``--help`` is instant.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from archiver.offline.commands import add_reader_commands, bear_any_script, run_line
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.core.progress import Progress


# Keeper's commands: module and one line of help. The reader's are defined in archiver.offline.commands.
KEEPER = {
    "check": ("archiver.cli.check", "check a spec without using the network"),
    "plan": ("archiver.cli.plan", "show what archiving would fetch, without fetching it"),
    "schema": ("archiver.cli.schema", "print the JSON Schema of specs"),
    "archive": ("archiver.cli.archive", "archive what specs ask for"),
    "refresh": ("archiver.cli.refresh", "archive again what is due, for cron"),
    "status": ("archiver.cli.status", "show how each project is"),
    "accept": ("archiver.cli.accept", "take over what the guard refused"),
    "bundle": ("archiver.cli.bundle", "make one file of a project, to be handed over"),
    "diff": ("archiver.cli.diff", "say what is different between two snapshots of a project"),
    "history": ("archiver.cli.history", "list the captures of a page, of all projects and snapshots"),
    "prune": ("archiver.cli.prune", "free what no snapshot needs"),
    "merge": ("archiver.cli.merge", "take in what another archive folder has"),
    "demo": ("archiver.cli.demo", "run the whole pipeline against a site and a registry on this machine"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (docs/exit-codes.md)."""
    _fill_standard_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    bear_any_script()
    name = next((word for word in arguments if not word.startswith("-")), "")
    return run_line(_parser(name), arguments)


def _fill_standard_streams() -> None:
    """Open those of the standard streams that were closed, as some daemons do.

    Else the next files that are opened get their numbers, and with these what other programs print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for good


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="archiver",
        description="Archive a project's docs, images and downloads; hand them over as one verified file "
        "that works offline.",
        epilog="archiver demo shows the whole path on this machine. archiver COMMAND --help tells more.",
    )
    parser.add_argument("--version", action="version", version=PROGRAM)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, (module, text) in KEEPER.items():
        own = commands.add_parser(command, help=text, description=text[0].upper() + text[1:] + ".")
        if command == name:
            import_module(module).configure(own)
    add_reader_commands(commands, _progress, _prepare)
    return parser


def _progress() -> Progress:
    from archiver.cli.progress import default_progress  # noqa: PLC0415 - keeps --help instant

    return default_progress(quiet=False)


def _prepare(path: Path, progress: Progress) -> None:
    from archiver.cli.prepare import prepare_archive  # noqa: PLC0415 - keeps --help instant

    prepare_archive(path, progress)
