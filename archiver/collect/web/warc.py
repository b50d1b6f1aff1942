"""Writing WARC 1.1: one gzip member a record, each capture's response followed directly by its request.

Source: WARC 1.1 (https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1-annotated/)
and docs/format.md, "WARC files".
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import uuid
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING, Iterable, Iterator, Mapping

from zlib_ng import zlib_ng

from archiver.collect.web.urls import target_of
from archiver.core.clock import iso, utc_now
from archiver.core.contentcoding import codings
from archiver.core.digest import CHUNK, Digest
from archiver.core.errors import RecordCorrupt
from archiver.store.atomic import make_folder, storage_errors, sync_folder
from archiver.store.locator import Location
from archiver.store.warcfiles import scan_members
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.fetch import Exchange

VERSION = "WARC/1.1"
CONFORMS_TO = "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"
IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
ROLL_OVER = 1_000_000_000
_LEVEL = 6
_GZIP_HEAD = (
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no time, no name, unknown system (RFC 1952 section 2.3)
)
_COMPRESSED = re.compile(
    r"(?:image/(?!svg|bmp|x-ms-bmp|x-icon|vnd\.microsoft\.icon)|audio/|video/|font/woff|application/(?:font-woff|"
    r"pdf|zip|gzip|x-gzip|x-bzip2|x-xz|x-7z-compressed|zstd|java-archive|epub|vnd\.openxmlformats))"
)
_NOISE = 16 << 8  # bytes
_END = b"\r\n\r\n"
_NO_PAYLOAD = str(Digest.of(b""))


@dataclass(frozen=True)
class Revisit:
    """What a revisit record says of the record that holds the payload.

    Attributes:
        profile: IDENTICAL or NOT_MODIFIED.
        record, url, date: the original's WARC-Record-ID, WARC-Target-URI and WARC-Date.
        digest: its payload digest.
    """

    profile: str
    record: str
    url: str
    date: str
    digest: str


@dataclass(frozen=True)
class Position:
    """How far a run's WARC files are durable: the name of the newest, and its length in bytes."""

    file: str
    offset: int


