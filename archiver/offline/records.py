"""Reading one WARC record in place: a gzip member of a WARC file or of a WACZ's data.warc.gz.

Everything is bounded: header blocks by a constant, the body by the record's own Content-Length, memory
by the size of a chunk. A small record, and most are, is inflated at once: that is several times as quick.

Source: WARC 1.1, sections 4 and 5, and annex D (one gzip member a record); RFC 9112 section 5, for header fields.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import IO, TYPE_CHECKING, Callable

from archiver.core.digest import ContentCheck, Digest
from archiver.core.errors import InvalidDigest, RecordCorrupt
from archiver.offline.holdings import Response
from archiver.offline.inflating import inflate

if TYPE_CHECKING:
    from archiver.offline.windows import RandomAccess

RESPONSE = "response"
REVISIT = "revisit"
REQUEST = "request"
WARCINFO = "warcinfo"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
_CHUNK = 1 << 16
_SMALL, _SMALL_INFLATED = 1 << 19, 1 << 21  # bytes of a record that is inflated at once
_MOST_WARC_HEAD = 256 << 10
_MOST_HTTP_HEAD = 1 << 20
_TAIL = b"\r\n\r\n"  # what stands behind a record's block
_BLANK = b"\r\n\r\n"


class GzipMember(io.RawIOBase):
    """What one gzip member holds, as a stream that ends with the member.

    ``consumed`` is, once the end was reached, the member's length in bytes.
    Reading raises RecordCorrupt where the member is broken, or not whole within ``most`` bytes.
    """

    def __init__(self, source: RandomAccess, offset: int, most: int) -> None:
        super().__init__()
        self._source, self._offset, self._most = source, offset, most
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._waiting = b""
        self._fed = 0
        self.consumed = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12
        """Fill a buffer with the next bytes and return how many there were; 0 at the member's end."""
        data = b""
        while not data and not self._inflater.eof:
            fresh = self._waiting or self._feed()
            try:
                data = self._inflater.decompress(fresh, len(buffer))
            except zlib.error as error:
                raise RecordCorrupt(f"not a sound gzip member: {error}", place=self._place) from error
            self._waiting = self._inflater.unconsumed_tail
            if not (fresh or data or self._inflater.eof):  # nothing came in, nothing was held back
                raise RecordCorrupt("the gzip member is not whole", place=self._place)
        if self._inflater.eof:
            self.consumed = self._fed - len(self._inflater.unused_data)
        buffer[: len(data)] = data
        return len(data)

    def _feed(self) -> bytes:
        data = self._source.read_at(self._offset + self._fed, min(_CHUNK, self._most - self._fed))
        self._fed += len(data)
        return data

    @property
    def _place(self) -> str:
        return f"byte {self._offset}"


@dataclass(frozen=True)
class Heading:
    """A record's header fields, and where the record begins (bytes)."""

    fields: tuple[tuple[str, str], ...]
    offset: int

    def get(self, name: str) -> str:
        """Return a field's value, or an empty string where the record does not have it."""
        return self._values.get(name.lower(), "")

    @cached_property
    def _values(self) -> dict[str, str]:
        """The fields by their names in lower case; of several of one name the first."""
        return {name.lower(): value for name, value in reversed(self.fields)}

    @property
    def type(self) -> str:
        """The record's type: ``response``, ``revisit``, ``request``, ``warcinfo``."""
        return self.get("WARC-Type")

    @property
    def id(self) -> str:
        """The WARC-Record-ID, ``<urn:uuid:…>``."""
        return self.get("WARC-Record-ID")

    @property
    def length(self) -> int:
        """The block's length in bytes. Raises RecordCorrupt where the record does not say it."""
        text = self.get("Content-Length")
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise RecordCorrupt("the record has no Content-Length", place=f"byte {self.offset}")
        return int(text)

    def digest(self, name: str) -> Digest | None:
        """Return a digest field's value, or None where the record does not have it.

        Raises:
            RecordCorrupt: it is no digest in the form of docs/format.md.
        """
        try:
            return Digest.parse(self.get(name)) if self.get(name) else None
        except InvalidDigest as error:
            raise RecordCorrupt(f"{name}: {error.message}", place=self.id) from error


@dataclass(frozen=True)
class HttpHead:
    """The status line and header fields of an archived response."""

    status: int
    reason: str
    fields: tuple[tuple[str, str], ...]


