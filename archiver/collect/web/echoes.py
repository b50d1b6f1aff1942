"""Secrets that a server gives back: finding them in what is about to be written down."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING, Iterable, Iterator
from urllib.parse import quote, quote_plus

from archiver.core.contentcoding import decoded
from archiver.core.errors import ContentError

if TYPE_CHECKING:
    from typing import IO

_CHUNK = 1 << 18
_SHORTEST = 6  # bytes; what is shorter is found by chance, and is no secret
_MOST_DECODED = 256 << 20  # bytes of a body, content coding undone: a compression bomb has an end


class Secrets:
    """Values that must not be written down, in every spelling in which a server may repeat them.

    Args:
        values: the values as they are sent.
    """

    def __init__(self, values: Iterable[str]) -> None:
        found = {spelling for value in values for spelling in _spellings(value)}
        self._needles = tuple(sorted(needle for needle in found if len(needle) >= _SHORTEST))
        self._overlap = max(map(len, self._needles), default=1) - 1

    def in_text(self, text: str) -> bool:
        """Say whether a header's value has one of them."""
        return self._within(text.encode("latin-1", "replace")) or self._within(
            text.encode("utf-8", "replace")
        )

    def in_body(self, body: IO[bytes], content_encoding: str) -> bool:
        """Say whether a body has one of them, as it was sent or with its content coding undone.

        Reads the body to its end, and up to 256 MiB of what it decodes to; leaves it at its begin.
        """
        try:
            if self._among(_chunks(body)):
                return True
            body.seek(0)
            return bool(content_encoding) and self._among(_bounded(decoded(_chunks(body), content_encoding)))
        except ContentError:
            return False  # what nobody can decode shows nobody a secret
        finally:
            body.seek(0)

    def _among(self, chunks: Iterable[bytes]) -> bool:
        tail = b""
        for chunk in chunks:
            window = tail + chunk
            if self._within(window):
                return True
            tail = window[-self._overlap :] if self._overlap else b""
        return False

    def _within(self, window: bytes) -> bool:
        return any(needle in window for needle in self._needles)


def _chunks(body: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: body.read(_CHUNK), b"")


def _bounded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    read = 0
    for chunk in chunks:
        yield chunk
        read += len(chunk)
        if read >= _MOST_DECODED:
            return


def _spellings(value: str) -> Iterator[bytes]:
    raw = value.encode()
    yield raw
    for written in (
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        html.escape(value),
        html.escape(value, quote=False),
        json.dumps(value)[1:-1],
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    ):
        yield written.rstrip("=").encode()
