"""What an archived page calls itself, read from its beginning: good enough to be offered by, where nothing indexed it."""

from __future__ import annotations

import re
from contextlib import closing
from html import unescape
from typing import TYPE_CHECKING

from archiver.core.charset import declared_codec
from archiver.core.errors import ArchiverError
from archiver.offline.bodies import header_value, read_text

if TYPE_CHECKING:
    from archiver.offline.lookup import Found

_LIMIT = 32 << 10  # bytes looked at
_LONGEST = 200  # characters
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,1000})</title", re.IGNORECASE)


def title_of(found: Found) -> str:
    """Return the title of an archived page, in one line; empty where it has none, or cannot be read."""
    try:
        response = found.site.response(found.capture)
        with closing(response.body):
            beginning = read_text(response, _LIMIT)[: 2 * _LIMIT]
    except ArchiverError:  # told when the page itself is asked for
        return ""
    codec = declared_codec(beginning, header_value(response.headers, "content-type"))
    match = _TITLE.search(beginning.decode(codec or "utf-8", "replace"))
    return " ".join(unescape(match[1]).split())[:_LONGEST] if match else ""
