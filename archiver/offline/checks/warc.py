"""Whether a WACZ's data.warc.gz is whole, record by record, and its index points into it exactly.

The records are read in one pass; each is looked up in the index by its URL. So memory does not grow with
the number of records.

Source: WARC 1.1; docs/format.md, "docs/<source>.wacz".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from archiver.core.clock import iso_of_timestamp14
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError, ContentError, RecordCorrupt
from archiver.core.urlkey import surt_key
from archiver.offline.cdxj import ORIGINAL
from archiver.offline.checks.index import readable_lines
from archiver.offline.records import (
    NOT_MODIFIED,
    REQUEST,
    RESPONSE,
    REVISIT,
    WARCINFO,
    Heading,
    Place,
    Record,
)
from archiver.offline.wacz import ARCHIVE, INDEX, Wacz
from archiver.offline.windows import CHUNK

if TYPE_CHECKING:
    from archiver.offline.cdxj import IndexLine
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

_CAPTURES = (RESPONSE, REVISIT)


@dataclass(frozen=True)
class _Read:
    """A record that was read to its end: its headers, its member's length in bytes, and the response's status."""

    heading: Heading
    length: int
    status: str

    @property
    def end(self) -> int:
        return self.heading.offset + self.length


def check_records(wacz: Wacz, lines: int, report: Report) -> None:
    """Read all of data.warc.gz and compare it with the index.

    Args:
        wacz: the WACZ.
        lines: how many lines its index has.
        report: is told of each problem; places are within the WACZ.
    """
    checker = _Checker(wacz, report)
    checker.run()
    if checker.matched != lines:
        _report_dangling(wacz, report)


class _Checker:
    def __init__(self, wacz: Wacz, report: Report) -> None:
        self._wacz, self._report = wacz, report
        self._data = wacz.part(ARCHIVE)
        self.matched = 0

    def run(self) -> None:
        position, last, first = 0, None, True
        while position < self._data.size:
            try:
                read = _read(self._data, position, self._problem)
            except ArchiverError as error:
                self._report("warc.record", f"{ARCHIVE}, byte {position}", error.message)
                self._expect_request(last, None)
                position, last = self._next_known(position), None
                continue
            self._expect_request(last, read.heading)
            if first and read.heading.type != WARCINFO:
                self._problem("warc.record", read.heading, "the first record is no warcinfo")
            last = read if read.heading.type in _CAPTURES else None
            if last is not None:
                self._match(read)
            elif not first and read.heading.type != REQUEST:
                self._problem("warc.record", read.heading, f"a record of the type {read.heading.type!r:.40}")
            position, first = read.end, False
        self._expect_request(last, None)

    def _expect_request(self, capture: _Read | None, heading: Heading | None) -> None:
        """Check what stands behind a capture's record, or that no request stands elsewhere."""
        if capture is None:
            if heading is not None and heading.type == REQUEST:
                self._problem("warc.pair", heading, "a request without a response in front of it")
            return
        before = capture.heading
        names = ("WARC-Target-URI", "WARC-Date")
        belongs = (
            heading is not None
            and heading.type == REQUEST
            and heading.get("WARC-Concurrent-To") == before.id
            and all(heading.get(name) == before.get(name) for name in names)
        )
        if not belongs:
            self._problem("warc.pair", before, "the next record is not its request")

    def _match(self, read: _Read) -> None:
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
    def _facts(line: IndexLine, read: _Read) -> list[tuple[str, str, str]]:
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

    def _problem(self, code: str, heading: Heading, detail: str) -> None:
        self._report(code, f"{ARCHIVE}, byte {heading.offset}", f"{heading.id:.80} {detail}")


def _read(data: RandomAccess, position: int, problem: Callable[[str, Heading, str], None]) -> _Read:
    """Read a record to its end and check its digests."""
    record = Record(data, position, data.size - position)
    heading = record.heading
    block, payload = Digest.of(b"").hasher(), Digest.of(b"").hasher()
    status = ""
    if heading.type == RESPONSE:
        status = str(record.http_head(block.update).status)
    while chunk := record.read(CHUNK):
        block.update(chunk)
        payload.update(chunk)
    length = record.finish()
    expected = [("WARC-Block-Digest", block.hexdigest())]
    if heading.type == RESPONSE:
        expected.append(("WARC-Payload-Digest", payload.hexdigest()))
    for name, actual in expected:
        if heading.get(name) != f"sha256:{actual}":
            problem("warc.digest", heading, f"{name} is {heading.get(name)!r:.100}, not sha256:{actual}")
    return _Read(heading, length, status)


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
