"""A WARC checker of its own: stricter than the format, as strict as docs/format.md.

It reads raw bytes with zlib and shares no code with the program that wrote them or with warcio, so that a
mistake in either is not believed twice.

Source: WARC 1.1 (https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1-annotated/).
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Iterable, Iterator
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"\x1f\x8b\x08"
_STEP = 1 << 16
_TAIL = b"\r\n\r\n"
_ID = re.compile(r"<urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}>")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_URI = re.compile(r"https?://[!-~]+")
_UNESCAPED = re.compile(r"""[#<>"]|^[^?]*[`{}\\]|\?.*'""")  # what URLs have percent-encoded in path and query
_FILE = re.compile(r"(.+)-(\d{5})(?:\.([1-9]\d*))?\.warc\.gz")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d) ?[^\r\n]*")
_REQUEST_LINE = re.compile(rb"GET ([!-~]+) HTTP/1\.1")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
_REFERENCE = ("WARC-Refers-To", "WARC-Refers-To-Target-URI", "WARC-Refers-To-Date")
_COMMON = {"WARC-Type", "WARC-Record-ID", "WARC-Date", "Content-Length", "Content-Type", "WARC-Block-Digest"}
_CAPTURED = _COMMON | {"WARC-Target-URI", "WARC-Warcinfo-ID", "WARC-Payload-Digest"}
_REQUIRED = {
    "warcinfo": _COMMON | {"WARC-Filename"},
    "response": _CAPTURED,
    "revisit": _CAPTURED | {"WARC-Profile", *_REFERENCE},
    "request": _CAPTURED | {"WARC-Concurrent-To"},
}
_ALLOWED = {
    "warcinfo": frozenset[str](),
    "response": frozenset({"WARC-Truncated", "WARC-IP-Address", "WARC-Identified-Payload-Type"}),
    "revisit": frozenset({"WARC-Truncated", "WARC-IP-Address", "WARC-Identified-Payload-Type"}),
    "request": frozenset({"WARC-IP-Address"}),
}
_CONTENT_TYPES = {
    "warcinfo": "application/warc-fields",
    "response": "application/http; msgtype=response",
    "revisit": "application/http; msgtype=response",
    "request": "application/http; msgtype=request",
}
_FORMS = {
    "WARC-Record-ID": _ID,
    "WARC-Warcinfo-ID": _ID,
    "WARC-Concurrent-To": _ID,
    "WARC-Refers-To": _ID,
    "WARC-Date": _DATE,
    "WARC-Refers-To-Date": _DATE,
    "WARC-Block-Digest": _DIGEST,
    "WARC-Payload-Digest": _DIGEST,
    "WARC-Target-URI": _URI,
    "WARC-Refers-To-Target-URI": _URI,
    "Content-Length": re.compile(r"0|[1-9]\d*"),
    "WARC-Truncated": re.compile("length|time|disconnect|unspecified"),
}


class _Unreadable(Exception):
    """The rest of a file, or of a record, cannot be made sense of."""


@dataclass(frozen=True)
class Record:
    """A record as it stands in a file.

    Attributes:
        file: the file's name; ``offset``: where its gzip member begins, in bytes.
        headers: the WARC headers by name.
        block: everything behind them, ``Content-Length`` bytes.
    """

    file: str
    offset: int
    headers: dict[str, str]
    block: bytes

    @property
    def type(self) -> str:
        """The WARC-Type."""
        return self.headers.get("WARC-Type", "")

    @property
    def id(self) -> str:
        """The WARC-Record-ID."""
        return self.headers.get("WARC-Record-ID", "")

    @property
    def url(self) -> str:
        """The WARC-Target-URI."""
        return self.headers.get("WARC-Target-URI", "")

    @property
    def date(self) -> str:
        """The WARC-Date."""
        return self.headers.get("WARC-Date", "")


@dataclass(frozen=True)
class _Message:
    """An HTTP message: its first line, its headers with lowercase names, its body."""

    first: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Verdict:
    """What is wrong, one line a finding, and the records that were read."""

    findings: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def blame(self, file: str, offset: int, message: str) -> None:
        """Add a finding."""
        self.findings.append(f"{file}:{offset}: {message}")


