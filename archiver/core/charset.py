"""Which character encoding a document declares.

Sources: WHATWG Encoding, "get an encoding"; WHATWG HTML, section 13.2.3 ("determining the encoding").
"""

from __future__ import annotations

import codecs
import re

_META = re.compile(
    rb"<meta[^>]{0,400}?charset\s{0,20}=\s{0,20}[\"']?\s{0,20}([A-Za-z0-9_.:\-]{1,40})", re.IGNORECASE
)
_HEADER = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:\-]{1,40})", re.IGNORECASE)
_PRESCAN = 4096  # bytes; the standard asks for 1024, and pages with a long head are common
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Labels that the Encoding standard gives to a superset of what their name says.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "tis-620": "cp874",
    "big5": "big5hkscs",
}


def declared_codec(body: bytes, content_type: str) -> str:
    """Return the Python codec that a document declares: byte order mark, header, ``<meta>``; empty for none.

    Args:
        body: the document's beginning, content coding removed.
        content_type: the Content-Type header, or empty.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return name
    declared = _HEADER.search(content_type)
    if declared and (name := _codec(declared[1])):
        return name
    meta = _META.search(body[:_PRESCAN])
    if meta and (name := _codec(meta[1].decode("ascii"))):
        return "utf-8" if name.startswith("utf-16") else name  # a readable <meta> cannot be UTF-16
    return ""


def without_mark(body: bytes) -> bytes:
    """Return a document without its byte order mark."""
    for mark, _ in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :]
    return body


def _codec(label: str) -> str:
    try:
        info = codecs.lookup(label)
        "".encode(info.name)  # codecs such as "hex" are found too, but give no text
    except (LookupError, ValueError):
        return ""
    return _SUPERSETS.get(info.name, info.name)
