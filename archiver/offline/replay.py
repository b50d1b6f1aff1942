"""Replaying captures: one archived origin as if it were alive.

Source: RFC 9110 for the headers that describe a connection rather than a page.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Callable, Generator, Iterator
from urllib.parse import urldefrag, urljoin

from archiver.core.contentcoding import codings, decoded, is_decodable
from archiver.core.digest import CHUNK
from archiver.core.errors import ArchiverError, ContentError, RecordCorrupt
from archiver.offline import rewrite
from archiver.offline.addresses import MOUNT, mounted_url
from archiver.offline.content import held_back, is_fresh, plan_range, range_headers
from archiver.offline.memento import VARY, capture_headers
from archiver.offline.missing import NO_ADDRESS, REDIRECTS_TO_NO_URL, redirects_outside
from archiver.offline.rewrite import Rewriter
from archiver.offline.wsgi import Reply, method_not_allowed, plain

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.urlkey import Origin
    from archiver.offline.addresses import View
    from archiver.offline.content import Span
    from archiver.offline.holdings import Response
    from archiver.offline.lookup import Finder
    from archiver.offline.misses import Misses
    from archiver.offline.wsgi import Headers, Request

# What a captured header says about the connection, about a server that is not there, or to keep the
# page among origins that it no longer lives among. Everything else is part of the page.
_DROPPED = frozenset(
    {
        "accept-ranges",
        "age",
        "alt-svc",
        "cache-control",
        "clear-site-data",
        "connection",
        "content-encoding",
        "content-length",
        "content-location",
        "content-security-policy",
        "content-security-policy-report-only",
        "cross-origin-embedder-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "date",
        "etag",
        "expect-ct",
        "expires",
        "keep-alive",
        "link",
        "location",
        "memento-datetime",
        "nel",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "public-key-pins",
        "refresh",
        "report-to",
        "reporting-endpoints",
        "server",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "strict-transport-security",
        "te",
        "timing-allow-origin",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "via",
        "www-authenticate",
        "x-archive-miss",
    }
)
_DROPPED_PREFIXES = ("access-control-", "x-orig-", "x-archive-orig-", "proxy-")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BODILESS = frozenset({204, 205})
_REWRITERS = 64


class Replay:
    """Answers requests for archived origins.

    Args:
        finder: looks up captures.
        misses: answers for what is not here.
        log: takes a line for content that is not what was captured.
    """

    def __init__(self, finder: Finder, misses: Misses, log: Callable[[str], None]) -> None:
        self._finder = finder
        self._misses = misses
        self._log = log
        self._rewriter = lru_cache(maxsize=_REWRITERS)(_make_rewriter)

    def answer(self, request: Request, origin: Origin, view: View) -> Reply:
        """Answer a request that came to an origin's address."""
        if not request.is_read:
            return method_not_allowed()
        if request.header("Service-Worker") == "script":
            return plain(404, "archived sites get no service worker: it would outlive this server")
        url = original_url(request, origin)
        if url is None:
            reply = self._misses.answer(request, view, f"{origin}{request.path}", NO_ADDRESS)
        else:
            try:
                reply = self._replay(request, origin, view, url)
            except ArchiverError as error:
                self._log(f"{url}: {error}")
                reply = plain(502, f"the archive's copy of {url} is damaged")
        return reply.with_headers(*_policy(request, view), *VARY)

    def _replay(self, request: Request, origin: Origin, view: View, url: str) -> Reply:
        rewriter = self._rewriter(origin, tuple(view.targets(origin).items()))
        for found in self._finder.find(url):
            capture = found.capture
            dated = capture_headers(capture, view, url, f"{view.bases[origin]}{request.target}")
            tag = _entity_tag(capture, view, origin)
            if capture.status == "200" and is_fresh(request, tag):
                return Reply(304, (("ETag", f'"{tag}"'), ("Cache-Control", "no-cache"), *dated))
            response = found.site.response(capture)
            if response.status not in _REDIRECTS:
                return _page(request, capture, response, rewriter, tag).with_headers(*dated)
            response.body.close()
            target = _target(capture, response)
            if target is None:
                return self._misses.answer(request, view, url, REDIRECTS_TO_NO_URL)
            mapped = rewriter.header(target)
            if rewriter.header(urldefrag(target).url) == rewriter.header(url):
                continue  # a twin, or the other scheme, that leads back here: go on looking
            if mapped == target:
                return self._misses.answer(request, view, target, redirects_outside(target))
            return Reply(response.status, (*_kept(response.headers), ("Location", mapped), *dated))
        return self._misses.answer(request, view, url)


def original_url(request: Request, origin: Origin) -> str | None:
    """Return the original URL that a request to an origin's address is for; None where a mounted one is malformed."""
    if request.path.startswith(MOUNT):
        return mounted_url(request.path, request.query)
    return f"{origin}{request.target}"


def read_text(response: Response, limit: int) -> bytes:
    """Return the beginning of a response's body, at most ``limit`` bytes and a chunk, content coding undone.

    Raises:
        ContentError, RecordCorrupt: the body is not what was captured, or not in the coding it says.
    """
    coding = _value(response.headers, "content-encoding")
    taken: list[bytes] = []
    size = 0
    for chunk in _decoded(response.body, coding if is_decodable(coding) else ""):
        taken.append(chunk)
        size += len(chunk)
        if size >= limit:
            break
    return b"".join(taken)


def _make_rewriter(origin: Origin, targets: tuple[tuple[Origin, str], ...]) -> Rewriter:
    return Rewriter(dict(targets), origin.scheme)


