"""Pulling images together with what refers to them, and artifacts of all kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.core.digest import Digest
from archiver.core.progress import NullProgress
from archiver.core.reference import Reference
from archiver.store.images import ImageLayout
from servers.content import OCI_CONFIG, OCI_INDEX, Made
from servers.pulling import ABSENT, AMD64, ARM64, codes, here, named, pull
from servers.registry import Registry, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.images.pull import PullOutcome
    from archiver.core.descriptor import Platform

SPDX = "application/spdx+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"


@pytest.fixture
def registry() -> Iterator[Registry]:
    """An empty registry that has no referrers API."""
    with serving() as running:
        yield running


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    """An empty layout."""
    return ImageLayout(tmp_path / "images")


def about(registry: Registry, subject: Made, content: bytes, name: str = "app", **more: Any) -> Made:
    """Put an SBOM that refers to something."""
    return registry.artifact(name, content, SPDX, artifactType=SPDX, subject=subject.descriptor, **more)


def listed(registry: Registry, subject: Made, *artifacts: Made) -> str:
    """List artifacts at the tag that stands in for the API, and return the tag."""
    tag = subject.digest.replace(":", "-")
    registry.index(f"app:{tag}", *((each, "") for each in artifacts))
    return tag


def signed(registry: Registry, subject: Made, content: bytes = b"signature", suffix: str = ".sig") -> Made:
    """Sign as cosign does: an image's config, of no platform, and a layer that is no file system."""
    config = (b'{"architecture":"","os":"","config":{},"rootfs":{"type":"layers"}}', OCI_CONFIG)
    return registry.artifact(
        f"app:{subject.digest.replace(':', '-')}{suffix}", content, SIMPLE, config=config
    )


def extras(outcome: PullOutcome) -> list[tuple[str, str, str]]:
    """What refers to something: its own name in the repository, what it is about, what kind it is."""
    return [
        (image.reference.partition("/app")[2], image.refers_to, image.artifact_type)
        for image in outcome.images
        if image.refers_to
    ]


# ---- found in every way


def test_what_the_api_lists_comes_along(layout: ImageLayout, registry: Registry) -> None:
    """An image of its own, by digest, whole in the layout, with an entry that says its kind and has no name."""
    image = registry.image("app:1", b"x")
    sbom = about(registry, image, b"sbom")
    registry.referrers = {image.digest: [sbom.descriptor]}
    outcome = pull(layout, registry, "app:1", referrers=True)
    assert outcome.failures == ()
    assert extras(outcome) == [(f"@{sbom.digest}", image.digest, SPDX)]
    result = outcome.images[1]
    assert (result.platforms, result.manifests, result.digest) == (("",), (sbom.digest,), sbom.digest)
    assert {sbom.digest, sbom.config, *sbom.layers} <= here(layout)
    entry = next(each for each in layout.entries() if str(each.digest) == sbom.digest)
    assert (entry.artifact_type, dict(entry.annotations)) == (SPDX, {})


def test_what_a_tag_lists_comes_along_with_the_list(layout: ImageLayout, registry: Registry) -> None:
    """Each artifact by digest, and the list by its tag, for readers whose registry has no API either."""
    image = registry.image("app:1", b"x")
    sbom = about(registry, image, b"sbom")
    tag = listed(registry, image, sbom)
    outcome = pull(layout, registry, "app:1", referrers=True)
    assert outcome.failures == ()
    assert extras(outcome) == [(f"@{sbom.digest}", image.digest, SPDX), (f":{tag}", image.digest, "")]
    assert outcome.images[2].manifests == (sbom.digest,)
    assert set(named(layout)) == {f"{registry.host}/app:1", f"{registry.host}/app:{tag}"}


