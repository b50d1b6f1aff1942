"""The text that people read on an HTML page: its title and its sections, without navigation.

Used for search and for the titles in page lists. Input is untrusted HTML as captured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING, Sequence

from selectolax.lexbor import LexborHTMLParser

from archiver.bundle.nesting import is_too_deep
from archiver.core.charset import declared_codec, without_mark
from archiver.core.editions import normal_locale
from archiver.offline.search.blocks import Section

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

# Raise it with every change of which pages are taken and what is found on them: older indexes are then built anew.
EXTRACTION = 4
MOST_BYTES = 16 << 20  # of HTML; what is beyond is not searched
MOST_TAGS = 250_000  # manuals of 4 MB on one page have 200,000
_DETECT_BYTES = 64 << 10
_MARK, _END = "\x02", "\x03"  # control characters around a heading's number; taken out of the page first
_MARKED = re.compile(f"{_MARK}([0-9]+){_END}")
_MAIN = (
    *("main article", "article", "main", "[role=main]", "#content", "#DisplayArea", ".body", ".document"),
    *(".VPContent .main", ".content"),
)
# What themes put into or around a page's text, beside what HTML itself marks as no part of it.
_NOISE = (
    "nav,aside,script,style,noscript,template,svg,button,select,iframe,dialog,[hidden],[role=navigation],"
    "[role=search],.headerlink,.hash-link,.header-anchor,.heading-anchor,.anchorjs-link,.breadcrumbs,.breadcrumb,"
    ".table-of-contents,.edit-this-page,.skip-link,.visually-hidden,.sr-only,"
    # Sphinx and its themes
    ".sphinxsidebar,.related,.toctree-wrapper,.viewcode-link,.viewcode-back,.indextable,.genindextable,"
    ".genindex-jumpbox,.modindextable,.modindex-jumpbox,.rst-footer-buttons,.prev-next-area,.related-pages,"
    # Docusaurus, VitePress, MkDocs Material, Hugo's Docsy and Doks, mdBook
    ".theme-doc-version-badge,.theme-doc-version-banner,.theme-doc-footer,.pagination-nav,.VPDocFooter,"
    "div[class*=language-] > .lang,.md-source-file,.md-feedback,.md-content__button,.md-tags,.td-page-meta,.docs-navigation,.page-nav,"
    ".menu-title,.nav-chapters,.mobile-nav-chapters,"
    # DocBook and Publican, Doxygen, rustdoc, Javadoc
    ".navheader,.navfooter,.toc,.docnav,.list-of-tables,.list-of-figures,#nav-path,#side-nav,.srclink,.rightside,"
    ".out-of-band,.hideme,.toggle-label,.skip-nav"
)
_NOISE_OUTSIDE = (
    "body > header,body > footer,body > div > header,body > div > footer,[role=banner],[role=contentinfo]"
)
_HEADINGS = "h1,h2,h3,h4,h5,h6,dt[id]"  # a dt with an id is an entry of an API reference or a glossary
_BLOCKS = (
    "p,div,section,article,li,dt,dd,tr,td,th,caption,pre,blockquote,figcaption,br,hr,summary,details,ul,ol,dl,table,"
    "main,header,footer,figure,address,form,fieldset,legend,label"  # the names of tabs are labels
)
_TAG = re.compile(r"<[^>]{0,4096}>?")
_TITLE = re.compile(r"<title[^>]{0,256}>([^<]{0,4096})", re.IGNORECASE)
_TAG_OF_LANGUAGE = re.compile(
    r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}\Z"
)  # BCP 47, as far as sites use it
_MANY_LINKS = 20
_LINKED = 0.8  # of the text of what is only there to lead elsewhere
_SITE_NAME = re.compile(
    r"\s*[-\u2010-\u2015|·•:»\u203a~]\s"
)  # what stands between a page's title and its site's
_SECTIONS = frozenset({"section", "div", "article"})


@dataclass(frozen=True)
class Document:
    """A page's title and sections, at least one; ``language`` is what it declares, a tag in normal form, or empty."""

    title: str
    sections: tuple[Section, ...]
    language: str = ""


