"""What an HTML page says of itself: whether it is short, looks like an error page, a login, a parked domain, a shell.

Facts are signs, not verdicts: ``archiver.collect.web.verdicts`` weighs them against what else is known. Every
page passes here, so nothing is parsed, what is looked at is bounded, and most questions are only asked of short
pages. Markup is taken out roughly: the text is for measuring and comparing, not for reading. How long it is where
it is long is estimated: taking it out would add two thirds to the time that reading a page takes.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING, Iterable, Iterator
from urllib.parse import unquote, urlsplit
from zlib import crc32

from archiver.collect.web.documents.document import Facts
from archiver.collect.web.documents.notices import tells_of_an_end
from archiver.collect.web.documents.phrases import (
    is_error_title,
    is_login_title,
    is_placeholder_title,
    offers_any_domain,
    offers_domain,
)

if TYPE_CHECKING:
    from typing import Mapping, Protocol

    class _Tag(Protocol):
        """An element: its name and attributes in lowercase, and the raw text of a script."""

        @property
        def name(self) -> str: ...
        @property
        def attributes(self) -> Mapping[str, str | None]: ...
        @property
        def text(self) -> str: ...


MOST_TEXT = 800
"""Characters of a page's main text that are looked at. Error pages, logins and shells have fewer: pages that do
are asked for further signs. How many more there are is estimated."""

ERROR_TITLE = "error title"
"""The title, or a part of it between separators, is that of an error page."""
ERROR_HEADING = "error heading"
"""So is the first heading."""
NOINDEX = "noindex"
"""Search engines are asked not to list the page."""
LOGIN_FORM = "login form"
"""A form asks for a password, or is sent to where one logs in; nothing is shown as code."""
LOGIN_TITLE = "login title"
"""The title or the first heading is that of a login page."""
REDIRECTS = "redirects"
"""The page sends its reader elsewhere, by meta refresh or script."""
EMPTY_ROOT = "empty root"
"""The element that scripts of the usual kinds fill is there, and empty."""
BARE = "bare"
"""There is hardly any text, around the main part neither."""
ASKS_FOR_SCRIPT = "asks for script"
"""A ``<noscript>`` says that JavaScript is needed."""
SCRIPTS = "scripts"
"""There are scripts."""
PARKING_HOST = "parking host"
"""A script, frame or redirect of the page leads to those who serve parked domains."""
FOR_SALE = "for sale"
"""The page says of its own host, by name, that it is for sale, parked or expired."""
OFFER = "offer"
"""The page says so of some domain."""
PLACEHOLDER = "placeholder"
"""The title or the first heading is what a server or hoster shows where there is no site, or none any more."""
NOTICE = "notice"
"""The text tells that the documentation, the site or its downloads are no more, or elsewhere."""

_LONGEST_TITLE = 200
_WINDOWS = (6 << 10, 24 << 10, 64 << 10)  # characters of markup: mostly the first ones have text enough
_HEAD = 32 << 10  # where the title, the body and a main element begin
_WIDEST = 256 << 10  # of which a long text is taken
_SPACED = 4  # times as many characters as are wanted: white space is not folded yet
_LONGEST_NOTICE = 4 * MOST_TEXT  # of a page whose beginning is looked at for one
_PLACES = (
    48  # of a long text: they tell its length well enough to see that most of it is gone, in 20 microseconds
)
_FAR = 1 << 10  # characters
_ASIDES = ("script", "style", "nav", "aside", "footer")
_LOOKED_AT = 4 << 10  # characters of an attribute or a script
_HARDLY_ANY = 60  # characters: "Loading, please wait" and the like
_MOST_ROOTS = 4
_SKETCH = 24
_SHORTEST_PART = 4  # of a URL, to be taken out of a text
_HEADLINK = "\u00b6"  # behind headings, to link to them
_ROLE = 'role="'
_WORD_BYTES = bytes(byte if chr(byte).isalpha() or byte >= 0x80 else 0x20 for byte in range(256))
_DIGITS = b"0123456789"

# Every pattern ends at the next tag or at the text's end at the latest, so that no text is looked at twice.
_UNSEEN = r"""<(?:
    !--.*?(?:-->|\Z)
  | (?=[%s])(%s)\b.*?(?:</\1\s*+>|\Z)
)"""
_FILLED = "script|style|template|noscript|svg|select|iframe|object|textarea|title"
_WITHIN = re.compile(_UNSEEN % ("istnoISTNO", _FILLED), re.DOTALL | re.IGNORECASE | re.VERBOSE)
_AROUND = re.compile(
    _UNSEEN % ("istnohfaISTNOHFA", f"{_FILLED}|nav|header|footer|aside"),
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_SEEN = re.compile(r">([^<]++)")
_TITLE = re.compile(r"<title\b[^<>]*+>(.*?)(?:</title|\Z)", re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(r"<h1\b[^<>]*+>(.*?)(?:</h1|\Z)", re.DOTALL | re.IGNORECASE)
_LANGUAGE = re.compile(r"""<html\b[^<>]*?\slang\s*+=\s*+["']?+([A-Za-z0-9-]{1,35})""", re.IGNORECASE)
_FORM = re.compile(r"<form\b([^<>]*+)>", re.IGNORECASE)
_ACTION = re.compile(r"""\baction\s*+=\s*+["']?+([^"'\s>]++)""", re.IGNORECASE)
_LOGIN_PLACE = re.compile(
    r"(?:log|sign)[-_]?(?:in|on)(?:\.\w{1,5})?|sessions?|sso|authenticate|j_security_check"
)
_PASSWORD = re.compile(r"""<input\b[^<>]*?\btype\s*+=\s*+["']?+password\b""", re.IGNORECASE)
_ROOT = re.compile(
    r"""<(?:(?:div|main|section|body)\b[^<>]*?\bid\s*+=\s*+["']?+(?:root|app|__next|___gatsby|__nuxt|svelte|q-app
        |application|swagger-ui|redoc|docsify)["'\s>] | (?:app-root|redoc|rapi-doc|elements-api)[\s>])""",
    re.IGNORECASE | re.VERBOSE,
)
_NOSCRIPT = re.compile(r"<noscript\b[^<>]*+>(.*?)(?:</noscript|\Z)", re.DOTALL | re.IGNORECASE)
_NEEDS_SCRIPT = re.compile(r"java ?script|\bjs\b|脚本", re.IGNORECASE)
_MOVES = re.compile(r"\blocation\s*+(?:\.\s*+href\s*+)?=(?!=)|\blocation\s*+\.\s*+(?:replace|assign)\s*+\(")
_REFRESH = re.compile(r"[\s\d.]*+[;,]\s*+\S")
_PARKING = re.compile(
    r"(?:^|//|\.)(?:sedoparking|parkingcrew|bodis|parklogic|skenzo|domainsponsor|namedrive|rookdns|smartname"
    r"|hugedomains|afternic|cashparking|undeveloped|domainmarket|parkingpage|domainparking)\.(?:com|net|org|eu)\b"
    r"|d38psrni17bvxu\.cloudfront\.net|/adsense/domains/|/parking-lander/|\bsedo\.com/search/details"
    r"|\bdan\.com/buy-domain|\bparking\.(?:reg\.ru|namesilo\.com|godaddy\.com)\b"
)