def test_cosign_s_signatures_come_along_by_their_tags(layout: ImageLayout, registry: Registry) -> None:
    """For the index and for each kept platform; the layout names them as the registry does."""
    amd, arm, power = (
        registry.image(f"app:{each}", each.encode(), platform=f"linux/{each}")
        for each in ("amd64", "arm64", "ppc64le")
    )
    index = registry.index("app:1", (amd, "linux/amd64"), (arm, "linux/arm64"), (power, "linux/ppc64le"))
    expected = [signed(registry, each, each.digest.encode()) for each in (index, amd, arm)]
    signed(registry, power, b"not wanted")
    outcome = pull(layout, registry, "app:1", platforms=(AMD64, ARM64), referrers=True)
    assert outcome.failures == ()
    assert [image.refers_to for image in outcome.images] == ["", index.digest, amd.digest, arm.digest]
    assert [image.digest for image in outcome.images[1:]] == [each.digest for each in expected]
    assert {image.artifact_type for image in outcome.images[1:]} == {SIMPLE}
    assert named(layout).keys() >= {image.reference for image in outcome.images}


def test_an_sbom_s_signature_comes_along(layout: ImageLayout, registry: Registry) -> None:
    """What refers to a referrer, one level deep."""
    image = registry.image("app:1", b"x")
    sbom = about(registry, image, b"sbom")
    listed(registry, image, sbom)
    signature = signed(registry, sbom)
    outcome = pull(layout, registry, "app:1", referrers=True)
    assert (outcome.images[-1].digest, outcome.images[-1].refers_to) == (signature.digest, sbom.digest)


def test_an_unchanged_image_with_all_of_it_costs_heads_only(layout: ImageLayout, registry: Registry) -> None:
    """Signature, SBOM, and the list of it are here: the second run gets nothing, and says the same."""
    image = registry.image("app:1", b"x")
    sbom = about(registry, image, b"sbom")
    listed(registry, image, sbom)
    signed(registry, image)
    first = pull(layout, registry, "app:1", referrers=True)
    before = (layout.root / "index.json").read_bytes()
    registry.forget()
    second = pull(layout, registry, "app:1", referrers=True, previous=first.images)
    assert {line.partition(" ")[0] for line in registry.lines()} == {"HEAD"}
    assert (second.bytes, second.failures) == (0, ())
    assert [(i.reference, i.digest, i.refers_to) for i in second.images] == [
        (i.reference, i.digest, i.refers_to) for i in first.images
    ]
    assert (layout.root / "index.json").read_bytes() == before


def test_without_referrers_nothing_is_asked(layout: ImageLayout, registry: Registry) -> None:
    """``referrers: false``: neither API nor tags."""
    image = registry.image("app:1", b"x")
    signed(registry, image)
    outcome = pull(layout, registry, "app:1", referrers=False)
    assert len(outcome.images) == 1
    assert [line for line in registry.lines() if ".sig" in line or "/referrers/" in line] == []


def test_tags_with_one_digest_have_one_set(layout: ImageLayout, registry: Registry) -> None:
    """Two tags mean the same image: its signature is looked for once, and is there once."""
    image = registry.image("app:1", b"x")
    registry.tag("app:2", image)
    signature = signed(registry, image)
    outcome = pull(layout, registry, "app:1", "app:2", referrers=True)
    assert [image.digest for image in outcome.images].count(signature.digest) == 1
    tag = image.digest.replace(":", "-")
    assert registry.lines("HEAD").count(f"HEAD /v2/app/manifests/{tag}.sig") == 1


def test_what_the_spec_names_itself_is_no_extra(layout: ImageLayout, registry: Registry) -> None:
    """A signature that is asked for by its own reference is there once, as asked for."""
    image = registry.image("app:1", b"x")
    signed(registry, image)
    tag = image.digest.replace(":", "-") + ".sig"
    outcome = pull(layout, registry, "app:1", f"app:{tag}", referrers=True)
    assert [(each.reference.rpartition(":")[2], each.refers_to) for each in outcome.images] == [
        ("1", ""),
        (tag, ""),
    ]


