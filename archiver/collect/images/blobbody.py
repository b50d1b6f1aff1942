"""Opening a blob where an earlier attempt ended, whatever a server makes of that.

Source: RFC 9110, sections 14.2 (Range) and 15.5.17 (416 Range Not Satisfiable).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, Generator, Mapping

from archiver.collect.contentrange import ContentRange
from archiver.core.errors import SizeMismatch

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
            return BlobBody(start, client.chunks(response))
    if response.status_code != HTTPStatus.OK:  # not the part that was asked for
        client.discard(response)
        response = request({})
    announced = response.headers.get("Content-Length", "")
    coded = response.headers.get("Content-Encoding", "identity").lower() != "identity"
    if announced.isdigit() and int(announced) != descriptor.size and not coded:
        response.close()
        raise _another_size(announced, descriptor)
    return BlobBody(0, client.chunks(response, decode=coded))


def _another_size(announced: object, descriptor: Descriptor) -> SizeMismatch:
    return SizeMismatch(
        f"the server announces {announced} bytes, the manifest {descriptor.size}",
        place=str(descriptor.digest),
    )
