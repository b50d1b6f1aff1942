"""Sorted index lines: finding those of one key, and reading what a WACZ's lines say.

Source: docs/format.md, "Capture index" and "docs/<source>.wacz".
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Any, Sequence

from archiver.core import jsontext
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.clock import iso_of_timestamp14
from archiver.core.errors import InvalidDocument, InvalidURL
from archiver.core.urlkey import Origin

ORIGINAL = "original"  # the kind of a record that is there only because a revisit refers to it
REVISIT_MIME = "warc/revisit"
DATA = "data.warc.gz"
_KINDS = (PAGE, REQUISITE, ORIGINAL)
_MOST_LINE = 64 << 10
_DIGITS = 18


@dataclass(frozen=True)
class IndexLine:
    """What a WACZ's index says of one record.

    ``capture`` has the original's media type where it is a revisit. ``offset`` and ``length`` are the
    place of the record's gzip member in data.warc.gz, ``original_offset`` and ``original_length`` that of
    the original's (both 0 where it is no revisit); all in bytes. ``shared`` says of a revisit that it stands in its
    original's line.
    """

    key: str
    capture: Capture
    offset: int
    length: int
    original_offset: int = 0
    original_length: int = 0
    shared: bool = False


def lines_of_key(lines: Sequence[bytes], key: str) -> list[bytes]:
    """Return, of lines sorted bytewise, those of one SURT key."""
    prefix = key.encode("utf-8", "surrogatepass") + b" "
    first = last = bisect_left(lines, prefix)
    while last < len(lines) and lines[last].startswith(prefix):
        last += 1
    return list(lines[first:last])


def parse_lines(line: bytes, source: str) -> tuple[IndexLine, ...]:
    """Read a line of a WACZ's index, which speaks of a record, or of an original and what revisits it.

    Args:
        line: the line, without its newline.
        source: the name of the doc site.

    Raises:
        InvalidDocument: it is malformed.
    """
    what = line[:120].decode("ascii", "replace")
    parts = line.split(b" ", 2)
    if len(parts) != 3 or not line.isascii():
        raise InvalidDocument("not a CDXJ line", place=what)
    members = jsontext.load_object(parts[2], limit=_MOST_LINE, what=what)
    if not all(isinstance(value, str) for value in members.values()):
        raise InvalidDocument("a CDXJ member is not a string", place=what)
    key, timestamp = parts[0].decode("ascii"), parts[1].decode("ascii")
    revisit = members.get("mime") == REVISIT_MIME
    capture = Capture(
        url=members.get("url", ""),
        timestamp=timestamp,
        mime=members.get("origMime" if revisit else "mime", ""),
        status=members.get("status", ""),
        digest=members.get("digest", ""),
        source=source,
        kind=members.get("kind", ""),
        record=members.get("record", ""),
        original=members.get("refersTo", ""),
        gone=members.get("gone", ""),
    )
    _check(capture, revisit, members.get("filename"), what)
    place = _place(members, "offset", "length", what)
    if revisit:
        return (IndexLine(key, capture, *place, *_place(members, "origOffset", "origLength", what)),)
    if "revisit" not in members:
        return (IndexLine(key, capture, *place),)
    again = replace(
        capture,
        timestamp=members.get("revisitTime", ""),
        record=members["revisit"],
        original=capture.record,
    )
    _check(again, True, members.get("filename"), what)
    own = _place(members, "revisitOffset", "revisitLength", what)
    return (
        IndexLine(key, replace(capture, kind=ORIGINAL, gone=""), *place),
        IndexLine(key, again, *own, *place, shared=True),
    )


def _check(capture: Capture, revisit: bool, filename: object, what: str) -> None:
    try:
        Origin.of(capture.url)
        for moment in filter(None, (capture.timestamp, capture.gone)):
            iso_of_timestamp14(moment)
    except (InvalidURL, ValueError) as error:
        raise InvalidDocument("the line's URL or a timestamp is malformed", place=what) from error
    if filename != DATA or capture.kind not in _KINDS or not capture.record:
        raise InvalidDocument("the line's file, kind or record is none that it can have", place=what)
    if revisit != bool(capture.original) or (revisit and capture.kind == ORIGINAL):
        raise InvalidDocument("the line is half a revisit", place=what)


def _place(members: dict[str, Any], offset: str, length: str, what: str) -> tuple[int, int]:
    return _number(members, offset, what), _number(members, length, what)


def _number(members: dict[str, Any], name: str, what: str) -> int:
    text = members.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise InvalidDocument(f"{name!r} is not a number", place=what)
    return int(text)
