"""The images of ``make bench-images``: made from a seed, pushed over the registry's own API.

Layers are what registries hold, gzipped tars; their content cannot be compressed, so what is downloaded is
what is hashed and stored. Nothing is kept beside the registry: what a layer has is made while it is sent.

Source: OCI distribution-spec v1.1, "Pushing a blob in chunks", "Pushing Manifests"; image-spec v1.1.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import tarfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Iterator
from urllib.parse import urlsplit

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
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
    """What was pushed.

    Attributes:
        names: ``repository:tag`` of each image.
        blobs: digest -> bytes of everything that they reach, manifests included.
    """

    names: tuple[str, ...]
    blobs: dict[str, int]


class Pusher:
    """Makes images and pushes them to a registry without a login, ``host:port``, over plain HTTP."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._blobs: dict[str, int] = {}

    def push_images(self, megabytes: float) -> Sent:
        """Push eight images that share a base and have so many megabytes (10^6 bytes) of layers, each counted once.

        One of them is an index with two platforms.
        """
        self._blobs = {}
        scale = megabytes / _WHOLE
        for name, sizes in _IMAGES.items():
            self._image(f"bench/{name}", "1.0", name, [size * scale for size in sizes], _BASE * scale)
        variants = [
            {
                **self._image("bench/coredns", f"1.0-{architecture}", architecture, [s * scale for s in sizes],
                              _BASE * scale),
                "platform": {"os": "linux", "architecture": architecture},
            }
            for architecture, sizes in _PLATFORMS.items()
        ]  # fmt: skip
        self._manifest("bench/coredns", "1.0", _INDEX, {"manifests": variants})
        return Sent(tuple(f"bench/{name}:1.0" for name in (*_IMAGES, "coredns")), self._blobs)

    def push_blob(self, megabytes: float) -> tuple[Sent, str]:
        """Push an image that is a single layer of so many megabytes; return also the layer's digest."""
        self._blobs = {}
        self._image("bench/big", "1.0", "big", [megabytes], None)
        return Sent(("bench/big:1.0",), self._blobs), max(self._blobs, key=lambda each: self._blobs[each])

    def _image(
        self, repository: str, tag: str, seed: str, megabytes: list[float], base: float | None
    ) -> dict[str, Any]:
        seeds = {f"{seed}-{number}": size for number, size in enumerate(megabytes)}
        if base is not None:
            seeds = {"base": base, **seeds}
        layers, contents = [], []
        for each, size in seeds.items():
            plain = hashlib.sha256()
            layers.append(self._blob(repository, _LAYER, _layer(each, int(size * 1e6), plain)))
            contents.append(f"sha256:{plain.hexdigest()}")
        architecture = seed if seed in _PLATFORMS else "amd64"
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": contents},
        }
        described = self._blob(repository, _CONFIG, iter([json.dumps(config).encode()]))
        return self._manifest(repository, tag, _MANIFEST, {"config": described, "layers": layers})

    def _blob(self, repository: str, media_type: str, pieces: Iterator[bytes]) -> dict[str, Any]:
        """Push what ``pieces`` yields and return its descriptor."""
        hasher, size = hashlib.sha256(), 0

        def sent() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                hasher.update(piece)
                size += len(piece)
                yield piece

        place = self._send("POST", f"/v2/{repository}/blobs/uploads/", b"")
        place = self._send("PATCH", place, sent(), "application/octet-stream")
        digest = f"sha256:{hasher.hexdigest()}"
        self._send("PUT", f"{place}{'&' if urlsplit(place).query else '?'}digest={digest}", b"")
        self._blobs[digest] = size
        return {"mediaType": media_type, "digest": digest, "size": size}

    def _manifest(
        self, repository: str, tag: str, media_type: str, content: dict[str, Any]
    ) -> dict[str, Any]:
        data = json.dumps({"schemaVersion": 2, "mediaType": media_type, **content}).encode()
        self._send("PUT", f"/v2/{repository}/manifests/{tag}", data, media_type)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._blobs[digest] = len(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def _send(self, method: str, url: str, body: bytes | Iterator[bytes], media_type: str = "") -> str:
        """Send a request and return where the answer leads to."""
        split = urlsplit(url)
        target = split.path + (f"?{split.query}" if split.query else "")
        with closing(http.client.HTTPConnection(self._host)) as connection:
            connection.request(method, target, body, {"Content-Type": media_type} if media_type else {})
            answer = connection.getresponse()
            if answer.status not in (201, 202):
                raise RuntimeError(f"{method} {url}: {answer.status} {answer.read()[:500]!r}")
            return answer.headers.get("Location", "")


def _layer(seed: str, size: int, plain: Any) -> Iterator[bytes]:
    """Yield a gzipped tar with one file of random bytes; ``plain`` hashes the tar."""
    packer = zlib.compressobj(0, wbits=31)  # stored: random bytes would come out of any level as large
    for piece in _tar(seed, size):
        plain.update(piece)
        yield packer.compress(piece)
    yield packer.flush()


def _tar(seed: str, size: int) -> Iterator[bytes]:
    entry = tarfile.TarInfo(f"usr/lib/{seed}")
    entry.size = size
    yield entry.tobuf()
    chance = random.Random(seed)
    for start in range(0, size, _PIECE):
        yield chance.randbytes(min(_PIECE, size - start))
    yield bytes(-size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