def page_facts(html: str, url: str, tags: Iterable[_Tag]) -> Facts:
    """Return what a page says of itself.

    Args:
        html: the page.
        url: where it was fetched, absolute.
        tags: its elements, in order; looked at on short pages only.
    """
    words, heading, length = _main_text(html)
    whole = length < MOST_TEXT
    language = _LANGUAGE.search(html, 0, _WINDOWS[0])
    facts = Facts(
        title=_first(_TITLE, html, _HEAD),
        heading=heading,
        language=language[1] if language else "",
        text=length,
        fingerprint=_sketch(words, url) if whole else _digest(words, url),
    )
    if not whole:
        return (
            replace(facts, signs=(NOTICE,)) if length <= _LONGEST_NOTICE and tells_of_an_end(words) else facts
        )
    signs = {*_text_signs(facts, words, url), *_markup_signs(html[: _WINDOWS[-1]])}
    for tag in tags:
        signs.update(_TAG_SIGNS.get(tag.name, _nothing)(tag))
    return replace(facts, signs=tuple(sorted(signs)))


def likeness(one: str, other: str) -> float:
    """Return how many of the words of two texts are in both: 0 for none, 1 for all. Two empty texts are alike.

    An estimate of the Jaccard index from the least hashes of both ("bottom-k sketch", Cohen and Kaplan 2007).

    Args:
        one: a fingerprint (``Facts.fingerprint``).
        other: another.
    """
    first, second = frozenset(_hashes(one)), frozenset(_hashes(other))
    union = sorted(first | second)[:_SKETCH]
    return sum(each in first and each in second for each in union) / len(union) if union else 1.0


