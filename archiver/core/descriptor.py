"""Descriptors, platforms and media types of the OCI image specification and of Docker's schema 2.

Source: OCI image-spec v1.1 descriptor.md, image-index.md; Docker "Image Manifest V 2, Schema 2"; RFC 6838,
section 4.2 (what a media type may be).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping

from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
IMAGE_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})
FILESYSTEM_LAYERS = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
"""How the media types of layers that are file systems begin, compressed, encrypted and foreign ones too."""
MANIFEST_LIMIT = 4 << 20  # bytes; OCI distribution-spec 1.1 asks registries to take at least this much
REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
TITLE = "org.opencontainers.image.title"
_MOST_URLS = 16
_MOST_SIZE = (1 << 63) - 1  # image-spec: an int64
_MEDIA_TYPE = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\Z")


@dataclass(frozen=True, order=True)
class Platform:
    """What an image runs on, written ``os/architecture[/variant]``."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``linux/arm64/v8``. Raises InvalidDocument where it is not two or three non-empty parts."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise InvalidDocument(f"{text!r:.80} is not a platform such as linux/amd64")
        return cls(*parts)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Platform:
        """Read the ``platform`` object of an index entry, or the same keys of an image config."""
        return cls(*(_text(document.get(key)) for key in ("os", "architecture", "variant")))

    def to_json(self) -> dict[str, str]:
        """Return the ``platform`` object of an index entry."""
        document = {"architecture": self.architecture, "os": self.os}
        if self.variant:
            document["variant"] = self.variant
        return document

    def matches(self, wanted: Platform) -> bool:
        """Say whether this platform satisfies ``wanted``; no variant wanted means any, and arm64 is arm64/v8."""
        if (self.os, self.architecture) != (wanted.os, wanted.architecture):
            return False
        default = "v8" if self.architecture == "arm64" else ""
        return not wanted.variant or (self.variant or default) == wanted.variant

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


@dataclass(frozen=True)
class Descriptor:
    """A typed pointer to content: media type, digest, size in bytes, and what is said about it.

    ``urls`` are further places where its publisher says it can be had from.
    """

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    artifact_type: str = ""
    urls: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, document: Any, *, what: str) -> Descriptor:
        """Read a descriptor from untrusted JSON.

        Raises:
            InvalidDocument: a field is missing or of the wrong type, the size is none, or a media type is none.
            InvalidDigest: the digest is malformed or of an unknown algorithm.
        """
        if not isinstance(document, dict):
            raise InvalidDocument("a descriptor is not an object", place=what)
        size, media_type = document.get("size"), document.get("mediaType")
        annotations, platform = document.get("annotations") or {}, document.get("platform")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MOST_SIZE:
            raise InvalidDocument(f"a descriptor has the size {size!r:.40}", place=what)
        if not isinstance(media_type, str) or not is_media_type(media_type):
            raise InvalidDocument(f"a descriptor has the media type {media_type!r:.120}", place=what)
        if not isinstance(annotations, dict):
            raise InvalidDocument("a descriptor has malformed annotations", place=what)
        return cls(
            media_type,
            Digest.parse(document.get("digest", "")),
            size,
            {str(key): str(value) for key, value in annotations.items()},
            Platform.from_json(platform) if isinstance(platform, dict) else None,
            artifact_type(document, what=what),
            _urls(document.get("urls")),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the descriptor as JSON data, optional fields only where they are set."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.platform is not None:
            document["platform"] = self.platform.to_json()
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        if self.urls:
            document["urls"] = list(self.urls)
        return document


def layer_compression(media_type: str) -> str:
    """Return how a layer that is a file system is packed, by its media type: ``none``, ``gzip``, ``zstd`` or ``other``."""
    for name in ("gzip", "zstd"):
        if media_type.endswith((f".tar+{name}", f".tar.{name}")):
            return name
    return "none" if media_type.endswith(".tar") else "other"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _urls(value: Any) -> tuple[str, ...]:
    urls = value if isinstance(value, list) else []
    return tuple(url for url in urls[:_MOST_URLS] if isinstance(url, str))


def is_media_type(text: str) -> bool:
    """Say whether a string is a media type without parameters, as RFC 6838 allows them (at most 255 characters)."""
    return _MEDIA_TYPE.match(text) is not None


def artifact_type(document: Mapping[str, Any], *, what: str) -> str:
    """Return the ``artifactType`` of an untrusted manifest or descriptor, empty where it has none.

    Raises:
        InvalidDocument: it is no media type.
    """
    value = document.get("artifactType") or ""
    if value and not (isinstance(value, str) and is_media_type(value)):
        raise InvalidDocument(f"the artifact type is {value!r:.120}", place=what)
    return str(value)
