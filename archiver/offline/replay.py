"""Replaying captures: one archived origin as if it were alive.

Sources: RFC 9110, sections 13.1 (conditional requests) and 15.4 (redirects).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Callable
from urllib.parse import urldefrag

from archiver.core.contentcoding import is_decodable
from archiver.core.errors import ArchiverError, RecordCorrupt
from archiver.offline import rewrite
from archiver.offline.addresses import MOUNT, mounted_url
from archiver.offline.bodies import (
    Chunks,
    Text,
    accepts,
    coding_of,
    header_value,
    load,
    ranged_reply,
    whole_reply,
)
from archiver.offline.content import is_fresh
from archiver.offline.memento import VARY, capture_headers
from archiver.offline.missing import NO_ADDRESS, REDIRECTS_TO_NO_URL, redirects_outside
from archiver.offline.pageheaders import kept_headers
from archiver.offline.policy import Policy, service_worker
from archiver.offline.redirects import REDIRECTS, redirect_target
from archiver.offline.rewrite import Rewriter
from archiver.offline.wsgi import Reply, method_not_allowed, plain

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.urlkey import Origin
    from archiver.offline.addresses import View
    from archiver.offline.holdings import Response
    from archiver.offline.lookup import Finder
    from archiver.offline.misses import Misses
    from archiver.offline.wsgi import Headers, Request

_CHECK_BACK = ("Cache-Control", "no-cache")  # another snapshot, or another archive, may be served next
_NOT_MODIFIED = 304
_BODILESS = frozenset({204, 205})
_STANDINGS = 256


@dataclass(frozen=True)
class _Standing:
    """What the pages of one origin need to know of one reader's addresses: made once, used for all of them."""

    rewriter: Rewriter
    policy: Policy
    seed: str

    @classmethod
    def of(cls, origin: Origin, view: View) -> _Standing:
        """Return it; all of the addresses are in ``seed``, which tells entity tags apart."""
        mounted = sorted(map(str, view.mounted))
        seed = "\n".join((str(origin), view.main, *sorted(view.bases.values()), *mounted))
        return cls(Rewriter(view.targets(origin), origin.scheme), Policy.of(view), seed)

    def entity_tag(self, capture: Capture) -> str:
        """Tell apart what a reader may get: the payload, and the addresses that are mapped into it."""
        return hashlib.sha256(f"{capture.digest}\n{capture.mime}\n{self.seed}".encode()).hexdigest()[:32]


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
        self._standing = lru_cache(maxsize=_STANDINGS)(_Standing.of)

    def answer(self, request: Request, origin: Origin, view: View) -> Reply:
        """Answer a request that came to an origin's address."""
        standing = self._standing(origin, view)
        if not request.is_read:
            return standing.policy.preflight(request) or method_not_allowed()
        reply = service_worker(request)
        if reply is not None:
            return reply
        url = original_url(request, origin)
        if url is None:
            reply = self._misses.answer(request, view, f"{origin}{request.path}", NO_ADDRESS)
        else:
            try:
                reply = self._replay(request, origin, view, url, standing)
            except ArchiverError as error:
                self._log(f"{url}: {error}")
                reply = plain(502, f"the archive's copy of {url} is damaged")
        return reply.with_headers(*standing.policy.headers, *standing.policy.sharing(request), *VARY)

    def _replay(self, request: Request, origin: Origin, view: View, url: str, standing: _Standing) -> Reply:
        rewriter = standing.rewriter
        for found in self._finder.find(url):
            capture = found.capture
            dated = capture_headers(capture, view, url, f"{view.bases[origin]}{request.target}")
            tag = standing.entity_tag(capture)
            reply = self._unread(request, capture, url, rewriter, tag)
            if reply is not None:
                return reply.with_headers(*(dated if reply.status == _NOT_MODIFIED else ()))
            response = found.site.response(capture)
            if response.status not in REDIRECTS:
                return _page(request, capture, response, rewriter, tag).with_headers(*dated)
            response.body.close()
            target = redirect_target(capture, response)
            if target is None:
                return self._misses.answer(request, view, url, REDIRECTS_TO_NO_URL)
            mapped = rewriter.header(target)
            if rewriter.header(urldefrag(target).url) == rewriter.header(url):
                continue  # a twin, or the other scheme, that leads back here: go on looking
            if mapped == target:
                return self._misses.answer(request, view, target, redirects_outside(target))
            return Reply(
                response.status, (*kept_headers(response.headers, rewriter), ("Location", mapped), *dated)
            )
        return self._misses.answer(request, view, url)

    def _unread(
        self, request: Request, capture: Capture, url: str, rewriter: Rewriter, tag: str
    ) -> Reply | None:
        """Answer with what needs none of the page: it is read at its own URL, or the reader has it."""
        if capture.status != "200":
            return None
        if _links_differ(url, capture.url):
            own = self._own_url(capture, url)
            mapped = rewriter.header(own)
            if mapped != own:
                return Reply(302, (("Location", mapped), _CHECK_BACK))
        if is_fresh(request, tag):
            return Reply(_NOT_MODIFIED, (("ETag", _as_asked(request, tag)), _CHECK_BACK))
        return None

    def _own_url(self, capture: Capture, url: str) -> str:
        """Return the URL of a capture that answers another URL, with that one's query for scripts, where it may be."""
        query = url.partition("?")[2]
        if query and "?" not in capture.url:
            asked = f"{capture.url}?{query}"
            first = next(self._finder.find(asked), None)
            if first is not None and first.capture.url == capture.url:
                return asked
        return capture.url


