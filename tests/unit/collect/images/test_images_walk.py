"""The way down an image: which manifests are wanted, and what is said of the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archiver.collect.images.registry import Document, parsed
from archiver.collect.images.walk import Tree, walk
from archiver.core.descriptor import DOCKER_MANIFEST, OCI_EMPTY, OCI_INDEX, Descriptor, Platform
from archiver.core.digest import Digest
from archiver.core.errors import (
    ArchiverError,
    ManifestUnknown,
    ManifestUnsupported,
    PlatformMissing,
    TitleUnsafe,
)
from servers.content import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Filling, Made

AMD64, ARM64, WINDOWS = (
    Platform(*text.split("/")) for text in ("linux/amd64", "linux/arm64", "windows/amd64")
)
ATTESTATION = "application/vnd.in-toto+json"


class Shelf(Filling):
    """Manifests and configs in memory, with a note of what was read."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.read: list[str] = []

    def blob(self, repository: str, data: bytes, media_type: str = OCI_LAYER) -> Made:
        """Keep a blob."""
        made = Made.of(data, media_type)
        self.contents[made.digest] = data
        return made

    def put_manifest(self, name: str, data: bytes, media_type: str) -> Made:
        """Keep a manifest."""
        return self.blob(name, data, media_type)

    def manifest(self, name: Any, document: Any = None) -> Any:
        """Read a manifest, as a walk does, or keep one, as ``Filling`` does."""
        if document is not None:
            return super().manifest(name, document)
        data = self._read(name)
        return parsed(data, name.digest, name.media_type, str(name.digest))

    def config(self, descriptor: Descriptor) -> bytes:
        """Read a config."""
        return self._read(descriptor)

    def document(self, made: Made) -> Document:
        """Return what was made, as the root of a walk."""
        digest = Digest.parse(made.digest)
        return parsed(self.contents[made.digest], digest, made.media_type, made.digest)

    def walk(self, made: Made, *platforms: Platform) -> Tree:
        """Walk down what was made."""
        return walk(self.document(made), self, platforms)

    def entries(self, *entries: dict[str, Any], **more: Any) -> Made:
        """Make an index of entries as they are."""
        return self.manifest("x", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **more})

    def attestation(self, about: Made, **annotations: str) -> dict[str, Any]:
        """Make what BuildKit puts beside an image, and return its entry of an index."""
        config = self.blob("x", b'{"architecture":"unknown","os":"unknown","rootfs":{}}', OCI_CONFIG)
        layer = self.blob("x", b"statement about " + about.digest.encode(), ATTESTATION)
        made = self.manifest(
            "x",
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": config.descriptor,
                "layers": [layer.descriptor],
            },
        )
        said = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": about.digest,
            **annotations,
        }
        nowhere = {"os": "unknown", "architecture": "unknown"}
        return {**made.descriptor, "annotations": said, "platform": nowhere}

    def _read(self, descriptor: Descriptor) -> bytes:
        self.read.append(str(descriptor.digest))
        if str(descriptor.digest) not in self.contents:
            raise ManifestUnknown("not here", place=str(descriptor.digest))
        return self.contents[str(descriptor.digest)]


@pytest.fixture
def shelf() -> Shelf:
    """An empty shelf."""
    return Shelf()


def entry(made: Made, platform: Platform | None = None, **more: Any) -> dict[str, Any]:
    """An index's entry for something that was made."""
    return {**made.descriptor, **({"platform": platform.to_json()} if platform else {}), **more}


def kept(tree: Tree) -> list[tuple[str, str]]:
    """The leaves, as digest and platform."""
    return [(str(leaf.digest), str(leaf.platform or "")) for leaf in tree.leaves]


def codes(tree: Tree) -> list[str]:
    """The codes of what is missing."""
    return [miss.error.code for miss in tree.misses]


# ---- platforms


def test_only_manifests_of_wanted_platforms_are_read(shelf: Shelf) -> None:
    """What the index says to be for another platform is not asked for; the order is that of the spec."""
    amd, arm, win = (shelf.image("x", each.encode()) for each in ("amd", "arm", "win"))
    index = shelf.entries(entry(arm, ARM64), entry(win, WINDOWS), entry(amd, AMD64))
    tree = shelf.walk(index, AMD64, ARM64)
    assert kept(tree) == [(amd.digest, "linux/amd64"), (arm.digest, "linux/arm64")]
    assert set(shelf.read) == {amd.digest, arm.digest}
    assert tree.misses == ()