class Record:
    """A record opened for one pass, from its headers to the end of its gzip member.

    Args:
        source: where the record is.
        offset: where its gzip member begins.
        most: how many bytes the member may take.

    Attributes:
        heading: its header fields.
        left: how many bytes of its block have not been read.
        is_small: whether all of it is in memory already.

    Raises:
        RecordCorrupt: what stands there is not the beginning of a WARC 1.1 record.
    """

    def __init__(self, source: RandomAccess, offset: int, most: int) -> None:
        small = _small_member(source, offset, most) if most <= _SMALL else None
        self.is_small = small is not None
        member = small or GzipMember(source, offset, most)
        self._member = member
        self._stream = member if isinstance(member, io.BytesIO) else io.BufferedReader(member, _CHUNK)
        head = _read_head(self._stream, _MOST_WARC_HEAD, f"byte {offset}")
        if head.start.upper() != "WARC/1.1":
            raise RecordCorrupt(_NOT_A_HEAD, place=f"byte {offset}")
        self.heading = Heading(head.fields, offset)
        self.left = self.heading.length

    def http_head(self, on_bytes: Callable[[bytes], None] | None = None) -> HttpHead:
        """Read the HTTP status line and fields that the block begins with.

        Args:
            on_bytes: is given the raw bytes, line by line.
        """
        head = _read_head(self._stream, min(self.left, _MOST_HTTP_HEAD), self.heading.id, on_bytes)
        self.left -= head.taken
        protocol, _, line = head.start.partition(" ")
        if protocol.upper() not in ("HTTP/1.0", "HTTP/1.1"):
            raise RecordCorrupt(_NOT_A_HEAD, place=self.heading.id)
        status, _, reason = line.strip().partition(" ")
        if len(status) != 3 or not status.isascii() or not status.isdigit():
            raise RecordCorrupt("the archived response has no status", place=self.heading.id)
        return HttpHead(int(status), reason, head.fields)

    def read(self, size: int) -> bytes:
        """Return up to ``size`` more bytes of the block; nothing once it is at its end.

        Raises:
            RecordCorrupt: the gzip member ends before the block does.
        """
        data = self._stream.read(min(size, self.left))
        if not data and size and self.left:
            raise RecordCorrupt("the record is shorter than it says", place=self.heading.id)
        self.left -= len(data)
        return data

    def finish(self) -> int:
        """Read what follows the block and return the gzip member's length in bytes.

        Raises:
            RecordCorrupt: the block was not read to its end, or the member holds more than the record.
        """
        if self.left or self._stream.read(len(_TAIL) + 1) != _TAIL:
            raise RecordCorrupt("the record does not end where it says", place=self.heading.id)
        return self._member.consumed


class _SmallMember(io.BytesIO):
    """What a gzip member holds, and the member's length in bytes."""

    def __init__(self, content: bytes, consumed: int) -> None:
        super().__init__(content)
        self.consumed = consumed
        self._content = content

    def read_plain_head(self, most: int) -> bytes:
        """Read the lines up to an empty one; nothing where one is folded or odd, or they are more than ``most`` bytes."""
        at = self.tell()
        end = self._content.find(_BLANK, at, at + most)
        block = self._content[at : max(at, end)]
        breaks = block.count(b"\r\n")
        odd = b"\n " in block or b"\n\t" in block or b"\v" in block or b"\f" in block or block[:1].isspace()
        if odd or not breaks == block.count(b"\n") == block.count(b"\r"):
            return b""
        self.seek(at + len(block) + len(_BLANK))
        return block


def _small_member(source: RandomAccess, offset: int, most: int) -> _SmallMember | None:
    """Return a whole member; None where it is large or damaged, which the stream then tells."""
    member = inflate(source.read_at(offset, most), _SMALL_INFLATED)
    return _SmallMember(member.content, member.length) if member else None


@dataclass(frozen=True)
class _Head:
    """A block of header fields: its first line, the fields, and how many bytes it took."""

    start: str
    fields: tuple[tuple[str, str], ...]
    taken: int


_NOT_A_HEAD = "not the header block of such a record"


def _read_head(
    stream: IO[bytes], most: int, place: str, on_bytes: Callable[[bytes], None] | None = None
) -> _Head:
    """Read lines up to an empty one, or the end.

    A line that is folded is joined with the one before it, one without a colon is passed over: a server sent that.

    Raises:
        RecordCorrupt: there are more bytes than ``most``, or none.
    """
    if on_bytes is None and isinstance(stream, _SmallMember):
        begun = stream.tell()
        plain = stream.read_plain_head(most)
        if plain:
            return _head_of(_decoded_lines(plain, "\r\n"), len(plain) + len(_BLANK))
        stream.seek(begun)
    lines: list[bytes] = []
    taken = 0
    while True:
        line = stream.readline(most - taken + 1)
        taken += len(line)
        if taken > most:
            raise RecordCorrupt("the header block is too long", place=place)
        if on_bytes is not None:
            on_bytes(line)
        stripped = line.rstrip()
        if not stripped:
            break
        if lines and line[:1] in b" \t":
            lines[-1] += stripped
        else:
            lines.append(stripped)
    if not lines:
        raise RecordCorrupt(_NOT_A_HEAD, place=place)
    return _head_of(_decoded_lines(b"\n".join(lines), "\n"), taken)


