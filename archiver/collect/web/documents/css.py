"""Finding the links of style sheets.

Sources: CSS Values 4, CSS Cascade and CSS Images 4 (url(), @import, image-set()).
"""

from __future__ import annotations

import re
from typing import Iterator

from archiver.collect.web.documents.document import Document
from archiver.collect.web.documents.references import Found

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# Possessive throughout: style sheets are not trusted, and backtracking would be quadratic.
_CSS_URL = re.compile(
    r"""url\(\s*+(?:"((?:[^"\\\n]|\\.)*+)"|'((?:[^'\\\n]|\\.)*+)'|((?:[^()\s"'\\]|\\.)*+))\s*+(?:\)|\Z)"""
    r"""|@import\s*+(?:"((?:[^"\\\n]|\\.)*+)"|'((?:[^'\\\n]|\\.)*+)')"""
    r"""|@namespace\s[^;{}]*+""",  # names no resource
    re.IGNORECASE | re.DOTALL,
)
# In image-set() a string is a URL; nowhere else is one followed by a resolution or a type.
_SET_STRING = re.compile(
    r"""["']([^"'\\\n]++)["']\s*+(?=(?:\d*+\.)?+\d++(?:x|dppx|dpi|dpcm)\b|type\()""", re.IGNORECASE
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)


def read_css(text: str, url: str) -> Document:
    """Read a style sheet: it has requisites only."""
    found = Found()
    found.requisites.update(css_references(text))
    return Document(found.resolved(url, ""))


def css_references(text: str) -> Iterator[str]:
    """Yield the references of CSS text as it has them, escapes undone."""
    lowered = text.lower()
    if "url(" not in lowered and "@import" not in lowered and "image-set(" not in lowered:
        return
    text = _COMMENT.sub(" ", text)
    for match in _CSS_URL.finditer(text):
        raw = next((group for group in match.groups() if group), "")
        yield _CSS_ESCAPE.sub(_unescaped, raw) if "\\" in raw else raw
    if "image-set(" in lowered:
        yield from _SET_STRING.findall(text)


def _unescaped(match: re.Match[str]) -> str:
    if not match[1]:
        return "" if match[2] == "\n" else match[2]
    number = int(match[1], 16)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
