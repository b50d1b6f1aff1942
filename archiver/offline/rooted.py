"""What in a file refers to something from the root of its host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archiver.offline.rewrite import CODE, HTML, SCRIPT, kind_of

if TYPE_CHECKING:
    from archiver.core.capture import Capture

_STYLE = re.compile(
    rb"(?:url\(\s{0,20}[\"']?|@import\s{1,20}[\"']|image-set\(\s{0,20}[\"'])/(?!/)", re.IGNORECASE
)
# Only imports, and what says so, resolve against the script itself; fetch() and the like resolve against the page.
_SCRIPT = re.compile(
    rb"(?:\bfrom|\bimport|\bimport\(|\bexport[^;\"']{0,200}from|\bimportScripts\()\s{0,20}[\"'`]/(?!/)"
    rb"|[\"'`]/(?!/)[^\"'`\s]{0,300}[\"'`]\s{0,20},\s{0,20}import\.meta\.url"
)
_MARKUP = re.compile(
    rb"\b(?:src|srcset|href|data|poster|action)\s{0,20}=\s{0,20}[\"']?/(?!/)|url\(\s{0,20}[\"']?/(?!/)",
    re.IGNORECASE,
)
_MANIFEST = re.compile(rb"\"(?:src|url|start_url|scope)\"\s{0,20}:\s{0,20}\"\\?/(?!\\?/)")
_MANIFEST_TYPE = "application/manifest+json"


def rooted_pattern(capture: Capture) -> re.Pattern[bytes] | None:
    """Return what a reference from the root looks like in a file like this; None where it can have none."""
    if capture.status != "200":
        return None
    mime = capture.mime.lower()
    kind = kind_of(mime, capture.url)
    if mime == _MANIFEST_TYPE:
        return _MANIFEST
    if kind == CODE:
        path = capture.url.partition("?")[0].lower()
        return _STYLE if mime == "text/css" or path.endswith(".css") else None
    return {SCRIPT: _SCRIPT, HTML: _MARKUP}.get(kind)


def may_need_own_origin(capture: Capture) -> bool:
    """Say whether a capture is of a kind that can refer to something from the root."""
    return rooted_pattern(capture) is not None
