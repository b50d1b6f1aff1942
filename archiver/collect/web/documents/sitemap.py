"""Reading sitemaps: which URLs a site says that it has, and when each one last changed.

XML is cut into tags here instead of being handed to an XML parser. Nothing is ever expanded but the five
entities that XML itself defines, so no document can grow while it is read, or name another one to be loaded; and
a stray ``&`` or a warning printed in front of the first tag, which sitemaps in the wild have, ends nothing.

Sources: https://www.sitemaps.org/protocol.html (the XML, text, RSS and Atom forms, and the limits);
https://developers.google.com/search/docs/specialty/international/localized-versions (``xhtml:link``);
https://www.w3.org/TR/NOTE-datetime and RFC 822, section 5 (times).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Iterable, Mapping

from archiver.collect.web.urls import LONGEST, is_web, resolve
from archiver.core.charset import declared_codec, without_mark
from archiver.core.clock import iso
from archiver.core.contentcoding import decoded_start

MOST_BYTES = 50 << 20
"""The most bytes of a sitemap, uncompressed, that are read."""
MOST_ENTRIES = 50_000
"""The most entries of a sitemap that are read."""
NOT_A_SITEMAP = "not a sitemap"

_MOST_URLS = 4 * MOST_ENTRIES  # with the alternates that entries name
_MOST_NESTED = 64
_LONGEST_TIME = 64  # characters
_PADDING = "\0 \t\r\n\ufeff"
_GZIP = b"\x1f\x8b"

# Possessive throughout: sitemaps are not trusted. What is begun and not ended reaches to the document's end, so
# that no text is looked at again and again.
_QUOTED = r""""[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)"""
_TOKEN = re.compile(
    rf"""
    <!--.*?(?:-->|\Z) | <\?.*?(?:\?>|\Z)
    | <!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)
    | <!DOCTYPE(?:[^"'\[>]++|{_QUOTED})*+
      (?:\[(?:[^\]"'<]++|{_QUOTED}|<!--.*?(?:-->|\Z)|<)*+(?:\]|\Z))?+[^>]*+(?:>|\Z)
    | <(?P<end>/?+)(?P<name>[A-Za-z_][^\s<>/="']*+)(?P<rest>(?:[^<>"']++|{_QUOTED})*+)(?:>|\Z)
    """,
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""(?<=[\s"'])([^\s=<>"'/]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}

_ITEMS = {"urlset": "url", "sitemapindex": "sitemap", "rss": "item", "rdf": "item", "feed": "entry"}
_LOCATIONS = {"url": "loc", "sitemap": "loc", "item": "link"}  # an Atom entry has it in an attribute
_TIMES = frozenset({"lastmod", "pubdate", "date", "updated", "modified"})


@dataclass(frozen=True)
class Sitemap:
    """What a sitemap lists, in its order: canonical http(s) URLs, each once.

    Attributes:
        pages: the URLs, alternates in other languages included, and when each last changed
            (``2026-11-23T00:44:00Z``; a day without a time stands for its end); empty where that is not said.
        sitemaps: the same of other sitemaps, where it is an index.
        unusable: how many entries have a location that is no http(s) URL, or too long a one.
        problem: why this is not all of it; empty where it is.
    """

    pages: Mapping[str, str] = field(default_factory=dict)
    sitemaps: Mapping[str, str] = field(default_factory=dict)
    unusable: int = 0
    problem: str = ""


def read_sitemap(body: bytes, url: str, content_type: str) -> Sitemap:
    """Read a sitemap of any form, gzipped or not.

    Args:
        body: the file, content coding removed.
        url: where it was fetched, absolute; relative locations, which are not allowed, are resolved against it.
        content_type: the Content-Type header; empty where there was none.
    """
    if body.startswith(_GZIP):
        body = decoded_start([body], "gzip", MOST_BYTES + 1)
    too_long = len(body) > MOST_BYTES
    encoding = declared_codec(body, content_type) or "utf-8"
    sitemap = read_sitemap_text(without_mark(body[:MOST_BYTES]).decode(encoding, "replace"), url)
    if too_long:
        return replace(sitemap, problem=f"longer than {MOST_BYTES >> 20} MiB; the rest is not read")
    return sitemap


def read_sitemap_text(text: str, url: str) -> Sitemap:
    """Read a sitemap that is text already; ``url`` is as for ``read_sitemap``."""
    reader = _Reader(url)
    if text.lstrip(_PADDING)[:1] == "<":
        reader.read_xml(text)
    else:
        reader.read_lines(text)
    return Sitemap(reader.pages, reader.sitemaps, reader.unusable, reader.problem)


def modification_time(text: str) -> str:
    """Return a time of a sitemap or feed as ``2026-11-23T00:44:00Z``; empty where it is none.

    A day without a time stands for its last second, so that nothing changed on that day is taken for older; a
    time without a zone is taken for UTC.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST_TIME:
        return ""
    try:
        moment = datetime.fromisoformat(text) if text[:1].isdigit() and "-" in text else _feed_time(text)
        if len(text) == len("2026-11-23"):
            moment += timedelta(days=1, seconds=-1)
        return iso(moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))
    except (ValueError, OverflowError):
        return ""


def _feed_time(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, IndexError) as error:  # what the library does with some texts that are no dates
        raise ValueError(text) from error


class _Reader:
    """Collects the entries of one sitemap."""

    def __init__(self, url: str) -> None:
        self.pages: dict[str, str] = {}
        self.sitemaps: dict[str, str] = {}
        self.unusable = 0
        self.problem = ""
        self._url, self._entries = url, 0

    def read_lines(self, text: str) -> None:
        """Read the text form: a URL a line."""
        for line in text.splitlines():
            raw = line.strip(_PADDING)
            if not raw:
                continue
            if not self._entries and not is_web(raw[:8].lower()):
                break
            if not self._take(self.pages, raw, "", ()):
                return
        if not self._entries:
            self.problem = NOT_A_SITEMAP

    def read_xml(self, text: str) -> None:
        """Read one of the XML forms."""
        tokens = _TOKEN.finditer(text)
        root = _root(tokens)
        if root is None:
            self.problem = NOT_A_SITEMAP
        elif not root["rest"].endswith("/") and not self._read_items(text, root, tokens):
            self.problem = self.problem or "it ends in the middle"

    def _read_items(self, text: str, root: re.Match[str], tokens: Iterable[re.Match[str]]) -> bool:
        """Read what is inside of the root element; say whether its end was reached."""
        around, item, position = _local_name(root), None, root.end()
        for token in tokens:
            name, is_end = _local_name(token), bool(token["end"])
            last = is_end and name == around
            if item is not None:
                item.say(text, position, token)
                if item.too_deep:
                    self.problem = "nested too deeply"
                    return False
                if (item.over or last) and not self._take_item(item):
                    return False
            if last:
                return True
            if name == _ITEMS[around] and not is_end and (item is None or item.over):
                item = _Item(name)
            elif item is not None and item.over:
                item = None
            position = token.end()
        return False

    def _take_item(self, item: _Item) -> bool:
        into = self.sitemaps if item.name == "sitemap" else self.pages
        return self._take(into, item.location, item.modified, item.alternates)

    def _take(self, into: dict[str, str], location: str, modified: str, alternates: Iterable[str]) -> bool:
        """Take an entry; say whether more are wanted."""
        if self._entries == MOST_ENTRIES:
            self.problem = f"more than {MOST_ENTRIES:,} entries; the rest is not read"
            return False
        self._entries += 1
        url = self._resolved(location)
        if url is None:
            self.unusable += 1
        else:
            into[url] = max(modified, into.get(url, ""))
        for raw in alternates:
            url = self._resolved(raw)
            if url is not None and len(into) < _MOST_URLS:
                into.setdefault(url, "")
        return True

    def _resolved(self, raw: str) -> str | None:
        url = resolve(self._url, raw) if raw else None
        return url if url is not None and is_web(url) and len(url) <= LONGEST else None


class _Item:
    """One entry of a sitemap in XML while it is being read: only its direct children count.

    Attributes:
        name: of its element, without prefix, in lowercase.
        over: whether its end, or the begin of the next one, has been reached.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.over = False
        self.location = ""
        self.modified = ""
        self.alternates: list[str] = []
        self._open: list[str] = []
        self._text: list[str] | None = None  # that of the child which is being read, if it counts

    @property
    def too_deep(self) -> bool:
        """Whether elements are nested beyond anything that a sitemap has."""
        return len(self._open) > _MOST_NESTED

    def say(self, text: str, position: int, token: re.Match[str]) -> None:
        """Take the text since the last token, and a token."""
        if self._text is not None:
            self._text.append(_ENTITY.sub(_unescaped, text[position : token.start()]))
            if token["cdata"]:
                self._text.append(token["cdata"])
        name = _local_name(token)
        if not name:
            return
        if token["end"]:
            self._end(name)
        elif name == self.name and not self._open:
            self.over = True
        else:
            self._begin(name, token["rest"])

    def _begin(self, name: str, rest: str) -> None:
        if not self._open:
            if name == "link" and "href" in rest:
                self._link(_attributes(rest))
            self._text = [] if name in _TIMES or name == _LOCATIONS.get(self.name) else None
        if not rest.endswith("/"):
            self._open.append(name)

    def _end(self, name: str) -> None:
        if name in self._open:
            del self._open[self._open.index(name) :]
            if not self._open and self._text is not None:
                said, self._text = "".join(self._text).strip(_PADDING), None
                if name in _TIMES:
                    self.modified = max(self.modified, modification_time(said))
                else:
                    self.location = self.location or said
        elif name == self.name:
            self.over = True

    def _link(self, attributes: Mapping[str, str]) -> None:
        relation = attributes.get("rel", "alternate").lower()
        if relation == "alternate" and self.name == "url":
            self.alternates.append(attributes.get("href", ""))
        elif relation == "alternate" and self.name == "entry":
            self.location = self.location or attributes.get("href", "").strip(_PADDING)


def _root(tokens: Iterable[re.Match[str]]) -> re.Match[str] | None:
    """Return the start tag of the root element, whatever was printed in front of it; None in what is no sitemap."""
    for token in tokens:
        name = _local_name(token)
        if name == "html":
            return None
        if name in _ITEMS and not token["end"]:
            return token
    return None


def _local_name(token: re.Match[str]) -> str:
    """Return a tag's name without its prefix, in lowercase; empty for what is no tag."""
    return (token["name"] or "").rpartition(":")[2].lower()


def _attributes(rest: str) -> dict[str, str]:
    return {
        match[1].lower(): _ENTITY.sub(_unescaped, match[2] or match[3] or "")
        for match in _ATTRIBUTE.finditer(rest)
    }


def _unescaped(match: re.Match[str]) -> str:
    if match[3]:
        return _ENTITIES[match[3]]
    number = int(match[1]) if match[1] else int(match[2], 16)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
