"""A capture: one URL fetched at one time, as one line of a CDXJ index.

Source: CDXJ as in WACZ 1.1.1 (``surt-key timestamp14 {json}``, all values strings), with the
members ``record``, ``original``, ``source``, ``kind``, ``etag``, ``modified``, ``since``, ``text`` and ``gone`` of
docs/format.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Iterable

from archiver.core import jsontext
from archiver.core.errors import InvalidDocument
from archiver.core.urlidentity import twins_key
from archiver.core.urlkey import surt_key

PAGE = "page"
REQUISITE = "requisite"
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
"""The media types of HTML documents."""
LONGEST_LINE = 64 << 10
"""The most bytes that an index line has, its newline included: no longer one is written, or read."""

_DIGITS = 12  # that a number may have in an index that nobody has checked


@dataclass(frozen=True)
class Capture:
    """What is known of one fetched URL.

    Attributes:
        url: the URL asked for, percent-encoded.
        timestamp: when, ``YYYYMMDDhhmmss`` UTC.
        mime: the media type without parameters; ``warc/revisit`` never appears here.
        status: the HTTP status, three digits; of the original where the server answered 304.
        digest: ``sha256:…`` of the payload.
        source: the name of the doc site it was fetched for.
        kind: ``page`` or ``requisite``.
        record: the WARC-Record-ID, ``<urn:uuid:…>``, of the response or revisit record.
        original: for a revisit, the WARC-Record-ID of the record that holds the payload.
        etag, modified: the validators to ask with next time.
        since: since when the content is known to be what it is, ``YYYYMMDDhhmmss`` UTC; empty: since ``timestamp``.
        text: how many characters the main text of an HTML page has, in decimal; empty where that was not counted.
        gone: since when upstream is known not to have it any more, ``YYYYMMDDhhmmss`` UTC; empty where it has it, or
            cannot say.
    """

    url: str
    timestamp: str
    mime: str
    status: str
    digest: str
    source: str
    kind: str
    record: str
    original: str = ""
    etag: str = ""
    modified: str = ""
    since: str = ""
    text: str = ""
    gone: str = ""

    @property
    def key(self) -> str:
        """The SURT key the capture is sorted by."""
        return surt_key(self.url)

    @property
    def payload_record(self) -> str:
        """The WARC-Record-ID of the record in which the payload's bytes are."""
        return self.original or self.record

    @property
    def page(self) -> tuple[str, str]:
        """What captures of one page under several URLs have in common: the URL's twins, and the content."""
        return twins_key(self.url), self.digest

    @property
    def characters(self) -> int | None:
        """How many characters its main text has; None where that is not known."""
        return int(self.text) if self.text.isdecimal() and len(self.text) <= _DIGITS else None

    @property
    def is_readable(self) -> bool:
        """Whether it is an HTML page of the site: what page lists name and search finds."""
        return self.kind == PAGE and self.status == "200" and self.mime in HTML_TYPES

    def to_cdxj(self) -> str:
        """Return the capture's index line: ASCII, without a newline.

        Raises:
            InvalidDocument: it would be longer than any reader accepts.
        """
        members = {name: getattr(self, name) for name in _NAMES if name != "timestamp"}
        line = f"{self.key} {self.timestamp} " + jsontext.dump_line({k: v for k, v in members.items() if v})
        if len(line) >= LONGEST_LINE:
            raise InvalidDocument("too long for an index line", place=f"{self.url:.120}")
        return line

    @classmethod
    def from_cdxj(cls, line: str) -> Capture:
        """Read an index line. Raises InvalidDocument where it is malformed."""
        parts = line.split(" ", 2)
        if len(parts) != 3:
            raise InvalidDocument("not a CDXJ line", place=f"{line:.120}")
        members: dict[str, Any] = jsontext.load_object(
            parts[2].encode(), limit=LONGEST_LINE, what=parts[0][:120]
        )
        values = {name: members.get(name, "") for name in _NAMES}
        values["timestamp"] = parts[1]
        if not all(isinstance(value, str) for value in values.values()) or not values["url"]:
            raise InvalidDocument("a CDXJ member is missing or not a string", place=f"{line:.120}")
        return cls(**values)


def distinct_pages(captures: Iterable[Capture]) -> list[Capture]:
    """Return the captures of a doc site that a list of its pages names: the readable ones, and one for each page.

    Of a page that was captured under several URLs that is the folder's, ``/a/`` rather than ``/a/index.html``
    or ``/a``, else the shortest.
    """
    pages: dict[tuple[str, str], Capture] = {}
    for capture in captures:
        if capture.is_readable:
            known = pages.setdefault(capture.page, capture)
            if preferred_url((known.url, capture.url)) != known.url:
                pages[capture.page] = capture
    return list(pages.values())


def preferred_url(urls: Iterable[str]) -> str:
    """Return which of a page's URLs lists of pages name; see ``distinct_pages``."""
    return min(urls, key=_preference)


def _preference(url: str) -> tuple[bool, int, str]:
    return not url.partition("?")[0].endswith("/"), len(url), url


_NAMES = tuple(field.name for field in fields(Capture))
