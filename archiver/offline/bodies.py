"""Sending captured bodies: in the captured coding or without it, whole or in ranges.

Reading a body to its end is what checks it, so that nothing wrong is sent to its end.
Source: RFC 9110, sections 8.4 (content codings), 12.5.3 (Accept-Encoding) and 14 (ranges).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Generator, Iterator

from archiver.core.contentcoding import codings, decoded, is_decodable
from archiver.core.digest import CHUNK
from archiver.core.errors import ContentError, RecordCorrupt
from archiver.offline.content import held_back, plan_range, range_headers
from archiver.offline.inflating import inflate
from archiver.offline.wsgi import Reply, plain

if TYPE_CHECKING:
    from archiver.offline.content import Span
    from archiver.offline.holdings import Response
    from archiver.offline.wsgi import Headers, Request


@dataclass(frozen=True)
class Text:
    """A body that is whole in memory: as it was captured, and with its content coding undone."""

    captured: bytes
    content: bytes


class Chunks:
    """A captured body in chunks; closed at its end, or by ``close``."""

    def __init__(self, body: IO[bytes]) -> None:
        self._body = body

    def __iter__(self) -> Chunks:
        return self

    def __next__(self) -> bytes:
        chunk = b"" if self._body.closed else self._body.read(CHUNK)
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Release what the body holds open."""
        self._body.close()


def coding_of(response: Response) -> str:
    """Return the content codings of a captured response, in the order they were applied; empty for none."""
    return ", ".join(codings(header_value(response.headers, "content-encoding")))


def header_value(headers: Headers, name: str) -> str:
    """Return the first value of a header, whose name is given in lowercase; empty where there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


def read_text(response: Response, limit: int) -> bytes:
    """Return the beginning of a response's body, at most ``limit`` bytes and a chunk, content coding undone.

    Raises:
        ContentError, RecordCorrupt: the body is not what was captured, or not in the coding it says.
    """
    coding = coding_of(response)
    taken: list[bytes] = []
    size = 0
    for chunk in _decoded(Chunks(response.body), coding if is_decodable(coding) else ""):
        taken.append(chunk)
        size += len(chunk)
        if size >= limit:
            break
    return b"".join(taken)


def load(response: Response, coding: str, limit: int) -> Text | Iterator[bytes]:
    """Read a body into memory; what is longer than ``limit`` bytes comes as chunks, in its captured coding.

    Raises:
        RecordCorrupt: the body is not what was captured, or not in the coding it says.
    """
    chunks = Chunks(response.body)
    try:
        return _loaded(chunks, coding, limit)
    except BaseException:  # a damaged record: it is read no further
        chunks.close()
        raise


def whole_reply(
    request: Request, response: Response, headers: Headers, coding: str, chunks: Iterator[bytes]
) -> Reply:
    """Send a body on as it is to a client that takes its content coding, and with that undone to others.

    Args:
        request: says what the client takes.
        response: what was captured.
        headers: sent along.
        coding: the content codings; empty for none.
        chunks: the body as it was captured.
    """
    if not coding:
        return _whole(request, response, headers, chunks)
    headers += (("Vary", "Accept-Encoding"),)
    if is_decodable(coding) and not accepts(request, coding):
        return _sent(request, response.status, headers, _decoded(chunks, coding))
    return _whole(request, response, (*headers, ("Content-Encoding", coding)), chunks)


def ranged_reply(request: Request, response: Response, headers: Headers, tag: str) -> Reply:
    """Send a body without content coding, or the range of it that was asked for.

    Args:
        request: may carry Range and If-Range.
        response: what was captured.
        headers: sent along.
        tag: its entity tag, without quotes.
    """
    size = _length(response)
    headers += (("ETag", f'"{tag}"'),)
    if size is not None and response.status == 200:
        condition = request.header("If-Range")
        asked = "" if condition and condition != f'"{tag}"' else request.header("Range")
        status, span = plan_range(asked, size)
        ranged = range_headers(status, span, size)
        if status == 416:
            response.body.close()
            return plain(416, f"the content has {size} bytes", *ranged)
        if status == 206:
            return _sent(request, status, headers + ranged, _cut(Chunks(response.body), span, size))
        headers += (("Accept-Ranges", "bytes"),)
    return _whole(request, response, headers, Chunks(response.body))


def accepts(request: Request, coding: str) -> bool:
    """Say whether a client takes a content coding."""
    for part in request.header("Accept-Encoding").lower().split(","):
        token, _, weight = part.partition(";")
        if token.strip() in (coding, "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _loaded(chunks: Chunks, coding: str, limit: int) -> Text | Iterator[bytes]:
    taken: list[bytes] = []
    size = 0
    for chunk in chunks:
        taken.append(chunk)
        size += len(chunk)
        if size > limit:
            return _rejoined(taken, chunks)
    captured = b"".join(taken)
    if not coding:
        return Text(captured, captured)
    member = inflate(captured, limit) if coding == "gzip" else None
    if member is not None and member.length == len(captured):  # mostly it is just that
        return Text(captured, member.content)
    pieces: list[bytes] = []
    size = 0
    for piece in _decoded(iter((captured,)), coding):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return iter((captured,))
    return Text(captured, b"".join(pieces))


def _whole(request: Request, response: Response, headers: Headers, chunks: Iterator[bytes]) -> Reply:
    size = _length(response)
    if size is not None:
        headers += (("Content-Length", str(size)),)
    if size is not None and size <= CHUNK and request.method != "HEAD":
        return Reply(response.status, headers, b"".join(chunks))  # damage is still a 502
    return _sent(request, response.status, headers, chunks)


def _sent(request: Request, status: int, headers: Headers, chunks: Iterator[bytes]) -> Reply:
    if request.method == "HEAD":
        _close(chunks)
        return Reply(status, headers, iter(()))
    return Reply(status, headers, _streamed(chunks))


def _streamed(chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    try:
        yield from held_back(chunks)
    finally:
        _close(chunks)


def _cut(chunks: Iterator[bytes], span: Span, size: int) -> Generator[bytes, None, None]:
    """Yield a range; one that reaches the end reads the body to its end, which checks it."""
    at = 0
    try:
        for chunk in chunks:
            piece = chunk[max(0, span.start - at) : max(0, span.stop - at)]
            at += len(chunk)
            if piece:
                yield piece
            if at >= span.stop and span.stop != size:
                return
    finally:
        _close(chunks)


def _decoded(chunks: Iterator[bytes], coding: str) -> Generator[bytes, None, None]:
    """Undo a content coding; reads the body to its end, which checks it. Raises RecordCorrupt for damage."""
    try:
        yield from decoded(chunks, coding)
        for _ in chunks:
            pass
    except ContentError as error:
        raise RecordCorrupt(f"the captured body: {error.message}") from error
    finally:
        _close(chunks)


def _rejoined(taken: list[bytes], rest: Iterator[bytes]) -> Generator[bytes, None, None]:
    try:
        yield from taken
        yield from rest
    finally:
        _close(rest)


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


def _length(response: Response) -> int | None:
    text = header_value(response.headers, "content-length")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
