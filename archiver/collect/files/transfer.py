"""One file over HTTP into the store, going on where an earlier attempt ended, be it of another run.

Source: RFC 9110, sections 13.1.5 (If-Range), 14.2 (Range), 15.3.7 (206) and 15.5.17 (416).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Generator, Iterator, Mapping
from urllib.parse import urlsplit

from archiver.collect.client import refusal
from archiver.collect.contentlength import content_length
from archiver.collect.contentrange import ContentRange
from archiver.collect.files.answer import Answer
from archiver.collect.files.content import HEAD, mistake
from archiver.collect.files.validators import RangeValidator
from archiver.collect.statuses import GONE_STATUSES
from archiver.core.errors import DigestMismatch, FileGone, ResponseBroken, UnexpectedContent

if TYPE_CHECKING:
    import requests

    from archiver.collect.client import Client
    from archiver.collect.files.kept import KeptFile
    from archiver.collect.meter import Meter
    from archiver.core.digest import Digest
    from archiver.core.errors import FetchError
    from archiver.store.partials import ResumableDownload

MOST_UNANNOUNCED = 64 << 30
"""The most bytes of a file whose server does not say how many there are."""
_PACKED = (".gz", ".tgz", ".svgz", ".br", ".zst")
_MOST_DROPPED = 2
_REST_REFUSED = (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        url: of the file.
        digest: the sha256 digest that it must have, where it is known.
        kept: the copy that is as good, if the server says that nothing has changed since.
        listed: whether an index listed it.
        had: when its copy in the last snapshot was fetched; empty where there is none.
    """

    url: str
    digest: Digest | None = None
    kept: KeptFile | None = None
    listed: bool = False
    had: str = ""

    @property
    def conditions(self) -> Mapping[str, str]:
        """The headers that ask for the file only if it has changed."""
        return self.kept.conditions if self.kept is not None else {}


@dataclass(frozen=True)
class Received:
    """A file that is in the store now, and what its server said of it."""

    digest: Digest
    size: int
    answer: Answer


