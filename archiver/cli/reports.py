"""What a command tells programs: a JSON document for each spec, however the command ends."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from archiver.core.errors import ArchiverError

if TYPE_CHECKING:
    from archiver.core.errors import Stopped


@contextmanager
def reported(reports: list[dict[str, Any]], stopped: Stopped, **about: str) -> Iterator[None]:
    """Let through what ends the block, after putting it into ``reports``.

    Args:
        reports: the documents.
        stopped: what to tell where the block is interrupted.
        about: what the block is about, such as the spec's path.
    """
    try:
        yield
    except ArchiverError as error:
        reports.append({**about, "error": error_json(error)})
        raise
    except KeyboardInterrupt:
        reports.append({**about, "error": error_json(stopped)})
        raise


def print_reports(reports: Sequence[dict[str, Any]], *, many: bool) -> None:
    """Print the documents on standard output, if there are any.

    Args:
        reports: the documents.
        many: whether the command is about several specs, so that they stand in a list however many there are.
    """
    if reports:
        print_json(reports if many else reports[0])


def print_json(document: Any) -> None:
    """Print a document on standard output."""
    print(json_text(document))


def json_text(document: Any) -> str:
    """Return a document as readable as the encoding of standard output allows."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return json.dumps(document, indent=1, ensure_ascii=encoding != "utf8")


def error_json(error: ArchiverError) -> dict[str, Any]:
    """Return an error for programs."""
    told = {"code": error.code, "message": error.message, "place": error.place, "hint": error.hint}
    return {**told, "more": [error_json(each) for each in error.more]} if error.more else told
