"""One repository at one place, as something that is asked by tag and digest: no HTTP above this layer.

Source: OCI distribution-spec v1.1, "Pull"; Docker Registry HTTP API V2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Generator

from archiver.core.descriptor import INDEXES, MANIFEST_LIMIT, MANIFESTS, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import (
    DigestMismatch,
    InvalidDigest,
    InvalidDocument,
    ManifestUnsupported,
    RegistryError,
    SizeMismatch,
    StatusRefused,
)
from archiver.core.manifest import Manifest, parse_manifest

if TYPE_CHECKING:
    import requests

    from archiver.collect.images.endpoints import Endpoint
    from archiver.collect.images.transport import Transport

_ACCEPT = {"Accept": ", ".join(sorted(MANIFESTS | INDEXES))}
_RANGED = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE})
_CONTENT_RANGE = re.compile(r"\Abytes ([0-9]{1,19})-[0-9]{1,19}/([0-9]{1,19}|\*)\Z")
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"


@dataclass(frozen=True)
class Document:
    """A manifest or index: what it is called, its exact bytes, what they say, and what place sent it, if one did."""

    descriptor: Descriptor
    data: bytes
    manifest: Manifest
    location: str = ""


@dataclass(frozen=True)
class BlobBody:
    """A blob on its way: the byte that it begins at, and what comes from there on. Close ``chunks``."""

    start: int
    chunks: Generator[bytes, None, None]


class Source:
    """Reads one repository at one place; each call is a single attempt. May be used by several threads.

    Args:
        transport: speaks HTTP.
        endpoint: the place.
    """

    def __init__(self, transport: Transport, endpoint: Endpoint) -> None:
        self._transport, self._endpoint = transport, endpoint

    @property
    def registry(self) -> str:
        """The host that is asked, as settings and limits name it."""
        return self._endpoint.registry

    @property
    def location(self) -> str:
        """What reports call the place, such as ``docker.io`` or ``harbor.example.org/dockerhub``."""
        return self._endpoint.location

    def head_manifest(self, selector: str) -> Descriptor | None:
        """Ask what a tag or digest is, without getting it (Docker Hub does not count such requests).

        Returns:
            None where the answer lacks something; then get it.

        Raises:
            ManifestUnknown: there is no such tag or digest.
            FetchError: the registry cannot be asked.
        """
        try:
            response = self._manifest("HEAD", selector)
        except StatusRefused:  # a registry without HEAD; getting it will tell
            return None
        self._transport.client.discard(response)
        media_type = _media_type(response)
        length = response.headers.get("Content-Length", "")
        digest = _announced_digest(response)
        if digest is None or media_type not in MANIFESTS | INDEXES or not length.isdigit() or not int(length):
            return None  # some registries and proxies answer HEAD with no length, or with none of the body's
        return Descriptor(media_type, digest, int(length))

    def get_manifest(self, selector: str, expected: Descriptor | None = None) -> Document:
        """Get a manifest or index and check it: hash, announced hash, size, structure.

        Args:
            selector: a tag or digest.
            expected: what it must be, where that is known.

        Raises:
            ManifestUnknown: there is no such tag or digest.
            ManifestUnsupported: it is larger than 4 MiB, or of a kind that is not accepted.
            DigestMismatch, SizeMismatch: it is not what was asked for or announced.
            InvalidDocument, InvalidDigest: it is malformed.
            FetchError: the registry cannot be asked.
        """
        response = self._manifest("GET", selector)
        data = self._transport.client.body(response, MANIFEST_LIMIT)
        place = f"{self.location}/{self._endpoint.repository}/manifests/{selector}"
        if len(data) > MANIFEST_LIMIT:
            raise ManifestUnsupported(f"larger than the {MANIFEST_LIMIT} bytes accepted", place=place)
        digest = _checked_digest(data, selector, response, place)
        if expected is not None and expected.size != len(data):
            raise SizeMismatch(f"got {len(data)} of {expected.size} bytes", place=place)
        media_type = _media_type(response)
        if media_type.startswith(_SCHEMA_1):
            raise ManifestUnsupported(
                "a schema 1 manifest, which says nothing about its content's digests", place=place
            )
        if media_type not in MANIFESTS | INDEXES:  # then what points to it counts, or what it says itself
            media_type = expected.media_type if expected else ""
        document = parsed(data, digest, media_type, place)
        if expected is not None and document.descriptor.media_type != expected.media_type:
            raise InvalidDocument(
                f"announced as {expected.media_type!r:.120} but is {media_type!r:.120}", place=place
            )
        return replace(document, location=self.location)

    def open_blob(self, descriptor: Descriptor, start: int = 0) -> BlobBody:
        """Open a blob; whoever writes its bytes checks the digest.

        Args:
            descriptor: what it must be.
            start: how many of its bytes are here already; the answer may begin before them.

        Raises:
            SizeMismatch: the registry announces another size than the descriptor does.
            FetchError: the blob cannot be had.
        """
        path = f"blobs/{descriptor.digest}"
        if not start:
            response = self._transport.request("GET", self._endpoint, path)
            return self._from_start(response, descriptor)
        ranged = {"Range": f"bytes={start}-"}
        response = self._transport.request("GET", self._endpoint, path, ranged, accepted=_RANGED)
        if response.status_code == HTTPStatus.PARTIAL_CONTENT:
            return self._continued(response, descriptor, start)
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._transport.client.discard(response)
            response = self._transport.request("GET", self._endpoint, path)
        return self._from_start(response, descriptor)

    def _from_start(self, response: requests.Response, descriptor: Descriptor) -> BlobBody:
        announced = response.headers.get("Content-Length", "")
        coded = response.headers.get("Content-Encoding", "identity").lower() != "identity"
        if announced.isdigit() and int(announced) != descriptor.size and not coded:
            response.close()
            raise SizeMismatch(
                f"the registry announces {announced} bytes, the manifest {descriptor.size}",
                place=str(descriptor.digest),
            )
        return BlobBody(0, self._transport.client.chunks(response, decode=True))

    def _continued(self, response: requests.Response, descriptor: Descriptor, start: int) -> BlobBody:
        """Check that an answer is the rest that was asked for (RFC 9110, section 14.4)."""
        told = response.headers.get("Content-Range", "")
        match = _CONTENT_RANGE.match(told)
        if match is None or int(match[1]) != start:
            response.close()
            raise RegistryError(
                f"asked for what is behind byte {start}, it sends {told!r:.80}", place=response.url
            )
        if match[2] != "*" and int(match[2]) != descriptor.size:
            response.close()
            raise SizeMismatch(
                f"the registry announces {match[2]} bytes, the manifest {descriptor.size}",
                place=str(descriptor.digest),
            )
        return BlobBody(start, self._transport.client.chunks(response))

    def _manifest(self, method: str, selector: str) -> requests.Response:
        return self._transport.request(method, self._endpoint, f"manifests/{selector}", _ACCEPT)


def parsed(data: bytes, digest: Digest, media_type: str, place: str) -> Document:
    """Read a manifest whose bytes are known to be right.

    Raises:
        ManifestUnsupported: of a kind that is not accepted.
        InvalidDocument, InvalidDigest: malformed.
    """
    manifest = parse_manifest(data, media_type, what=place)
    return Document(Descriptor(manifest.media_type, digest, len(data)), data, manifest)


def _checked_digest(data: bytes, selector: str, response: requests.Response, place: str) -> Digest:
    """Return the digest of a manifest after comparing it with what was asked for and announced."""
    asked = Digest.parse(selector) if ":" in selector else None
    announced = _announced_digest(response)
    for promised in filter(None, (asked, announced)):
        hasher = promised.hasher()
        hasher.update(data)
        if hasher.hexdigest() != promised.hex:
            raise DigestMismatch(
                f"content hashes to {promised.algorithm}:{hasher.hexdigest()}, not to {promised}", place=place
            )
    return asked or announced or Digest.of(data)


def _announced_digest(response: requests.Response) -> Digest | None:
    text = response.headers.get("Docker-Content-Digest", "")
    if not text:
        return None
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise RegistryError(f"announces the digest {text!r:.120}", place=response.url) from error


def _media_type(response: requests.Response) -> str:
    return str(response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