def test_no_platforms_stand_for_all(shelf: Shelf) -> None:
    """Everything that the index lists is wanted, in its order, and no platform is missing."""
    amd, arm, win = (shelf.image("x", each.encode()) for each in ("amd", "arm", "win"))
    index = shelf.entries(entry(win, WINDOWS), entry(arm, ARM64), entry(amd, AMD64))
    tree = shelf.walk(index)
    assert [platform for _, platform in kept(tree)] == ["windows/amd64", "linux/arm64", "linux/amd64"]
    assert tree.misses == ()


def test_a_single_manifest_of_any_platform_is_among_all(shelf: Shelf) -> None:
    """Its config is read for what it runs on."""
    made = shelf.image("x", b"layer", platform="linux/s390x")
    assert kept(shelf.walk(made)) == [(made.digest, "linux/s390x")]


def test_a_single_manifest_of_another_platform_is_an_error(shelf: Shelf) -> None:
    """There is nothing to keep then, so the whole walk fails."""
    made = shelf.image("x", b"layer", platform="linux/s390x")
    with pytest.raises(PlatformMissing, match=r"linux/s390x only, not for linux/amd64"):
        shelf.walk(made, AMD64)


def test_an_index_of_nothing_is_a_miss_even_for_all_platforms(shelf: Shelf) -> None:
    """Where nothing is kept, somebody has to say why."""
    assert codes(shelf.walk(shelf.entries())) == ["registry.manifest"]
    assert codes(shelf.walk(shelf.entries(), AMD64)) == ["registry.platform"]


def test_a_platform_that_failed_is_not_reported_as_absent(shelf: Shelf) -> None:
    """Upstream has it; one line says that it could not be got, with the platform."""
    amd, arm = shelf.image("x", b"amd"), shelf.image("x", b"arm")
    del shelf.contents[arm.digest]
    tree = shelf.walk(shelf.entries(entry(amd, AMD64), entry(arm, ARM64)), AMD64, ARM64)
    assert kept(tree) == [(amd.digest, "linux/amd64")]
    assert [(miss.error.code, miss.platform) for miss in tree.misses] == [("registry.unknown", ARM64)]


@pytest.mark.parametrize(
    "platform",
    [
        {},
        {"os": None, "architecture": None},
        {"os": 1, "architecture": []},
        {"os": "linux"},
        {"os": "", "architecture": "amd64"},
    ],
)
def test_an_empty_platform_leaves_it_to_the_config(shelf: Shelf, platform: dict[str, Any]) -> None:
    """An entry whose platform says nothing, or half of it, is treated as one without."""
    amd = shelf.image("x", b"amd")
    arm = shelf.image("x", b"arm", platform="linux/arm64")
    index = shelf.entries({**entry(arm), "platform": platform}, {**entry(amd), "platform": platform})
    assert kept(shelf.walk(index, AMD64)) == [(amd.digest, "linux/amd64")]