class Transfer:
    """Gets one file, in as many attempts as it takes. Used by one thread.

    Args:
        request: what to get.
        partial: where to; what it has of earlier attempts is not asked for again where the server can go on.
        client: sends the requests.
        meter: is told of every byte.
    """

    def __init__(self, request: Request, partial: ResumableDownload, client: Client, meter: Meter) -> None:
        self._request, self._partial, self._client, self._meter = request, partial, client, meter
        self._total: int | None = None  # the file's size, where this run's answers told it
        self._head = b""  # its first bytes, where this run got them
        self._joined = False  # whether it has parts of several answers
        self._dropped = 0

    @property
    def received(self) -> int:
        """How many bytes of the file are here now."""
        return self._partial.received

    def attempt(self) -> Received | KeptFile:
        """Get the file, or the rest of it; or return the copy that is here, where the server says that nothing has changed.

        What came stays for the next attempt, whatever is raised, unless it turned out to be wrong.

        Raises:
            FileGone: the server has it no longer.
            UnexpectedContent: what it sends cannot be the file.
            DigestMismatch: what it sends is another file.
            FetchError: as ``Client.exchange`` and ``Client.chunks``.
            StoreError: or a subclass, when the archive cannot be written.
            Stopped: the run is to end.
        """
        while True:
            start = self._resumable_from()
            response = self._asked(start)
            status = response.status_code
            if status == HTTPStatus.OK:
                answer = self._take_all(response)
            elif start is not None and (rest := self._rest_in(response, start)):
                answer = self._take_rest(response, rest)
            elif start is not None and status in _REST_REFUSED:
                response.close()
                self._drop("the server does not go on with the file as it says")
                continue
            elif start is None and status == HTTPStatus.NOT_MODIFIED and self._unchanged is not None:
                self._client.discard(response)
                return self._unchanged
            else:
                with response:
                    raise self._refused(response)
            if received := self._finished(answer):
                return received

    @property
    def _unchanged(self) -> KeptFile | None:
        """What a 304 means, if that was asked for."""
        return self._request.kept if self._request.conditions else None

    def _resumable_from(self) -> int | None:
        """Return the byte to ask from; None where there is nothing to go on from, or nothing tells whether it fits.

        The last byte that is here is asked for once more: so there always is something to send, and a file that
        lacks only its name is not mistaken for one that has become shorter.
        """
        if self._partial.received < HEAD:
            return None
        certain = self._request.digest is not None or self._validator.condition
        return self._partial.received - 1 if certain else None

    @property
    def _validator(self) -> RangeValidator:
        """What the rest must agree with. Under a known digest, nothing: mirrors each have validators of their own."""
        if self._request.digest is not None:
            return RangeValidator()
        return RangeValidator(self._partial.etag, self._partial.modified)

    def _asked(self, start: int | None) -> requests.Response:
        headers = dict(self._request.conditions)
        if start is not None:
            headers = {"Range": f"bytes={start}-"}
            if condition := self._validator.condition:
                headers["If-Range"] = condition
        return self._client.exchange("GET", self._request.url, headers=headers)

    def _rest_in(self, response: requests.Response, start: int) -> ContentRange | None:
        """Return which bytes an answer has, if they are those asked for and belong to those that are here."""
        told = (
            ContentRange.of(response.headers) if response.status_code == HTTPStatus.PARTIAL_CONTENT else None
        )
        if told is None or told.start != start or told.total is None or _is_coded(response):
            return None  # without a total nothing would tell whether the file is whole
        if self._total not in (None, told.total):
            return None
        return told if self._validator.allows(response.headers) else None

    def _take_all(self, response: requests.Response) -> Answer:
        coded = _is_coded(response)
        answer = Answer.of(self._request.url, response, None)
        self._total = None if coded else content_length(response.headers)
        with closing(self._chunks(response, self._total, decode=coded)) as chunks:
            self._head, pieces = _headed(chunks)
            judged = self._request.digest is None or self._has_better(answer)  # else the digest tells
            if judged and (wrong := self._mistake(self._head, answer)):
                raise UnexpectedContent(
                    f"the server sends {wrong} in place of the file", place=self._request.url
                )
            # The bytes of a coded answer are not those that a range would be of.
            validator = RangeValidator() if coded else RangeValidator.of(response.headers)
            self._partial.restart(etag=validator.etag, modified=validator.modified)
            self._joined = False
            self._write(pieces)
        return answer

    def _take_rest(self, response: requests.Response, rest: ContentRange) -> Answer:
        self._total, self._joined = rest.total, True
        answer = Answer.of(self._request.url, response, rest.total)
        with closing(self._chunks(response, rest.end - rest.start + 1)) as chunks:
            self._write(_without(self._partial.received - rest.start, chunks))
        return answer

    def _chunks(
        self, response: requests.Response, expected: int | None, *, decode: bool = False
    ) -> Generator[bytes, None, None]:
        if expected is not None:
            self._meter.expect(expected)
        with closing(self._client.chunks(response, decode=decode)) as chunks:
            for chunk in chunks:
                self._meter.received(len(chunk))
                yield chunk

    def _write(self, pieces: Iterator[bytes]) -> None:
        most = MOST_UNANNOUNCED if self._total is None else self._total
        for piece in pieces:
            if self._partial.received + len(piece) > most:
                self._drop(f"the server sends more than {most} bytes")
                raise ResponseBroken(f"the server sends more than {most} bytes", place=self._request.url)
            self._partial.write(piece)
        if self._total is not None and self._partial.received < self._total:
            raise ResponseBroken("the server sends only a part of the file", place=self._request.url)

    def _finished(self, answer: Answer) -> Received | None:
        """Give the file its name; None where its parts do not fit, so that it is to be asked for as a whole."""
        try:
            digest, size = self._partial.finish(self._request.digest)
        except DigestMismatch as error:
            if self._joined:
                self._drop("the server sends parts that do not fit together")
                return None
            if wrong := self._mistake(self._head, answer):
                raise UnexpectedContent(
                    f"the server sends {wrong} in place of the file", place=self._request.url
                ) from error
            raise
        return Received(digest, size, answer)

    def _has_better(self, answer: Answer) -> bool:
        """Say whether what is here may be the file: it is not dropped for what an answer sends that cannot be it."""
        here = self._partial.head(HEAD)
        return len(here) == HEAD and not self._mistake(here, answer)

    def _mistake(self, head: bytes, answer: Answer) -> str:
        return mistake(
            head[:HEAD], answer.media_type, self._request.url, answer.name, listed=self._request.listed
        )

    def _drop(self, reason: str) -> None:
        """Drop what is here, to begin anew. Raises UnexpectedContent where that never helps."""
        self._total = None
        self._partial.restart(etag="", modified="")
        self._dropped += 1
        if self._dropped > _MOST_DROPPED:
            raise UnexpectedContent(f"{reason}, again and again", place=self._request.url)

    def _refused(self, response: requests.Response) -> FetchError:
        if self._request.had and response.status_code in GONE_STATUSES:
            return FileGone(
                f"the server has it no longer (HTTP {response.status_code}); the copy of {self._request.had} is kept",
                place=self._request.url,
            )
        return refusal(response)


def _is_coded(response: requests.Response) -> bool:
    """Say whether a body is to be decoded; no coding was asked for. A server that calls x.tar.gz "gzip" means the file."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    return coding not in ("", "identity") and not urlsplit(response.url).path.lower().endswith(_PACKED)


def _headed(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return at least the first ``HEAD`` bytes, as far as there are so many, and all chunks, these bytes first."""
    head = b""
    while len(head) < HEAD and (chunk := next(chunks, b"")):
        head += chunk
    return head, chain((head,) if head else (), chunks)


def _without(count: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what follows on the first ``count`` bytes."""
    for chunk in chunks:
        kept = chunk[count:]
        count -= len(chunk) - len(kept)
        if kept:
            yield kept
