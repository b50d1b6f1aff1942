"""Finding the links of HTML, CSS and SVG documents.

Links come in three classes: *pages* (a reader follows them), *requisites* (needed to display the
document) and *frames* (documents inside the document: a page where they are in scope, else a
requisite). Parsing is lexbor's, an HTML5 parser; each distinct reference is resolved once.

Sources: WHATWG HTML (attributes, srcset, meta refresh), CSS Values 4 and CSS Cascade (url(), @import).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html import unescape
from typing import TYPE_CHECKING, Iterable, Iterator

from selectolax.lexbor import LexborHTMLParser

from archiver.collect.web.urls import LONGEST, is_web, resolve
from archiver.core.capture import HTML_TYPES
from archiver.core.charset import declared_codec
from archiver.core.nesting import is_too_deep

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_SPACE = " \t\n\f\r"
_INLINE = ("data:", "javascript:", "about:", "blob:")  # name no resource, so they are no links
_OTHERS = (
    "[src],[srcset],[imagesrcset],[poster],[background],[style],link[href],object[data],style,"
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
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# Possessive throughout: style sheets are not trusted, and backtracking would be quadratic.
_CSS_URL = re.compile(
    r"""url\(\s*+(?:"((?:[^"\\\n]|\\.)*+)"|'((?:[^'\\\n]|\\.)*+)'|((?:[^()\s"'\\]|\\.)*+))\s*+(?:\)|\Z)"""
    r"""|@import\s*+(?:"((?:[^"\\\n]|\\.)*+)"|'((?:[^'\\\n]|\\.)*+)')""",
    re.IGNORECASE | re.DOTALL,
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)
_REFRESH = re.compile(
    r"[\s\d.]*+[;,]?+\s*+(?:url\s*+=\s*+)?+(?:\"([^\"]*)|'([^']*)|(.*))", re.IGNORECASE | re.DOTALL
)
_ATTRIBUTE = re.compile(
    r"""(?<=[\s"'/])(href|src)=(?:"([^"]*+)"?+|'([^']*+)'?+|([^\s"'>]++))""", re.IGNORECASE
)
_MIME = re.compile(r"[a-z0-9!#$&^_.+\-]{1,127}/[a-z0-9!#$&^_.+\-]{1,127}\Z")  # RFC 6838, section 4.2
_CANDIDATE = re.compile(r"[ \t\n\f\r,]*+([^ \t\n\f\r]++)")


@dataclass(frozen=True)
class Links:
    """What a document refers to: canonical URLs, each once per class, in document order.

    ``others`` are references to schemes other than http and https, and URLs too long to follow.
    ``complete`` is False where a document could only be searched for what looks like links.
    """

    pages: tuple[str, ...] = ()
    requisites: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    complete: bool = True


NO_LINKS = Links()


def links_of(body: bytes, url: str, content_type: str) -> Links:
    """Return the links of a document of any type; no links for types that have none.

    Args:
        body: the document, content coding removed.
        url: where it was fetched, absolute.
        content_type: the Content-Type header; empty where there was none.
    """
    mime = media_type(content_type)
    if is_html(content_type) or (not mime and body.lstrip()[:1] == b"<"):
        return html_links(body, url, content_type)
    if mime == "text/css":
        return css_links(body.decode(_codec(body, content_type), "replace"), url)
    if mime == "image/svg+xml":
        return html_links(body, url, content_type)
    return NO_LINKS


def may_have_links(content_type: str) -> bool:
    """Say whether ``links_of`` may find something in a document of this type."""
    mime = media_type(content_type)
    return mime in HTML_TYPES or mime in ("", "text/css", "image/svg+xml")


def media_type(content_type: str) -> str:
    """Return ``type/subtype`` of a Content-Type header in lowercase; empty where it is not of that form."""
    mime = content_type.partition(";")[0].strip().lower()
    return mime if _MIME.match(mime) else ""


def is_html(content_type: str) -> bool:
    """Say whether a Content-Type header announces HTML."""
    return media_type(content_type) in HTML_TYPES


