"""Whether what a server sends can be the file that was asked for. Those that lost one often answer 200 and something else.

Source: WHATWG MIME Sniffing, section 3 (binary data bytes).
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from archiver.collect.filekinds import begins_like_page, promises_file
from archiver.core.capture import HTML_TYPES

HEAD = 512
"""How many bytes of a file are looked at."""
_BINARY_BYTE = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MAY_BE_TEXT = (".sig", ".asc", ".sha256", ".run", ".bin", ".so", ".pdf")  # among what promises a file
_PAGES = (".html", ".htm", ".xhtml", ".shtml", ".php", ".asp", ".aspx", ".jsp")
_XML = (".xml", ".svg")
_STORAGE_ERROR = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}+>\s*+)?<Error[\s>]"
)  # as S3 sends them
_COMPLAINT = re.compile(
    rb"not found|no such|not exist|error|denied|forbidden|unauthori[sz]ed|unavailable|expired|invalid|\b40[0-9]\b",
    re.IGNORECASE,
)
_BLANK = b"\xef\xbb\xbf \t\r\n"


def mistake(head: bytes, media_type: str, url: str, name: str, *, listed: bool = False) -> str:
    """Return what content is that cannot be the file asked for; empty where it may be it.

    What counts is the content: a type is often wrong, of the file itself as well as of what stands in for it.

    Args:
        head: its first ``HEAD`` bytes, or all where there are fewer.
        media_type: what the server calls it, in lowercase.
        url: what was asked for.
        name: what the server calls the file.
        listed: whether an index listed it as a file: then it is a page only where its name says so.
    """
    names = [_path(url), name.lower()]
    promised = promises_file(url) or promises_file(quote(name))
    is_text = not _BINARY_BYTE.search(head)
    markup = begins_like_page(head) or (
        media_type in HTML_TYPES and is_text and head.lstrip(_BLANK)[:1] in (b"", b"<")
    )
    never_text = promised and not _ends(names, _MAY_BE_TEXT)
    if never_text and not head:
        return "nothing"
    if markup and (promised or (listed and not _ends(names, _PAGES))):
        return "a web page"
    if _STORAGE_ERROR.match(head) and not _ends(names, _XML):
        return "an error message in XML"
    return _message(head, media_type) if never_text and is_text else ""


def _message(head: bytes, media_type: str) -> str:
    """Return what text is where no text can be; empty where it is none that a server sends in place of a file."""
    start = head.lstrip(_BLANK)[:1]
    if start == b"<":
        return "markup"
    if start in (b"{", b"["):
        return "JSON"
    told = media_type.startswith("text/") and len(head) < HEAD and _COMPLAINT.search(head)
    return "an error message" if told else ""


def _ends(names: list[str], endings: tuple[str, ...]) -> bool:
    return any(name.endswith(endings) for name in names)


def _path(url: str) -> str:
    return unquote(urlsplit(url).path).lower()
