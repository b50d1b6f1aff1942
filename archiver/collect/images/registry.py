"""One repository of a registry, as something that is asked by tag and digest: no HTTP above this layer.

Source: OCI distribution-spec v1.1, "Pull"; Docker Registry HTTP API V2.
"""

from __future__ import annotations

from dataclasses import dataclass
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

    from archiver.collect.images.transport import Transport
    from archiver.collect.retry import Retrier
    from archiver.core.reference import Reference

_ACCEPT = {"Accept": ", ".join(sorted(MANIFESTS | INDEXES))}
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"


@dataclass(frozen=True)
class Document:
    """A manifest or index: what it is called, its exact bytes, and what they say."""

    descriptor: Descriptor
    data: bytes
    manifest: Manifest


class Repository:
    """Reads one repository. May be used by several threads.

    Args:
        transport: speaks HTTP.
        retrier: tries again.
        reference: any reference into the repository.
    """

    def __init__(self, transport: Transport, retrier: Retrier, reference: Reference) -> None:
        self._transport, self._retrier, self._reference = transport, retrier, reference

    @property
    def name(self) -> str:
        """``registry/repository``."""
        return self._reference.name

    def head_manifest(self, selector: str) -> Descriptor | None:
        """Ask what a tag or digest is, without getting it (Docker Hub does not count such requests).

        Returns:
            None where the answer lacks something; then get it.

        Raises:
            ManifestUnknown: there is no such tag or digest.
            FetchError: the registry cannot be asked.
        """
        try:
            response = self._retrier.run(self._reference.registry, lambda: self._manifest("HEAD", selector))
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
        return self._retrier.run(self._reference.registry, lambda: self._document(selector, expected))

    def open_blob(self, descriptor: Descriptor) -> Generator[bytes, None, None]:
        """Yield a blob's bytes, in a single attempt; whoever writes them checks the digest.

        Raises:
            SizeMismatch: the registry announces another size than the descriptor does.
            FetchError: the blob cannot be had.
        """
        response = self._transport.request("GET", self._reference, f"blobs/{descriptor.digest}")
        announced = response.headers.get("Content-Length", "")
        coded = response.headers.get("Content-Encoding", "identity").lower() != "identity"
        if announced.isdigit() and int(announced) != descriptor.size and not coded:
            response.close()
            raise SizeMismatch(
                f"the registry announces {announced} bytes, the manifest {descriptor.size}",
                place=str(descriptor.digest),
            )
        return self._transport.client.chunks(response, decode=True)

    def _manifest(self, method: str, selector: str) -> requests.Response:
        return self._transport.request(method, self._reference, f"manifests/{selector}", _ACCEPT)

    def _document(self, selector: str, expected: Descriptor | None) -> Document:
        response = self._manifest("GET", selector)
        data = self._transport.client.body(response, MANIFEST_LIMIT)
        place = f"{self.name}/manifests/{selector}"
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
        return document


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