# ---- what goes wrong with it


def test_a_signature_that_cannot_be_had_does_not_take_the_image_away(
    layout: ImageLayout, registry: Registry
) -> None:
    """The image is whole and named; the failure names the image and says what it is about."""
    image = registry.image("app:1", b"x")
    signature = signed(registry, image)
    registry.answers[f"/v2/app/blobs/{signature.layers[0]}"] = ABSENT
    outcome = pull(layout, registry, "app:1", referrers=True)
    assert [each.digest for each in outcome.images] == [image.digest]
    assert codes(outcome) == ["registry.unknown"]
    assert outcome.failures[0].subject == f"{registry.host}/app:1"
    assert "signatures" in outcome.failures[0].message
    assert set(named(layout)) == {f"{registry.host}/app:1"}


def test_an_artifact_that_fails_fails_once(layout: ImageLayout, registry: Registry) -> None:
    """By digest and in the list: the same thing is not told twice, and the list keeps what is whole."""
    image = registry.image("app:1", b"x")
    good, bad = about(registry, image, b"good"), about(registry, image, b"bad")
    tag = listed(registry, image, bad, good)
    registry.answers[f"/v2/app/blobs/{bad.layers[0]}"] = ABSENT
    outcome = pull(layout, registry, "app:1", referrers=True)
    assert codes(outcome) == ["registry.unknown"]
    assert [each[0] for each in extras(outcome)] == [f"@{good.digest}", f":{tag}"]
    assert outcome.images[-1].manifests == (good.digest,)


def test_a_list_that_fell_short_does_not_take_its_earlier_one_s_place(
    layout: ImageLayout, registry: Registry
) -> None:
    """A second SBOM is listed and cannot be had, and the first one is lost, too: the earlier list keeps the name."""
    image = registry.image("app:1", b"x")
    one = about(registry, image, b"one")
    tag = listed(registry, image, one)
    first = pull(layout, registry, "app:1", referrers=True)
    before = named(layout)[f"{registry.host}/app:{tag}"]
    two, three = about(registry, image, b"two"), about(registry, image, b"three")
    listed(registry, image, two, three)
    registry.answers[f"/v2/app/blobs/{two.layers[0]}"] = ABSENT
    registry.answers[f"/v2/app/blobs/{three.layers[0]}"] = ABSENT
    second = pull(layout, registry, "app:1", referrers=True, previous=first.images)
    assert [each.digest for each in second.images] == [image.digest]
    assert named(layout)[f"{registry.host}/app:{tag}"] == before


def test_referrers_of_an_image_that_failed_are_not_looked_for(
    layout: ImageLayout, registry: Registry
) -> None:
    """What is not here needs no signature."""
    image = registry.image("app:1", b"x")
    signed(registry, image)
    registry.answers[f"/v2/app/blobs/{image.layers[0]}"] = ABSENT
    assert pull(layout, registry, "app:1", referrers=True).images == ()
    assert not any(".sig" in line for line in registry.lines())


