"""Reading a document of any type: which reader it is for."""

from __future__ import annotations

from archiver.collect.web.documents.css import read_css
from archiver.collect.web.documents.document import NOTHING, Document
from archiver.collect.web.documents.html import read_html
from archiver.collect.web.documents.mediatype import READ, is_html, is_read, media_type
from archiver.core.charset import declared_codec
from archiver.core.contentcoding import decoded_start


def read_document(payload: bytes, url: str, content_type: str, content_encoding: str = "") -> Document:
    """Read a document of any type; nothing is said of types that are not read.

    Args:
        payload: the document as it came.
        url: where it was fetched, absolute.
        content_type: the Content-Type header; empty where there was none.
        content_encoding: the Content-Encoding header; empty where there was none.
    """
    if not is_read(content_type):
        return NOTHING
    mime = media_type(content_type)
    body = decoded_start([payload], content_encoding, READ)
    if is_html(content_type) or mime == "image/svg+xml" or (not mime and body.lstrip()[:1] == b"<"):
        return read_html(body, url, content_type)
    if mime == "text/css":
        return read_css(body.decode(declared_codec(body, content_type) or "utf-8", "replace"), url)
    return NOTHING
