from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.bundle.imageclosure import image_contents
from archiver.core.descriptor import MANIFEST_LIMIT, OCI_INDEX, Descriptor, Platform
from archiver.core.digest import Digest
from archiver.core.errors import BundleIncomplete
from archiver.core.manifest import parse_manifest
from archiver.store.images import blob_reader
from servers.small_archive import IMAGE, SINGLE, ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.bundle.imageclosure import ImageContent
    from archiver.core.snapshot import Failure

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


@pytest.fixture
def builder(tmp_path: Path) -> ArchiveBuilder:
    """An empty archive."""
    return ArchiveBuilder(tmp_path / "archives")


def _contents(
    builder: ArchiveBuilder, *platforms: Platform
) -> tuple[tuple[ImageContent, ...], tuple[Failure, ...]]:
    return image_contents(builder.finish(), blob_reader(builder.archive.images), platforms)


def _blobs(builder: ArchiveBuilder, digest: str) -> set[Digest]:
    """What a manifest needs, itself included, read independently."""
    at = Digest.parse(digest)
    manifest = parse_manifest(builder.layout.blobs.read(at, MANIFEST_LIMIT), "", what=digest)
    return {at} | {pointer.digest for pointer in manifest.blobs}


def test_an_index_brings_all_its_platforms(builder: ArchiveBuilder) -> None:
    """Without a choice everything that the snapshot kept is packed: index, manifests, configs, layers."""
    result = builder.image(IMAGE, ("linux/amd64", "linux/arm64"))
    (image,), left_out = _contents(builder)
    expected = {Digest.parse(result.digest)}.union(*(_blobs(builder, text) for text in result.manifests))
    assert set(image.blobs) == expected
    assert image.result.size == sum(image.blobs.values())
    assert not left_out


def test_a_platform_narrows_without_touching_the_index(builder: ArchiveBuilder) -> None:
    """With one platform chosen the index keeps its bytes and digest, and the other platform's blobs stay away."""
    result = builder.image(IMAGE, ("linux/amd64", "linux/arm64"))
    (image,), _ = _contents(builder, ARM64)
    assert set(image.blobs) == {Digest.parse(result.digest)} | _blobs(builder, result.manifests[1])
    assert image.root.digest == Digest.parse(result.digest)
    assert image.result.platforms == ("linux/arm64",)
    assert image.default_platform == "linux/arm64"


def test_an_image_without_the_platform_asked_for_is_left_out_by_name(builder: ArchiveBuilder) -> None:
    """An image that has none of the platforms becomes a failure; artifacts, which have none, are always packed."""
    builder.image(SINGLE, ("linux/amd64",))
    builder.artifact("ghcr.io/charts/chart:1", b"chart")
    images, left_out = _contents(builder, ARM64)
    assert [image.result.reference for image in images] == ["ghcr.io/charts/chart:1"]
    assert [(failure.subject, failure.code) for failure in left_out] == [(SINGLE, "bundle.platform")]


def test_what_has_no_platform_within_an_index_is_packed_with_any(builder: ArchiveBuilder) -> None:
    """An artifact beside the platforms of an index goes along, but alone does not make the image worth packing."""
    both = builder.image(IMAGE, ("linux/amd64", "linux/arm64"))
    builder.images = [replace(both, platforms=("linux/amd64", ""))]
    (image,), _ = _contents(builder, AMD64)
    assert image.result.manifests == both.manifests
    images, left_out = _contents(builder, ARM64)
    assert not images
    assert [failure.subject for failure in left_out] == [IMAGE]


def test_linux_amd64_is_what_docker_gets_where_there_is_one(builder: ArchiveBuilder) -> None:
    """manifest.json's platform is linux/amd64, else the first of the spec's list that the image has."""
    builder.image("example.org/both:1", ("linux/arm64", "linux/amd64"))
    builder.image("example.org/others:1", ("linux/s390x", "linux/arm64"))
    builder.image("example.org/strange:1", ("linux/s390x", "linux/riscv64"))
    images, _ = _contents(builder)
    assert [image.default_platform for image in images] == ["linux/amd64", "linux/arm64", "linux/s390x"]
    assert all(image.default is not None for image in images)


@pytest.mark.parametrize("platforms", ["all", ["linux/s390x", "linux/arm64"], [], None, {"linux/s390x": 1}])
def test_the_default_platform_follows_the_spec_as_recorded(
    builder: ArchiveBuilder, platforms: object
) -> None:
    """Where linux/amd64 is missing, the spec's order decides; a record that asks for all, or says nothing, has none."""
    builder.image(SINGLE, ("linux/arm64", "linux/s390x"))
    snapshot = replace(builder.finish(), spec={"images": {"platforms": platforms}})
    (image,), _ = image_contents(snapshot, blob_reader(builder.archive.images), ())
    first = "linux/s390x" if isinstance(platforms, list) and platforms else "linux/arm64"
    assert image.default_platform == first


