"""Making images, indexes and artifacts, and putting them into whatever takes blobs and manifests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True)
class Made:
    """Content that was put into a registry: what names it and what it consists of."""

    media_type: str
    digest: str
    size: int
    layers: tuple[str, ...] = ()
    config: str = ""

    @property
    def descriptor(self) -> dict[str, Any]:
        """Its descriptor as JSON data."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}

    @classmethod
    def of(cls, data: bytes, media_type: str) -> Made:
        """Describe bytes."""
        return cls(media_type, "sha256:" + hashlib.sha256(data).hexdigest(), len(data))


class Filling:
    """What images are made of, for whatever keeps them.

    A registry that is filled says how by ``blob`` and ``put_manifest``.
    """

    def blob(self, repository: str, data: bytes, media_type: str = OCI_LAYER) -> Made:
        """Put a blob into a repository."""
        raise NotImplementedError

    def put_manifest(self, name: str, data: bytes, media_type: str) -> Made:
        """Put a manifest's bytes at ``repository:tag``, or at ``repository`` without a tag."""
        raise NotImplementedError

    def manifests(self, repository: str) -> list[tuple[Made, dict[str, Any]]]:
        """Return all manifests of a repository, in no order of importance."""
        raise NotImplementedError

    def manifest(self, name: str, document: Any) -> Made:
        """Put a manifest of any content and tag it; without a tag in the name it has its digest alone."""
        return self.put_manifest(name, json.dumps(document).encode(), document.get("mediaType", OCI_MANIFEST))

    def image(
        self,
        name: str,
        *layers: bytes,
        platform: str = "linux/amd64",
        config_type: str = OCI_CONFIG,
        layer_type: str = OCI_LAYER,
        **more: Any,
    ) -> Made:
        """Make an image of some layers and tag it ``repository:tag``; ``more`` goes into its manifest."""
        repository = repository_of(name)
        diffs = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
        document = {**_parts(platform), "config": {}, "rootfs": {"type": "layers", "diff_ids": diffs}}
        config = self.blob(repository, json.dumps(document).encode(), config_type)
        packed = [self.blob(repository, gzip.compress(layer, mtime=0), layer_type) for layer in layers]
        described = {"config": config.descriptor, "layers": [each.descriptor for each in packed], **more}
        made = self.manifest(name, {"schemaVersion": 2, "mediaType": OCI_MANIFEST, **described})
        return Made(
            made.media_type, made.digest, made.size, tuple(each.digest for each in packed), config.digest
        )

    def index(self, name: str, *children: tuple[Made, str]) -> Made:
        """Make an index of manifests with platforms (empty for none) and tag it."""
        manifests = []
        for made, platform in children:
            parts = _parts(platform)
            manifests.append({**made.descriptor, **({"platform": parts} if parts else {})})
        return self.manifest(name, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})

    def artifact(
        self,
        name: str,
        content: bytes,
        kind: str,
        *,
        config: tuple[bytes, str] = (b"{}", OCI_EMPTY),
        title: str = "",
        **more: Any,
    ) -> Made:
        """Make an artifact of one layer, such as a chart, a signature or an SBOM.

        Args:
            name: ``repository:tag``, or ``repository`` alone.
            content: the layer's bytes.
            kind: the layer's media type.
            config: the config's bytes and media type; by default OCI's empty one.
            title: the layer's title annotation.
            more: goes into the manifest (``subject``, ``artifactType``).
        """
        repository = repository_of(name)
        packed, described = self.blob(repository, *config), self.blob(repository, content, kind)
        layer = described.descriptor
        if title:
            layer["annotations"] = {"org.opencontainers.image.title": title}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": packed.descriptor,
            "layers": [layer],
        }
        made = self.manifest(name, {**document, **more})
        return Made(made.media_type, made.digest, made.size, (described.digest,), packed.digest)


def packed(text: str) -> bytes:
    """Return a layer, not compressed, with a file that has this text: what runtimes can unpack."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("text")
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


def zstd(data: bytes) -> bytes:
    """Return a Zstandard frame of data, stored in raw blocks: what any decoder takes (RFC 8878, section 3.1.1)."""
    most = 128 << 10
    blocks = [data[at : at + most] for at in range(0, len(data), most)]
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")
    for number, block in enumerate(blocks, 1):
        frame += (len(block) << 3 | (number == len(blocks))).to_bytes(3, "little") + block
    return frame


def repository_of(name: str) -> str:
    """Return ``repository:tag`` without its tag."""
    return name.partition(":")[0]


def _parts(platform: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), platform.split("/"))) if platform else {}
