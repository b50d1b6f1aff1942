"""Reading manifests and indexes: what they point to, without ever rewriting them.

Source: OCI image-spec v1.1 manifest.md and image-index.md; Docker schema 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

from archiver.core import jsontext
from archiver.core.descriptor import (
    FILESYSTEM_LAYERS,
    IMAGE_CONFIGS,
    INDEXES,
    MANIFEST_LIMIT,
    MANIFESTS,
    OCI_EMPTY,
    Descriptor,
    artifact_type,
    layer_compression,
)
from archiver.core.errors import InvalidDocument

_MOST_POINTERS = 10_000


@dataclass(frozen=True)
class Manifest:
    """A parsed manifest or index.

    ``manifests`` are the children of an index; ``config`` and ``layers`` belong to a manifest.
    ``config`` is None for an index.
    """

    media_type: str
    manifests: tuple[Descriptor, ...] = ()
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str = ""

    @property
    def is_index(self) -> bool:
        """Whether this is an OCI index or a Docker manifest list."""
        return self.media_type in INDEXES

    @property
    def is_image(self) -> bool:
        """Whether this is the manifest of something to run, and not of an artifact or an index.

        An image's config does not make an image: cosign's signatures and BuildKit's attestations have one, but no
        layer that is a file system.
        """
        if self.config is None or self.config.media_type not in IMAGE_CONFIGS or self.artifact_type:
            return False
        return not self.layers or any(layer.media_type.startswith(FILESYSTEM_LAYERS) for layer in self.layers)

    @property
    def artifact_kind(self) -> str:
        """What kind of artifact this is; empty for an image, and for an index that does not say.

        Where there is no ``artifactType`` it is the config's media type, as the specification has it, and the first
        layer's where the config is an image's or the empty one: cosign's signatures can be told by that alone.
        """
        if self.is_image or self.artifact_type:
            return self.artifact_type
        if self.config is not None and self.config.media_type not in IMAGE_CONFIGS | {OCI_EMPTY}:
            return self.config.media_type
        return self.layers[0].media_type if self.layers else ""

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The blobs a manifest points to, config first; empty for an index."""
        return ((self.config,) if self.config else ()) + self.layers

    @property
    def pointers(self) -> tuple[Descriptor, ...]:
        """All that this document points to and that must be there for it to be whole."""
        return self.manifests + self.blobs


def layer_compressions(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """Return how the layers of images that are file systems are packed, sorted: ``gzip``, ``none``, ``other``, ``zstd``."""
    kinds = {layer.media_type for manifest in manifests if manifest.is_image for layer in manifest.layers}
    return tuple(sorted({layer_compression(kind) for kind in kinds if kind.startswith(FILESYSTEM_LAYERS)}))


def parse_manifest(data: bytes, media_type: str, *, what: str) -> Manifest:
    """Parse an untrusted manifest.

    Args:
        data: its exact bytes.
        media_type: what the registry or the descriptor calls it; where empty, the document's own
            ``mediaType`` counts.
        what: names it in errors (a digest or a reference).

    Raises:
        InvalidDocument: over 4 MiB, not JSON, of another kind than announced, or malformed.
        InvalidDigest: a pointer's digest is malformed.
    """
    document = jsontext.load_object(data, limit=MANIFEST_LIMIT, what=what)
    declared = document.get("mediaType")
    kind = media_type or (declared if isinstance(declared, str) else "")
    if isinstance(declared, str) and declared and kind != declared:
        raise InvalidDocument(f"announced as {kind!r:.120} but says it is {declared!r:.120}", place=what)
    if kind in INDEXES:
        return Manifest(
            kind,
            manifests=_pointers(document, "manifests", what),
            subject=_subject(document, what),
            artifact_type=artifact_type(document, what=what),
        )
    if kind in MANIFESTS:
        if "manifests" in document:
            raise InvalidDocument("an image manifest must not list manifests", place=what)
        return Manifest(
            kind,
            config=Descriptor.from_json(document.get("config"), what=what),
            layers=_pointers(document, "layers", what),
            subject=_subject(document, what),
            artifact_type=artifact_type(document, what=what),
        )
    raise InvalidDocument(f"media type {kind!r:.120} is not a manifest or index", place=what)


def _subject(document: dict[str, Any], what: str) -> Descriptor | None:
    subject = document.get("subject")
    return Descriptor.from_json(subject, what=what) if subject else None


def _pointers(document: dict[str, Any], key: str, what: str) -> tuple[Descriptor, ...]:
    entries = document.get(key)
    if not isinstance(entries, list) or len(entries) > _MOST_POINTERS:
        raise InvalidDocument(f"{key!r} is not a list of at most {_MOST_POINTERS} descriptors", place=what)
    return tuple(Descriptor.from_json(entry, what=what) for entry in entries)
