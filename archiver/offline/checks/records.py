"""Whether a WARC file in a bundle is whole, record by record; what its records should say is for others to check.

Source: WARC 1.1; docs/format.md, "docs/<source>.wacz".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError
from archiver.offline.records import REQUEST, RESPONSE, REVISIT, WARCINFO, Heading, Record
from archiver.offline.windows import CHUNK

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

_CAPTURES = (RESPONSE, REVISIT)


@dataclass(frozen=True)
class ReadRecord:
    """A record that was read to its end: its headers, its member's length in bytes, and the response's status."""

    heading: Heading
    length: int
    status: str

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.heading.offset + self.length


class RecordsPass:
    """Reads a WARC file from its beginning to its end: a warcinfo, then responses and revisits, each with its request.

    Args:
        data: the WARC file.
        place: names it in problems.
        report: is told of each problem.
        on_capture: is given each response and revisit, in order.
        next_known: says where to go on behind a broken record that began at an offset.
    """

    def __init__(
        self,
        data: RandomAccess,
        place: str,
        report: Report,
        on_capture: Callable[[ReadRecord], None],
        next_known: Callable[[int], int],
    ) -> None:
        self._data, self._place, self._report = data, place, report
        self._on_capture, self._next_known = on_capture, next_known

    def run(self) -> None:
        """Read all of it."""
        position, last, first = 0, None, True
        while position < self._data.size:
            try:
                read = self._read(position)
            except ArchiverError as error:
                self._report("warc.record", f"{self._place}, byte {position}", error.message)
                self._expect_request(last, None)
                position, last = self._next_known(position), None
                continue
            self._expect_request(last, read.heading)
            if first and read.heading.type != WARCINFO:
                self.problem("warc.record", read.heading, "the first record is no warcinfo")
            last = read if read.heading.type in _CAPTURES else None
            if last is not None:
                self._on_capture(read)
            elif not first and read.heading.type != REQUEST:
                self.problem("warc.record", read.heading, f"a record of the type {read.heading.type!r:.40}")
            position, first = read.end, False
        self._expect_request(last, None)

    def problem(self, code: str, heading: Heading, detail: str) -> None:
        """Report a problem of a record."""
        self._report(code, f"{self._place}, byte {heading.offset}", f"{heading.id:.80} {detail}")

    def _expect_request(self, capture: ReadRecord | None, heading: Heading | None) -> None:
        """Check what stands behind a capture's record, or that no request stands elsewhere."""
        if capture is None:
            if heading is not None and heading.type == REQUEST:
                self.problem("warc.pair", heading, "a request without a response in front of it")
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
            self.problem("warc.pair", before, "the next record is not its request")

    def _read(self, position: int) -> ReadRecord:
        """Read a record to its end and check its digests."""
        record = Record(self._data, position, self._data.size - position)
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
                detail = f"{name} is {heading.get(name)!r:.100}, not sha256:{actual}"
                self.problem("warc.digest", heading, detail)
        return ReadRecord(heading, length, status)
