"""``archiver check SPEC|DIR...``: say whether specs are valid, and what they ask for, without any network."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.cli.options import add_json
from archiver.collect.preflight import advice, check_list_lines
from archiver.collect.specs import BadSpec, read_specs
from archiver.core.amounts import count_text
from archiver.core.printable import printable
from archiver.offline.commands import report
from archiver.spec.files import FileIndex

if TYPE_CHECKING:
    import argparse

    from archiver.core.errors import ArchiverError
    from archiver.spec.load import LoadedSpec


_COUNTED = {
    "docs": "doc site",
    "images": "image reference",
    "repositories": "image repository",
    "lists": "image list",
    "registries": "registry",
    "files": "file",
    "indexes": "index page",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.add_argument(
        "specs", metavar="SPEC|DIR", nargs="+", type=Path, help="a spec file, or a folder of them"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check each spec; the exit code is the worst of them."""
    code = 0
    summaries = []
    for each in read_specs(args.specs, check_list_lines).found:
        if isinstance(each, BadSpec):
            code = report(each.error)
            summaries.append(_problems(each.path, each.error))
        else:
            warnings = list(advice(each, os.environ))
            summary = {**_summary(each), "warnings": [_told(warning) for warning in warnings]}
            summaries.append(summary)
            for warning in warnings:
                print(f"warning: {printable(str(warning))} ({warning.hint})", file=sys.stderr)
            if not args.json:
                print(
                    f"{each.path}: valid; "
                    + ", ".join(
                        count_text(summary[key], noun) for key, noun in _COUNTED.items() if summary[key]
                    )
                )
    if args.json:
        print(json.dumps(summaries if len(summaries) > 1 else summaries[0], indent=1))
    return code


def _summary(loaded: LoadedSpec) -> dict[str, Any]:
    spec = loaded.spec
    images = spec.asked_images
    indexes = sum(isinstance(entry, FileIndex) for entry in spec.files)
    return {
        "spec": str(loaded.path),
        "valid": True,
        "project": spec.project,
        "docs": len(spec.docs),
        "images": len(images.refs) if images else 0,
        "repositories": len(images.repositories) if images else 0,
        "lists": len(images.lists) if images else 0,
        "registries": len(spec.registries),
        "files": len(spec.files) - indexes,
        "indexes": indexes,
        "problems": [],
    }


def _problems(path: Path, error: ArchiverError) -> dict[str, Any]:
    problems = [_told(problem) for problem in (error, *error.more)]
    return {"spec": str(path), "valid": False, "problems": problems, "warnings": []}


def _told(problem: ArchiverError) -> dict[str, str | None]:
    return {"place": problem.place, "message": problem.message, "hint": problem.hint}
