"""``extract``: unpack a bundle, checked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.core.amounts import count_text, size_text
from archiver.offline.exitcodes import exit_code, worst
from archiver.offline.names import SUMS
from archiver.offline.verbs.inputs import add_signers, opened_bundle
from archiver.offline.verbs.output import print_json, shown

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.offline.extract import Extracted
    from archiver.offline.verbs.inputs import ProgressFactory

_DESCRIPTION = """\
Unpack a bundle, or some of it, into a folder. Each file is checked by its
digest as it is written, and gets its name only when it is whole. What is there
already and right is skipped, so a second run completes the first; any other
file in the way ends the run, and nothing is overwritten.
"""
_EPILOG = """\
NAME is what the bundle calls it, a folder in the bundle, or a pattern:

  docs                    the documentation and its search index
  images                  all container images in one tar, for docker, podman,
                          ctr and skopeo
  files                   the downloads
  archiver.pyz            this one file
  'files/*/*.tar.gz'      what fits, in whatever folder

examples:
  %(prog)s project.tar unpacked
  %(prog)s project.tar . files

`tar tf BUNDLE` lists the names. Exit code 0 means that all that was asked for
is there and right.
"""


def add(subparsers: Any, progress: ProgressFactory) -> None:
    """Define the command."""
    parser = subparsers.add_parser(
        "extract",
        help="unpack it, or some of it, checking every byte",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle")
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder to unpack into; it may be new")
    parser.add_argument("names", metavar="NAME", nargs="*", help="what to unpack (default: everything)")
    add_signers(parser)
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    parser.set_defaults(run=lambda args: _run(args, progress()))


def _run(args: argparse.Namespace, progress: Progress) -> int:
    from archiver.offline.extract import extract_bundle  # noqa: PLC0415 - keeps the other commands quick

    with opened_bundle(args.bundle, args.signers, progress) as bundle:
        done = extract_bundle(bundle, args.folder, args.names, progress)
    if args.json:
        print_json(
            {
                "folder": str(done.folder),
                "written": list(done.written),
                "present": list(done.present),
                "failed": [
                    {"code": error.code, "where": error.place, "detail": error.message}
                    for error in done.failed
                ],
            }
        )
    else:
        _print_done(done, whole=not args.names)
    return worst(exit_code(error) for error in done.failed)


def _print_done(done: Extracted, *, whole: bool) -> None:
    for error in done.failed:
        print(shown(f"{error} [{error.code}]"))
    told = f"{done.folder}: {count_text(len(done.written), 'file')} written, {size_text(done.size)}"
    if done.present:
        told += f"; {count_text(len(done.present), 'file')} there already"
    if done.failed:
        told += f"; {len(done.failed)} not extracted"
    print(shown(told))
    if whole and not done.failed:
        print(f"Once more at any time, there: sha256sum -c {SUMS}")
