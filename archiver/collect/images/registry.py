"""One repository at one place, as something that is asked by tag and digest: no HTTP above this layer.

Source: OCI distribution-spec v1.1, "Pull", "Listing Tags", "Listing Referrers"; Docker Registry HTTP API V2.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Callable, Collection, Iterator, Mapping
from urllib.parse import urljoin

from requests.utils import parse_header_links

from archiver.collect.contentlength import content_length
from archiver.collect.images.blobbody import RANGED, BlobBody, blob_body
from archiver.collect.images.tagpages import TagPages
from archiver.core import jsontext
from archiver.core.descriptor import INDEXES, MANIFEST_LIMIT, MANIFESTS, OCI_INDEX, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import (
    DigestMismatch,
    InvalidDigest,
    InvalidDocument,
    InvalidURL,
    ManifestUnknown,
    ManifestUnsupported,
    RegistryError,
    SizeMismatch,
    StatusRefused,
)
from archiver.core.manifest import Manifest, parse_manifest
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import requests

    from archiver.collect.images.endpoints import Endpoint
    from archiver.collect.images.transport import Transport

_ACCEPT = {"Accept": ", ".join(sorted(MANIFESTS | INDEXES))}
_TAGS_A_PAGE = 1000
_MOST_TAG_PAGES = 10_000
_TAGS_LIMIT = 16 << 20  # bytes of a page; some registries send all tags at once
_MOST_REFERRER_PAGES = 100
_MOST_REFERRERS = 10_000
_PROBED = frozenset({200, 400, 404, 405, 501})
_MOST_LINK = 8192  # characters
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"


@dataclass(frozen=True)
class Document:
    """A manifest or index: what it is called, its exact bytes, what they say, and what place sent it, if one did."""

    descriptor: Descriptor
    data: bytes
    manifest: Manifest
    location: str = ""


class Source:
    """Reads one repository at one place; each call is a single attempt. May be used by several threads.

    Args:
        transport: speaks HTTP.
        endpoint: the place.
    """

    def __init__(self, transport: Transport, endpoint: Endpoint) -> None:
        self._transport, self._endpoint = transport, endpoint
        self._probing = threading.Lock()
        self._has_referrers: bool | None = None

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
        length = content_length(response.headers)
        digest = _announced_digest(response)
        if digest is None or media_type not in MANIFESTS | INDEXES or not length:
            return None  # some registries and proxies answer HEAD with no length, or with none of the body's
        return Descriptor(media_type, digest, length)

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
        self._transport.limits.count(self.registry)
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
        return blob_body(
            self._transport.client,
            lambda headers: self._asked("GET", f"blobs/{descriptor.digest}", headers, RANGED),
            descriptor,
            start,
        )

    def tags(self) -> tuple[str, ...]:
        """Return all tags, each once. What no tag can be is left out: nobody could ask for it.

        A list that is cut at a full page without a link to the next one is asked on for.

        Raises:
            ManifestUnknown: there is no such repository.
            RegistryError: the list does not end, or is none.
            FetchError: the registry cannot be asked.
        """
        pages = TagPages(_TAGS_A_PAGE)

        def unlinked() -> str:
            return self._endpoint.url(pages.rest) if pages.rest else ""

        for response in self._pages(self._endpoint.url(pages.path), _MOST_TAG_PAGES, unlinked):
            answer = self._json(response, _TAGS_LIMIT)
            listed = answer.get("tags")
            if listed is None and "tags" in answer:  # all were deleted
                listed = []
            pages.add(listed, response.url)
        return pages.tags

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...] | None:
        """Return what refers to a manifest; None where the registry has no API that says it.

        That is asked once, by HEAD as far as possible.

        Raises:
            InvalidDocument, InvalidDigest: the answer is malformed.
            RegistryError: it does not end.
            FetchError: the registry cannot be asked.
        """
        url = self._endpoint.url(f"referrers/{digest}")
        if not self._may_have_referrers(url):
            return None
        place = f"{self.location}/{self._endpoint.repository}/referrers/{digest}"
        found: list[Descriptor] = []
        try:
            for response in self._pages(url, _MOST_REFERRER_PAGES):
                found += self._referrers_page(response, place)
                if len(found) > _MOST_REFERRERS:
                    raise RegistryError(f"lists more than {_MOST_REFERRERS} referrers", place=place)
        except (ManifestUnknown, StatusRefused):
            if found:
                raise
            self._has_referrers = False
            return None
        return tuple(found)

    def _referrers_page(self, response: requests.Response, place: str) -> tuple[Descriptor, ...]:
        if _media_type(response) != OCI_INDEX:  # some page, sent for whatever is not known
            self._transport.client.discard(response)
            raise StatusRefused("lists no referrers", place=place)
        data = self._transport.client.body(response, MANIFEST_LIMIT)
        return parse_manifest(data, OCI_INDEX, what=place).manifests

    def _may_have_referrers(self, url: str) -> bool:
        """Say whether there may be the API, having asked by HEAD once.

        The specification knows no HEAD here, so a refusal says little: Harbor hands it on to a registry behind it,
        which knows nothing of referrers. Only where such a registry stands alone it is believed.
        """
        with self._probing:
            if self._has_referrers is None:
                response = self._transport.request("HEAD", self._endpoint, url, accepted=_PROBED)
                self._transport.client.discard(response)
                self._has_referrers = not _is_unknown_route(response)
            return self._has_referrers

    def _pages(
        self, url: str, most: int, unlinked: Callable[[], str] = lambda: ""
    ) -> Iterator[requests.Response]:
        """Yield the answers of a list that comes in pages (RFC 8288, rel=next); the consumer reads their bodies.

        Args:
            url: of the first page.
            most: the most pages.
            unlinked: returns where the list may go on though the page that was read last has no link; empty where
                it does not. It need not be there.

        Raises:
            RegistryError: there are more pages than ``most``, or they lead in a circle or elsewhere.
        """
        seen = {url}
        is_linked = True
        for _ in range(most):
            try:
                response = self._transport.request("GET", self._endpoint, url)
            except (ManifestUnknown, StatusRefused):
                if is_linked:
                    raise
                return
            following = _next_page(response, url)
            yield response
            is_linked = bool(following)
            following = following or unlinked()
            if not following:
                return
            if Origin.of(following) != Origin.of(url):
                raise RegistryError(f"its list goes on elsewhere: {following!r:.200}", place=url)
            if following in seen:
                raise RegistryError("its list leads back to a page that was there before", place=following)
            seen.add(following)
            url = following
        raise RegistryError(f"its list has more than {most} pages", place=url)

    def _json(self, response: requests.Response, limit: int) -> Mapping[str, Any]:
        """Read an answer that is a JSON object."""
        try:
            return jsontext.load_object(
                self._transport.client.body(response, limit), limit=limit, what=response.url
            )
        except InvalidDocument as error:
            raise RegistryError(f"its answer is {error.message}", place=response.url) from error

    def _asked(
        self, method: str, path: str, headers: Mapping[str, str], accepted: Collection[int] = (HTTPStatus.OK,)
    ) -> requests.Response:
        return self._transport.request(method, self._endpoint, self._endpoint.url(path), headers, accepted)

    def _manifest(self, method: str, selector: str) -> requests.Response:
        return self._asked(method, f"manifests/{selector}", _ACCEPT)


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


def _next_page(response: requests.Response, url: str) -> str:
    """Return the address of the next page; empty where this is the last one. Some registries forget the brackets."""
    for link in parse_header_links(response.headers.get("Link", "")[:_MOST_LINK]):
        if link.get("rel", "").lower() == "next" and link.get("url"):
            try:
                following = urljoin(url, link["url"])
                Origin.of(following)
            except (ValueError, InvalidURL) as error:
                raise RegistryError(
                    f"its list goes on at no address: {link['url']!r:.200}", place=url
                ) from error
            return following
    return ""


def _is_unknown_route(response: requests.Response) -> bool:
    """Say whether an answer is the one of the distribution project's registry to what is not in its API.

    Harbor has one behind it, and marks what it lets through.
    """
    headers = response.headers
    return (
        response.status_code == HTTPStatus.NOT_FOUND
        and "Docker-Distribution-Api-Version" in headers
        and "X-Request-Id" not in headers
        and _media_type(response) == "text/plain"
    )


def _media_type(response: requests.Response) -> str:
    return str(response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