def without_url(text: str, url: str) -> str:
    """Return a lowercase text without what pages echo of the URL that was asked for."""
    for part in _url_parts(url):
        if part in text:
            text = text.replace(part, " ")
    return text


def main_text(html: str, most: int) -> str:
    """Return the beginning of a page's main text, white space folded: at most so many characters."""
    begin, ending, unseen = _main(html)
    end = html.find(ending, begin, begin + _WIDEST) if ending else -1
    return _text(html[begin : end if end >= 0 else begin + _WIDEST], unseen, most)[:most]


# Text.


def _main_text(html: str) -> tuple[str, str, int]:
    """Return the beginning of a page's main text, its first heading, and how many characters the whole text has."""
    begin, ending, markup = _main(html)
    text, heading, end, seen = "", "", -1, begin
    for size in _WINDOWS:
        seen = begin + size
        end = html.find(ending, begin, seen) if ending else -1
        window = html[begin : end if end >= 0 else seen]
        text = _text(window, markup)
        heading = _first(_HEADING, window, size).rstrip(_HEADLINK + " ")
        if end >= 0 or seen >= len(html) or len(text) >= MOST_TEXT:
            break
    if end >= 0 or seen >= len(html):
        return text[:MOST_TEXT], heading, len(text)
    if markup is _AROUND:
        html, seen = _without_asides(html[seen:]), 0
    end = html.rfind(ending, seen) if ending else -1
    more = _estimated(html, seen, end if end >= 0 else len(html))
    return text[:MOST_TEXT], heading, max(len(text) + more, MOST_TEXT)


