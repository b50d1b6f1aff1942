"""Opening a blob where an earlier attempt ended, whatever a server makes of that.

Source: RFC 9110, sections 14.2 (Range) and 15.5.17 (416 Range Not Satisfiable).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, Generator, Mapping

from archiver.collect.contentlength import content_length
from archiver.collect.contentrange import ContentRange
from archiver.core.errors import ResponseBroken, SizeMismatch

if TYPE_CHECKING:
    import requests

    from archiver.collect.client import Client
    from archiver.core.descriptor import Descriptor

RANGED = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE})
"""The statuses that answer a request for a part."""


@dataclass(frozen=True)
class BlobBody:
    """A blob on its way: the byte that it begins at, and what comes from there on. Close ``chunks``."""

    start: int
    chunks: Generator[bytes, None, None]


def blob_body(
    client: Client,
    request: Callable[[Mapping[str, str]], requests.Response],
    descriptor: Descriptor,
    start: int,
) -> BlobBody:
    """Open a blob; whoever writes its bytes checks the digest.

    Args:
        client: reads answers.
        request: sends a request with further headers; its answer has one of the ``RANGED`` statuses.
        descriptor: what the blob must be.
        start: how many of its bytes are here already. A server that cannot go on from there begins anew.

    Raises:
        SizeMismatch: the server announces another size than the descriptor does.
        FetchError: whatever ``request`` raises.
    """
    response = request({"Range": f"bytes={start}-"} if start else {})
    if start and response.status_code == HTTPStatus.PARTIAL_CONTENT:
        part = ContentRange.of(response.headers)
        if part is not None and part.total not in (None, descriptor.size):
            response.close()
            raise _another_size(part.total, descriptor)
        if part is not None and part.start == start:
            return BlobBody(start, _up_to(descriptor.size - start, client.chunks(response), descriptor))
    if response.status_code != HTTPStatus.OK:  # not the part that was asked for
        client.discard(response)
        response = request({})
    announced = content_length(response.headers)
    coded = response.headers.get("Content-Encoding", "identity").lower() != "identity"
    if announced not in (None, descriptor.size) and not coded:
        response.close()
        raise _another_size(announced, descriptor)
    chunks = client.chunks(response, decode=coded)
    if announced is None and not coded and "Transfer-Encoding" not in response.headers:
        chunks = _up_to(descriptor.size, chunks, descriptor)  # it ends with the connection, however that ends
    return BlobBody(0, chunks)


def _up_to(
    count: int, chunks: Generator[bytes, None, None], descriptor: Descriptor
) -> Generator[bytes, None, None]:
    """Yield a body of so many bytes; one that ends before is the beginning of it, from where it can be gone on."""
    with closing(chunks):
        for chunk in chunks:
            count -= len(chunk)
            yield chunk
    if count > 0:
        raise ResponseBroken(f"the server sends {count} bytes too few", place=str(descriptor.digest))


def _another_size(announced: object, descriptor: Descriptor) -> SizeMismatch:
    return SizeMismatch(
        f"the server announces {announced} bytes, the manifest {descriptor.size}",
        place=str(descriptor.digest),
    )
