"""References as documents write them, collected by class and resolved once each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Iterable, Iterator

from archiver.collect.web.documents.document import Links
from archiver.collect.web.urls import LONGEST, Resolver, is_web, origin_of
from archiver.core.urlidentity import without_noise

SPACE = " \t\n\f\r"
"""What HTML calls ASCII white space."""
MOST_GUESSED = 20_000
"""Guesses of a kind that are taken from one document: a search index names every page of a large site."""
_MOST = 200_000  # references of a class that are taken from one document
_INLINE = ("data:", "javascript:", "about:", "blob:")  # name no resource, so they are no links


_REPLACED = re.compile(rb"&#(\d+);")  # by ``encode``: a query has no ``#`` of its own


class References:
    """The distinct references of one class, fragments dropped, in order."""

    def __init__(self) -> None:
        self.raw: dict[str, None] = {}

    def add(self, raw: str | None) -> None:
        """Take a reference as an attribute has it; None, an empty one and what names no resource count for nothing."""
        if raw:
            raw = raw.strip(SPACE).partition("#")[0]
            if raw and len(self.raw) < _MOST and not raw[:11].lower().startswith(_INLINE):
                self.raw[raw] = None

    def update(self, raws: Iterable[str]) -> None:
        """Take several."""
        for raw in raws:
            self.add(raw)


@dataclass(frozen=True)
class Found:
    """The references of one document, by class; see ``Links`` for what the classes mean."""

    pages: References = field(default_factory=References)
    requisites: References = field(default_factory=References)
    frames: References = field(default_factory=References)
    guessed_requisites: References = field(default_factory=References)
    guessed_pages: References = field(default_factory=References)
    sitemaps: References = field(default_factory=References)

    def resolved(self, base: str, encoding: str) -> Links:
        """Return them as URLs. What is known is not guessed.

        Args:
            base: what they are relative to, absolute.
            encoding: the document's, where it is not UTF-8; queries are escaped in it.
        """
        others: dict[str, None] = {}
        requisites, frames, sitemaps = (
            tuple(dict.fromkeys(_resolved(references.raw, base, encoding, others)))
            for references in (self.requisites, self.frames, self.sitemaps)
        )
        pages = tuple(dict.fromkeys(map(without_noise, _resolved(self.pages.raw, base, encoding, others))))
        guessed = _guessed(self.guessed_requisites, base, {*requisites, *pages})
        leading = _guessed(self.guessed_pages, base, {*pages, *guessed})
        return Links(pages, requisites, frames, tuple(others), guessed, leading, sitemaps)


def _guessed(guesses: References, base: str, known: set[str]) -> tuple[str, ...]:
    """Return those guesses as URLs that are on the document's own origin."""
    if not guesses.raw or not is_web(base):
        return ()
    home = origin_of(base) + "/"
    urls = map(without_noise, _resolved(islice(guesses.raw, MOST_GUESSED), base, "", {}))
    return tuple(url for url in dict.fromkeys(urls) if url.startswith(home) and url not in known)


def _resolved(raws: Iterable[str], base: str, encoding: str, others: dict[str, None]) -> Iterator[str]:
    resolver = Resolver(base)
    for raw in raws:
        url = resolver.resolve(_query_in(raw, encoding) if encoding else raw)
        if url is None:
            continue
        if is_web(url) and len(url) <= LONGEST:
            yield url
        else:
            others[url[:LONGEST]] = None


def _query_in(raw: str, encoding: str) -> str:
    """Escape a query as browsers do in documents that are not UTF-8: in the document's encoding.

    What the encoding lacks becomes an escaped character reference (WHATWG URL, "percent-encode after encoding").
    """
    path, mark, query = raw.partition("?")
    if not mark or query.isascii() or encoding.startswith("utf-16"):
        return raw
    encoded = _REPLACED.sub(rb"%26%23\1%3B", query.encode(encoding, "xmlcharrefreplace"))
    return path + mark + "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in encoded)