def _estimated(html: str, begin: int, end: int) -> int:
    """Return about how many characters are not within tags, white space included: asked of a few places."""
    find, step, found = html.find, (end - begin) // _PLACES + 1, 0
    for place in range(begin + step // 2, end, step):
        tag = find("<", place, place + _FAR)
        if tag != place and find(">", place, tag if tag >= 0 else place + _FAR) < 0:  # else a tag ends first
            found += 1
    return found * step


def _without_asides(markup: str) -> str:
    """Return markup without most of what is around a page's main text, and without what is not shown."""
    for name in _ASIDES:
        if f"<{name}" in markup:
            first, *others = markup.split(f"<{name}")
            markup = first + "".join(part.partition(f"</{name}")[2] for part in others)
    return markup


def _main(html: str) -> tuple[int, str, re.Pattern[str]]:
    """Return where a page's main part begins, what its end tag begins with, and what is not shown in it or around it."""
    begin = html.find("main", 1, _HEAD)
    while begin >= 0:
        if html[begin - 1] == "<":
            return begin - 1, "</main", _WITHIN
        if html[begin - len(_ROLE) : begin] == _ROLE:
            return html.rfind("<", 0, begin), "", _WITHIN
        begin = html.find("main", begin + 4, _HEAD)
    begin = html.find("<article", 0, _HEAD)
    if begin >= 0:
        return begin, "</article", _WITHIN
    return max(html.find("<body", 0, _HEAD), 0), "", _AROUND


def _text(markup: str, unseen: re.Pattern[str], most: int = MOST_TEXT) -> str:
    """Return the text in a piece of markup: at least so many characters, if there are."""
    text = " ".join(_SEEN.findall(unseen.sub("<>", markup)))[: _SPACED * most]
    return " ".join((unescape(text) if "&" in text else text).split())


def _first(pattern: re.Pattern[str], markup: str, size: int) -> str:
    """Return the text of the first element that a pattern finds within so many characters."""
    found = pattern.search(markup, 0, size)
    return _text(">" + found[1][: 8 * _LONGEST_TITLE], _WITHIN)[:_LONGEST_TITLE].rstrip() if found else ""


# Fingerprints.


def _sketch(words: str, url: str) -> str:
    """Return the least hashes of the distinct words; digits, and what is the URL's own, count for nothing."""
    text = without_url(words.lower(), url).encode("utf-8", "replace")
    distinct = frozenset(text.translate(_WORD_BYTES, _DIGITS).split())
    least = sorted(map(crc32, distinct))[:_SKETCH]
    return struct.pack(f">{len(least)}I", *least).hex()


def _digest(words: str, url: str) -> str:
    """Return one hash of all that is looked at of a long text: it is alike only to what begins with the same words."""
    text = without_url(words.lower(), url).encode("utf-8", "replace")
    return struct.pack(">I", crc32(text.translate(None, _DIGITS))).hex()


def _hashes(fingerprint: str) -> tuple[int, ...]:
    return struct.unpack(f">{len(fingerprint) // 8}I", bytes.fromhex(fingerprint))


def _url_parts(url: str) -> tuple[str, ...]:
    """Return a URL, its path and a file's name, longest first, with and without escapes; none too short to tell."""
    path = urlsplit(url).path
    name = path.rpartition("/")[2]
    found = (url, path, name, name.rpartition(".")[0])
    parts = {form.lower() for part in found for form in (part, unquote(part)) if len(part) >= _SHORTEST_PART}
    return tuple(sorted(parts, key=len, reverse=True))


# Signs of short pages.


def _text_signs(facts: Facts, words: str, url: str) -> Iterator[str]:
    said = (facts.title, facts.heading)
    if tells_of_an_end(" . ".join((*said, words))):
        yield NOTICE
    if is_error_title(facts.title):
        yield ERROR_TITLE
    if is_error_title(facts.heading):
        yield ERROR_HEADING
    if any(map(is_login_title, said)):
        yield LOGIN_TITLE
    if any(map(is_placeholder_title, said)):
        yield PLACEHOLDER
    offer = f"{facts.title} {words}"
    if offers_domain(offer, urlsplit(url).hostname or ""):
        yield FOR_SALE
    if offers_any_domain(offer):
        yield OFFER


def _markup_signs(html: str) -> Iterator[str]:
    if _has_login_form(html):
        yield LOGIN_FORM
    if any(_is_empty(html, root.start()) for root in islice(_ROOT.finditer(html), _MOST_ROOTS)):
        yield EMPTY_ROOT
    if len(_text(html, _WITHIN)) < _HARDLY_ANY:
        yield BARE
    if any(_NEEDS_SCRIPT.search(found[1]) for found in _NOSCRIPT.finditer(html)):
        yield ASKS_FOR_SCRIPT


def _is_empty(html: str, begin: int) -> bool:
    """Say whether an element is closed at once, or hardly any text comes behind it."""
    behind = html.find(">", begin) + 1
    return html[behind : behind + _LOOKED_AT].lstrip().startswith("</") or (
        len(_text(html[behind - 1 :], _WITHIN)) < _HARDLY_ANY
    )


def _has_login_form(html: str) -> bool:
    forms = _FORM.findall(html)
    if not forms or "<pre" in html:
        return False
    if _PASSWORD.search(html):
        return True
    places = (found[1].partition("?")[0] for form in forms if (found := _ACTION.search(form)))
    return any(_LOGIN_PLACE.fullmatch(place.rstrip("/").rpartition("/")[2].lower()) for place in places)


def _meta_signs(tag: _Tag) -> Iterator[str]:
    content = (tag.attributes.get("content") or "")[:_LOOKED_AT].lower()
    if (tag.attributes.get("name") or "").lower() == "robots" and "noindex" in content:
        yield NOINDEX
    if (tag.attributes.get("http-equiv") or "").lower() == "refresh" and _REFRESH.match(content):
        yield REDIRECTS
        if _PARKING.search(content):
            yield PARKING_HOST


def _script_signs(tag: _Tag) -> Iterator[str]:
    yield SCRIPTS
    yield from _frame_signs(tag)
    if _PARKING.search(tag.text[:_LOOKED_AT]):
        yield PARKING_HOST
    if len(tag.text) <= _LOOKED_AT and _MOVES.search(tag.text):
        yield REDIRECTS


def _frame_signs(tag: _Tag) -> Iterator[str]:
    if _PARKING.search((tag.attributes.get("src") or "")[:_LOOKED_AT].lower()):
        yield PARKING_HOST


def _nothing(_: _Tag) -> Iterator[str]:
    return iter(())


_TAG_SIGNS = {"meta": _meta_signs, "script": _script_signs, "iframe": _frame_signs, "frame": _frame_signs}