def html_links(body: bytes, url: str, content_type: str) -> Links:
    """Return the links of an HTML (or XHTML, or SVG) document.

    One whose elements are nested beyond anything that people write is not parsed: it would take for ever.
    """
    encoding = _codec(body, content_type)
    plain = encoding == "utf-8"
    text = None if plain else body.decode(encoding, "replace")
    if is_too_deep(body.decode("latin-1") if text is None else text):  # tags are ASCII in UTF-8 too
        found = _looked_for(body.decode(encoding, "replace") if text is None else text)
        return replace(found.resolved(url, "" if plain else encoding), complete=False)
    tree = LexborHTMLParser(body if text is None else text)
    base = url
    declared = tree.css_first("base[href]")
    if declared is not None:
        base = resolve(url, declared.attributes.get("href") or "") or url
    found = _Found()
    roots: list[LexborHTMLParser | LexborNode] = [tree, *tree.template_fragments()]
    for root in roots:
        for node in root.css("a,area"):
            attributes = node.attributes
            found.pages.add(attributes.get("href") or attributes.get("xlink:href"))
        for node in root.css(_OTHERS):
            _add(found, node)
    return found.resolved(base, "" if plain else encoding)


def _looked_for(text: str) -> _Found:
    found = _Found()
    for match in _ATTRIBUTE.finditer(text):
        references = found.pages if match[1].lower() == "href" else found.requisites
        references.add(unescape(match[2] or match[3] or match[4] or ""))
    return found


def _codec(body: bytes, content_type: str) -> str:
    return declared_codec(body, content_type) or "utf-8"


def css_links(text: str, url: str) -> Links:
    """Return the requisites of a style sheet."""
    found = _Found()
    found.requisites.update(_css_references(text))
    return found.resolved(url, "")


class _References:
    """The distinct references of one class, fragments dropped, in order."""

    def __init__(self) -> None:
        self.raw: dict[str, None] = {}

    def add(self, raw: str | None) -> None:
        if raw:
            raw = raw.strip(_SPACE).partition("#")[0]
            if raw and not raw[:11].lower().startswith(_INLINE):
                self.raw[raw] = None

    def update(self, raws: Iterable[str]) -> None:
        for raw in raws:
            self.add(raw)


@dataclass(frozen=True)
class _Found:
    pages: _References = field(default_factory=_References)
    requisites: _References = field(default_factory=_References)
    frames: _References = field(default_factory=_References)

    def resolved(self, base: str, encoding: str) -> Links:
        others: dict[str, None] = {}
        pages, requisites, frames = (
            tuple(dict.fromkeys(_resolved(references.raw, base, encoding, others)))
            for references in (self.pages, self.requisites, self.frames)
        )
        return Links(pages, requisites, frames, tuple(others))


def _resolved(raws: Iterable[str], base: str, encoding: str, others: dict[str, None]) -> Iterator[str]:
    for raw in raws:
        url = resolve(base, _query_in(raw, encoding) if encoding else raw)
        if url is None:
            continue
        if is_web(url) and len(url) <= LONGEST:
            yield url
        else:
            others[url[:LONGEST]] = None


def _query_in(raw: str, encoding: str) -> str:
    """Escape a query as browsers do in documents that are not UTF-8: in the document's encoding."""
    path, mark, query = raw.partition("?")
    if not mark or query.isascii() or encoding.startswith("utf-16"):
        return raw
    encoded = query.encode(encoding, "xmlcharrefreplace")
    return path + mark + "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in encoded)


def _add(found: _Found, node: LexborNode) -> None:
    tag, attributes = node.tag or "", node.attributes
    if tag == "link":
        _add_link(found, attributes)
    elif tag == "style":
        found.requisites.update(_css_references(node.text()))
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
        found.requisites.update(_css_references(style))


def _add_link(found: _Found, attributes: dict[str, str | None]) -> None:
    relations = frozenset((attributes.get("rel") or "").lower().split())
    kind = media_type(attributes.get("type") or "")
    if relations & _NEEDED or kind == "application/opensearchdescription+xml":
        found.requisites.add(attributes.get("href"))
    elif relations & _FOLLOWED:
        found.pages.add(attributes.get("href"))


def _add_refresh(found: _Found, attributes: dict[str, str | None]) -> None:
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


def _css_references(text: str) -> Iterator[str]:
    lowered = text.lower()
    if "url(" not in lowered and "@import" not in lowered:
        return
    for match in _CSS_URL.finditer(_COMMENT.sub(" ", text)):
        raw = next((group for group in match.groups() if group), "")
        yield _CSS_ESCAPE.sub(_unescaped, raw) if "\\" in raw else raw


def _unescaped(match: re.Match[str]) -> str:
    if not match[1]:
        return "" if match[2] == "\n" else match[2]
    number = int(match[1], 16)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