def original_url(request: Request, origin: Origin) -> str | None:
    """Return the original URL that a request to an origin's address is for; None where a mounted one is malformed."""
    if request.path.startswith(MOUNT):
        return mounted_url(request.path, request.query)
    return f"{origin}{request.target}"


def _links_differ(url: str, own: str) -> bool:
    """Say whether relative links mean something else at a URL than at a page's own: one is without the final slash.

    Web servers redirect there for that reason; letters' case and escapes change nothing.
    """
    return url.partition("?")[0].count("/") != own.partition("?")[0].count("/")


def _page(request: Request, capture: Capture, response: Response, rewriter: Rewriter, tag: str) -> Reply:
    headers: Headers = (*kept_headers(response.headers, rewriter), _CHECK_BACK)
    if response.status in _BODILESS:
        response.body.close()
        return Reply(response.status, headers)
    if not 200 <= response.status < 600:
        response.body.close()
        raise RecordCorrupt(f"status {response.status} is none that a page can have", place=capture.url)
    content_type = header_value(response.headers, "content-type") or capture.mime
    kind = rewrite.kind_of(content_type.partition(";")[0].strip().lower(), capture.url)
    coding = coding_of(response)
    if not coding and not kind:
        return ranged_reply(request, response, headers, tag)
    headers += (("ETag", f'W/"{tag}"'),)  # in the captured coding or without it
    if not kind or not is_decodable(coding):
        return whole_reply(request, response, headers, coding, Chunks(response.body))
    body = load(response, coding, rewrite.LIMIT)
    if not isinstance(body, Text):  # sent unmapped: better than not at all, and memory stays bounded
        return whole_reply(request, response, headers, coding, body)
    mapped = rewriter.rewrite(body.content, kind, content_type)
    if coding and mapped is body.content:
        headers += (("Vary", "Accept-Encoding"),)
        if accepts(request, coding):
            return Reply(response.status, (*headers, ("Content-Encoding", coding)), body.captured)
    return Reply(response.status, headers, mapped)


def _as_asked(request: Request, tag: str) -> str:
    """Return an entity tag as weak as the client has it."""
    return f'W/"{tag}"' if f'W/"{tag}"' in request.header("If-None-Match") else f'"{tag}"'