class _Members:
    """A file of gzip members, each one record.

    Attributes:
        offset: how many bytes the file has.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.offset = out.tell()

    def write(self, pieces: Iterable[bytes]) -> None:
        """Write one member."""
        packer = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, zlib_ng.MAX_WBITS + 16)
        for piece in pieces:
            self._put(packer.compress(piece))
        self._put(packer.flush())

    def write_stored(self, head: bytes, rest: Iterable[bytes]) -> None:
        """Write one member of which only the head is compressed: the rest is already.

        What is stored is read back in a fifth of the time, and trying to compress it would make it larger.
        """
        packer = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS)
        self._put(_GZIP_HEAD + packer.compress(head) + packer.flush(zlib_ng.Z_FULL_FLUSH))
        storer = zlib_ng.compressobj(0, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS)
        checksum, size = zlib_ng.crc32(head), len(head)
        for piece in rest:
            checksum, size = zlib_ng.crc32(piece, checksum), size + len(piece)
            self._put(storer.compress(piece))
        self._put(storer.flush() + struct.pack("<II", checksum, size & 0xFFFFFFFF))

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._out.flush()

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self.offset += len(data)


class WarcOutput:
    """The WARC files that one run writes for one source. A file is made when there is something to write.

    Args:
        folder: the project's folder of WARC files.
        prefix: the names' begin; ``-NNNNN.warc.gz`` is added.
        info: further fields of the warcinfo record.
        position: where an earlier process left off (see ``recover``), or None.
        roll_over: a new file is begun once one has this many bytes.

    Every method raises StoreError or a subclass where the file system refuses.
    """

    def __init__(
        self,
        folder: Path,
        prefix: str,
        info: Mapping[str, str],
        position: Position | None = None,
        *,
        roll_over: int = ROLL_OVER,
    ) -> None:
        self._folder, self._prefix, self._info, self._roll_over = folder, prefix, info, roll_over
        self._stream: IO[bytes] | None = None
        self._name, self._warcinfo = "", ""
        self._ids = _record_ids()
        if position is not None and position.offset < roll_over:
            path = folder / position.file
            with storage_errors(path):
                if path.is_file():
                    self._start(path.open("ab"), position.file)
                    first = next(scan_members(path), None)
                    if first is None:  # nothing of the file survived a crash
                        self._write_warcinfo()
                    else:
                        self._warcinfo = first.record

    def write(self, exchange: Exchange, revisit: Revisit | None = None) -> Location:
        """Write a capture's two records and return where they are; they are durable after ``sync``.

        A process that is killed has written them all the same; only a machine that goes down needs ``sync``.

        Args:
            exchange: what was sent and received.
            revisit: set where the payload is not stored again.
        """
        record = next(self._ids)
        with storage_errors(self._folder):
            if self._stream is not None and self._members.offset >= self._roll_over:
                self.close()
            if self._stream is None:
                self._open_next()
            start = self._members.offset
            self._write_response(exchange, revisit, record)
            middle = self._members.offset
            self._write_request(exchange, record)
            end = self._members.offset
            self._members.flush()
        return Location(record, self._name, start, middle - start, end - start)

    def sync(self) -> Position | None:
        """Make all that was written durable and return how far that is; None where nothing was written."""
        if self._stream is None:
            return None
        with storage_errors(self._folder / self._name):
            self._stream.flush()
            os.fsync(self._stream.fileno())
        return Position(self._name, self._members.offset)

    def close(self) -> None:
        """Make all that was written durable and close the file."""
        if self._stream is not None:
            try:
                self.sync()
            finally:
                stream, self._stream = self._stream, None
                with storage_errors(self._folder / self._name):
                    stream.close()  # tries to write again what a full disk refused

    def _open_next(self) -> None:
        make_folder(self._folder)
        number = len(list(self._folder.glob(f"{self._prefix}-?????.warc.gz")))
        name = f"{self._prefix}-{number:05d}.warc.gz"
        self._start((self._folder / name).open("xb"), name)
        sync_folder(self._folder)
        self._write_warcinfo()

    def _start(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name = stream, name
        self._members = _Members(stream)

    def _write_warcinfo(self) -> None:
        self._warcinfo = next(self._ids)
        fields = {
            "software": PROGRAM,
            "format": "WARC File Format 1.1",
            "conformsTo": CONFORMS_TO,
            **self._info,
        }
        block = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
        head = {
            "WARC-Type": "warcinfo",
            "WARC-Record-ID": self._warcinfo,
            "WARC-Date": iso(utc_now()),
            "WARC-Filename": self._name,
            "WARC-Block-Digest": str(Digest.of(block)),
            "Content-Type": "application/warc-fields",
        }
        self._members.write((_head(head, len(block)) + block + _END,))

    def _write_response(self, exchange: Exchange, revisit: Revisit | None, record: str) -> None:
        line = f"{exchange.version} {exchange.status} {exchange.reason}"
        start = _http_head(line, exchange.headers)
        head = {
            "WARC-Type": "revisit" if revisit else "response",
            "WARC-Record-ID": record,
            "WARC-Warcinfo-ID": self._warcinfo,
            "WARC-Target-URI": exchange.url,
            "WARC-Date": iso(exchange.moment),
            "WARC-Payload-Digest": revisit.digest if revisit else exchange.digest,
            "Content-Type": "application/http; msgtype=response",
        }
        if revisit:
            head["WARC-Profile"] = revisit.profile
            head["WARC-Refers-To"] = revisit.record
            head["WARC-Refers-To-Target-URI"] = revisit.url
            head["WARC-Refers-To-Date"] = revisit.date
            head["WARC-Block-Digest"] = str(Digest.of(start))
            self._members.write((_head(head, len(start)) + start + _END,))
            return
        if exchange.truncated:
            head["WARC-Truncated"] = "length"
        head["WARC-Block-Digest"] = _block_digest(start, exchange.body)
        length = len(start) + exchange.size
        body = iter(lambda: exchange.body.read(CHUNK), b"")
        first = _head(head, length) + start
        if _is_compressed(exchange):
            self._members.write_stored(first, chain(body, (_END,)))
        else:
            self._members.write(chain((first,), body, (_END,)))

    def _write_request(self, exchange: Exchange, response: str) -> None:
        block = _http_head(f"GET {target_of(exchange.url)} HTTP/1.1", exchange.request_headers)
        head = {
            "WARC-Type": "request",
            "WARC-Record-ID": next(self._ids),
            "WARC-Warcinfo-ID": self._warcinfo,
            "WARC-Concurrent-To": response,
            "WARC-Target-URI": exchange.url,
            "WARC-Date": iso(exchange.moment),
            "WARC-Payload-Digest": _NO_PAYLOAD,
            "WARC-Block-Digest": str(Digest.of(block)),
            "Content-Type": "application/http; msgtype=request",
        }
        self._members.write((_head(head, len(block)) + block + _END,))


def _head(fields: Mapping[str, str], length: int) -> bytes:
    """Return a record's header, given the length of its block in bytes (WARC 1.1, section 4)."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{VERSION}\r\n{lines}Content-Length: {length}\r\n\r\n".encode()


