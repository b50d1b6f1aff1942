"""What a command tells programs: a JSON document for each spec, however the command ends."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import fields
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
    """Print a document on standard output, with what controls a terminal escaped. Dataclasses in it are objects.

    It is written piece by piece, since it may be large.
    """
    sys.stdout.writelines(map(_escaped, _encoder().iterencode(document)))
    print()


def _encoder() -> json.JSONEncoder:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return json.JSONEncoder(indent=1, ensure_ascii=encoding != "utf8", default=_members)


def _escaped(piece: str) -> str:
    if piece.isprintable():
        return piece
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in piece)


def _members(record: Any) -> dict[str, Any]:
    """Return a dataclass's members, and leave those of its members to the encoder."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def error_json(error: ArchiverError) -> dict[str, Any]:
    """Return an error for programs."""
    told = {"code": error.code, "message": error.message, "place": error.place, "hint": error.hint}
    return {**told, "more": [error_json(each) for each in error.more]} if error.more else told
