"""Writing WARC 1.1: one gzip member a record, each capture's response followed directly by its request.

Source: WARC 1.1 (https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1-annotated/)
and docs/format.md, "WARC files".
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import uuid
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Mapping

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter
from zlib_ng import zlib_ng

from archiver.collect.web.urls import target_of
from archiver.core.clock import iso, utc_now
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
_LOW_LEVEL = 1  # for what is compressed already: trying harder takes twice the time and saves nothing
_COMPRESSED = re.compile(
    r"(?:image/(?!svg|bmp|x-ms-bmp|x-icon|vnd\.microsoft\.icon)|audio/|video/|font/woff|application/(?:font-woff|"
    r"pdf|zip|gzip|x-gzip|x-bzip2|x-xz|x-7z-compressed|zstd|java-archive|epub|vnd\.openxmlformats))"
)
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
    """A stream for warcio that makes one gzip member of what comes between two flushes.

    Attributes:
        offset: how many bytes the file has.
        level: how hard the next member is compressed.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._packer: zlib_ng._Compress | None = None
        self.offset = out.tell()
        self.level = _LEVEL

    def write(self, data: bytes) -> None:
        if self._packer is None:
            self._packer = zlib_ng.compressobj(self.level, zlib_ng.DEFLATED, zlib_ng.MAX_WBITS + 16)
        self._put(self._packer.compress(data))

    def flush(self) -> None:
        if self._packer is not None:
            self._put(self._packer.flush())
        self._packer, self.level = None, _LEVEL

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self.offset += len(data)


class _ExactHeaders(StatusAndHeaders):  # type: ignore[misc]  # warcio has no type information
    """HTTP headers written as the bytes that came; warcio would percent-encode what is not ASCII."""

    def to_ascii_bytes(self, filter_func: object = None) -> bytes:
        """Return the header block in Latin-1, in which http.client read it."""
        block: bytes = self.to_bytes(filter_func, "latin-1")
        return block


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

        Args:
            exchange: what was sent and received.
            revisit: set where the payload is not stored again.
        """
        record = _record_id()
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
        number = len(list(self._folder.glob(f"{self._prefix}-*.warc.gz")))
        name = f"{self._prefix}-{number:05d}.warc.gz"
        self._start((self._folder / name).open("xb"), name)
        sync_folder(self._folder)
        self._write_warcinfo()

    def _start(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name = stream, name
        self._members = _Members(stream)
        self._writer = WARCWriter(self._members, gzip=False, warc_version=VERSION)

    def _write_warcinfo(self) -> None:
        self._warcinfo = _record_id()
        fields = {
            "software": PROGRAM,
            "format": "WARC File Format 1.1",
            "conformsTo": CONFORMS_TO,
            **self._info,
        }
        block = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
        headers = {
            "WARC-Record-ID": self._warcinfo,
            "WARC-Date": iso(utc_now()),
            "WARC-Filename": self._name,
            "WARC-Block-Digest": str(Digest.of(block)),
        }
        self._writer.write_record(
            self._writer.create_warc_record(
                "", "warcinfo", payload=io.BytesIO(block), length=len(block), warc_headers_dict=headers
            )
        )

    def _write_response(self, exchange: Exchange, revisit: Revisit | None, record: str) -> None:
        block = _ExactHeaders(
            f"{exchange.status} {exchange.reason}", list(exchange.headers), protocol=exchange.version
        )
        headers = {
            "WARC-Record-ID": record,
            "WARC-Date": iso(exchange.moment),
            "WARC-Warcinfo-ID": self._warcinfo,
            "WARC-Payload-Digest": revisit.digest if revisit else exchange.digest,
            "WARC-Block-Digest": _block_digest(block.to_ascii_bytes(), None if revisit else exchange.body),
        }
        if revisit:
            headers["WARC-Profile"] = revisit.profile
            headers["WARC-Refers-To"] = revisit.record
            headers["WARC-Refers-To-Target-URI"] = revisit.url
            headers["WARC-Refers-To-Date"] = revisit.date
        elif exchange.truncated:
            headers["WARC-Truncated"] = "length"
        body = io.BytesIO() if revisit else exchange.body
        if not revisit and _is_compressed(exchange):
            self._members.level = _LOW_LEVEL
        self._writer.write_record(
            self._writer.create_warc_record(
                exchange.url,
                "revisit" if revisit else "response",
                payload=body,
                length=0 if revisit else exchange.size,
                http_headers=block,
                warc_headers_dict=headers,
            )
        )

    def _write_request(self, exchange: Exchange, response: str) -> None:
        block = _ExactHeaders(
            f"{target_of(exchange.url)} HTTP/1.1", list(exchange.request_headers), protocol="GET"
        )
        headers = {
            "WARC-Record-ID": _record_id(),
            "WARC-Date": iso(exchange.moment),
            "WARC-Warcinfo-ID": self._warcinfo,
            "WARC-Concurrent-To": response,
            "WARC-Payload-Digest": _NO_PAYLOAD,
            "WARC-Block-Digest": str(Digest.of(block.to_ascii_bytes())),
        }
        self._writer.write_record(
            self._writer.create_warc_record(
                exchange.url,
                "request",
                payload=io.BytesIO(),
                length=0,
                http_headers=block,
                warc_headers_dict=headers,
            )
        )


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
    coded = exchange.header("Content-Encoding").strip().lower() not in ("", "identity")
    return coded or _COMPRESSED.match(exchange.header("Content-Type").strip().lower()) is not None


def _record_id() -> str:
    return f"<urn:uuid:{uuid.uuid4()}>"


def _block_digest(head: bytes, body: IO[bytes] | None) -> str:
    hasher = hashlib.sha256(head)
    if body is not None:
        for chunk in iter(lambda: body.read(CHUNK), b""):
            hasher.update(chunk)
        body.seek(0)
    return f"sha256:{hasher.hexdigest()}"
