"""Writing exchanges down: as responses, or as revisits of what an earlier snapshot or a twin has."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Mapping

from archiver.collect.web.fetch import header_value
from archiver.collect.web.warc import IDENTICAL, NOT_MODIFIED, Position, Revisit
from archiver.core.clock import iso, parse_iso, timestamp14
from archiver.core.contentcoding import decoded_start
from archiver.core.digest import CHUNK
from archiver.core.errors import NotArchived, RecordCorrupt, ResponseBroken
from archiver.core.urlidentity import twins, twins_key

if TYPE_CHECKING:
    from archiver.collect.asking import PageAsking
    from archiver.collect.web.fetch import Exchange
    from archiver.collect.web.payloads import PayloadReader, StoredRecord
    from archiver.collect.web.warc import WarcOutput
    from archiver.core.capture import Capture
    from archiver.store.locator import Location, Locator

_MOST_WRITTEN = 20_000  # responses remembered for their twins

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Recorded:
    """A response as the WARC has it, just written or read back.

    Attributes:
        url: what was asked for.
        record: the WARC-Record-ID of the response or revisit record.
        timestamp: when, 14 digits.
        status, headers: as received, so 304 where that was the answer.
        digest: of the payload.
        size: the bytes of body that came over the wire.
        truncated: whether the payload was cut at the limit.
        original: for a revisit, the WARC-Record-ID of the response that has the payload.
        revisited: the earlier snapshot's capture, where the revisit is of that.
        payload_headers, payload: of the response that has the payload; the payload is positioned at its
            begin, and whoever has the last use for it closes it.
        payload_size: how many bytes of the payload may be read.
    """

    url: str
    record: str
    timestamp: str
    status: int
    headers: tuple[tuple[str, str], ...]
    digest: str
    size: int
    truncated: bool
    original: str
    revisited: Capture | None
    payload_headers: tuple[tuple[str, str], ...]
    payload: IO[bytes]
    payload_size: int

    def header(self, name: str) -> str:
        """Return a header of the response itself, or an empty string."""
        return header_value(self.headers, name)

    @property
    def is_redirect(self) -> bool:
        """Whether it says that what was asked for is elsewhere."""
        return self.status in _REDIRECTS

    @property
    def content_type(self) -> str:
        """The Content-Type of the response that has the payload."""
        return header_value(self.payload_headers, "Content-Type")

    @property
    def content_encoding(self) -> str:
        """The Content-Encoding of the response that has the payload."""
        return header_value(self.payload_headers, "Content-Encoding")

    def content(self, most: int) -> bytes:
        """Return at most ``most`` bytes of the payload without its content coding."""
        return decoded_start(iter(lambda: self.payload.read(CHUNK), b""), self.content_encoding, most)


@dataclass(frozen=True)
class _Written:
    """A response of this run, as its twin may refer to it."""

    url: str
    record: str
    date: str
    digest: str
    content: tuple[str, str]  # type and coding: what is said of the payload


class Recorder:
    """Writes a source's exchanges to its WARC files and reads them back. Belongs to the coordinator.

    Args:
        output: the WARC files.
        locator: learns where records are, once they are durable.
        payloads: reads records back.
        previous: the source's captures in the last good snapshot, by URL.
        asking: what is asked of the source.
    """

    def __init__(
        self,
        output: WarcOutput,
        locator: Locator,
        payloads: PayloadReader,
        previous: Mapping[str, Capture],
        asking: PageAsking,
    ) -> None:
        self._output, self._locator, self._payloads = output, locator, payloads
        self._previous, self._asking = previous, asking
        self._unlocated: list[Location] = []
        self._open: dict[str, Position] = {}  # where records not accounted for yet begin, oldest first
        self._written: dict[str, _Written] = {}  # by what twins have in common

    @property
    def waiting(self) -> int:
        """How many captures are written but not durable."""
        return len(self._unlocated)

    def conditions(self, url: str) -> tuple[tuple[str, str], ...]:
        """Return the request headers that ask for a URL only if it changed since the last good snapshot."""
        earlier = self._previous.get(url)
        if earlier is None or earlier.status != "200" or not self._payloads.knows(earlier.payload_record):
            return ()
        return self._asking.conditions(earlier)

    def write(self, exchange: Exchange, *, conditional: bool) -> Recorded | None:
        """Write an exchange down.

        Args:
            exchange: what was sent and received; its body is left to what is returned, or closed.
            conditional: whether the request had ``conditions``.

        Returns:
            None where the server says "not modified" but what it speaks of cannot be read any more:
            ask again without conditions.

        Raises:
            ResponseBroken: the status is no answer to what was asked.
            StoreError: or a subclass, where the file system refuses.
        """
        unchanged = exchange.status == 304
        nonsense = _senseless(exchange.status, conditional=conditional)
        if nonsense:
            raise ResponseBroken(nonsense, place=exchange.url)
        earlier = self._previous.get(exchange.url)
        if earlier is not None and (unchanged or _is_identical(exchange, earlier)):
            original = self._response(earlier.payload_record, earlier.digest)
            if original is not None:
                return self._write_revisit(exchange, earlier, original)
            if unchanged:
                return None
        twin = self._twin(exchange)
        revisit = Revisit(IDENTICAL, twin.record, twin.url, twin.date, twin.digest) if twin else None
        location = self._noted(self._output.write(exchange, revisit))
        if twin is None:
            self._remember(exchange, location)
        exchange.body.seek(0)
        return Recorded(
            exchange.url,
            location.id,
            timestamp14(exchange.moment),
            exchange.status,
            exchange.headers,
            exchange.digest,
            exchange.size,
            exchange.truncated,
            twin.record if twin else "",
            None,
            exchange.headers,
            exchange.body,
            exchange.size,
        )

    def adopt(self, location: Location) -> Recorded | None:
        """Read back a record that is durable but not accounted for; None where it cannot be used."""
        try:
            stored = self._payloads.read_at(location)
        except RecordCorrupt:
            return None
        payload = self._response(stored.refers_to, stored.digest) if stored.refers_to else stored
        earlier = self._previous.get(stored.url)
        if earlier is not None and earlier.payload_record != stored.refers_to:
            earlier = None
        if payload is None or (stored.status == 304 and earlier is None):
            return None
        self._noted(location)
        return _read_back(stored, location.id, earlier, payload)

    def reread(self, capture: Capture) -> Recorded:
        """Read a durable capture of this run back, with its payload.

        Raises:
            NotArchived, RecordCorrupt: it cannot be read.
        """
        stored = self._payloads.read(capture.record)
        payload = self._payloads.read(capture.original) if capture.original else stored
        return _read_back(stored, capture.record, None, payload)

    def sync(self) -> Position | None:
        """Make everything written durable, tell the locator, and return up to where all is accounted for."""
        position = self._output.sync()
        if self._unlocated:
            self._locator.add(self._unlocated)
            self._unlocated = []
        return next(iter(self._open.values()), position)

    def accounted(self, recorded: Recorded) -> None:
        """Take note that the state knows all that a record means; till then ``sync`` stops short of it."""
        self._open.pop(recorded.record, None)

    def _write_revisit(self, exchange: Exchange, earlier: Capture, original: StoredRecord) -> Recorded:
        profile = NOT_MODIFIED if exchange.status == 304 else IDENTICAL
        revisit = Revisit(profile, earlier.payload_record, original.url, original.date, earlier.digest)
        location = self._noted(self._output.write(exchange, revisit))
        exchange.body.close()
        return Recorded(
            exchange.url,
            location.id,
            timestamp14(exchange.moment),
            exchange.status,
            exchange.headers,
            earlier.digest,
            exchange.size,
            original.truncated,
            earlier.payload_record,
            earlier,
            original.headers,
            io.BytesIO(original.body),
            len(original.body),
        )

    def _noted(self, location: Location) -> Location:
        self._unlocated.append(location)
        self._open[location.id] = Position(location.file, location.offset)
        return location

    def _twin(self, exchange: Exchange) -> _Written | None:
        """Return this run's response with the same content for a twin of the URL, or None."""
        twin = self._written.get(twins_key(exchange.url))
        if twin is None or twin.url == exchange.url or exchange.status != 200 or exchange.truncated:
            return None
        return twin if (twin.digest, twin.content) == (exchange.digest, _content(exchange)) else None

    def _remember(self, exchange: Exchange, location: Location) -> None:
        """Keep where a response is, for as long as its twins are likely to come."""
        if exchange.status != 200 or exchange.truncated or not exchange.size or not twins(exchange.url):
            return
        if len(self._written) >= _MOST_WRITTEN:
            self._written.clear()
        self._written[twins_key(exchange.url)] = _Written(
            exchange.url, location.id, iso(exchange.moment), exchange.digest, _content(exchange)
        )

    def _response(self, record: str, digest: str) -> StoredRecord | None:
        """Read the response record that holds a payload; None where it cannot be relied on."""
        try:
            stored = self._payloads.read(record)
        except (NotArchived, RecordCorrupt):
            return None
        return stored if stored.type == "response" and stored.digest == digest else None


def _content(exchange: Exchange) -> tuple[str, str]:
    return exchange.header("Content-Type"), exchange.header("Content-Encoding")


def _senseless(status: int, *, conditional: bool) -> str:
    """Return why a status answers nothing that was asked; empty where it does."""
    if status < 200:
        return f"answered {status}, which announces an answer, and gave none"
    if status == 206:
        return "answered with a part (206) to a request for the whole"
    if status == 304 and not conditional:
        return "answered 304 to an unconditional request"
    return ""


def _is_identical(exchange: Exchange, earlier: Capture) -> bool:
    if exchange.status != 200 or earlier.status != "200" or exchange.truncated:
        return False
    return exchange.size > 0 and exchange.digest == earlier.digest


def _read_back(stored: StoredRecord, record: str, earlier: Capture | None, payload: StoredRecord) -> Recorded:
    return Recorded(
        stored.url,
        record,
        timestamp14(parse_iso(stored.date)),
        stored.status,
        stored.headers,
        stored.digest,
        stored.size,
        payload.truncated,
        stored.refers_to,
        earlier,
        payload.headers,
        io.BytesIO(payload.body),
        len(payload.body),
    )
