"""Which headers of a captured response go on to the reader.

Sources: RFC 9110 for the headers that describe a connection rather than a page, RFC 8288 for Link, WHATWG HTML for
Refresh, ECMA-426 for SourceMap.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archiver.offline.hypertext import refresh_target, stays

if TYPE_CHECKING:
    from archiver.offline.rewrite import Rewriter
    from archiver.offline.wsgi import Headers

# What a captured header says about the connection, about a server that is not there, or to keep the
# page among origins that it no longer lives among. Everything else is part of the page.
_DROPPED = frozenset(
    {
        "accept-ch",
        "accept-ranges",
        "age",
        "alt-svc",
        "cache-control",
        "clear-site-data",
        "connection",
        "content-encoding",
        "content-length",
        "content-security-policy",
        "content-security-policy-report-only",
        "critical-ch",
        "cross-origin-resource-policy",
        "date",
        "etag",
        "expect-ct",
        "expires",
        "keep-alive",
        "location",
        "memento-datetime",
        "nel",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "public-key-pins",
        "referrer-policy",
        "report-to",
        "reporting-endpoints",
        "server",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "speculation-rules",
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
        "x-dns-prefetch-control",
    }
)
_DROPPED_PREFIXES = ("access-control-", "x-orig-", "x-archive-orig-", "proxy-")
_MAPPED = frozenset({"content-location", "sourcemap", "x-sourcemap"})
_LINK = re.compile(r"<([^<>]{0,4000})>((?:[^,<>\"]{1,500}|\"[^\"]{0,2000}\"){0,40})")
_CONNECTING = re.compile(r";\s*rel\s*=\s*\"?[^\";]*\b(?:preconnect|dns-prefetch|prerender)\b", re.IGNORECASE)


def kept_headers(captured: Headers, rewriter: Rewriter) -> Headers:
    """Return the headers that go on, their URLs mapped.

    Links to what is to be fetched, and refreshes, only go on where they stay in the archive.
    """
    mapped = (
        (name, _mapped(name.lower(), value, rewriter))
        for name, value in captured
        if name.lower() not in _DROPPED and not name.lower().startswith(_DROPPED_PREFIXES)
    )
    return tuple((name, value) for name, value in mapped if value)


def _mapped(name: str, value: str, rewriter: Rewriter) -> str:
    """Return a header's value for the reader; empty where the header does not go on."""
    if name == "link":
        return _links(value, rewriter)
    if name == "refresh":
        return rewriter.header(value) if stays(refresh_target(value), rewriter.knows) else ""
    return rewriter.header(value) if name in _MAPPED else value


def _links(value: str, rewriter: Rewriter) -> str:
    """Return the links of a Link header that stay in the archive, mapped."""
    kept = []
    for match in _LINK.finditer(value):
        target, parameters = match[1], match[2].rstrip()
        if stays(target, rewriter.knows) and not _CONNECTING.search(parameters):
            kept.append(f"<{rewriter.header(target)}>{parameters}")
    return ", ".join(kept)
