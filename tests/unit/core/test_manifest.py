from __future__ import annotations

import json

import pytest

from archiver.core.descriptor import (
    DOCKER_LIST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
    Platform,
)
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError, InvalidDocument
from archiver.core.manifest import parse_manifest

POINTER = {"mediaType": OCI_CONFIG, "digest": str(Digest.of(b"c")), "size": 1}
LAYER = {"mediaType": OCI_LAYER_GZIP, "digest": str(Digest.of(b"l")), "size": 2}


def test_a_manifest_points_to_config_and_layers():
    """Config comes first among the blobs, in the order of the manifest."""
    data = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": POINTER, "layers": [LAYER]}
    ).encode()
    manifest = parse_manifest(data, OCI_MANIFEST, what="x")
    assert [blob.size for blob in manifest.blobs] == [1, 2]
    assert not manifest.is_index


def test_an_index_points_to_manifests_with_platforms():
    """Children carry the platform that the index gives them."""
    child = {"mediaType": OCI_MANIFEST, "digest": LAYER["digest"], "size": 9,
             "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}  # fmt: skip
    index = parse_manifest(json.dumps({"manifests": [child]}).encode(), OCI_INDEX, what="x")
    assert index.is_index
    assert index.manifests[0].platform == Platform("linux", "arm64", "v8")


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        ({"mediaType": OCI_INDEX, "manifests": []}, OCI_MANIFEST),
        ({"config": POINTER}, OCI_MANIFEST),
        ({"config": POINTER, "layers": "x"}, OCI_MANIFEST),
        ({"config": {**POINTER, "size": -1}, "layers": []}, OCI_MANIFEST),
        ({"config": {**POINTER, "size": True}, "layers": []}, OCI_MANIFEST),
        ({"config": {**POINTER, "digest": "sha256:../x"}, "layers": []}, OCI_MANIFEST),
        ({"config": POINTER, "layers": [], "manifests": []}, OCI_MANIFEST),
        ({"config": {**POINTER, "mediaType": "x" * 300 + "/x"}, "layers": []}, OCI_MANIFEST),
        ({"config": {**POINTER, "mediaType": "text/\x1b[2J"}, "layers": []}, OCI_MANIFEST),
        ({"config": {**POINTER, "artifactType": ["a/b"]}, "layers": []}, OCI_MANIFEST),
        ({"config": {**POINTER, "size": 1 << 63}, "layers": []}, OCI_MANIFEST),
        ({"config": POINTER, "layers": [], "artifactType": "no type"}, OCI_MANIFEST),
        ({"manifests": [], "artifactType": 1}, OCI_INDEX),
        ({"mediaType": "\x1b[2J", "config": POINTER, "layers": []}, OCI_MANIFEST),
        ({"manifests": [LAYER] * 10_001}, DOCKER_LIST),
        ({"layers": []}, "text/html"),
        ({}, ""),
    ],
)
def test_malformed_manifests_are_typed_errors(document, media_type):
    """Another kind than announced, missing or wrong members, lying sizes and bad digests are refused."""
    with pytest.raises(ArchiverError) as caught:
        parse_manifest(json.dumps(document).encode(), media_type, what="x")
    assert str(caught.value).isprintable()


def test_four_mebibytes_are_the_most():
    """A manifest over the limit is refused before it is parsed."""
    with pytest.raises(InvalidDocument):
        parse_manifest(b" " * (4 << 20) + b"{}", OCI_MANIFEST, what="x")


@pytest.mark.parametrize(
    ("has", "wanted", "matches"),
    [("linux/amd64", "linux/amd64", True), ("linux/arm64/v8", "linux/arm64", True), ("linux/arm64", "linux/arm64/v8", True),
     ("linux/arm/v6", "linux/arm/v7", False), ("linux/arm", "linux/arm/v7", False), ("windows/amd64", "linux/amd64", False)],
)  # fmt: skip
def test_platforms_match_by_variant_where_one_is_wanted(has, wanted, matches):
    """No variant wanted means any; arm64 without a variant is v8."""
    assert Platform.parse(has).matches(Platform.parse(wanted)) is matches


def test_descriptor_round_trip():
    """A descriptor written as JSON reads back as itself."""
    descriptor = Descriptor(
        OCI_MANIFEST, Digest.of(b""), 3, {"a": "b"}, Platform("linux", "arm", "v7"), "x/y"
    )
    assert Descriptor.from_json(descriptor.to_json(), what="x") == descriptor
