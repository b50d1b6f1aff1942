"""Whether a WACZ's index is in order, and bundle.json and pages.jsonl speak of what is in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Iterator

from archiver.core import jsontext
from archiver.core.clock import parse_iso, timestamp14
from archiver.core.errors import ArchiverError, InvalidDocument
from archiver.core.urlkey import surt_key
from archiver.offline.cdxj import ORIGINAL, IndexLine, parse_lines
from archiver.offline.wacz import INDEX, PAGES, Wacz
from archiver.offline.windows import open_window

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.bundlejson import DocsEntry
    from archiver.offline.problems import Report

_MOST_BLOCK_LINES = 1000
_MOST_PAGE_LINE = 64 << 10
_INDEXED = ("url", "timestamp", "mime", "status", "digest", "kind", "record", "original")
_HEAD = {"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}


@dataclass
class Counts:
    """What an index holds: records, captures of the snapshot's view, distinct HTML pages, and their time span.

    ``fingerprint`` is equal for the same captures in any order, within one process.
    """

    lines: int = 0
    captures: int = 0
    oldest: str = ""
    newest: str = ""
    fingerprint: int = 0
    _pages: set[int] = field(default_factory=set)

    @property
    def pages(self) -> int:
        """How many pages a list of them has."""
        return len(self._pages)

    def add(self, capture: Capture) -> None:
        """Count a line."""
        self.lines += 1
        if capture.kind == ORIGINAL:
            return
        self.captures += 1
        self.fingerprint += hash(tuple(getattr(capture, name) for name in _INDEXED))
        if capture.is_readable:
            self._pages.add(hash(capture.page))
        self.oldest = min(self.oldest or capture.timestamp, capture.timestamp)
        self.newest = max(self.newest, capture.timestamp)


def check_index(wacz: Wacz, site: DocsEntry, report: Report) -> Counts:
    """Check every line's form and order and what bundle.json says of the whole; return what there is."""
    counts = Counts()
    for line in readable_lines(wacz, report):
        counts.add(line.capture)
        try:
            key = surt_key(line.capture.url)
        except ArchiverError:
            key = ""
        if key != line.key:
            report("wacz.index", INDEX, f"{line.capture.url} stands under the key {line.key}")
    said = (site.captures, site.pages, site.oldest, site.newest)
    there = (counts.captures, counts.pages, counts.oldest, counts.newest)
    if said != there:
        report(
            "bundle.reference", "", f"captures, pages, oldest, newest are {there}, bundle.json says {said}"
        )
    return counts


def readable_lines(wacz: Wacz, report: Report) -> Iterator[IndexLine]:
    """Yield what the lines that can be read say, and report those that cannot, or stand out of order."""
    last = b""
    for number, block in enumerate(wacz.blocks):
        where = f"{INDEX}, byte {block.offset}"
        try:
            lines = wacz.block(number)
        except ArchiverError as error:
            report("wacz.index", where, error.message)
            continue
        if len(lines) > _MOST_BLOCK_LINES or not lines[0].startswith(block.first + b" "):
            report("wacz.index", where, "the block is too long, or does not begin as index.idx says")
        for line in lines:
            if line <= last:
                report("wacz.index", where, f"out of order: {line[:120]!r}")
            last = line
            try:
                yield from parse_lines(line, "")
            except InvalidDocument as error:
                report("wacz.index", where, str(error))


def check_pages(wacz: Wacz, counts: Counts, report: Report) -> None:
    """Check that pages.jsonl lists the pages of the index: each of them, once, and nothing else."""
    if PAGES not in wacz.entries:
        return  # reported when the WACZ was opened
    entry = wacz.part(PAGES)
    number, ids = 0, set()
    with open_window(entry, 0, entry.size) as stream:
        while data := stream.readline(_MOST_PAGE_LINE):
            document = _page_line(data)
            if document is None:
                report("wacz.document", PAGES, f"line {number + 1} is not a line of JSON")
            elif number == 0:
                if document != _HEAD:
                    report("wacz.document", PAGES, "not the header of a list of pages")
            elif not _is_indexed(document, wacz):
                report("wacz.dangling", PAGES, f"line {number + 1}: the index has no such page")
            else:
                ids.add(document["id"])
            number += 1
    if len(ids) != counts.pages or number - 1 != counts.pages:
        report(
            "wacz.document", PAGES, f"{number - 1} pages, {len(ids)} distinct, the index has {counts.pages}"
        )


def _page_line(data: bytes) -> dict[str, Any] | None:
    if not data.endswith(b"\n"):
        return None
    try:
        return jsontext.load_object(data, limit=_MOST_PAGE_LINE, what=PAGES)
    except InvalidDocument:
        return None


def _is_indexed(page: dict[str, Any], wacz: Wacz) -> bool:
    if not all(isinstance(page.get(name), str) for name in ("id", "url", "ts", "title")):
        return False
    try:
        moment = timestamp14(parse_iso(page["ts"]))
        found = [line.capture for line in wacz.lines(surt_key(page["url"]))]
    except (ArchiverError, ValueError):
        return False
    return any(
        capture.is_readable and (capture.url, capture.timestamp) == (page["url"], moment) for capture in found
    )
