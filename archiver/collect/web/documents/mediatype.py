"""Media types, as far as it matters which documents are read."""

from __future__ import annotations

import re

from archiver.core.capture import HTML_TYPES

_MIME = re.compile(r"[a-z0-9!#$&^_.+\-]{1,127}/[a-z0-9!#$&^_.+\-]{1,127}\Z")  # RFC 6838, section 4.2
_BY_TYPE = {
    **dict.fromkeys(HTML_TYPES, "html"),
    "image/svg+xml": "html",
    "text/css": "css",
    "application/manifest+json": "manifest",
    "application/json": "data",
    "text/json": "data",
    "application/rss+xml": "feed",
    "application/atom+xml": "feed",
    "application/opensearchdescription+xml": "feed",
    "application/xml": "feed",
    "text/xml": "feed",
    "": "unknown",
}
_JAVASCRIPT = re.compile(r"(?:text|application)/(?:x-)?(?:java|ecma)script")
_BY_NAME = {".js": "script", ".mjs": "script", ".css": "css", ".json": "data", ".webmanifest": "manifest"}
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain"})
_MANIFEST = re.compile(r"(?:.*[._-])?manifest\.json")
READ = 64 << 20
"""The most bytes of a document that are looked at."""


def media_type(content_type: str) -> str:
    """Return ``type/subtype`` of a Content-Type header in lowercase; empty where it is not of that form."""
    mime = content_type.partition(";")[0].strip().lower()
    return mime if _MIME.match(mime) else ""


def is_html(content_type: str) -> bool:
    """Say whether a Content-Type header announces HTML."""
    return media_type(content_type) in HTML_TYPES


def reader_of(content_type: str, url: str) -> str:
    """Return how a document is read: ``html``, ``css``, ``script``, ``data`` (JSON), ``manifest``, ``feed``.

    ``unknown`` is what has no type and a name that does not tell: it may be HTML. Empty is what is not read. Where
    the type says nothing, which servers do of types that they have not heard of, the name decides.
    """
    mime = media_type(content_type)
    name = url.partition("?")[0].rpartition("/")[2].lower()
    if _JAVASCRIPT.fullmatch(mime):
        return "script"
    reader = _BY_TYPE.get(mime) or ("data" if mime.endswith("+json") else "")
    if mime in _SAYS_NOTHING and "." in name:
        reader = _BY_NAME.get(name[name.rindex(".") :], reader)
    return "manifest" if reader == "data" and _MANIFEST.fullmatch(name) else reader


def is_read(content_type: str, url: str = "") -> bool:
    """Say whether documents of a type are read at all."""
    return reader_of(content_type, url) != ""
