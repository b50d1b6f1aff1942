"""What a downloaded file is called: as its server says, else by its URL. Names from a network never lead anywhere.

Sources: RFC 6266 (Content-Disposition), RFC 8187 (parameters in other encodings).
"""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import unquote, unquote_to_bytes, urlsplit

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_PARAMETER = re.compile(rf';\s*+({_WORD})\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^;"\s]*+))')
_QUOTED_PAIR = re.compile(r"\\(.)")
_ENCODED = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE)
_SEPARATORS = re.compile(r"[/\\]")
_MOST_BYTES = 255  # what file systems take
_MOST_HEADER = 4096  # characters of a header that are looked at


def name_of(url: str, disposition: str = "") -> str:
    """Return the name of a file, without folders and whatever could not be shown; empty where it has none.

    Args:
        url: what was asked for; the last part of its path is the name where its server gives none.
        disposition: the Content-Disposition header, empty where there was none.
    """
    return safe_name(_said(disposition)) or safe_name(unquote(urlsplit(url).path.rpartition("/")[2]))


def safe_name(text: str) -> str:
    """Return the last part of what may be a path, without control characters; empty where that cannot be a file's name."""
    name = _SEPARATORS.split(text)[-1]
    name = "".join(character for character in name if character.isprintable()).strip()
    return "" if name in (".", "..") or len(name.encode()) > _MOST_BYTES else name


def _said(disposition: str) -> str:
    """Return the name in a Content-Disposition header; the encoded form counts before the plain one."""
    found: dict[str, str] = {}
    for name, quoted, token in _PARAMETER.findall(disposition[:_MOST_HEADER]):
        found.setdefault(name.lower(), _QUOTED_PAIR.sub(r"\1", quoted) or token)
    if (encoded := _ENCODED.fullmatch(found.get("filename*", ""))) and (name := _decoded(*encoded.groups())):
        return name
    return _utf8(found.get("filename", ""))


def _decoded(charset: str, text: str) -> str:
    with suppress(UnicodeDecodeError):
        return unquote_to_bytes(text).decode(charset)
    return ""


def _utf8(text: str) -> str:
    """Undo the latin-1 that headers are read as, where a server wrote raw UTF-8 into one."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
