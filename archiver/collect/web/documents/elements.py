"""What one element of an HTML or SVG document refers to.

Left out on purpose: what no browser loads to display a page (``ping``, ``cite``, applets, the pictures that
social networks show of a page), and service workers, which would stand between a reader and the archive.

Source: WHATWG HTML (attributes that are URLs, srcset, meta refresh, the script element's types).
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Iterator, Mapping

from archiver.collect.web.documents.chunks import vitepress_twin
from archiver.collect.web.documents.css import css_references
from archiver.collect.web.documents.data import collect_from_data
from archiver.collect.web.documents.generators import (
    material_files,
    mdbook_files,
    rustdoc_files,
    rustdoc_pages,
)
from archiver.collect.web.documents.guessing import is_asset
from archiver.collect.web.documents.mediatype import media_type
from archiver.collect.web.documents.scripts import collect_from_import_map, collect_from_script
from archiver.collect.web.documents.tags import attributes_of

if TYPE_CHECKING:
    from archiver.collect.web.documents.references import Found

_NEEDED = frozenset(
    {"stylesheet", "icon", "apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image",
     "mask-icon", "fluid-icon", "preload", "modulepreload", "prefetch", "manifest"}
)  # fmt: skip
_FOLLOWED = frozenset(
    {"alternate", "amphtml", "next", "prev", "canonical", "contents", "index", "search", "help", "author",
     "copyright", "license", "up", "top", "first", "last", "start", "chapter", "section", "glossary", "bookmark",
     "prerender"}
)  # fmt: skip
_SCRIPT_TYPES = frozenset({"", "module"})
_JAVASCRIPT = re.compile(r"(?:text|application)/(?:x-)?(?:java|ecma|j|live)script(?:1\.\d)?")
_DATA_TYPES = frozenset({"speculationrules", "application/json", "text/json"})
_REFRESH = re.compile(
    r"[\s\d.]*+[;,]?+\s*+(?:url\s*+=\s*+)?+(?:\"([^\"]*)|'([^']*)|(.*))", re.IGNORECASE | re.DOTALL
)
_CANDIDATE = re.compile(r"[ \t\n\f\r,]*+([^ \t\n\f\r]++)")
_DATA_ATTRIBUTE = re.compile(
    r"""(?<=\s)data-([\w-]++)\s?=\s?(?:"([^"]++)"|'([^']++)'|([^\s"'=<>`]++))""", re.ASCII
)
_OLDER_RUSTDOC = re.compile(r'<div id="rustdoc-vars"([^<>]{0,2000}+)>')
_LAZY = frozenset(
    {
        "background",
        "background-image",
        "bg",
        "bg-src",
        "image-src",
        "lazy",
        "lazy-src",
        "original",
        "poster",
        "src",
    }
)
_LAZY_SETS = frozenset({"srcset", "lazy-srcset", "original-set"})
_LONGEST_DATA = 1 << 16

Attributes = Mapping[str, str]


def collect_from_element(found: Found, name: str, attributes: Attributes, text: str) -> None:
    """Take what an element refers to.

    Args:
        found: takes it.
        name: of the element, in lowercase.
        attributes: of the element, in lowercase, character references undone; ``style`` and ``background``
            do not matter.
        text: its content, where it is a script or a style; else it does not matter.
    """
    reader = _READERS.get(name)
    if reader is None:
        found.requisites.add(attributes.get("src"))
    else:
        reader(found, attributes, text)
    found.requisites.add(attributes.get("poster"))
    for each in ("srcset", "imagesrcset"):
        if candidates := attributes.get(each):
            found.requisites.update(srcset_references(candidates))


def collect_from_data_attributes(found: Found, html: str) -> None:
    """Take what the ``data-`` attributes of a document name: pictures that a script loads late, search indexes.

    They stand on elements of any kind, so they are searched for in the text.
    """
    position = -1
    while (position := html.find("data-", position + 1)) >= 0:  # faster than any search for an expression
        match = _DATA_ATTRIBUTE.match(html, position)
        if match is None:
            continue
        name, value = match[1].lower(), match[2] or match[3] or match[4]
        if "/" not in value and name not in _LAZY and name not in _LAZY_SETS:
            continue
        value = unescape(value) if "&" in value else value
        if name in _LAZY_SETS:
            found.guessed_requisites.update(srcset_references(value))
        elif is_asset(value) or (name in _LAZY and " " not in value):
            found.guessed_requisites.add(value)
        elif value[0] in "[{" and len(value) < _LONGEST_DATA:
            collect_from_data(found, value)