def test_an_artifact_is_nothing_that_docker_could_run(builder: ArchiveBuilder) -> None:
    """A chart is packed whole but has no default platform."""
    builder.artifact("ghcr.io/charts/chart:1", b"chart")
    (image,), _ = _contents(builder)
    assert (image.default, image.default_platform) == (None, "")
    assert len(image.blobs) == 3


def test_an_index_inside_an_index_is_followed(builder: ArchiveBuilder) -> None:
    """A nested index is packed where it leads to a platform that is kept, and only there."""
    inner = builder.image("example.org/inner:1", ("linux/amd64", "linux/arm64"))
    other = builder.image("example.org/other:1", ("linux/s390x", "linux/riscv64"))
    entries = [
        Descriptor(
            OCI_INDEX,
            Digest.parse(result.digest),
            builder.layout.blobs.size(Digest.parse(result.digest)) or 0,
        )
        for result in (inner, other)
    ]
    outer = builder._put(
        OCI_INDEX,
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.to_json() for entry in entries]},
    )
    builder.images = [replace(inner, reference="example.org/outer:1", digest=str(outer.digest))]
    (image,), _ = _contents(builder)
    assert {outer.digest, entries[0].digest} <= set(image.blobs)
    assert entries[1].digest not in image.blobs


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_missing_blob_is_named(builder: ArchiveBuilder, which: int) -> None:
    """Index, manifest, config or layer: whichever is not in the store, the error names its digest."""
    result = builder.image(IMAGE, ("linux/amd64", "linux/arm64"))
    manifest = Digest.parse(result.manifests[0])
    parsed = parse_manifest(builder.layout.blobs.read(manifest, MANIFEST_LIMIT), "", what="")
    lost = [Digest.parse(result.digest), manifest, *(pointer.digest for pointer in parsed.blobs)][which]
    builder.layout.blobs.path(lost).unlink()
    with pytest.raises(BundleIncomplete) as raised:
        _contents(builder)
    assert raised.value.place == str(lost)


def test_a_blob_of_another_size_is_named(builder: ArchiveBuilder) -> None:
    """A layer cut short in the store is found before anything is written."""
    result = builder.image(SINGLE, ("linux/amd64",))
    manifest = parse_manifest(
        builder.layout.blobs.read(Digest.parse(result.digest), MANIFEST_LIMIT), "", what=""
    )
    path = builder.layout.blobs.path(manifest.layers[0].digest)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleIncomplete) as raised:
        _contents(builder)
    assert raised.value.place == str(manifest.layers[0].digest)


def test_a_manifest_that_the_index_does_not_list_is_refused(builder: ArchiveBuilder) -> None:
    """A snapshot that claims a platform manifest outside of its index contradicts itself."""
    stranger = builder.image(SINGLE, ("linux/amd64",), salt="stranger")
    result = builder.image(IMAGE, ("linux/amd64", "linux/arm64"))
    builder.images = [replace(result, manifests=(result.manifests[0], stranger.digest))]
    with pytest.raises(BundleIncomplete) as raised:
        _contents(builder)
    assert raised.value.place == stranger.digest


def _about(builder: ArchiveBuilder, digest: str, name: str) -> str:
    """Archive something that refers to ``digest``; return its own digest."""
    result = builder.artifact(f"docker.io/x/y:{name}", name.encode())
    builder.images[-1] = replace(result, refers_to=digest)
    return result.digest


def test_what_signs_an_image_stays_away_with_it(builder: ArchiveBuilder) -> None:
    """Of an image, or of a platform, that is not packed no signature is packed either, nor what describes that one."""
    single = builder.image(SINGLE, ("linux/amd64",))
    index = builder.image(IMAGE, ("linux/amd64", "linux/arm64"))
    signature = _about(builder, single.digest, "single.sig")
    _about(builder, signature, "single.sig.sbom")
    _about(builder, index.manifests[0], "amd64.sig")
    _about(builder, index.manifests[1], "arm64.sig")
    _about(builder, index.digest, "index.sig")
    packed, left_out = _contents(builder, ARM64)
    assert {image.result.reference for image in packed} == {
        IMAGE, "docker.io/x/y:arm64.sig", "docker.io/x/y:index.sig",
    }  # fmt: skip
    assert [failure.subject for failure in left_out] == [SINGLE]
    everything, _ = _contents(builder)
    assert len(everything) == 7