def _page(request: Request, capture: Capture, response: Response, rewriter: Rewriter, tag: str) -> Reply:
    headers: Headers = (*_kept(response.headers), ("ETag", f'"{tag}"'), ("Cache-Control", "no-cache"))
    refresh = _value(response.headers, "refresh")
    if refresh:
        headers += (("Refresh", rewriter.header(refresh)),)
    if response.status in _BODILESS:
        response.body.close()
        return Reply(response.status, headers)
    if not 200 <= response.status < 600:
        response.body.close()
        raise RecordCorrupt(f"status {response.status} is none that a page can have", place=capture.url)
    kind = rewrite.kind_of(_media_type(response, capture))
    coding = ", ".join(codings(_value(response.headers, "content-encoding")))
    if kind and is_decodable(coding):
        return _mapped(response, coding, headers, rewriter, kind)
    return _unmapped(request, response, coding, headers)


def _mapped(response: Response, coding: str, headers: Headers, rewriter: Rewriter, kind: str) -> Reply:
    chunks = _decoded(response.body, coding)
    taken: list[bytes] = []
    size = 0
    for chunk in chunks:
        taken.append(chunk)
        size += len(chunk)
        if size > rewrite.LIMIT:  # sent unmapped: better than not at all, and memory stays bounded
            return Reply(response.status, headers, held_back(_rejoined(taken, chunks)))
    return Reply(response.status, headers, rewriter.rewrite(b"".join(taken), kind))


def _unmapped(request: Request, response: Response, coding: str, headers: Headers) -> Reply:
    """Send the captured bytes on, in the captured coding where the client takes it."""
    size = _length(response)
    if coding:
        headers += (("Vary", "Accept-Encoding"),)
        if is_decodable(coding) and not _accepts(request, coding):
            return _sent(request, response.status, headers, _decoded(response.body, coding))
        headers += (("Content-Encoding", coding),)
    elif size is not None and response.status == 200:
        status, span = plan_range(request.header("Range"), size)
        ranged = range_headers(status, span, size)
        if status == 416:
            response.body.close()
            return plain(416, f"the content has {size} bytes", *ranged)
        if status == 206:
            return _sent(request, status, headers + ranged, _cut(response.body, span, size))
        headers += (("Accept-Ranges", "bytes"),)
    if size is not None:
        headers += (("Content-Length", str(size)),)
    if size is not None and size <= CHUNK and request.method != "HEAD":
        return Reply(response.status, headers, b"".join(_raw(response.body)))  # damage is still a 502
    return _sent(request, response.status, headers, _raw(response.body))


def _sent(request: Request, status: int, headers: Headers, chunks: Generator[bytes, None, None]) -> Reply:
    if request.method == "HEAD":
        chunks.close()
        return Reply(status, headers, iter(()))
    return Reply(status, headers, held_back(chunks))


def _raw(body: IO[bytes]) -> Generator[bytes, None, None]:
    with closing(body):
        yield from iter(lambda: body.read(CHUNK), b"")


def _cut(body: IO[bytes], span: Span, size: int) -> Generator[bytes, None, None]:
    """Yield a range; one that reaches the end reads the body to its end, which checks it."""
    at = 0
    for chunk in _raw(body):
        piece = chunk[max(0, span.start - at) : max(0, span.stop - at)]
        at += len(chunk)
        if piece:
            yield piece
        if at >= span.stop and span.stop != size:
            return


def _decoded(body: IO[bytes], coding: str) -> Generator[bytes, None, None]:
    """Undo a content coding; reads the body to its end, which checks it. Raises RecordCorrupt for damage."""
    chunks = _raw(body)
    try:
        yield from decoded(chunks, coding)
        for _ in chunks:
            pass
    except ContentError as error:
        raise RecordCorrupt(f"the captured body: {error.message}") from error
    finally:
        chunks.close()


def _rejoined(taken: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from taken
    yield from rest


def _kept(headers: Headers) -> Headers:
    return tuple(
        (name, value)
        for name, value in headers
        if name.lower() not in _DROPPED and not name.lower().startswith(_DROPPED_PREFIXES)
    )


def _policy(request: Request, view: View) -> Headers:
    """Return the headers that keep a page among the archived origins, and let those share fonts and modules."""
    origins = " ".join(sorted({*view.bases.values(), view.main}))
    sources = f"'self' {origins} data: blob: 'unsafe-inline' 'unsafe-eval'"
    headers: Headers = (
        ("Content-Security-Policy", f"default-src {sources}; form-action 'self' {origins}"),
        ("Referrer-Policy", "no-referrer"),
        ("X-DNS-Prefetch-Control", "off"),
    )
    asking = request.header("Origin")
    if asking and asking in view.bases.values():
        headers += (("Access-Control-Allow-Origin", asking), ("Vary", "Origin"))
    return headers


def _entity_tag(capture: Capture, view: View, origin: Origin) -> str:
    """Tell apart what a reader may get: the payload, and the addresses that are mapped into it."""
    seen = "\n".join((capture.digest, capture.mime, str(origin), view.main, *sorted(view.bases.values())))
    return hashlib.sha256(seen.encode()).hexdigest()[:32]


def _target(capture: Capture, response: Response) -> str | None:
    """Return where a redirect leads, or None where its Location is no URL."""
    try:
        return urljoin(capture.url, _value(response.headers, "location"))
    except ValueError:
        return None


def _media_type(response: Response, capture: Capture) -> str:
    stated = _value(response.headers, "content-type") or capture.mime
    return stated.partition(";")[0].strip().lower()


def _length(response: Response) -> int | None:
    text = _value(response.headers, "content-length")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _value(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _accepts(request: Request, coding: str) -> bool:
    for part in request.header("Accept-Encoding").lower().split(","):
        token, _, weight = part.partition(";")
        if token.strip() in (coding, "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