def decode_html(data: bytes, content_type: str) -> str:
    """Turn a page's bytes into text.

    What the page or its Content-Type header declares counts; else UTF-8 where it is valid, else what
    the bytes look like.
    """
    codec = declared_codec(data, content_type)
    data = without_mark(data)
    if codec:
        return data.decode(codec, "replace")
    from bs4.dammit import EncodingDetector  # noqa: PLC0415 - slow to import, and rarely needed

    guesses = ("utf-8", *EncodingDetector(data[:_DETECT_BYTES], is_html=True).encodings)
    for name in guesses:
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("windows-1252", "replace")


def read_document(html: str) -> Document:
    """Return the title and the sections of a page's main text.

    A page whose elements are nested beyond anything that people write is taken as one section; of one that has more
    tags than any that they write, the first ones are read.
    """
    html = _cut(html.replace(_MARK, "").replace(_END, ""))
    if is_too_deep(html):
        named = _TITLE.search(html)
        return Document(
            _plain(unescape(named[1])) if named else "",
            (Section("", "", _plain(unescape(_TAG.sub(" ", html)))),),
        )
    tree = LexborHTMLParser(html)
    language = _language(tree)
    if tree.body is None:
        return Document(_title(tree, tree.root), (Section("", "", ""),), language)
    for node in tree.body.css(f"{_NOISE},{_NOISE_OUTSIDE}"):
        if node.tag not in ("body", "main", "article"):
            node.remove()
    main = _main(tree) or tree.body
    title = _title(tree, main)
    for node in main.css("ul,ol,table"):
        if _is_navigation(node):
            node.remove()
    headings = main.css(_HEADINGS)
    names = [("", ""), *((_anchor(node), _plain(node.text())) for node in headings)]
    if headings and headings[0].tag == "h1":
        names[1] = "", names[1][1]  # the page's own heading: it is where the page begins
    for number, node in enumerate(headings, 1):
        node.insert_before(f"{_MARK}{number}{_END}")
        node.remove()
    for node in main.css(_BLOCKS):
        node.insert_before(" ")
        node.insert_after(" ")
    return Document(
        title or next((name for _, name in names if name), ""), _sections(main.text(), names), language
    )


def _cut(html: str) -> str:
    """Leave out what is behind the last tag that is looked at: a tree takes hundreds of bytes for each."""
    if html.count("<") <= MOST_TAGS:
        return html
    beyond = next(islice(re.finditer("<", html), MOST_TAGS, None))
    return html[: beyond.start()]


def _title(tree: LexborHTMLParser, main: LexborNode | None) -> str:
    """The page's own title: what its only top heading says, where the title element has that and a site's name."""
    named = tree.css_first("title")
    title = _plain(named.text()) if named else ""
    tops = [top for node in (main.css("h1") if main else []) if (top := _plain(node.text()))]
    if tops and (
        not title or (len(tops) == 1 and _SITE_NAME.match(title, len(tops[0])) and title.startswith(tops[0]))
    ):
        return tops[0]
    return title


def _language(tree: LexborHTMLParser) -> str:
    """The language that the page declares, where that is a well-formed tag."""
    root = tree.root
    declared = (root.attributes.get("lang") or root.attributes.get("xml:lang") or "") if root else ""
    return normal_locale(declared) if _TAG_OF_LANGUAGE.match(declared) else ""


def _main(tree: LexborHTMLParser) -> LexborNode | None:
    """The element that holds the page's own text: the first selector that only one element answers."""
    for selector in _MAIN:
        found = tree.css(selector)
        if len(found) == 1 and found[0].text(strip=True):
            return found[0]
    return None


def _is_navigation(node: LexborNode) -> bool:
    """Say whether a list or table is little else than many links: a table of contents, an alphabetical index."""
    links = node.css("a")
    if len(links) < _MANY_LINKS:
        return False
    linked = sum(len(link.text(strip=True)) for link in links)
    return linked >= _LINKED * len(node.text(strip=True))


def _anchor(heading: LexborNode) -> str:
    """The id to link to: the heading's own, of an anchor in it, or of the section that it opens."""
    own = heading.id or ""
    if own:
        return own
    inner = heading.css("a[id],a[name],span[id]")
    if (
        inner
    ):  # the last, for an anchor written as "<a id=x/>" goes on up to the next one, in the next heading
        return inner[-1].attributes.get("id") or inner[-1].attributes.get("name") or ""
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
    if len(found) > 1 and not found[0].text:
        del found[0]  # the page opens with a heading
    return tuple(found)


def _plain(text: str) -> str:
    return " ".join(text.replace("\u00ad", "").split())