def _http_head(line: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return an HTTP message up to its body, in Latin-1, in which http.client read it: byte for byte as it came."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{line}\r\n{lines}\r\n".encode("latin-1")


def recover(folder: Path, prefix: str, position: Position | None) -> tuple[list[Location], Position | None]:
    """Cut what a crash left unfinished at the end of a run's WARC files.

    Args:
        folder: as for WarcOutput.
        prefix: as for WarcOutput.
        position: how far the files are known to be durable and accounted for; None: not at all.

    Returns:
        The pairs of records that are whole but not accounted for yet, in the order of writing, and
        where to go on writing (None: nothing was written).

    Raises:
        StoreError: or a subclass, where the file system refuses.
    """
    found: list[Location] = []
    with storage_errors(folder):
        for path in sorted(folder.glob(f"{prefix}-?????.warc.gz")):
            start = position.offset if position and position.file == path.name else 0
            if position is None or path.name >= position.file:
                pairs, end = _whole_pairs(path, start)
                with path.open("r+b") as stream:
                    stream.truncate(end)
                    os.fsync(stream.fileno())
                found += pairs
                position = Position(path.name, end)
    return found, position


def _whole_pairs(path: Path, start: int) -> tuple[list[Location], int]:
    pairs: list[Location] = []
    end, response = start, None
    try:
        for member in scan_members(path, start):
            if member.type in ("response", "revisit"):
                response = member
            elif response is None:  # a warcinfo record
                end = member.end
            else:
                span = member.end - response.offset
                pairs.append(Location(response.record, path.name, response.offset, response.length, span))
                end, response = member.end, None
    except RecordCorrupt:
        pass  # the tail that is cut
    return pairs, end


def _is_compressed(exchange: Exchange) -> bool:
    """Say whether a body has a content coding, or a media type whose formats are compressed."""
    coded = codings(exchange.header("Content-Encoding"))
    return bool(coded) or _COMPRESSED.match(exchange.header("Content-Type").strip().lower()) is not None


def _record_ids() -> Iterator[str]:
    """Yield WARC-Record-IDs for ever: random UUIDs (RFC 9562, version 4), from bytes that are asked for in bulk."""
    while True:
        noise = os.urandom(_NOISE)
        for start in range(0, _NOISE, 16):
            yield f"<urn:uuid:{uuid.UUID(bytes=noise[start : start + 16], version=4)}>"


def _block_digest(head: bytes, body: IO[bytes]) -> str:
    hasher = hashlib.sha256(head)
    for chunk in iter(lambda: body.read(CHUNK), b""):
        hasher.update(chunk)
    body.seek(0)
    return f"sha256:{hasher.hexdigest()}"
