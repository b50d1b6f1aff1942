"""The demo's image: built on the spot, for two platforms that share their layer."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

from archiver.core import tarheader
from archiver.core.descriptor import OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor, Platform

if TYPE_CHECKING:
    from archiver.store.images import ImageLayout

PLATFORMS = (Platform("linux", "amd64"), Platform("linux", "arm64"))
_GREETING = b"This file came out of a container image that the archiver's demo built, mirrored and packed.\n"


def build_image(layout: ImageLayout, reference: str) -> Descriptor:
    """Store a two-platform image in a layout under a reference and return its index's descriptor."""
    layer = (
        tarheader.header("hello.txt", len(_GREETING))
        + _GREETING
        + tarheader.padding(len(_GREETING))
        + tarheader.END
    )
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
        stream.write(layer)
    layer_descriptor = _stored(layout, OCI_LAYER_GZIP, packed.getvalue())
    manifests = [_manifest(layout, platform, layer, layer_descriptor) for platform in PLATFORMS]
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {**manifest.to_json(), "platform": platform.to_json()}
            for manifest, platform in zip(manifests, PLATFORMS, strict=True)
        ],
    }
    descriptor = _stored_json(layout, OCI_INDEX, index)
    layout.point([(reference, descriptor)])
    return descriptor


def _manifest(
    layout: ImageLayout, platform: Platform, layer: bytes, layer_descriptor: Descriptor
) -> Descriptor:
    config = {
        **platform.to_json(),
        "config": {"Cmd": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created_by": "archiver demo"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _stored_json(layout, OCI_CONFIG, config).to_json(),
        "layers": [layer_descriptor.to_json()],
    }
    return _stored_json(layout, OCI_MANIFEST, manifest)


def _stored_json(layout: ImageLayout, media_type: str, document: dict[str, Any]) -> Descriptor:
    return _stored(layout, media_type, json.dumps(document, separators=(",", ":")).encode())


def _stored(layout: ImageLayout, media_type: str, data: bytes) -> Descriptor:
    return Descriptor(media_type, layout.blobs.put(data), len(data))