def _head_of(lines: list[str], taken: int) -> _Head:
    start, *rest = lines
    split = [line.partition(":") for line in rest]
    fields = tuple([(name.rstrip(" \t"), value.strip()) for name, colon, value in split if colon])
    return _Head(start.rstrip(" \t"), fields, taken)


def _decoded_lines(block: bytes, end: str) -> list[str]:
    """Return lines decoded, each as UTF-8 where it is that, else as Latin-1."""
    try:
        return block.decode().split(end)
    except UnicodeDecodeError:
        return [_decoded_line(line) for line in block.split(end.encode())]


def _decoded_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


@dataclass(frozen=True)
class Place:
    """Where a record is said to be: its gzip member's offset and length in bytes, and its WARC-Record-ID."""

    source: RandomAccess
    offset: int
    length: int
    record: str

    def open(self, kind: str) -> Record:
        """Open the record.

        Raises:
            RecordCorrupt: what stands there is another record, or one of another type.
        """
        record = Record(self.source, self.offset, self.length)
        if record.heading.id != self.record or record.heading.type != kind:
            raise RecordCorrupt(
                f"here is the {record.heading.type:.20} record {record.heading.id:.80}, not {self.record}",
                place=f"byte {self.offset}",
            )
        return record


def open_response(
    place: Place, original: Place | None, digest: str, done: Callable[[], None] = lambda: None
) -> Response:
    """Open an archived response.

    Args:
        place: the response record, or the revisit record.
        original: for a revisit, the response record that holds the payload.
        digest: the payload's digest as the index has it.
        done: called when the body is closed.

    Raises:
        RecordCorrupt: a record is not what the index says. Closing then remains with the caller.
        ContentError: the payload of a small record is not what it was.
    """
    if original is None:
        return _open_payload(place, digest, done)
    revisit = place.open(REVISIT)
    refers_to = revisit.heading.get("WARC-Refers-To")
    if refers_to != original.record:
        raise RecordCorrupt(
            f"the revisit refers to {refers_to:.80}, not {original.record}", place=place.record
        )
    # A 304 has no content headers; otherwise the revisit's own headers belong to this URL and time.
    own = revisit.left > 0 and revisit.heading.get("WARC-Profile") != NOT_MODIFIED
    head = revisit.http_head() if own else None
    response = _open_payload(original, digest, done)
    return (
        replace(response, status=head.status, reason=head.reason, headers=head.fields) if head else response
    )


def _open_payload(place: Place, digest: str, done: Callable[[], None]) -> Response:
    record = place.open(RESPONSE)
    expected = record.heading.digest("WARC-Payload-Digest")
    if expected is None or str(expected) != digest:
        raise RecordCorrupt(f"the index says {digest:.80}, the record {expected}", place=place.record)
    head = record.http_head()
    check = ContentCheck(expected, record.left)
    if not record.is_small:
        body = _Body(record, check, place.length, done)
        return Response(head.status, head.reason, head.fields, io.BufferedReader(body, _CHUNK))
    try:
        return Response(
            head.status, head.reason, head.fields, io.BytesIO(_whole(record, check, place.length))
        )
    finally:
        done()


def _whole(record: Record, check: ContentCheck, length: int) -> bytes:
    """Return a payload that is in memory. Raises ContentError or RecordCorrupt where it is not what the record promises."""
    data = record.read(record.left)
    if record.left:
        record.read(1)  # says that there is no more
    check.update(data)
    _finish(record, check, length)
    return data


def _finish(record: Record, check: ContentCheck, length: int) -> None:
    check.finish()
    if record.finish() != length:
        raise RecordCorrupt("the gzip member has another length than the index says")


class _Body(io.RawIOBase):
    """A payload; its last bytes are handed out only if the whole is what the record promises."""

    def __init__(self, record: Record, check: ContentCheck, length: int, done: Callable[[], None]) -> None:
        super().__init__()
        self._record, self._check, self._length, self._done = record, check, length, done
        self._checked = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12
        data = self._record.read(len(buffer))
        self._check.update(data)
        if not self._record.left and not self._checked:
            _finish(self._record, self._check, self._length)
            self._checked = True
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._done()
