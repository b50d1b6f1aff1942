"""Whether a WACZ's data.warc.gz is whole, record by record, and its index points into it exactly.

The records are read in one pass; each is looked up in the index by its URL. So memory does not grow with
the number of records.

Source: WARC 1.1; docs/format.md, "docs/<source>.wacz".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.clock import iso_of_timestamp14
from archiver.core.errors import ArchiverError, ContentError, RecordCorrupt
from archiver.core.urlkey import surt_key
from archiver.offline.cdxj import ORIGINAL
from archiver.offline.checks.index import readable_lines
from archiver.offline.checks.records import ReadRecord, RecordsPass
from archiver.offline.records import NOT_MODIFIED, RESPONSE, REVISIT, Place
from archiver.offline.wacz import ARCHIVE, INDEX, Wacz

if TYPE_CHECKING:
    from archiver.offline.cdxj import IndexLine
    from archiver.offline.problems import Report
    from archiver.offline.records import Heading


def check_records(wacz: Wacz, lines: int, report: Report) -> None:
    """Read all of data.warc.gz and compare it with the index.

    Args:
        wacz: the WACZ.
        lines: how many lines its index has.
        report: is told of each problem; places are within the WACZ.
    """
    checker = _Checker(wacz, report)
    checker.reading.run()
    if checker.matched != lines:
        _report_dangling(wacz, report)


class _Checker:
    def __init__(self, wacz: Wacz, report: Report) -> None:
        self._wacz = wacz
        self._data = wacz.part(ARCHIVE)
        self.reading = RecordsPass(self._data, ARCHIVE, report, self._match, self._next_known)
        self._problem = self.reading.problem
        self.matched = 0

    def _match(self, read: ReadRecord) -> None:
        """Compare a response or revisit with its line in the index."""
        heading = read.heading
        found = self._lines(heading.get("WARC-Target-URI"), heading.id)
        if len(found) != 1:
            self._problem("wacz.unindexed", heading, f"the index has {len(found)} lines for it")
            return
        line = found[0]
        self.matched += 1
        if (line.offset, line.length) != (heading.offset, read.length):
            there = f"{read.length} bytes at {heading.offset}"
            self._problem("wacz.index", heading, f"{there}, the index says {line.length} at {line.offset}")
        for what, said, there in self._facts(line, read):
            if said != there:
                self._problem(
                    "wacz.index", heading, f"the {what} is {there:.200}, the index says {said:.200}"
                )
        if line.capture.original:
            self._check_original(line, heading)

    @staticmethod
    def _facts(line: IndexLine, read: ReadRecord) -> list[tuple[str, str, str]]:
        heading, capture = read.heading, line.capture
        facts = [
            ("URL", capture.url, heading.get("WARC-Target-URI")),
            ("time", iso_of_timestamp14(capture.timestamp), heading.get("WARC-Date")),
            ("payload digest", capture.digest, heading.get("WARC-Payload-Digest")),
            ("type", REVISIT if capture.original else RESPONSE, heading.type),
            ("original", capture.original, heading.get("WARC-Refers-To")),
        ]
        if heading.type == RESPONSE:
            facts.append(("status", capture.status, read.status))
        return facts

    def _check_original(self, line: IndexLine, heading: Heading) -> None:
        found = self._lines(heading.get("WARC-Refers-To-Target-URI"), line.capture.original)
        if len(found) != 1 or found[0].capture.original:
            self._problem("wacz.dangling", heading, f"no response {line.capture.original} that it refers to")
            return
        original = found[0]
        said = (line.original_offset, line.original_length, line.capture.digest, line.capture.mime)
        if said != (original.offset, original.length, original.capture.digest, original.capture.mime):
            self._problem(
                "wacz.index", heading, "the line does not say of the original what the original's says"
            )
        shares = (
            heading.get("WARC-Profile") == NOT_MODIFIED
            and original.capture.kind == ORIGINAL
            and original.capture.url == line.capture.url
        )
        if line.shared != shares:
            self._problem("wacz.index", heading, "it shares its original's line, or should and does not")
        if heading.get("WARC-Refers-To-Date") != iso_of_timestamp14(original.capture.timestamp):
            self._problem("wacz.dangling", heading, "it refers to another time than the original's")

    def _lines(self, url: str, record: str) -> list[IndexLine]:
        try:
            return [line for line in self._wacz.lines(surt_key(url)) if line.capture.record == record]
        except ArchiverError:
            return []  # an unreadable part of the index is reported by its own check

    def _next_known(self, position: int) -> int:
        """Return where the index says that the next record begins, to go on after a broken one."""
        known = (line.offset for line in readable_lines(self._wacz, _ignore) if line.offset > position)
        return min(known, default=self._data.size)


def _report_dangling(wacz: Wacz, report: Report) -> None:
    """Find the lines that no record answers to; only where their numbers differ."""
    data = wacz.part(ARCHIVE)
    for line in readable_lines(wacz, _ignore):
        kind = REVISIT if line.capture.original else RESPONSE
        try:
            Place(data, line.offset, line.length, line.capture.record).open(kind)
        except (RecordCorrupt, ContentError) as error:
            report("wacz.dangling", INDEX, f"{line.capture.url:.200} at byte {line.offset}: {error.message}")


def _ignore(code: str, where: str, detail: str) -> None:
    """Take a problem that another check has reported."""