def test_a_defect_of_our_own_in_the_search_leaves_the_image(
    layout: ImageLayout, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody expected is a failure beside the image that is whole."""
    image = registry.image("app:1", b"x")

    def broken(*_: Any) -> Any:
        raise KeyError("odd")

    monkeypatch.setattr("archiver.collect.images.referrers.Referrers.of", broken)
    outcome = pull(layout, registry, "app:1", referrers=True)
    assert ([each.digest for each in outcome.images], codes(outcome)) == ([image.digest], ["internal"])
    assert named(layout) == {f"{registry.host}/app:1": image.digest}


def test_a_title_that_climbs_out_costs_the_artifact_alone(layout: ImageLayout, registry: Registry) -> None:
    """An SBOM that would be written over somebody's file is not kept; the image is, and exit 3 says why."""
    image = registry.image("app:1", b"x")
    bad = about(registry, image, b"bad", title="../../etc/cron.d/x")
    listed(registry, image, bad)
    outcome = pull(layout, registry, "app:1", referrers=True)
    assert [each.digest for each in outcome.images] == [image.digest]
    assert codes(outcome) == ["registry.title"]
    assert not set(bad.layers) & here(layout)


# ---- artifacts of all kinds, as what is asked for


def helm(registry: Registry) -> Made:
    """A chart, as ``helm push`` makes it."""
    config = (
        b'{"name":"app","version":"1.0.0","apiVersion":"v2"}',
        "application/vnd.cncf.helm.config.v1+json",
    )
    said = {"org.opencontainers.image.title": "app", "org.opencontainers.image.version": "1.0.0"}
    kind = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    return registry.artifact("app:1", b"chart", kind, config=config, annotations=said)


def wasm(registry: Registry) -> Made:
    """A module, as ``wasm-to-oci`` makes it."""
    config = (b"{}", "application/vnd.wasm.config.v1+json")
    return registry.artifact("app:1", b"\0asm", "application/vnd.wasm.content.layer.v1+wasm", config=config)


def oras(registry: Registry) -> Made:
    """A file, as ``oras push`` makes it: the empty config, an artifact type, a title."""
    return registry.artifact(
        "app:1", b"data", "text/plain", title="models/tiny.txt", artifactType="application/vnd.acme.model"
    )


def flux(registry: Registry) -> Made:
    """Manifests, as ``flux push artifact`` makes them."""
    config = (b"{}", "application/vnd.cncf.flux.config.v1+json")
    return registry.artifact("app:1", b"tar", "application/vnd.cncf.flux.content.v1.tar+gzip", config=config)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (helm, "application/vnd.cncf.helm.config.v1+json"),
        (wasm, "application/vnd.wasm.config.v1+json"),
        (oras, "application/vnd.acme.model"),
        (flux, "application/vnd.cncf.flux.config.v1+json"),
    ],
)
@pytest.mark.parametrize("platforms", [(AMD64,), ()])
def test_artifacts_of_all_kinds_are_kept_as_they_are(
    layout: ImageLayout, registry: Registry, make: Any, kind: str, platforms: tuple[Platform, ...]
) -> None:
    """Charts, modules, files: whole, byte for byte, whatever the platforms, with their kind in the record."""
    made = make(registry)
    outcome = pull(layout, registry, "app:1", platforms=platforms, referrers=True)
    assert outcome.failures == ()
    assert [(each.platforms, each.artifact_type) for each in outcome.images] == [(("",), kind)]
    for digest in (made.digest, made.config, *made.layers):
        assert layout.blobs.read(Digest.parse(digest), 1 << 20) == registry.content(digest)


def test_an_index_of_artifacts_is_kept_whole(layout: ImageLayout, registry: Registry) -> None:
    """A collection without platforms, with a kind of its own."""
    parts = [registry.artifact("app", name, "text/plain", artifactType="text/plain") for name in (b"a", b"b")]
    index = registry.manifest(
        "app:1",
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "artifactType": "application/vnd.acme.set",
            "manifests": [each.descriptor for each in parts],
        },
    )
    outcome = pull(layout, registry, "app:1")
    assert outcome.failures == ()
    result = outcome.images[0]
    assert (result.digest, result.artifact_type) == (index.digest, "application/vnd.acme.set")
    assert result.manifests == tuple(each.digest for each in parts)


# ---- attestations within an index