@pytest.mark.parametrize("config", [b"{}", b'{"os":null,"architecture":5}', b'{"os":"linux"}'])
def test_a_config_without_a_platform_is_that_of_an_artifact(shelf: Shelf, config: bytes) -> None:
    """It runs nowhere that is known: kept as it is, whatever the platforms."""
    described = shelf.blob("x", config, OCI_CONFIG).descriptor
    layer = shelf.blob("x", b"layer").descriptor
    made = shelf.manifest(
        "x", {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": [layer]}
    )
    assert kept(shelf.walk(made, AMD64)) == [(made.digest, "")]


def test_a_config_of_great_size_is_not_read(shelf: Shelf) -> None:
    """More than 8 MiB are refused by the size announced."""
    config = {"mediaType": OCI_CONFIG, "digest": str(Digest.of(b"c")), "size": (8 << 20) + 1}
    made = shelf.manifest(
        "x", {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    )
    with pytest.raises(ArchiverError, match="config has"):
        shelf.walk(made, AMD64)
    assert shelf.read == []


# ---- artifacts and attestations


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (("application/vnd.cncf.helm.config.v1+json"), "application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
        (("application/vnd.wasm.config.v0+json"), "application/wasm"),
        ((OCI_EMPTY), "application/vnd.acme.rocket"),
        ((OCI_CONFIG), "application/vnd.dev.cosign.simplesigning.v1+json"),
        ((OCI_CONFIG), ATTESTATION),
    ],
)
def test_artifacts_are_kept_without_a_look_into_their_config(shelf: Shelf, config: str, kind: str) -> None:
    """Charts, WASM modules, ORAS files, cosign's signatures: what has no file system for a layer runs nowhere."""
    made = shelf.artifact("x", b"content", kind, config=(b"{}", config))
    tree = shelf.walk(made, AMD64)
    assert kept(tree) == [(made.digest, "")]
    assert shelf.read == []


def test_attestations_come_with_what_they_are_about(shelf: Shelf) -> None:
    """Those of kept images are kept behind all images; those of others are not even read."""
    amd, arm = shelf.image("x", b"amd"), shelf.image("x", b"arm")
    for_arm, for_amd = shelf.attestation(arm), shelf.attestation(amd)
    index = shelf.entries(for_arm, for_amd, entry(amd, AMD64), entry(arm, ARM64))
    tree = shelf.walk(index, AMD64)
    assert [str(leaf.digest) for leaf in tree.leaves] == [amd.digest, for_amd["digest"]]
    assert [str(leaf.attests or "") for leaf in tree.leaves] == ["", amd.digest]
    assert tree.leaves[1].platform == AMD64
    assert for_arm["digest"] not in shelf.read
    assert [str(leaf.digest) for leaf in shelf.walk(index).leaves] == [
        amd.digest, arm.digest, for_arm["digest"], for_amd["digest"]
    ]  # fmt: skip


def test_an_attestation_that_cannot_be_had_does_not_take_its_image_away(shelf: Shelf) -> None:
    """It is a miss, and not one of the platform: that is here."""
    amd = shelf.image("x", b"amd")
    proof = shelf.attestation(amd)
    del shelf.contents[proof["digest"]]
    tree = shelf.walk(shelf.entries(proof, entry(amd, AMD64)), AMD64)
    assert kept(tree) == [(amd.digest, "linux/amd64")]
    assert [(miss.error.code, miss.platform) for miss in tree.misses] == [("registry.unknown", None)]


def test_attestations_alone_do_not_make_up_for_a_platform(shelf: Shelf) -> None:
    """An index that has the platform only in attestations has no image for it."""
    amd = shelf.image("x", b"amd")
    tree = shelf.walk(shelf.entries(shelf.attestation(amd), entry(amd, ARM64)), AMD64)
    assert (kept(tree), codes(tree)) == ([], ["registry.platform"])
    assert "there is: linux/arm64" in str(tree.misses[0].error)


def test_an_attestation_of_what_is_no_digest_is_a_miss(shelf: Shelf) -> None:
    """The annotation is as little to be trusted as anything else."""
    amd = shelf.image("x", b"amd")
    proof = shelf.attestation(amd, **{"vnd.docker.reference.digest": "../../x"})
    tree = shelf.walk(shelf.entries(proof, entry(amd, AMD64)), AMD64)
    assert (len(tree.leaves), codes(tree)) == (1, ["digest.invalid"])


def test_unknown_things_are_kept_only_with_all_platforms(shelf: Shelf) -> None:
    """``unknown/unknown`` without a word of what it is about: nobody asked for it by platform."""
    amd, odd = shelf.image("x", b"amd"), shelf.image("x", b"odd", platform="unknown/unknown")
    index = shelf.entries(entry(odd, Platform("unknown", "unknown")), entry(amd, AMD64))
    assert kept(shelf.walk(index, AMD64)) == [(amd.digest, "linux/amd64")]
    assert kept(shelf.walk(index)) == [(amd.digest, "linux/amd64"), (odd.digest, "")]


# ---- nesting and bounds


def test_nested_indexes_are_told_with_their_leaves(shelf: Shelf) -> None:
    """What lies between the root and a leaf is known, the innermost first among the indexes to write."""
    amd = shelf.image("x", b"amd")
    inner = shelf.entries(entry(amd, AMD64))
    outer = shelf.entries({**inner.descriptor})
    tree = shelf.walk(outer, AMD64)
    assert [str(each.descriptor.digest) for each in tree.indexes] == [inner.digest, outer.digest]
    assert kept(tree) == [(amd.digest, "linux/amd64")]


def test_what_two_indexes_list_is_kept_once_with_both(shelf: Shelf) -> None:
    """A manifest that is reached twice is one leaf, and both ways to it are kept."""
    amd = shelf.image("x", b"amd")
    one = shelf.entries(entry(amd, AMD64))
    two = shelf.entries(entry(amd, AMD64), annotations={"a": "b"})
    tree = shelf.walk(shelf.entries({**one.descriptor}, {**two.descriptor}), AMD64)
    assert len(tree.leaves) == 1
    assert {str(each.descriptor.digest) for each in tree.indexes[:-1]} == {one.digest, two.digest}


def test_what_an_index_lists_again_and_again_is_reached_by_one_way(shelf: Shelf) -> None:
    """Thousands of entries for one manifest say no more than one does, and cost no more memory."""
    amd = shelf.image("x", b"amd")
    nested = shelf.entries(*[entry(amd, AMD64)] * 1000)
    (leaf,) = shelf.walk(shelf.entries({**nested.descriptor}, {**nested.descriptor}), AMD64).leaves
    assert [str(each.descriptor.digest) for each in leaf.nested] == [nested.digest]


def test_one_manifest_may_be_for_several_platforms(shelf: Shelf) -> None:
    """An index may list a manifest twice: whichever platform is wanted, it is kept, and neither is missing."""
    v6, v7 = Platform("linux", "arm", "v6"), Platform("linux", "arm", "v7")
    made = shelf.image("x", b"arm", platform="linux/arm/v6")
    index = shelf.entries(entry(made, v6), entry(made, v7))
    for platforms in ((v6,), (v7,), (v6, v7), ()):
        tree = shelf.walk(index, *platforms)
        assert ([str(leaf.digest) for leaf in tree.leaves], tree.misses) == ([made.digest], ())


def test_a_manifest_that_is_listed_twice_has_one_size(shelf: Shelf) -> None:
    """The second time it is not read again, and a size that lies is noticed all the same."""
    made = shelf.image("x", b"amd")
    index = shelf.entries(entry(made, AMD64), {**entry(made, ARM64), "size": made.size + 1})
    tree = shelf.walk(index)
    assert kept(tree) == [(made.digest, "linux/amd64")]
    assert [(miss.error.code, miss.platform) for miss in tree.misses] == [("content.size", ARM64)]


def test_nesting_ends_with_the_second_index(shelf: Shelf) -> None:
    """A third one is a miss, and what lies beside it is kept."""
    amd = shelf.image("x", b"amd")
    third = shelf.entries(entry(amd, ARM64))
    second = shelf.entries({**third.descriptor}, entry(amd, AMD64))
    tree = shelf.walk(shelf.entries({**second.descriptor}), AMD64)
    assert kept(tree) == [(amd.digest, "linux/amd64")]
    assert codes(tree) == ["registry.manifest"]


def test_an_index_that_lists_itself_is_a_miss(shelf: Shelf) -> None:
    """No honest index can; the rest of the image is kept and nothing is asked again."""
    amd = shelf.image("x", b"amd")
    digest = "sha256:" + "0" * 64
    itself = {"mediaType": OCI_INDEX, "digest": digest, "size": 2}
    data = json.dumps({"mediaType": OCI_INDEX, "manifests": [itself, entry(amd, AMD64)]}).encode()
    root = parsed(data, Digest.parse(digest), OCI_INDEX, "x")
    tree = walk(root, shelf, (AMD64,))
    assert (len(tree.leaves), codes(tree)) == (1, ["registry.manifest"])
    assert "lists itself" in str(tree.misses[0].error)
    assert digest not in shelf.read


def test_what_may_be_in_a_part_that_failed_is_not_called_absent(shelf: Shelf) -> None:
    """An index that cannot be had may have the platform: that it cannot be had is all there is to say."""
    inner = shelf.entries(entry(shelf.image("x", b"amd"), AMD64))
    del shelf.contents[inner.digest]
    assert codes(shelf.walk(shelf.entries({**inner.descriptor}), AMD64)) == ["registry.unknown"]


def test_one_image_has_a_bounded_number_of_manifests(shelf: Shelf) -> None:
    """An index of thousands costs 256 requests, and says once that the others are left out."""
    made = [shelf.artifact("x", str(number).encode(), "text/plain") for number in range(260)]
    tree = shelf.walk(shelf.entries(*(entry(each, AMD64) for each in made)), AMD64, ARM64)
    assert len(tree.leaves) == len(shelf.read) == 256
    assert [(miss.error.code, miss.platform) for miss in tree.misses] == [("registry.manifest", None)]


def test_one_image_has_a_bounded_amount_of_manifests(shelf: Shelf) -> None:
    """Manifests of 4 MiB each are read until they are 32 MiB."""
    odd = [
        {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(bytes([n]))), "size": 4 << 20} for n in range(20)
    ]
    tree = shelf.walk(shelf.entries(*odd))
    assert len(shelf.read) == 8
    assert codes(tree) == ["registry.unknown"] * 8 + ["registry.manifest"]


