"""Whether a delta's docs are whole, and fit the snapshot's capture index; what only its base has cannot be checked here.

Source: docs/format.md, "Deltas".
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.core.clock import iso_of_timestamp14
from archiver.offline.checks.record import check_record
from archiver.offline.checks.records import ReadRecord, RecordsPass
from archiver.offline.checks.search import check_search
from archiver.offline.names import CAPTURES, SEARCH
from archiver.offline.records import RESPONSE, REVISIT

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.progress import Progress
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess


def check_delta(bundle: OpenBundle, report: Report, progress: Progress) -> int:
    """Check a delta's docs, its search index, and ``record/``; return how many captures are in it.

    Args:
        bundle: the delta, its structure read.
        report: is told of each problem.
        progress: is told of the doc sites.
    """
    docs = _NewRecords(report)
    sites = [site for site in bundle.contents.docs if site.path in bundle.structure.members]
    with closing(progress.task("checking docs", "sites", len(sites))) as task:
        for site in sites:
            docs.read(site.path, bundle.part(site.path))
            task.advance()
    documents: set[int] = set()

    def seen(capture: Capture) -> None:
        docs.compare(capture)
        if capture.is_readable:
            documents.add(hash((capture.source, capture.url, capture.timestamp)))

    check_record(bundle, {}, report, seen)
    docs.finish()
    if SEARCH in bundle.structure.members:
        check_search(bundle.part(SEARCH), lambda *document: hash(document) in documents, report)
    return docs.captures


@dataclass
class _Found:
    """A response or revisit of a delta.

    Hashes stand for texts: there may be many records.

    Attributes:
        place: where it is, for problems.
        facts: of what the capture index has to say of it.
        target: of its URL and time.
        payload: of its payload's digest, for a response.
        original: of a revisit, the WARC-Record-ID that it refers to.
        refers: of the URL and time that it refers to.
        listed: whether the capture index speaks of it.
    """

    place: str
    facts: int
    target: int
    payload: int
    original: str
    refers: int
    listed: bool = False


class _NewRecords:
    """The records of a delta, to be compared with the captures of the whole view, one by one.

    Attributes:
        captures: how many of those that were compared are here.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._found: dict[str, _Found] = {}
        self._referring: dict[str, list[str]] = {}  # a revisit's original -> the revisits
        self.captures = 0

    def read(self, path: str, data: RandomAccess) -> None:
        """Read a doc site's records."""

        def note(read: ReadRecord) -> None:
            heading = read.heading
            place = f"{path}, byte {heading.offset}"
            if heading.id in self._found:
                self._report("delta.record", place, f"{heading.id:.80} is here twice")
                return
            original = heading.get("WARC-Refers-To")
            self._found[heading.id] = _Found(
                place,
                _facts(
                    heading.get("WARC-Target-URI"),
                    heading.get("WARC-Date"),
                    heading.get("WARC-Payload-Digest"),
                    heading.type,
                    original,
                    read.status,
                ),
                hash((heading.get("WARC-Target-URI"), heading.get("WARC-Date"))),
                hash(heading.get("WARC-Payload-Digest")) if heading.type == RESPONSE else 0,
                original,
                hash((heading.get("WARC-Refers-To-Target-URI"), heading.get("WARC-Refers-To-Date"))),
            )
            if heading.type == REVISIT:
                self._referring.setdefault(original, []).append(heading.id)

        # Without an index there is no telling where the next record begins behind a broken one.
        RecordsPass(data, path, self._report, note, lambda _: data.size).run()

    def compare(self, capture: Capture) -> None:
        """Compare a capture of the view with its record, and with those that refer to it."""
        found = self._found.get(capture.record)
        when = iso_of_timestamp14(capture.timestamp)
        if found is not None:
            self.captures += 1
            found.listed = True
            kind = REVISIT if capture.original else RESPONSE
            status = "" if capture.original else capture.status
            if found.facts != _facts(capture.url, when, capture.digest, kind, capture.original, status):
                self._report(
                    "delta.record", found.place, f"{capture.record:.80} is not what {CAPTURES} says of it"
                )
        original = self._found.get(capture.original) if capture.original else None
        if original is not None:
            original.listed = True
            if original.payload != hash(capture.digest):
                self._report(
                    "delta.record",
                    original.place,
                    f"it is not the response that {capture.record:.80} refers to",
                )
        if capture.record not in self._found:
            self._check_referring(capture.record, hash((capture.url, when)))

    def finish(self) -> None:
        """Report what only all captures together show."""
        for record, found in self._found.items():
            if not found.listed:
                self._report("delta.unindexed", found.place, f"{CAPTURES} does not name {record:.80}")
            self._check_referring(record, found.target)

    def _check_referring(self, original: str, target: int) -> None:
        for revisit in self._referring.get(original, ()):
            found = self._found[revisit]
            if found.refers != target:
                self._report(
                    "delta.record",
                    found.place,
                    f"{revisit:.80} refers to another URL or time than its original's",
                )


def _facts(*said: str) -> int:
    """What the index and a record both say: URL, time, payload's digest, type, original, status of a response."""
    return hash(said)
