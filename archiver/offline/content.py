"""Sending content by digest: in chunks, in ranges, and never to its end where it is wrong.

Source: RFC 9110 sections 13 (conditional requests) and 14 (ranges).
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING, Callable, Iterator

from werkzeug.http import parse_etags

from archiver.core.digest import CHUNK, ContentCheck
from archiver.core.errors import SizeMismatch
from archiver.offline.wsgi import Headers, Reply, plain

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.wsgi import Request

_RANGE = re.compile(r"\Abytes=[ \t]*([0-9]{0,20})-([0-9]{0,20})[ \t]*\Z", re.IGNORECASE)  # one range


@dataclass(frozen=True)
class Span:
    """Bytes from ``start`` up to but without ``stop``."""

    start: int
    stop: int


def plan_range(header: str, size: int) -> tuple[int, Span]:
    """Return the status and the bytes that answer a Range header.

    200 and everything where there is no range, a malformed one or several; 206 and the range asked
    for; 416 and nothing where it lies outside of the content.
    """
    match = _RANGE.match(header)
    if match is None or not (match[1] or match[2]):
        return 200, Span(0, size)
    if match[1]:
        span = Span(int(match[1]), min(int(match[2]) + 1, size) if match[2] else size)
        if match[2] and int(match[2]) < span.start:
            return 200, Span(0, size)
    else:
        span = Span(max(0, size - int(match[2])), size)
    return (206, span) if span.start < span.stop else (416, Span(0, 0))


def range_headers(status: int, span: Span, size: int) -> Headers:
    """Return the headers that go with what ``plan_range`` decided."""
    if status == 416:
        return (("Content-Range", f"bytes */{size}"),)
    headers: Headers = (("Accept-Ranges", "bytes"), ("Content-Length", str(span.stop - span.start)))
    if status == 206:
        headers += (("Content-Range", f"bytes {span.start}-{span.stop - 1}/{size}"),)
    return headers


def is_fresh(request: Request, etag: str) -> bool:
    """Say whether the client's If-None-Match names this entity tag (given without quotes)."""
    header = request.header("If-None-Match")
    return bool(header) and parse_etags(header).contains_weak(etag)


def content_reply(
    request: Request, source: Callable[[], IO[bytes]], digest: Digest, size: int, headers: Headers
) -> Reply:
    """Answer with content that must have a digest, or with a range of it.

    Args:
        request: may carry Range, If-Range and If-None-Match.
        source: opens the content, seekable; not called where no byte of it is needed.
        digest: what the whole content must hash to.
        size: its length in bytes.
        headers: sent along.

    Raises:
        ContentError: content of one chunk is wrong; longer content is checked as it goes, and
            its last chunk is never sent where it is wrong.
    """
    tagged = (*headers, ("ETag", f'"{digest}"'))
    if is_fresh(request, str(digest)):
        return Reply(304, tagged)
    status, span = plan_range(_range_asked(request, f'"{digest}"'), size)
    tagged += range_headers(status, span, size)
    if status == 416:
        return plain(416, f"the content has {size} bytes", *range_headers(status, span, size))
    if request.method == "HEAD":
        return Reply(status, tagged)
    if size <= CHUNK:
        with closing(source()) as stream:
            data = b"".join(_all_checked(stream, digest, size))
        return Reply(status, tagged, data[span.start : span.stop])
    return Reply(status, tagged, span_chunks(source(), digest, size, span))


def span_chunks(stream: IO[bytes], digest: Digest, size: int, span: Span) -> Iterator[bytes]:
    """Yield a span of content in chunks and close the stream.

    A span that reaches the content's end has its last chunk held back until all of the content is checked. Where it
    begins in the middle that takes another reading, which is done last: a client that goes on with a large download
    waits at its end, and not for the first byte. Other spans are only checked for length: whoever puts ranges together
    asks for the last one as well.

    Raises:
        SizeMismatch, DigestMismatch: the content is wrong.
    """
    with closing(stream):
        if span.stop < size:
            yield from _cut(stream, digest, span)
        elif span.start:
            yield from held_back(chain(_cut(stream, digest, span), _check_again(stream, digest, size)))
        else:
            yield from held_back(_all_checked(stream, digest, size))


def held_back(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield chunks one behind, so that the last one is sent only after the source came to a good end."""
    previous = b""
    for chunk in chunks:
        if previous:
            yield previous
        previous = chunk
    if previous:
        yield previous


def _range_asked(request: Request, etag: str) -> str:
    """Return the Range header, or nothing where it does not count: for other content, or with HEAD."""
    condition = request.header("If-Range")
    counts = request.method == "GET" and condition in ("", etag)
    return request.header("Range") if counts else ""


def _cut(stream: IO[bytes], digest: Digest, span: Span) -> Iterator[bytes]:
    stream.seek(span.start)
    left = span.stop - span.start
    while left:
        chunk = stream.read(min(CHUNK, left))
        if not chunk:
            raise SizeMismatch(f"content ends {left} bytes early", place=str(digest))
        left -= len(chunk)
        yield chunk


def _check_again(stream: IO[bytes], digest: Digest, size: int) -> Iterator[bytes]:
    """Yield nothing; raise where the whole content is wrong."""
    stream.seek(0)
    for _ in _all_checked(stream, digest, size):
        pass
    yield from ()


def _all_checked(stream: IO[bytes], digest: Digest, size: int) -> Iterator[bytes]:
    check = ContentCheck(digest, size)
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        check.update(chunk)
        yield chunk
    check.finish()
