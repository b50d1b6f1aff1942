"""``archiver schema``: print the JSON Schema of specs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from archiver.spec.load import spec_schema

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(spec_schema(), indent=2))
    return 0