def strict(paths: Iterable[Path]) -> Verdict:
    """Check WARC files that belong together: what one refers to is in one of them.

    Args:
        paths: the files, in any order.
    """
    verdict = Verdict()
    files = sorted(paths, key=lambda path: path.name)
    _check_numbers([path.name for path in files], verdict)
    for path in files:
        _check_file(path, verdict)
    _check_ids(verdict)
    _check_revisits(verdict)
    return verdict


def _check_numbers(names: list[str], verdict: Verdict) -> None:
    """A run numbers the files of a source from 0, without a gap."""
    numbers: dict[str, list[int]] = {}
    for name in names:
        match = _FILE.fullmatch(name)
        if match is None:
            verdict.blame(name, 0, "the file's name is not <snapshot>-<source>-NNNNN[.<n>].warc.gz")
        else:
            numbers.setdefault(match[1], []).append(int(match[2]))
    for prefix, found in numbers.items():
        if found != list(range(len(found))):
            verdict.blame(prefix, 0, f"the files are numbered {found}")


def _check_file(path: Path, verdict: Verdict) -> None:
    """One warcinfo record, then pairs; every gzip member one record, and nothing between or behind them.

    A file that was rewritten has one of its own first, which no record names, and behind it those that records do.
    """
    infos: list[str] = []
    match = _FILE.fullmatch(path.name)
    rewritten = match is not None and match[3] is not None
    response: Record | None = None
    count = 0
    try:
        for offset, content in _members(path.read_bytes()):
            try:
                record = _record(path.name, offset, content)
            except _Unreadable as damage:
                verdict.blame(path.name, offset, str(damage))
                continue
            verdict.records.append(record)
            count += 1
            problems = list(_header_problems(record))
            if count == 1:
                problems += _warcinfo_problems(record)
            elif record.type == "warcinfo":
                if not rewritten:
                    problems.append("a warcinfo record that is not the file's first")
            elif record.headers.get("WARC-Warcinfo-ID") not in infos[rewritten:]:
                problems.append("WARC-Warcinfo-ID is not that of the file's warcinfo record")
            if record.type == "warcinfo" or count == 1:
                infos.append(record.id)
            problems += _order_problems(record, response)
            problems += _http_problems(record)
            response = record if record.type in ("response", "revisit") else None
            for problem in problems:
                verdict.blame(path.name, offset, f"{record.type or 'record'}: {problem}")
    except _Unreadable as damage:
        verdict.blame(path.name, 0, str(damage))
    if count == 0:
        verdict.blame(path.name, 0, "no record at all")
    if response is not None:
        verdict.blame(path.name, response.offset, "the file ends before the response's request")


