"""Reading a document of any type: which reader it is for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from zlib_ng import zlib_ng

from archiver.collect.web.documents.css import read_css
from archiver.collect.web.documents.data import read_data, read_manifest
from archiver.collect.web.documents.document import AS_DOCUMENT, AS_SITEMAP, NOTHING, Document
from archiver.collect.web.documents.facts import main_text
from archiver.collect.web.documents.feeds import read_feed
from archiver.collect.web.documents.html import read_html
from archiver.collect.web.documents.mediatype import READ, reader_of
from archiver.collect.web.documents.scripts import read_script
from archiver.collect.web.documents.sitemap import read_sitemap
from archiver.core.charset import declared_codec
from archiver.core.contentcoding import Beginning, beginning, codings

_MOST_MARKUP = 1 << 20  # bytes of a page of which a text is taken
_TEXT_READERS = {
    "css": read_css,
    "script": read_script,
    "data": read_data,
    "manifest": read_manifest,
    "feed": read_feed,
}


def read_document(payload: bytes, url: str, content_type: str, content_encoding: str = "") -> Document:
    """Read a document of any type; nothing is said of types that are not read.

    Args:
        payload: the document as it came.
        url: where it was fetched, absolute.
        content_type: the Content-Type header; empty where there was none.
        content_encoding: the Content-Encoding header; empty where there was none.
    """
    reader = reader_of(content_type, url)
    if not reader:
        return NOTHING
    start = _content(payload, content_encoding)
    document = _read(start.content, url, content_type, reader)
    return replace(document, damage=start.damage) if start.damage else document


def read_main_text(payload: bytes, content_type: str, content_encoding: str, most: int) -> str:
    """Return the beginning of an HTML page's main text.

    Args:
        payload: the page as it came.
        content_type: the Content-Type header; empty where there was none.
        content_encoding: the Content-Encoding header; empty where there was none.
        most: how many characters at most.
    """
    body = beginning([payload], content_encoding, _MOST_MARKUP).content
    return main_text(body.decode(declared_codec(body, content_type) or "utf-8", "replace"), most)


def _content(payload: bytes, content_encoding: str) -> Beginning:
    """Return what ``beginning`` does. What mostly comes, one sound gzip member, takes zlib-ng half the time."""
    if codings(content_encoding) == ("gzip",):
        inflater = zlib_ng.decompressobj(zlib_ng.MAX_WBITS + 16)
        with suppress(zlib_ng.error):  # type: ignore[arg-type]  # a class, whatever its types say
            body = inflater.decompress(payload, READ)
            if inflater.eof and not inflater.unused_data:
                return Beginning(body)
    return beginning([payload], content_encoding, READ)


def _read(body: bytes, url: str, content_type: str, reader: str) -> Document:
    if reader == "html" or (reader == "unknown" and body.lstrip()[:1] == b"<"):
        return read_html(body, url, content_type)
    if reader == "unknown":
        return NOTHING
    return _TEXT_READERS[reader](body.decode(declared_codec(body, content_type) or "utf-8", "replace"), url)


def read_as_sitemap(payload: bytes, url: str, content_type: str, content_encoding: str = "") -> Document:
    """Read a document that was named as a sitemap, whatever its type; the arguments are those of ``read_document``."""
    start = _content(payload, content_encoding)
    return Document(sitemap=read_sitemap(start.content, url, content_type), damage=start.damage)


READERS = {AS_DOCUMENT: read_document, AS_SITEMAP: read_as_sitemap}
"""What reads a document as what."""