def test_a_blob_beyond_all_measure_is_refused(shelf: Shelf) -> None:
    """A manifest that announces an exabyte would have a body without an end fill the disk."""
    config = shelf.blob("x", b"{}", OCI_EMPTY).descriptor
    layer = {"mediaType": OCI_LAYER, "digest": str(Digest.of(b"l")), "size": 1 << 60}
    made = shelf.manifest("x", {"mediaType": OCI_MANIFEST, "config": config, "layers": [layer]})
    with pytest.raises(ManifestUnsupported, match="a blob of"):
        shelf.walk(made)


def test_what_is_no_manifest_is_a_miss_of_its_platform(shelf: Shelf) -> None:
    """Schema 1 within an index, or any other kind; where no platform is said it is left alone."""
    amd = shelf.image("x", b"amd")
    schema_1 = shelf.blob("x", b"{}", "application/vnd.docker.distribution.manifest.v1+json")
    old = entry(schema_1, ARM64)
    other = shelf.blob("x", b"text", "text/plain")
    tree = shelf.walk(shelf.entries(old, entry(other), entry(amd, AMD64)), AMD64, ARM64)
    assert kept(tree) == [(amd.digest, "linux/amd64")]
    assert [(miss.error.code, miss.platform) for miss in tree.misses] == [("registry.manifest", ARM64)]