def _members(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield where each gzip member begins and what it holds; zlib checks CRC and length of each."""
    offset = 0
    while offset < len(data):
        if data[offset : offset + 3] != _MAGIC:
            raise _Unreadable(f"no gzip member at {offset}: {data[offset : offset + 8]!r}")
        unpacker = zlib.decompressobj(wbits=31)
        parts: list[bytes] = []
        end = offset
        while not unpacker.eof:
            if end >= len(data):
                raise _Unreadable(f"the gzip member at {offset} does not end")
            try:
                parts.append(unpacker.decompress(data[end : end + _STEP]))
            except zlib.error as error:
                raise _Unreadable(f"the gzip member at {offset} is damaged: {error}") from error
            end += len(data[end : end + _STEP]) - len(unpacker.unused_data)
        yield offset, b"".join(parts)
        offset = end


def _record(file: str, offset: int, content: bytes) -> Record:
    head, separator, rest = content.partition(_TAIL)
    if not separator:
        raise _Unreadable("a member without the end of a record's headers")
    version, *lines = head.split(b"\r\n")
    if version != b"WARC/1.1":
        raise _Unreadable(f"begins with {version[:20]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b": ")
        if not colon or not re.fullmatch(rb"[A-Za-z-]+", name) or re.search(rb"[\r\n\0]", value):
            raise _Unreadable(f"a header line that is none: {line[:80]!r}")
        if name.decode() in headers:
            raise _Unreadable(f"{name.decode()} is there twice")
        try:
            headers[name.decode()] = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _Unreadable(f"{name.decode()} is not UTF-8") from error
    length = headers.get("Content-Length", "")
    if not (length.isascii() and length.isdigit()):
        raise _Unreadable(f"Content-Length is {length!r}")
    if len(rest) != int(length) + len(_TAIL) or not rest.endswith(_TAIL):
        raise _Unreadable(f"Content-Length is {length}, the block has {len(rest) - len(_TAIL)} bytes")
    return Record(file, offset, headers, rest[: -len(_TAIL)])


def _header_problems(record: Record) -> Iterator[str]:
    required = _REQUIRED.get(record.type)
    if required is None:
        yield f"the type {record.type!r} is none that is written here"
        return
    names = set(record.headers)
    for name in sorted(required - names):
        yield f"{name} is missing"
    for name in sorted(names - required - _ALLOWED[record.type]):
        yield f"{name} does not belong here"
    for name, form in _FORMS.items():
        value = record.headers.get(name)
        if value is not None and not form.fullmatch(value):
            yield f"{name} is {value!r}"
    for name in ("WARC-Date", "WARC-Refers-To-Date"):
        value = record.headers.get(name, "")
        if _DATE.fullmatch(value):
            try:
                datetime.fromisoformat(f"{value[:19]}+00:00")
            except ValueError:
                yield f"{name} is no moment: {value}"
    if record.headers.get("Content-Type") != _CONTENT_TYPES[record.type]:
        yield f"Content-Type is {record.headers.get('Content-Type')!r}"
    if _UNESCAPED.search(record.url):
        yield f"the Target-URI is not percent-encoded: {record.url}"
    if record.headers.get("WARC-Block-Digest") != _sha256(record.block):
        yield "the block is not what WARC-Block-Digest says"


def _warcinfo_problems(record: Record) -> Iterator[str]:
    if record.type != "warcinfo":
        yield "the file does not begin with a warcinfo record"
        return
    if record.headers.get("WARC-Filename") != record.file:
        yield f"WARC-Filename is {record.headers.get('WARC-Filename')!r}"
    lines = record.block.split(b"\r\n")
    if lines[-1] != b"" or not all(re.fullmatch(rb"[A-Za-z-]+: [^\r\n\0]+", line) for line in lines[:-1]):
        yield "the block is no list of warc-fields"
    fields = dict(line.split(b": ", 1) for line in lines if b": " in line)
    if fields.get(b"format") != b"WARC File Format 1.1" or b"warc-1.1" not in fields.get(b"conformsTo", b""):
        yield "the block does not say which format this is"
    if b"software" not in fields:
        yield "the block does not say who wrote it"


def _order_problems(record: Record, response: Record | None) -> Iterator[str]:
    """A response or revisit is followed directly by its request, which shares its date and URL."""
    if record.type != "request":
        if response is not None:
            yield f"stands where the request of {response.id} belongs"
        return
    if response is None:
        yield "there is no response right before it"
        return
    for name, mine, other in (
        ("WARC-Concurrent-To", record.headers.get("WARC-Concurrent-To"), response.id),
        ("WARC-Date", record.date, response.date),
        ("WARC-Target-URI", record.url, response.url),
    ):
        if mine != other:
            yield f"{name} is {mine!r}, of the response before it {other!r}"


def _http_problems(record: Record) -> Iterator[str]:
    if record.type not in ("response", "revisit", "request"):
        return
    try:
        message = _message(record.block)
    except _Unreadable as damage:
        yield str(damage)
        return
    if record.type == "request":
        yield from _request_problems(record, message)
    else:
        yield from _response_problems(record, message)
    digest = record.headers.get("WARC-Payload-Digest")
    if record.type != "revisit" and digest != _sha256(message.body):
        yield "the payload is not what WARC-Payload-Digest says"


def _request_problems(record: Record, message: _Message) -> Iterator[str]:
    match = _REQUEST_LINE.fullmatch(message.first)
    parts = urlsplit(record.url)
    target = (parts.path or "/") + (f"?{parts.query}" if "?" in record.url else "")
    if match is None:
        yield f"the request line is {message.first[:100]!r}"
    elif match[1].decode() != target:
        yield f"asks for {match[1].decode()}, its URL is {record.url}"
    if message.values("host") != [parts.netloc]:
        yield f"Host is {message.values('host')}"
    if message.body:
        yield "a GET request with a body"
    for secret in ("authorization", "proxy-authorization", "cookie"):
        if any(value != "withheld" for value in message.values(secret)):
            yield f"has the keeper's {secret} in it"


def _response_problems(record: Record, message: _Message) -> Iterator[str]:
    match = _STATUS_LINE.fullmatch(message.first)
    if match is None:
        yield f"the status line is {message.first[:100]!r}"
        return
    status = int(match[1])
    if message.values("transfer-encoding"):
        yield "Transfer-Encoding was left, though the body has none any more"
    lengths = message.values("content-length")
    if record.type == "response" and status not in (204, 304) and lengths != [str(len(message.body))]:
        yield f"HTTP Content-Length is {lengths}, the body has {len(message.body)} bytes"
    if status in (204, 304) and message.body:
        yield f"a body with status {status}"
    if message.values("x-orig-transfer-encoding") and message.body and _is_chunked(message.body):
        yield "the body still has its chunk framing"
    if status < 200:
        yield f"an interim answer ({status}) in the final one's place"
    if record.type == "revisit":
        if message.body:
            yield "a revisit with a payload"
        if (record.headers.get("WARC-Profile") == _NOT_MODIFIED) is not (status == 304):
            yield f"the profile does not go with status {status}"
        if record.headers.get("WARC-Profile") not in (_IDENTICAL, _NOT_MODIFIED):
            yield "an unknown profile"
    elif status == 304:
        yield "a 304 as a response instead of a revisit"


def _message(block: bytes) -> _Message:
    head, separator, body = block.partition(_TAIL)
    if not separator:
        raise _Unreadable("an HTTP head without an end")
    first, *lines = head.split(b"\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or re.search(rb"[\r\n]", line) or line[:1] in b" \t":
            raise _Unreadable(f"an HTTP header line that is none: {line[:80]!r}")
        headers.append((name.decode("latin-1").strip().lower(), value.decode("latin-1").strip()))
    return _Message(first, tuple(headers), body)


def _is_chunked(body: bytes) -> bool:
    """Say whether a body is, from its first byte to its last, chunks and their end."""
    position = 0
    while match := _CHUNK.match(body, position):
        size = int(match[1], 16)
        position = match.end() + size
        if size == 0:
            return body.endswith(b"\r\n", position)
        if body[position : position + 2] != b"\r\n":
            return False
        position += 2
    return False


def _check_ids(verdict: Verdict) -> None:
    seen: set[str] = set()
    for record in verdict.records:
        if record.id in seen:
            verdict.blame(record.file, record.offset, f"the WARC-Record-ID {record.id} is there twice")
        seen.add(record.id)


def _check_revisits(verdict: Verdict) -> None:
    """A revisit's triple leads to one response."""
    by_id = {record.id: record for record in verdict.records if record.type == "response"}
    for record in verdict.records:
        if record.type == "revisit":
            for problem in _revisit_problems(record, by_id):
                verdict.blame(record.file, record.offset, f"revisit: {problem}")


def _revisit_problems(record: Record, by_id: dict[str, Record]) -> Iterator[str]:
    reference, url, date = (record.headers.get(name, "") for name in _REFERENCE)
    digest = record.headers.get("WARC-Payload-Digest", "")
    original = by_id.get(reference)
    if original is None:
        yield f"there is no response {reference}"
        return
    if (original.url, original.date) != (url, date):
        yield f"refers to {url} at {date}, that record is {original.url} at {original.date}"
    if original.headers.get("WARC-Payload-Digest") != digest:
        yield "its original has another payload digest"
    if original.date > record.date:
        yield f"its original is younger: {original.date}"


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
