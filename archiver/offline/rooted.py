"""What in a file refers to something from the root of its host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Mapping

if TYPE_CHECKING:
    from archiver.core.capture import Capture

_STYLE = re.compile(rb"(?:url\(\s*[\"']?|@import\s+[\"'])/(?!/)", re.IGNORECASE)
# Only imports resolve against the script itself; fetch() and the like resolve against the page.
_SCRIPT = re.compile(rb"(?:\bfrom|\bimport|\bimport\(|\bexport[^;\"']{0,200}from)\s*[\"']/(?!/)")
_MARKUP = re.compile(rb"\b(?:src|href|data|poster|action)\s*=\s*[\"']?/(?!/)", re.IGNORECASE)
ROOTED: Mapping[str, re.Pattern[bytes]] = {
    "text/css": _STYLE,
    "text/javascript": _SCRIPT,
    "application/javascript": _SCRIPT,
    "application/x-javascript": _SCRIPT,
    "text/html": _MARKUP,
    "application/xhtml+xml": _MARKUP,
}
"""By media type what such a reference looks like."""


def may_need_own_origin(capture: Capture) -> bool:
    """Say whether a capture is of a kind that can refer to something from the root."""
    return capture.status == "200" and capture.mime.lower() in ROOTED
