"""Reading HTML and SVG documents: their links, and what they say of themselves.

Links come in three classes: *pages* (a reader follows them), *requisites* (needed to display the
document) and *frames* (documents inside the document: a page where they are in scope, else a
requisite). Parsing is lexbor's, an HTML5 parser; each distinct reference is resolved once.

Source: WHATWG HTML (attributes, srcset, meta refresh).
"""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Iterator

from selectolax.lexbor import LexborHTMLParser

from archiver.collect.web.documents.css import css_references
from archiver.collect.web.documents.document import Document, Facts
from archiver.collect.web.documents.mediatype import media_type
from archiver.collect.web.documents.references import Found
from archiver.collect.web.urls import resolve
from archiver.core.charset import declared_codec
from archiver.core.nesting import MOST_NESTED, is_too_deep

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_REFERRING = (  # one selection for all: walking the tree is what costs
    "a,area,[src],[srcset],[imagesrcset],[poster],[background],[style],link[href],object[data],style,"
    "meta[http-equiv],use,image,feImage"
)
_NEEDED = frozenset(
    {"stylesheet", "icon", "apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image",
     "mask-icon", "fluid-icon", "preload", "modulepreload", "prefetch", "manifest"}
)  # fmt: skip
_FOLLOWED = frozenset(
    {"alternate", "next", "prev", "canonical", "contents", "index", "search", "help", "author", "copyright",
     "license", "up", "top", "first", "last", "start", "chapter", "section", "glossary", "bookmark"}
)  # fmt: skip
_FRAMES = frozenset({"iframe", "frame", "embed"})
_REFRESH = re.compile(
    r"[\s\d.]*+[;,]?+\s*+(?:url\s*+=\s*+)?+(?:\"([^\"]*)|'([^']*)|(.*))", re.IGNORECASE | re.DOTALL
)
_ATTRIBUTE = re.compile(
    r"""(?<=[\s"'/])(href|src)=(?:"([^"]*+)"?+|'([^']*+)'?+|([^\s"'>]++))""", re.IGNORECASE
)
_LONGEST_TITLE = 200
_CANDIDATE = re.compile(r"[ \t\n\f\r,]*+([^ \t\n\f\r]++)")


def read_html(body: bytes, url: str, content_type: str) -> Document:
    """Read an HTML (or XHTML, or SVG) document.

    One whose elements are nested beyond anything that people write is not parsed: it would take for ever.
    """
    encoding = declared_codec(body, content_type) or "utf-8"
    plain = encoding == "utf-8"
    text = None if plain else body.decode(encoding, "replace")
    if _is_too_deep(body, text):
        found = _looked_for(body.decode(encoding, "replace") if text is None else text)
        return Document(replace(found.resolved(url, "" if plain else encoding), complete=False))
    tree = LexborHTMLParser(body if text is None else text)
    lowered = body.lower() if text is None else text.lower().encode("utf-8", "replace")
    base = url
    # walking the tree costs more than looking at the bytes for what few documents have
    declared = tree.css_first("base[href]") if b"<base" in lowered else None
    if declared is not None:
        base = resolve(url, declared.attributes.get("href") or "") or url
    found = Found()
    _collect(found, tree)
    if b"<template" in lowered:
        for fragment in tree.template_fragments():
            _collect(found, fragment)
    return Document(found.resolved(base, "" if plain else encoding), _facts(tree))


def _is_too_deep(body: bytes, text: str | None) -> bool:
    if text is not None:
        return is_too_deep(text)
    return body.count(b"<") >= MOST_NESTED and is_too_deep(
        body.decode("latin-1")
    )  # tags are ASCII in UTF-8 too


def _facts(tree: LexborHTMLParser) -> Facts:
    title = tree.css_first("title")
    return Facts(" ".join(title.text().split())[:_LONGEST_TITLE] if title else "")


def _collect(found: Found, root: LexborHTMLParser | LexborNode) -> None:
    for node in root.css(_REFERRING):
        _add(found, node)


def _looked_for(text: str) -> Found:
    found = Found()
    for match in _ATTRIBUTE.finditer(text):
        references = found.pages if match[1].lower() == "href" else found.requisites
        references.add(unescape(match[2] or match[3] or match[4] or ""))
    return found


def _add(found: Found, node: LexborNode) -> None:
    tag, attributes = node.tag or "", node.attributes
    if tag in ("a", "area"):
        found.pages.add(attributes.get("href") or attributes.get("xlink:href"))
        if len(attributes) == 1:
            return
    elif tag == "link":
        _add_link(found, attributes)
    elif tag == "style":
        found.requisites.update(css_references(node.text()))
    elif tag == "meta":
        _add_refresh(found, attributes)
    elif tag == "object":
        found.frames.add(attributes.get("data"))
    elif tag in _FRAMES:
        found.frames.add(attributes.get("src"))
    elif tag in ("use", "image", "feimage", "feImage"):
        found.requisites.add(attributes.get("href"))
        found.requisites.add(attributes.get("xlink:href"))
    else:
        found.requisites.add(attributes.get("src"))
    found.requisites.add(attributes.get("poster"))
    found.requisites.add(attributes.get("background"))
    for name in ("srcset", "imagesrcset"):
        if candidates := attributes.get(name):
            found.requisites.update(srcset_references(candidates))
    if style := attributes.get("style"):
        found.requisites.update(css_references(style))


def _add_link(found: Found, attributes: dict[str, str | None]) -> None:
    relations = frozenset((attributes.get("rel") or "").lower().split())
    kind = media_type(attributes.get("type") or "")
    if relations & _NEEDED or kind == "application/opensearchdescription+xml":
        found.requisites.add(attributes.get("href"))
    elif relations & _FOLLOWED:
        found.pages.add(attributes.get("href"))


def _add_refresh(found: Found, attributes: dict[str, str | None]) -> None:
    if (attributes.get("http-equiv") or "").strip().lower() == "refresh":
        match = _REFRESH.match(attributes.get("content") or "")
        if match:
            found.pages.add(match[1] or match[2] or match[3])


def srcset_references(text: str) -> Iterator[str]:
    """Yield the URLs of a ``srcset`` attribute (WHATWG HTML, "parse a srcset attribute")."""
    position = 0
    while match := _CANDIDATE.match(text, position):
        url, position = match[1], match.end()
        if not url.endswith(","):  # descriptors follow, up to a comma
            comma = text.find(",", position)
            position = len(text) if comma < 0 else comma + 1
        yield url.rstrip(",")