def test_docker_s_own_kinds_are_understood(shelf: Shelf) -> None:
    """Schema 2 manifests in an index count as OCI's do."""
    config = shelf.blob(
        "x", b'{"os":"linux","architecture":"amd64"}', "application/vnd.docker.container.image.v1+json"
    )
    layer = shelf.blob("x", b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    made = shelf.manifest(
        "x",
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": config.descriptor,
            "layers": [layer.descriptor],
        },
    )
    assert kept(shelf.walk(made, AMD64)) == [(made.digest, "linux/amd64")]


# ---- titles


@pytest.mark.parametrize(
    "title",
    [
        "/etc/passwd",
        "../x",
        "a/../../b",
        "..",
        "a\\b",
        "C:x",
        "C:\\x",
        "a\nb",
        "a\x00",
        "\x85",
        "\\\\host\\share",
    ],
)
def test_a_title_that_leads_out_is_refused(shelf: Shelf, title: str) -> None:
    """Tools write an artifact's files where their titles say; one that climbs out costs the artifact."""
    made = shelf.artifact("x", b"content", "text/plain", title=title)
    with pytest.raises(TitleUnsafe):
        shelf.walk(made)
    amd = shelf.image("x", b"amd")
    tree = shelf.walk(shelf.entries(entry(made), entry(amd, AMD64)), AMD64)
    assert kept(tree) == [(amd.digest, "linux/amd64")]
    assert codes(tree) == ["registry.title"]


@pytest.mark.parametrize(
    "title", ["", "chart.tgz", "models/tiny.bin", "a..b", ".hidden", "安装包.tar.gz", "👩\u200d💻"]
)
def test_other_titles_are_fine(shelf: Shelf, title: str) -> None:
    """Names in folders, of any script, with dots: all that stays below where it is written."""
    made = shelf.artifact("x", b"content", "text/plain", title=title)
    assert kept(shelf.walk(made)) == [(made.digest, "")]