def collect_from_older_rustdoc(found: Found, html: str) -> None:
    """Take what a page of rustdoc before 1.70 loads: it says so on a ``<div>``."""
    if variables := _OLDER_RUSTDOC.search(html):
        _add_rustdoc(found, attributes_of(variables[1]))


def _add_anchor(found: Found, attributes: Attributes, _: str) -> None:
    found.pages.add(attributes.get("href") or attributes.get("xlink:href"))


def _add_style(found: Found, _: Attributes, text: str) -> None:
    found.requisites.update(css_references(text))


def _add_frame(found: Found, attributes: Attributes, _: str) -> None:
    found.frames.add(attributes.get("src"))


def _add_object(found: Found, attributes: Attributes, _: str) -> None:
    found.frames.add(attributes.get("data"))


def _add_form(found: Found, attributes: Attributes, _: str) -> None:
    if (attributes.get("method") or "get").strip().lower() == "get":
        found.guessed_pages.add(attributes.get("action"))


def _add_svg_image(found: Found, attributes: Attributes, _: str) -> None:
    found.requisites.add(attributes.get("href"))
    found.requisites.add(attributes.get("xlink:href"))


def _add_link(found: Found, attributes: Attributes, _: str) -> None:
    relations = frozenset((attributes.get("rel") or "").lower().split())
    href, kind = attributes.get("href"), media_type(attributes.get("type") or "")
    if relations & _NEEDED or kind == "application/opensearchdescription+xml":
        found.requisites.add(href)
        if href and ".lean." in href:
            found.guessed_requisites.add(vitepress_twin(href))
    elif "sitemap" in relations:
        found.sitemaps.add(href)
    elif relations & _FOLLOWED:
        found.pages.add(href)


def _add_script(found: Found, attributes: Attributes, text: str) -> None:
    found.requisites.add(attributes.get("src"))
    found.requisites.add(attributes.get("href") or attributes.get("xlink:href"))  # SVG's
    if attributes.get("src") or not text:
        return
    kind = (attributes.get("type") or "").strip().lower()
    if kind in _SCRIPT_TYPES or _JAVASCRIPT.fullmatch(kind):
        collect_from_script(found, text)
        if "path_to_root" in text:
            found.guessed_requisites.update(mdbook_files(text))
    elif kind == "importmap":
        collect_from_import_map(found, text)
    elif kind in _DATA_TYPES:
        collect_from_data(found, text)
        if attributes.get("id") == "__config":
            found.guessed_requisites.update(material_files(text))


def _add_meta(found: Found, attributes: Attributes, _: str) -> None:
    if (attributes.get("http-equiv") or "").strip().lower() == "refresh":
        match = _REFRESH.match(attributes.get("content") or "")
        if match:
            found.pages.add(match[1] or match[2] or match[3])
    elif attributes.get("name") == "rustdoc-vars":
        _add_rustdoc(found, attributes)


def _add_rustdoc(found: Found, variables: Attributes) -> None:
    found.guessed_requisites.update(rustdoc_files(variables))
    found.guessed_pages.update(rustdoc_pages(variables))


_READERS = {
    "a": _add_anchor,
    "area": _add_anchor,
    "link": _add_link,
    "script": _add_script,
    "style": _add_style,
    "meta": _add_meta,
    "object": _add_object,
    "form": _add_form,
    **dict.fromkeys(("iframe", "frame", "embed"), _add_frame),
    **dict.fromkeys(("use", "image", "feimage"), _add_svg_image),
}


def srcset_references(text: str) -> Iterator[str]:
    """Yield the URLs of a ``srcset`` attribute (WHATWG HTML, "parse a srcset attribute")."""
    position = 0
    while match := _CANDIDATE.match(text, position):
        url, position = match[1], match.end()
        if not url.endswith(","):  # descriptors follow, up to a comma
            comma = text.find(",", position)
            position = len(text) if comma < 0 else comma + 1
        yield url.rstrip(",")
