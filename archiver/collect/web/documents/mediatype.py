"""Media types, as far as it matters which documents are read."""

from __future__ import annotations

import re

from archiver.core.capture import HTML_TYPES

_MIME = re.compile(r"[a-z0-9!#$&^_.+\-]{1,127}/[a-z0-9!#$&^_.+\-]{1,127}\Z")  # RFC 6838, section 4.2
_READ_TYPES = HTML_TYPES | {"", "text/css", "image/svg+xml"}
READ = 64 << 20
"""The most bytes of a document that are looked at."""


def media_type(content_type: str) -> str:
    """Return ``type/subtype`` of a Content-Type header in lowercase; empty where it is not of that form."""
    mime = content_type.partition(";")[0].strip().lower()
    return mime if _MIME.match(mime) else ""


def is_html(content_type: str) -> bool:
    """Say whether a Content-Type header announces HTML."""
    return media_type(content_type) in HTML_TYPES


def is_read(content_type: str) -> bool:
    """Say whether documents of a type are read at all."""
    return media_type(content_type) in _READ_TYPES
