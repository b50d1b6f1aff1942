"""Undoing content codings and finding a document's character encoding, for link extraction only.

What is archived keeps its bytes; here they are read the way a browser would, within bounds.

Sources: RFC 9110, section 8.4.1; WHATWG Encoding, "get an encoding"; WHATWG HTML, section 13.2.3.
"""

from __future__ import annotations

import codecs
import re
import zlib

READ = 64 << 20
"""The most bytes of a document that are looked at for links."""

_META = re.compile(
    rb"<meta[^>]{0,400}?charset\s{0,20}=\s{0,20}[\"']?\s{0,20}([A-Za-z0-9_.:\-]{1,40})", re.IGNORECASE
)
_HEADER = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:\-]{1,40})", re.IGNORECASE)
_PRESCAN = 1024
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Labels that the Encoding standard gives to a superset of what their name says.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "big5": "big5hkscs",
}


def decoded(body: bytes, coding: str) -> bytes | None:
    """Return a body without its content coding, cut at READ bytes.

    Returns:
        None where the coding is not gzip, deflate or identity, or the bytes are not in it.
    """
    for name in reversed([part.strip().lower() for part in coding.split(",")]):
        if name in ("", "identity"):
            continue
        if name not in ("gzip", "x-gzip", "deflate"):
            return None
        unpacked = _inflated(body)
        if unpacked is None:
            return None
        body = unpacked
    return body[:READ]


def _inflated(body: bytes) -> bytes | None:
    # 32: gzip or zlib by its header; raw deflate is what some servers send for "deflate"
    for window in (zlib.MAX_WBITS + 32, -zlib.MAX_WBITS):
        inflater = zlib.decompressobj(window)
        try:
            return inflater.decompress(body, READ)
        except zlib.error:
            continue
    return None


def encoding_of(body: bytes, content_type: str) -> str:
    """Return the Python codec for a document: byte order mark, header, ``<meta>``, else UTF-8."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    declared = _HEADER.search(content_type)
    if declared and (name := _codec(declared[1])):
        return name
    meta = _META.search(body[:_PRESCAN])
    if meta and (name := _codec(meta[1].decode("ascii"))):
        return "utf-8" if name.startswith("utf-16") else name  # a readable <meta> cannot be UTF-16
    return "utf-8"


def _codec(label: str) -> str:
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return ""
    return _SUPERSETS.get(name, name)
