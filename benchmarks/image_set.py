"""The images of ``make bench-images``: made from a seed and put into a registry while they are made.

Layers are what registries hold, gzipped tars; their content cannot be compressed, so what is downloaded is
what is hashed and stored.
"""

from __future__ import annotations

import json
import random
import tarfile
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Iterator

from servers.content import OCI_CONFIG, OCI_MANIFEST, Made

if TYPE_CHECKING:
    from servers.real import Registry

_PIECE = 1 << 18
# Sizes as Docker Hub's images have them: one base for all, and in each image a big layer or two among small ones.
_BASE = 80.0
_IMAGES: dict[str, tuple[float, ...]] = {  # megabytes of the layers that are an image's own
    "redis": (0.01, 4, 11, 0.002),
    "nginx": (27, 0.6, 0.002, 1),
    "node": (55, 44, 4, 1.5),
    "python": (40, 35, 10, 2, 0.3),
    "java": (100, 32, 5),
    "postgres": (60, 40, 12, 1, 0.02, 0.002),
    "grafana": (50, 24, 3, 1),
}
_PLATFORMS: dict[str, tuple[float, ...]] = {"amd64": (20, 8, 0.01), "arm64": (20, 8, 0.01)}  # of "coredns"
_WHOLE = _BASE + sum(map(sum, _IMAGES.values())) + sum(map(sum, _PLATFORMS.values()))


@dataclass(frozen=True)
class Sent:
    """What was put into a registry.

    Attributes:
        names: ``repository:tag`` of each image.
        blobs: digest -> bytes of everything that they reach, manifests included.
    """

    names: tuple[str, ...]
    blobs: dict[str, int]

    @property
    def largest(self) -> str:
        """The digest of the largest blob."""
        return max(self.blobs, key=lambda digest: self.blobs[digest])


def put_images(registry: Registry, megabytes: float) -> Sent:
    """Put eight images that share a base and have so many megabytes (10^6 bytes) of layers, each counted once.

    One of them is an index with two platforms.
    """
    scale, blobs = megabytes / _WHOLE, {}
    for name, sizes in _IMAGES.items():
        _, parts = _image(registry, f"bench/{name}:1.0", _layers(name, sizes, scale))
        blobs.update(parts)
    children = []
    for architecture, sizes in _PLATFORMS.items():
        layers = _layers(f"coredns-{architecture}", sizes, scale)
        made, parts = _image(registry, "bench/coredns", layers, architecture)
        children.append((made, f"linux/{architecture}"))
        blobs.update(parts)
    index = registry.index("bench/coredns:1.0", *children)
    return Sent(
        tuple(f"bench/{name}:1.0" for name in (*_IMAGES, "coredns")), {**blobs, index.digest: index.size}
    )


def put_large(registry: Registry, megabytes: float) -> Sent:
    """Put an image that is a single layer of so many megabytes."""
    _, blobs = _image(registry, "bench/large:1.0", {"large": int(megabytes * 1e6)})
    return Sent(("bench/large:1.0",), blobs)


def _layers(image: str, megabytes: tuple[float, ...], scale: float) -> dict[str, int]:
    """Return the seeds of an image's layers and the bytes in each; the first one is the base of all."""
    sizes = {"base": _BASE, **{f"{image}-{number}": size for number, size in enumerate(megabytes)}}
    return {seed: int(size * scale * 1e6) for seed, size in sizes.items()}


def _image(
    registry: Registry, name: str, layers: dict[str, int], architecture: str = "amd64"
) -> tuple[Made, dict[str, int]]:
    """Put an image of layers made from seeds, with so many bytes each; return also all its blobs."""
    repository = name.partition(":")[0]
    contents: list[str] = []
    parts = [registry.stream(repository, _layer(seed, size, contents)) for seed, size in layers.items()]
    config: dict[str, Any] = {"architecture": architecture, "os": "linux", "config": {}}
    config["rootfs"] = {"type": "layers", "diff_ids": contents}
    described = registry.blob(repository, json.dumps(config).encode(), OCI_CONFIG)
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described.descriptor}
    made = registry.manifest(name, {**document, "layers": [each.descriptor for each in parts]})
    return made, {each.digest: each.size for each in (*parts, described, made)}


def _layer(seed: str, size: int, contents: list[str]) -> Iterator[bytes]:
    """Yield a gzipped tar with one file of random bytes; the digest of the tar is added to ``contents`` at the end."""
    hasher = sha256()
    packer = zlib.compressobj(0, wbits=31)  # stored: random bytes would come out of any level as large
    for piece in _tar(seed, size):
        hasher.update(piece)
        yield packer.compress(piece)
    yield packer.flush()
    contents.append(f"sha256:{hasher.hexdigest()}")


def _tar(seed: str, size: int) -> Iterator[bytes]:
    entry = tarfile.TarInfo(f"usr/lib/{seed}")
    entry.size = size
    yield entry.tobuf()
    chance = random.Random(seed)
    for start in range(0, size, _PIECE):
        yield chance.randbytes(min(_PIECE, size - start))
    yield bytes(-size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
