"""Reading HTML and SVG documents: their links, and what they say of themselves.

Links come in three classes: *pages* (a reader follows them), *requisites* (needed to display the
document) and *frames* (documents inside the document: a page where they are in scope, else a
requisite). Each distinct reference is resolved once.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from archiver.collect.web.documents.css import css_references
from archiver.collect.web.documents.document import Document
from archiver.collect.web.documents.elements import (
    collect_from_data_attributes,
    collect_from_element,
    collect_from_older_rustdoc,
)
from archiver.collect.web.documents.facts import page_facts
from archiver.collect.web.documents.generators import docusaurus_files
from archiver.collect.web.documents.references import Found
from archiver.collect.web.documents.tags import tags_of
from archiver.collect.web.urls import resolve
from archiver.core.charset import declared_codec

if TYPE_CHECKING:
    from archiver.collect.web.documents.tags import Tags

_STYLE_SHEET = re.compile(r"<\?xml-stylesheet\s[^>]*?\bhref\s*=\s*(?:\"([^\"<>]*+)\"|'([^'<>]*+)')")
_PROLOG = 4096  # characters of an XML document that processing instructions stand in


def read_html(body: bytes, url: str, content_type: str) -> Document:
    """Read an HTML (or XHTML, or SVG) document."""
    encoding = declared_codec(body, content_type) or "utf-8"
    text = body.decode(encoding, "replace")
    tags = tags_of(text)
    found = Found()
    _collect(found, tags)
    for tag in tags.others:
        if inner := tag.attributes.get("srcdoc") if tag.name == "iframe" else None:
            _collect(found, tags_of(inner))
    if "data-" in text:
        collect_from_data_attributes(found, text)
    if 'id="rustdoc-vars"' in text:
        collect_from_older_rustdoc(found, text)
    if "docusaurus_version" in text:
        found.guessed_requisites.update(docusaurus_files(text, urlsplit(url).path))
    if "<?xml-stylesheet" in text[:_PROLOG]:
        found.requisites.update(unescape(a or b) for a, b in _STYLE_SHEET.findall(text, 0, _PROLOG))
    links = found.resolved(_base(tags, url), "" if encoding == "utf-8" else encoding)
    return Document(links, page_facts(text, url, tags.others))


def _base(tags: Tags, url: str) -> str:
    """Return what a document's references are relative to: what its first ``<base href>`` says, or where it is."""
    declared = (
        tag.attributes["href"] for tag in tags.others if tag.name == "base" and "href" in tag.attributes
    )
    return resolve(url, next(declared, "")) or url


def _collect(found: Found, tags: Tags) -> None:
    found.pages.update(tags.hrefs)
    for tag in tags.others:
        collect_from_element(found, tag.name, tag.attributes, tag.text)
    for style in tags.styles:
        found.requisites.update(css_references(style))
    found.requisites.update(tags.backgrounds)
