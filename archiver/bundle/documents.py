"""The text that people read on an HTML page: its title and its sections, without navigation.

Used for search and for the titles in page lists. Input is untrusted HTML as captured.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Iterator, Sequence

from bs4.dammit import EncodingDetector
from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MOST_BYTES = 16 << 20  # of HTML; what is beyond is not searched
_DETECT_BYTES = 64 << 10
_MARK, _END = "\x02", "\x03"  # control characters around a heading's number; taken out of the page first
_MARKED = re.compile(f"{_MARK}([0-9]+){_END}")
_MAIN = ("main article", "article", "main", "[role=main]", "#content", ".body", ".document", ".content")
_NOISE = (
    "nav,aside,script,style,noscript,template,svg,button,select,iframe,dialog,[hidden],[role=navigation],"
    "[role=search],.sphinxsidebar,.related,.headerlink,.hash-link,.header-anchor,.breadcrumbs,.breadcrumb,"
    ".toctree-wrapper,.table-of-contents,.pagination-nav,.edit-this-page,.skip-link,.visually-hidden"
)
_NOISE_OUTSIDE = (
    "body > header,body > footer,body > div > header,body > div > footer,[role=banner],[role=contentinfo]"
)
_HEADINGS = "h1,h2,h3,h4,h5,h6"
_BLOCKS = "p,div,section,article,li,dt,dd,tr,td,th,caption,pre,blockquote,figcaption,br,hr,summary,details,ul,ol,dl,table"
_MOST_NESTED = 20_000
_TAG_NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
_TAG = re.compile(r"<[^>]{0,4096}>?")
_TITLE = re.compile(r"<title[^>]{0,256}>([^<]{0,4096})", re.IGNORECASE)
# Elements that hold nothing, or that the next one of their kind ends though no end tag is written.
_UNNESTED = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
    | {"p", "li", "dt", "dd", "tr", "td", "th", "option", "path"}
)
_SECTIONS = frozenset({"section", "div", "article"})
# Labels that browsers take for a larger encoding than the name says (WHATWG Encoding Standard, 4.2).
_WIDER = {
    "iso-8859-1": "windows-1252",
    "latin-1": "windows-1252",
    "ascii": "windows-1252",
    "us-ascii": "windows-1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs",
}


@dataclass(frozen=True)
class Section:
    """A page's text from one heading to the next; ``anchor`` is what to put after ``#``, or empty."""

    anchor: str
    heading: str
    text: str


@dataclass(frozen=True)
class Document:
    """A page's title and sections. The first section is what stands before the first heading."""

    title: str
    sections: tuple[Section, ...]


def decoded_body(chunks: Iterator[bytes], content_encoding: str) -> bytes | None:
    """Undo an HTTP content coding, up to MOST_BYTES of content.

    Args:
        chunks: the body as captured.
        content_encoding: the Content-Encoding header's value, or empty.

    Returns:
        The content, cut where it is longer or damaged; None where the coding is not known.
    """
    coding = content_encoding.strip().lower()
    if coding in ("", "identity"):
        return _bounded(chunks)
    if coding in ("gzip", "x-gzip"):
        return _bounded(_inflated(chunks))
    return None


