from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from archiver.bundle.imageclosure import image_contents
from archiver.core.digest import Digest
from archiver.core.errors import DigestMismatch
from archiver.store.images import blob_reader
from archiver.store.imagestar import ImagesTar
from servers.small_archive import IMAGE, SINGLE, ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

PINNED = "quay.io/some/tool@sha256:" + "1" * 64


@pytest.fixture
def builder(tmp_path: Path) -> ArchiveBuilder:
    """An archive with images that share a layer, one pinned by digest alone, and an artifact."""
    made = ArchiveBuilder(tmp_path / "archives")
    made.image(IMAGE, ("linux/amd64", "linux/arm64"), shared=b"base")
    made.image(SINGLE, ("linux/amd64",), salt="other", shared=b"base")
    made.image(PINNED, ("linux/amd64",), salt="pinned", shared=b"base")
    made.artifact("ghcr.io/charts/chart:1", b"chart")
    return made


def _packed(builder: ArchiveBuilder) -> tuple[ImagesTar, bytes]:
    store = blob_reader(builder.archive.images)
    images, _ = image_contents(builder.finish(), store, ())
    planned, output = ImagesTar([image.tar_image for image in images], store), io.BytesIO()
    planned.write(output)
    return planned, output.getvalue()


def _json(tar: tarfile.TarFile, name: str) -> Any:
    member = tar.extractfile(name)
    assert member is not None
    return json.load(member)


def test_the_tar_is_as_long_as_planned_and_blobs_are_where_planned(builder: ArchiveBuilder) -> None:
    """Size and offsets are exact; every blob hashes to its name; shared layers are there once, sorted by digest."""
    planned, data = _packed(builder)
    assert len(data) == planned.size
    digests = [digest for digest, _, _ in planned.blobs]
    assert digests == sorted(set(digests))
    for digest, size, offset in planned.blobs:
        assert Digest.of(data[offset : offset + size]) == digest
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
    assert names[:3] == ["oci-layout", "index.json", "manifest.json"]
    assert names[3:] == [f"blobs/sha256/{digest.hex}" for digest in digests]


def test_the_index_names_each_image_twice_and_no_artifact_as_one(builder: ArchiveBuilder) -> None:
    """index.json has an image's full reference in both annotations; what cannot be unpacked has a name of our own."""
    _, data = _packed(builder)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        entries = _json(tar, "index.json")["manifests"]
    image = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
    artifact = ("io.archiver.artifact.name",)
    assert [entry["annotations"] for entry in entries] == [
        dict.fromkeys(image if any(result.platforms) else artifact, result.reference)
        for result in builder.images
    ]
    assert [entry["digest"] for entry in entries] == [result.digest for result in builder.images]


def test_an_alias_is_named_for_readers_that_know_oci_types_alone(builder: ArchiveBuilder) -> None:
    """Behind all entries stands one of the same ref.name, and of its own digest's for containerd; its bytes are in."""
    store = blob_reader(builder.archive.images)
    images = [image.tar_image for image in image_contents(builder.finish(), store, ())[0]]
    named = replace(images[1], alias=b"{}")
    digest, output = Digest.of(b"{}"), io.BytesIO()
    ImagesTar([named, images[0]], store, without={digest}).write(output)
    with tarfile.open(fileobj=io.BytesIO(output.getvalue())) as tar:
        *_, last = _json(tar, "index.json")["manifests"]
        assert f"blobs/sha256/{digest.hex}" in tar.getnames()
    assert (last["digest"], last["size"]) == (str(digest), 2)
    assert last["annotations"] == {
        "org.opencontainers.image.ref.name": SINGLE,
        "io.containerd.image.name": f"{SINGLE.rpartition(':')[0]}@{digest}",
        "io.archiver.alias-of": str(named.root.digest),
    }


def test_manifest_json_has_images_only_and_no_digest_for_a_tag(builder: ArchiveBuilder) -> None:
    """Docker load gets every image, by tag where it has one; the chart is not offered to it."""
    _, data = _packed(builder)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        entries = _json(tar, "manifest.json")
        names = set(tar.getnames())
    assert [entry["RepoTags"] for entry in entries] == [[IMAGE], [SINGLE], []]
    assert all({entry["Config"], *entry["Layers"]} <= names for entry in entries)


def test_what_is_pinned_by_digest_takes_no_tag(tmp_path: Path) -> None:
    """Beside ``tool:1`` as it is now, ``tool:1@sha256:…`` is an older one: docker load must not mix them up."""
    made = ArchiveBuilder(tmp_path / "archives")
    made.image("quay.io/some/tool:1", ("linux/amd64",), salt="new")
    made.image("quay.io/some/tool:1@sha256:" + "1" * 64, ("linux/amd64",), salt="old")
    _, data = _packed(made)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        entries = _json(tar, "manifest.json")
    assert [entry["RepoTags"] for entry in entries] == [["quay.io/some/tool:1"], []]


def test_a_corrupt_blob_is_never_written_unnoticed(builder: ArchiveBuilder) -> None:
    """A byte flipped in a blob is noticed while it is copied; the error names the digest."""
    planned, _ = _packed(builder)
    damaged = planned.blobs[0][0]
    path = builder.layout.blobs.path(damaged)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DigestMismatch) as raised:
        planned.write(io.BytesIO())
    assert raised.value.place == str(damaged)


def test_a_part_names_all_images_and_leaves_out_what_readers_have(builder: ArchiveBuilder) -> None:
    """Without some blobs index.json is the whole one, and no manifest.json offers docker what it could not load."""
    store = blob_reader(builder.archive.images)
    images = [image.tar_image for image in image_contents(builder.finish(), store, ())[0]]
    without = set(images[0].blobs)
    planned, output = ImagesTar(images, store, without), io.BytesIO()
    planned.write(output)
    assert len(output.getvalue()) == planned.size
    with tarfile.open(fileobj=io.BytesIO(output.getvalue())) as part:
        assert [entry["digest"] for entry in _json(part, "index.json")["manifests"]] == [
            result.digest for result in builder.images
        ]
        assert "manifest.json" not in part.getnames()
    needed = {digest for image in images for digest in image.blobs}
    assert [digest for digest, _, _ in planned.blobs] == sorted(needed - without)
