"""Pushing in tests: an archive of images under the names of well-known registries, and what arrived."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from archiver.core.digest import Digest
from servers.real import skopeo
from servers.small_archive import ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.snapshot import ImageResult
    from servers.console import Console
    from servers.real import Registry

REDIS = "docker.io/library/redis:7"
TOOL = "quay.io/team/tool:1.0"
PRIVATE = "registry.example.org:5000/team/app:2"
AMD64, ARM64 = "linux/amd64", "linux/arm64"


class ImageArchive:
    """An archive folder with images under any names, and bundles of it.

    Attributes:
        root: the folder.
        images: what was put in, by reference.
    """

    def __init__(self, console: Console, name: str = "archives", project: str = "sample") -> None:
        self.root = console.folder / name
        self._console, self._project = console, project
        self._builder = ArchiveBuilder(self.root, project)
        self.images: dict[str, ImageResult] = {}

    def image(self, reference: str, *platforms: str, size: int = 0, salt: str = "") -> ImageResult:
        """Put an image in; a size gives it a layer of so many bytes that do not compress."""
        shared = noise(size, salt or reference) if size else b"shared by all"
        made = self._builder.image(reference, platforms or (AMD64,), salt=salt or reference, shared=shared)
        self.images[reference] = made
        return made

    def usual(self) -> ImageArchive:
        """Put in a multi-platform image and two single ones, which share a layer, and finish."""
        self.image(REDIS, AMD64, ARM64)
        self.image(TOOL)
        self.image(PRIVATE)
        return self.finish()

    def finish(self) -> ImageArchive:
        """Write the snapshot."""
        self._builder.finish()
        return self

    def bundle(self, name: str = "bundle.tar", *options: str) -> Path:
        """Make a bundle."""
        path = self._console.folder / name
        self._console.succeed("bundle", self._project, "--archives", self.root, "-o", path, *options)
        return path

    def blob(self, digest: str) -> Path:
        """Return where the archive has a blob."""
        return self.root / "images" / "blobs" / digest.replace(":", "/")


def noise(size: int, salt: str) -> bytes:
    """Return bytes that do not compress, the same for the same salt."""
    return hashlib.shake_256(salt.encode()).digest(size)


def digest_of(registry: Registry | Any, name: str, *options: str) -> str:
    """Return the digest of an image in a registry, as skopeo sees it."""
    raw = skopeo("inspect", "--raw", "--tls-verify=false", *options, f"docker://{registry.host}/{name}")
    return str(Digest.of(raw.encode()))


def layers_of(path: Path) -> list[str]:
    """Return the digests of the layers of a manifest."""
    return [str(layer["digest"]) for layer in json.loads(path.read_bytes())["layers"]]


def writes(registry: Registry) -> list[str]:
    """Return the requests to a registry that were more than looking."""
    return [line for line in registry.requests() if not line.startswith("HEAD ")]