def _bounded(chunks: Iterator[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk[: MOST_BYTES - len(content)]
        if len(content) == MOST_BYTES:
            break
    return bytes(content)


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for chunk in chunks:
            left = chunk
            while left and not inflater.eof:
                yield inflater.decompress(left, MOST_BYTES)
                left = inflater.unconsumed_tail
    except zlib.error:
        return  # what came before the damage is text all the same


def decode_html(data: bytes, charset: str = "") -> str:
    """Turn a page's bytes into text.

    A byte order mark decides, then the charset of the Content-Type header, then the page's own
    declaration, then UTF-8, then detection.
    """
    data, marked = EncodingDetector.strip_byte_order_mark(data)
    declared = EncodingDetector.find_declared_encoding(data, is_html=True)
    named = [name for name in map(_codec, (marked, charset, declared)) if name]
    for name in _candidates(named, data):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, ValueError):
            continue
    return data.decode((*named, "windows-1252")[0], "replace")


def _candidates(named: Sequence[str], data: bytes) -> Iterator[str]:
    yield from named
    yield "utf-8"
    if not named:  # a page that says what it is has some damage, and is not something else
        yield from filter(None, map(_codec, EncodingDetector(data[:_DETECT_BYTES], is_html=True).encodings))


def _codec(label: str | None) -> str:
    """The codec for a charset label; empty where there is none that gives text."""
    name = (label or "").strip().strip("\"'").lower()
    name = _WIDER.get(name, name)
    try:
        return name if name and codecs.lookup(name)._is_text_encoding else ""  # noqa: SLF001 - the only way to ask
    except (LookupError, ValueError):
        return ""


def read_document(html: str) -> Document:
    """Return the title and the sections of a page's main text.

    A page whose elements are nested beyond anything that people write is taken as one section.
    """
    html = html.replace(_MARK, "").replace(_END, "")
    if _is_too_deep(html):
        named = _TITLE.search(html)
        return Document(
            _plain(unescape(named[1])) if named else "",
            (Section("", "", _plain(unescape(_TAG.sub(" ", html)))),),
        )
    tree = LexborHTMLParser(html)
    heading = tree.css_first("title") or tree.css_first("h1")
    title = _plain(heading.text()) if heading else ""
    if tree.body is None:
        return Document(title, (Section("", "", ""),))
    for node in tree.body.css(f"{_NOISE},{_NOISE_OUTSIDE}"):
        if node.tag not in ("body", "main", "article"):
            node.remove()
    main = _main(tree) or tree.body
    headings = main.css(_HEADINGS)
    names = [("", ""), *((_anchor(node), _plain(node.text())) for node in headings)]
    for number, node in enumerate(headings, 1):
        node.insert_before(f"{_MARK}{number}{_END}")
        node.remove()
    for node in main.css(_BLOCKS):
        node.insert_before(" ")
        node.insert_after(" ")
    return Document(title or next((name for _, name in names if name), ""), _sections(main.text(), names))


def _is_too_deep(html: str) -> bool:
    """Say whether parsing would take forever: its time grows with the square of the nesting."""
    if html.count("<") < _MOST_NESTED:
        return False
    open_now: Counter[str] = Counter()
    depth = 0
    for closing, spelled in _TAG_NAME.findall(html):
        name = spelled.lower()
        if not closing and name not in _UNNESTED:
            open_now[name] += 1
            depth += 1
            if depth > _MOST_NESTED:
                return True
        elif closing and open_now[name]:
            open_now[name] -= 1
            depth -= 1
    return False


def _main(tree: LexborHTMLParser) -> LexborNode | None:
    """The element that holds the page's own text: the first selector that only one element answers."""
    for selector in _MAIN:
        found = tree.css(selector)
        if len(found) == 1 and found[0].text(strip=True):
            return found[0]
    return None


def _anchor(heading: LexborNode) -> str:
    """The id to link to: the heading's own, of an anchor in it, or of the section that it opens."""
    own = heading.id or ""
    if own:
        return own
    inner = heading.css_first("a[id],a[name],span[id]")
    if inner is not None:
        return inner.attributes.get("id") or inner.attributes.get("name") or ""
    parent = heading.parent
    if parent is not None and parent.tag in _SECTIONS and parent.id and _opens(heading):
        return parent.id
    return ""


def _opens(heading: LexborNode) -> bool:
    """Say whether nothing readable stands between the beginning of the section and its heading."""
    before = heading.prev
    while before is not None:
        if before.text(strip=True):
            return False
        before = before.prev
    return True


def _sections(text: str, names: Sequence[tuple[str, str]]) -> tuple[Section, ...]:
    pieces = _MARKED.split(text)
    found = [Section("", "", _plain(pieces[0]))]
    for number, body in zip(pieces[1::2], pieces[2::2]):
        anchor, heading = names[int(number)]
        found.append(Section(anchor, heading, _plain(body)))
    return tuple(found)


def _plain(text: str) -> str:
    return " ".join(text.replace("\u00ad", "").split())
