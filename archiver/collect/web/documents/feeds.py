"""Reading feeds and search descriptions: XML whose links a browser, or a reader of news, would follow.

The text is searched, not parsed: there is no entity to expand and no depth to get lost in.

Sources: RSS 2.0, RFC 4287 (Atom), OpenSearch 1.1.
"""

from __future__ import annotations

import re
from html import unescape

from archiver.collect.web.documents.document import NOTHING, Document
from archiver.collect.web.documents.references import Found
from archiver.collect.web.documents.sitemap import read_sitemap_text

_KIND = re.compile(r"<(?:\w++:)?(rss|feed|RDF|OpenSearchDescription)[\s>]")
_HEAD = 4096  # characters in which the root element stands
_RSS_LINK = re.compile(r"<(?:link|comments)>\s*+(?:<!\[CDATA\[\s*+)?([^<\]\s]++)")
_ATOM_LINK = re.compile(r"<(?:\w++:)?link\s([^<>]*+)>")
_ATTRIBUTE = re.compile(r"""([\w:]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")
_IMAGE = re.compile(r"<(?:\w++:)?Image(?:\s[^<>]*+)?>\s*+([^<\s]++)")
_FOLLOWED = frozenset({"alternate", "self", "next", "previous", "first", "last", "related"})


def read_feed(text: str, url: str) -> Document:
    """Read RSS, Atom or an OpenSearch description; of other XML nothing is said."""
    kind = _KIND.search(text, 0, _HEAD)
    if kind is None:
        return NOTHING
    found = Found()
    if kind[1] == "OpenSearchDescription":
        # shown by a browser's search bar, never on a page: not worth asking another host for
        found.guessed_requisites.update(map(unescape, _IMAGE.findall(text)))
    else:
        found.pages.update(map(unescape, _RSS_LINK.findall(text)))
        for match in _ATOM_LINK.finditer(text):
            attributes = {name: a or b for name, a, b in _ATTRIBUTE.findall(match[1])}
            if attributes.get("rel", "alternate") in _FOLLOWED:
                found.pages.add(unescape(attributes.get("href", "")))
    updates = {} if kind[1] == "OpenSearchDescription" else _updates(text, url)
    return Document(found.resolved(url, ""), updates=updates)


def _updates(text: str, url: str) -> dict[str, str]:
    """Return when each page that a feed names last changed, as far as it says; it is a sitemap's form, too."""
    return {page: modified for page, modified in read_sitemap_text(text, url).pages.items() if modified}
