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
from typing import TYPE_CHECKING, Iterator, NamedTuple
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from archiver.collect.web.documents.document import Document
from archiver.collect.web.documents.elements import collect_from_data_attributes, collect_from_element
from archiver.collect.web.documents.facts import page_facts
from archiver.collect.web.documents.generators import docusaurus_files
from archiver.collect.web.documents.references import Found
from archiver.collect.web.urls import resolve
from archiver.core.charset import declared_codec
from archiver.core.nesting import is_too_deep

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_REFERRING = (  # one selection for all: walking the tree is what costs
    "a,area,[src],[srcset],[imagesrcset],[poster],[background],[style],link[href],object[data],style,script,"
    "meta[http-equiv],meta[name=rustdoc-vars],use,image,feImage,form[action],param,iframe[srcdoc]"
)
_ATTRIBUTE = re.compile(
    r"""(?<=[\s"'/])(href|src)=(?:"([^"]*+)"?+|'([^']*+)'?+|([^\s"'>]++))""", re.IGNORECASE
)
_STYLE_SHEET = re.compile(r"<\?xml-stylesheet\s[^>]*?\bhref\s*=\s*(?:\"([^\"<>]*+)\"|'([^'<>]*+)')")
_RAW_TEXT = frozenset({"script", "style"})
_PROLOG = 4096  # characters of an XML document that processing instructions stand in


def read_html(body: bytes, url: str, content_type: str) -> Document:
    """Read an HTML (or XHTML, or SVG) document.

    One whose elements are nested beyond anything that people write is not parsed: it would take for ever.
    """
    encoding = declared_codec(body, content_type) or "utf-8"
    plain = encoding == "utf-8"
    text = body.decode(encoding, "replace")
    if is_too_deep(text):
        found = _looked_for(text)
        return Document(replace(found.resolved(url, "" if plain else encoding), complete=False))
    tree = LexborHTMLParser(body if plain else text)
    lowered = text.lower()
    base = url
    # walking the tree costs more than looking at the bytes for what few documents have
    declared = tree.css_first("base[href]") if "<base" in lowered else None
    if declared is not None:
        base = resolve(url, declared.attributes.get("href") or "") or url
    found = Found()
    _collect(found, tree)
    if "<template" in lowered:
        for fragment in tree.template_fragments():
            _collect(found, fragment)
    if "data-" in text:
        collect_from_data_attributes(found, text)
    if "docusaurus_version" in text:
        found.guessed_requisites.update(docusaurus_files(text, urlsplit(url).path))
    if "<?xml-stylesheet" in text[:_PROLOG]:
        found.requisites.update(unescape(a or b) for a, b in _STYLE_SHEET.findall(text, 0, _PROLOG))
    return Document(
        found.resolved(base, "" if plain else encoding),
        page_facts(text, url, _tags(tree)),
    )


class _Tag(NamedTuple):
    name: str
    attributes: dict[str, str | None]
    text: str


def _tags(tree: LexborHTMLParser) -> Iterator[_Tag]:
    for node in tree.css("meta,script,iframe,frame"):
        yield _Tag(node.tag or "", node.attributes, node.text())


def _collect(found: Found, root: LexborHTMLParser | LexborNode) -> None:
    for node in root.css(_REFERRING):
        name, attributes = node.tag or "", node.attributes
        collect_from_element(found, name, attributes, node.text() if name in _RAW_TEXT else "")
        if name == "iframe" and (inner := attributes.get("srcdoc")) and not is_too_deep(inner):
            _collect(found, LexborHTMLParser(inner))


def _looked_for(text: str) -> Found:
    found = Found()
    for match in _ATTRIBUTE.finditer(text):
        references = found.pages if match[1].lower() == "href" else found.requisites
        references.add(unescape(match[2] or match[3] or match[4] or ""))
    return found