def attested(registry: Registry, *made: tuple[Made, str]) -> tuple[Made, list[Made]]:
    """Make an index as BuildKit does, with an attestation for each image."""
    entries, proofs = [], []
    for image, platform in made:
        system, _, architecture = platform.partition("/")
        entries.append({**image.descriptor, "platform": {"os": system, "architecture": architecture}})
    for image, _ in made:
        config = (b'{"architecture":"unknown","os":"unknown","config":{}}', OCI_CONFIG)
        proof = registry.artifact(
            "app", b"statement about " + image.digest.encode(), "application/vnd.in-toto+json", config=config
        )
        said = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image.digest,
        }
        nowhere = {"os": "unknown", "architecture": "unknown"}
        entries.append({**proof.descriptor, "annotations": said, "platform": nowhere})
        proofs.append(proof)
    index = registry.manifest("app:1", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    return index, proofs


def test_attestations_are_kept_with_their_platform(layout: ImageLayout, registry: Registry) -> None:
    """Those of the platforms wanted, as manifests that run nowhere, behind the images."""
    amd, arm = (registry.image(f"app:{a}", a.encode(), platform=f"linux/{a}") for a in ("amd64", "arm64"))
    _, proofs = attested(registry, (amd, "linux/amd64"), (arm, "linux/arm64"))
    outcome = pull(layout, registry, "app:1")
    assert outcome.failures == ()
    assert outcome.images[0].platforms == ("linux/amd64", "")
    assert outcome.images[0].manifests == (amd.digest, proofs[0].digest)
    assert {*proofs[0].layers} <= here(layout)
    assert not {proofs[1].digest, *proofs[1].layers} & here(layout)


def test_an_attestation_of_what_failed_is_not_kept(layout: ImageLayout, registry: Registry) -> None:
    """It would be about nothing that is here."""
    amd, arm = (registry.image(f"app:{a}", a.encode(), platform=f"linux/{a}") for a in ("amd64", "arm64"))
    _, proofs = attested(registry, (amd, "linux/amd64"), (arm, "linux/arm64"))
    registry.answers[f"/v2/app/blobs/{arm.layers[0]}"] = ABSENT
    outcome = pull(layout, registry, "app:1", platforms=(AMD64, ARM64))
    assert outcome.images[0].manifests == (amd.digest, proofs[0].digest)
    assert codes(outcome) == ["registry.unknown"]


def test_an_attestation_lost_keeps_the_earlier_image(layout: ImageLayout, registry: Registry) -> None:
    """A new image whose attestation cannot be had does not take the place of one that has it."""
    attested(registry, (registry.image("app:amd", b"old"), "linux/amd64"))
    first = pull(layout, registry, "app:1")
    before = named(layout)
    _, proofs = attested(registry, (registry.image("app:amd", b"new"), "linux/amd64"))
    registry.answers[f"/v2/app/manifests/{proofs[0].digest}"] = ABSENT
    second = pull(layout, registry, "app:1", previous=first.images)
    assert (second.images, codes(second)) == ((), ["registry.unknown"])
    assert named(layout) == before
    assert pull(layout, registry, "app:1").images[0].platforms == ("linux/amd64",)


# ---- all platforms


def test_all_platforms_are_kept(layout: ImageLayout, registry: Registry) -> None:
    """No platform named: everything in the index, none missing."""
    names = ("amd64", "arm64", "s390x")
    made = [registry.image(f"app:{each}", each.encode(), platform=f"linux/{each}") for each in names]
    registry.index("app:1", *((each, f"linux/{name}") for each, name in zip(made, names)))
    outcome = pull(layout, registry, "app:1", platforms=())
    assert outcome.failures == ()
    assert outcome.images[0].platforms == tuple(f"linux/{name}" for name in names)


def test_of_all_platforms_none_is_lost_to_a_failure(layout: ImageLayout, registry: Registry) -> None:
    """With all platforms wanted, too, an image that lacks one because of a failure takes no earlier one's place."""

    def push(content: bytes) -> list[Made]:
        names = ("amd64", "s390x")
        made = [registry.image(f"app:{n}", content + n.encode(), platform=f"linux/{n}") for n in names]
        registry.index("app:1", *((each, f"linux/{name}") for each, name in zip(made, names)))
        return made

    push(b"old")
    first = pull(layout, registry, "app:1", platforms=())
    before = named(layout)
    lost = push(b"new")[1]
    registry.answers[f"/v2/app/blobs/{lost.layers[0]}"] = ABSENT
    second = pull(layout, registry, "app:1", platforms=(), previous=first.images)
    assert (second.images, codes(second)) == ((), ["registry.unknown"])
    assert named(layout) == before
    registry.answers.clear()
    third = pull(layout, registry, "app:1", platforms=(), previous=first.images)
    assert third.images[0].platforms == ("linux/amd64", "linux/s390x")


def test_the_platforms_that_upstream_drops_are_dropped_from_all(
    layout: ImageLayout, registry: Registry
) -> None:
    """An index that lists fewer is no failure, and nothing is missing of all."""
    amd, arm = (registry.image(f"app:{a}", a.encode(), platform=f"linux/{a}") for a in ("amd64", "arm64"))
    registry.index("app:1", (amd, "linux/amd64"), (arm, "linux/arm64"))
    first = pull(layout, registry, "app:1", platforms=())
    registry.index("app:1", (amd, "linux/amd64"))
    second = pull(layout, registry, "app:1", platforms=(), previous=first.images)
    assert (second.images[0].platforms, second.failures) == (("linux/amd64",), ())


# ---- what a tag means, and meant


class Notes(NullProgress):
    """Remembers what was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, message: str) -> None:
        """Remember."""
        self.told.append(message)


def test_a_tag_that_moved_is_told(layout: ImageLayout, registry: Registry) -> None:
    """Old digest and new one; an unchanged tag says nothing, and a digest cannot move."""
    old = registry.image("app:1", b"old")
    first = pull(layout, registry, "app:1")
    same, moved = Notes(), Notes()
    pull(layout, registry, "app:1", previous=first.images, progress=same)
    new = registry.image("app:1", b"new")
    pull(layout, registry, "app:1", previous=first.images, progress=moved)
    assert same.told == []
    assert len(moved.told) == 1
    assert moved.told[0].index(old.digest) < moved.told[0].index(new.digest)


def test_a_tag_that_upstream_deleted_is_gone(layout: ImageLayout, registry: Registry) -> None:
    """Known from an earlier snapshot, and not there: gone since then. Never known: a typing mistake, maybe."""
    registry.image("app:1", b"x")
    first = pull(layout, registry, "app:1")
    registry.answers["/v2/app/manifests/1"] = ABSENT
    outcome = pull(layout, registry, "app:1", "app:2", previous=first.images)
    assert codes(outcome) == ["registry.gone", "registry.unknown"]
    assert first.images[0].resolved in outcome.failures[0].message
    assert named(layout) == {f"{registry.host}/app:1": first.images[0].digest}


def test_a_pinned_tag_means_what_it_meant(layout: ImageLayout, registry: Registry) -> None:
    """Upstream moved the tag: the digest of the lock is got, by digest, and the tag names it."""
    old = registry.image("app:1", b"old")
    registry.image("app:1", b"new")
    reference = Reference.parse(f"{registry.host}/app:1")
    outcome = pull(layout, registry, "app:1", pinned={reference: Digest.parse(old.digest)})
    assert outcome.images[0].digest == old.digest
    assert named(layout) == {f"{registry.host}/app:1": old.digest}
    assert registry.lines("HEAD") == []


def test_what_nobody_was_asked_for_keeps_who_told(layout: ImageLayout, registry: Registry) -> None:
    """A digest that is here already costs no request, and its record says what the earlier one said."""
    made = registry.image("app:1", b"x")
    first = pull(layout, registry, f"app@{made.digest}")
    told = [replace(first.images[0], registry="mirror.example.org")]
    registry.forget()
    second = pull(layout, registry, f"app@{made.digest}", previous=told)
    assert registry.lines() == []
    assert second.images[0].registry == "mirror.example.org"
