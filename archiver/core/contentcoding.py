"""Undoing HTTP content codings as browsers do, a bounded piece at a time.

Source: RFC 9110, section 8.4.1.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Iterable, Iterator

from archiver.core.errors import ContentError

_PIECE = 1 << 18  # bytes of output at a time: a compression bomb costs time, never memory
_GZIP = frozenset({"gzip", "x-gzip"})
_HEAD = 2  # bytes that tell a format
_KNOWN = _GZIP | {"deflate"}


def codings(header: str) -> tuple[str, ...]:
    """Return the codings of a Content-Encoding header in the order they were applied, ``identity`` left out."""
    names = (name.strip().lower() for name in header.split(","))
    return tuple(name for name in names if name not in ("", "identity"))


def is_decodable(header: str) -> bool:
    """Say whether all codings of a Content-Encoding header are known here."""
    return _KNOWN.issuperset(codings(header))


def decoded(chunks: Iterable[bytes], header: str) -> Iterator[bytes]:
    """Yield content without its codings. The input is read to its end, whatever is found in it.

    Gzip members may follow one another, other trailing bytes are passed over, and what a server cut short
    comes as far as it goes.

    Args:
        chunks: the content as it was sent.
        header: the Content-Encoding header's value, or empty.

    Raises:
        ContentError: a coding is not known, or the content is not in it.
    """
    if not is_decodable(header):
        raise ContentError(f"the content coding {header!r:.80} is not known")
    content = iter(chunks)
    for coding in reversed(codings(header)):
        content = _undone(content, coding)
    return content


@dataclass(frozen=True)
class Beginning:
    """The beginning of content without its codings; ``damage`` says why it is not more, empty where nothing is wrong."""

    content: bytes
    damage: str = ""


def beginning(chunks: Iterable[bytes], header: str, most: int) -> Beginning:
    """Return the beginning of content without its codings, as far as it can be read and up to ``most`` bytes.

    Its content is empty where a coding is not known.
    """
    start, damage = bytearray(), ""
    try:
        for piece in decoded(chunks, header):
            start += piece[: most - len(start)]
            if len(start) == most:
                break
    except ContentError as error:  # what came before the damage is readable all the same
        damage = error.message
    return Beginning(bytes(start), damage)


def decoded_start(chunks: Iterable[bytes], header: str, most: int) -> bytes:
    """Return the content of ``beginning``, for those who take what there is."""
    return beginning(chunks, header, most).content


def _undone(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    inflater: zlib._Decompress | None = None
    members = 0
    held = b""
    for chunk in chunks:
        data, held = held + chunk, b""
        while data:
            if inflater is None:
                if len(data) < _HEAD:  # too little to tell what begins here
                    held = data
                    break
                if members and not (coding in _GZIP and data.startswith(b"\x1f\x8b")):
                    break
                inflater, members = _inflater(coding, data), members + 1
            try:
                piece = inflater.decompress(data, _PIECE)
            except zlib.error as error:
                raise ContentError(f"the content is not valid {coding}: {error}") from error
            if piece:
                yield piece
            data = inflater.unconsumed_tail
            if inflater.eof:
                data, inflater = inflater.unused_data, None
    if inflater is not None:
        yield from iter(lambda: inflater.decompress(b"", _PIECE), b"")


def _inflater(coding: str, head: bytes) -> zlib._Decompress:
    if coding in _GZIP:
        return zlib.decompressobj(zlib.MAX_WBITS + 16)
    # "deflate" means zlib's format; some servers send raw deflate
    looks_wrapped = len(head) > 1 and head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS if looks_wrapped else -zlib.MAX_WBITS)
