"""Images of every kind in two registries: what a tar of images has to carry, and what came of it is compared with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servers.content import Made, packed, zstd

if TYPE_CHECKING:
    from servers.registry import Registry

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ZSTD_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"
SPDX = "application/spdx+json"
PLATFORMS = ("linux/amd64", "linux/arm64")
DOCKER = {"config_type": DOCKER_CONFIG, "layer_type": DOCKER_LAYER, "mediaType": DOCKER_MANIFEST}
"""What makes an image one of Docker's media types; see content.Filling.image."""
SHARED = packed("a layer that many images share")


@dataclass
class EveryKind:
    """What was pushed.

    Attributes:
        roots: what each image's reference points to.
        configs: digests of the configs, which are the image IDs, by reference and platform.
        artifacts: what is no image, by what it is: ``cosign``, ``sbom``, ``chart``.
        references: what the spec asks for.
    """

    roots: dict[str, Made] = field(default_factory=dict)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)
    artifacts: dict[str, Made] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)

    def identity(self, reference: str, platform: str = PLATFORMS[0]) -> str:
        """Return the ID of an image for a platform, or for the only one that it has."""
        configs = self.configs[reference]
        return configs.get(platform) or next(iter(configs.values()))

    @property
    def tagged(self) -> list[str]:
        """The references without a digest."""
        return [reference for reference in self.roots if "@" not in reference]

    def named(self, kind: str) -> str:
        """Return the reference of the image whose repository ends so."""
        return next(
            reference for reference in self.roots if reference.split("@")[0].split(":")[1].endswith(kind)
        )


def every_kind(first: Registry, second: Registry, *, with_zstd: bool = True) -> EveryKind:
    """Fill two registries: OCI and Docker's types, one platform and two, layers packed in every way, and pinned images.

    Args:
        first: gets most of it.
        second: gets an image with the same repository and tag as one in the first.
        with_zstd: whether there is an image with layers packed by Zstandard.
    """
    made = EveryKind()

    def add(registry: Registry, name: str, root: Made, configs: dict[str, str]) -> None:
        reference = f"{registry.host}/{name}"
        made.references.append(reference)
        made.roots[reference], made.configs[reference] = root, configs

    def single(registry: Registry, name: str, text: str, **more: Any) -> None:
        image = registry.image(name, SHARED, packed(text), **more)
        add(registry, name, image, {PLATFORMS[0]: image.config})

    def several(name: str, text: str, kind: str = "", **more: Any) -> None:
        images = [registry_image(name, f"{text} {each}", each, **more) for each in PLATFORMS]
        index = first.index(name, *zip(images, PLATFORMS))
        if kind:
            document = {**json.loads(first.content(index.digest)), "mediaType": kind}
            index = first.manifest(name, document)
        add(first, name, index, {each: image.config for each, image in zip(PLATFORMS, images)})

    def registry_image(name: str, text: str, platform: str, **more: Any) -> Made:
        return first.image(name.partition(":")[0], SHARED, packed(text), platform=platform, **more)

    single(first, "team/single:1", "single")
    single(second, "team/single:1", "the same name elsewhere")
    several("team/index:1", "index")
    single(first, "team/schema2:1", "schema2", **DOCKER)
    several("team/list:1", "list", DOCKER_LIST, **DOCKER)
    plain, squeezed = packed("plain"), packed("zstd")
    add(first, "team/plain:1", *_one_layer(first, "team/plain:1", plain, (plain, PLAIN_LAYER)))
    if with_zstd:
        layer = zstd(squeezed), ZSTD_LAYER
        add(first, "team/zstd:1", *_one_layer(first, "team/zstd:1", squeezed, layer))
    pinned = first.image("team/pinned", SHARED, packed("pinned"))
    add(first, f"team/pinned@{pinned.digest}", pinned, {PLATFORMS[0]: pinned.config})
    older = first.image("team/both:1", SHARED, packed("as it was"))
    add(first, f"team/both:1@{older.digest}", older, {PLATFORMS[0]: older.config})
    single(first, "team/both:1", "as it is")
    _artifacts(first, made)
    return made


def _one_layer(
    registry: Registry, name: str, content: bytes, layer: tuple[bytes, str]
) -> tuple[Made, dict[str, str]]:
    """Push an image of one layer, given by its content, and by its bytes and media type; return it and its configs."""
    diff = "sha256:" + hashlib.sha256(content).hexdigest()
    document = {
        "os": "linux",
        "architecture": "amd64",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff]},
    }
    config = registry.put(json.dumps(document).encode(), "application/vnd.oci.image.config.v1+json")
    described = {"config": config.descriptor, "layers": [registry.put(*layer).descriptor]}
    return registry.manifest(name, {"schemaVersion": 2, **described}), {PLATFORMS[0]: config.digest}


def _artifacts(registry: Registry, made: EveryKind) -> None:
    """A cosign signature by its tag, an SBOM by the referrers API, and a chart of its own name."""
    image = made.roots[f"{registry.host}/team/single:1"]
    config = (json.dumps({"os": "", "architecture": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}).encode(),
              "application/vnd.oci.image.config.v1+json")  # fmt: skip
    made.artifacts["cosign"] = registry.artifact(
        f"team/single:{image.digest.replace(':', '-')}.sig", b'{"critical":{}}', COSIGN, config=config
    )
    sbom = registry.artifact("team/single", b"{}", SPDX, subject=image.descriptor, artifactType=SPDX)
    made.artifacts["sbom"] = sbom
    registry.referrers = {image.digest: [{**sbom.descriptor, "artifactType": SPDX}]}
    made.artifacts["chart"] = registry.artifact(
        "charts/chart:1",
        b"chart",
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        config=(b'{"name": "chart"}', "application/vnd.cncf.helm.config.v1+json"),
    )
    made.references.append(f"{registry.host}/charts/chart:1")
