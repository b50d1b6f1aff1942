"""Images and artifacts of every kind, as Debian's registry has them: kept byte for byte, judged by skopeo and podman."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from servers.content import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Made, packed
from servers.front import Front, fronting
from servers.mirroring import Project
from servers.podman import Podman, empty_podman
from servers.real import add_index, docker_registry, skopeo, tiny_layout

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console
    from servers.real import Registry

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"
SPDX = "application/spdx+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
# Of what _signed() pushes: what refers to what, and of which kind it is.
ABOUT = (("signature", "index", BUNDLE), ("sbom", "amd64", SPDX), ("vouched", "sbom", BUNDLE))


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An empty registry."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        yield registry


@pytest.fixture(scope="module")
def front(upstream: Registry) -> Iterator[Front]:
    """A front that has the referrers API."""
    with fronting(upstream) as running:
        running.referrers = True
        yield running


@pytest.fixture
def project(console: Console) -> Project:
    """A project with an archive of its own."""
    return Project(console)


@pytest.fixture
def podman() -> Iterator[Podman]:
    """Podman with an empty storage."""
    with empty_podman() as running:
        yield running


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_every_kind_of_image_keeps_its_bytes(project: Project, upstream: Registry, tmp_path: Path) -> None:
    """Docker's schema 2 and manifest lists, OCI manifests and indexes keep upstream's digests and bytes.

    Skopeo finds every one in the layout by its full name, and copies it on.
    """
    layout = tmp_path / "layout"
    tiny_layout(layout, "one", "the first")
    tiny_layout(layout, "two", "the second")
    add_index(layout, "both", {"amd64": "one", "arm64": "two"})
    upstream.push(layout, "one", "kinds/oci:1")
    upstream.push(layout, "both", "kinds/index:1")
    upstream.push(layout, "one", "kinds/docker:1", "--format", "v2s2")
    upstream.push(layout, "both", "kinds/list:1", "--format", "v2s2")
    names = {kind: f"{upstream.host}/kinds/{kind}:1" for kind in ("oci", "index", "docker", "list")}
    project.archive(images={"platforms": ["linux/amd64", "linux/arm64"], "refs": list(names.values())})
    images = project.images()
    expected = {"oci": OCI_MANIFEST, "index": OCI_INDEX, "docker": DOCKER_MANIFEST, "list": DOCKER_LIST}
    assert {kind: images[name]["media_type"] for kind, name in names.items()} == expected
    for name in names.values():
        raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}").encode()
        assert images[name]["digest"] == _digest(raw)
        assert project.blob(_digest(raw)).read_bytes() == raw
    project.judge()
    with project.console.serving("archives") as served:
        for kind in names:
            path = f"docker://127.0.0.1:{served.port}/kinds/{kind}:1"
            raw = skopeo("inspect", "--raw", "--tls-verify=false", path).encode()
            assert _digest(raw) == images[names[kind]]["digest"]
    for kind, name in names.items():
        skopeo("copy", "--all", f"oci:{project.layout}:{name}", f"dir:{tmp_path / kind}")
        skopeo("copy", f"oci:{project.layout}:{name}", f"docker-archive:{tmp_path / kind}.tar:{name}")


def test_artifacts_of_any_kind_are_kept(project: Project, upstream: Registry) -> None:
    """A Helm chart in OCI form, and an artifact of a type that nobody knows, without any platform."""
    chart = upstream.artifact(
        "charts/app:1.2.3",
        b"chart",
        HELM_CHART,
        config=(b'{"name": "app"}', HELM_CONFIG),
        title="app-1.2.3.tgz",
    )
    strange = upstream.artifact(
        "odd/thing:1", b"model weights", "application/x-strange", artifactType="application/x-kind"
    )
    names = [f"{upstream.host}/charts/app:1.2.3", f"{upstream.host}/odd/thing:1"]
    project.archive(images={"platforms": ["linux/amd64"], "refs": names})
    images = project.images()
    assert [images[name]["digest"] for name in names] == [chart.digest, strange.digest]
    assert images[names[1]]["artifact_type"] == "application/x-kind"
    for made in (chart, strange):
        assert all(project.has(digest) for digest in (made.digest, made.config, *made.layers))
    project.judge()


def test_content_of_any_length_and_algorithm_is_kept(project: Project, upstream: Registry) -> None:
    """An empty layer, the same layer twice in one image, and a layer that is named by sha512."""
    upstream.image("edges/empty:1", b"", b"", packed("the third"))
    content = b"named by sha512"
    digest = upstream.blob("edges/long", content, algorithm="sha512").digest
    config = upstream.blob("edges/long", b"{}", OCI_EMPTY)
    layer = {"mediaType": "text/plain", "digest": digest, "size": len(content)}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor, "layers": [layer]}
    upstream.manifest("edges/long:1", document)
    names = [f"{upstream.host}/edges/{name}:1" for name in ("empty", "long")]
    project.archive(images={"refs": names})
    assert set(project.images()) == set(names)
    assert project.blob(digest).read_bytes() == content
    project.judge()


def test_images_from_buildkit_keep_their_attestations(project: Project, upstream: Registry) -> None:
    """An index that lists an attestation manifest for a platform: it is kept with the platform that it is about, and with no other."""
    attested = {}
    entries = []
    for platform in ("amd64", "arm64"):
        image = upstream.image("built/app", platform.encode(), platform=f"linux/{platform}")
        note = upstream.artifact(
            "built/app", f"provenance of {platform}".encode(), "application/vnd.in-toto+json"
        )
        attested[platform] = note
        entries.append({**image.descriptor, "platform": {"os": "linux", "architecture": platform}})
        entries.append(
            {
                **note.descriptor,
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {
                    "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": image.digest,
                },
            }
        )
    upstream.manifest("built/app:1", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    project.archive(images={"platforms": ["linux/amd64"], "refs": [f"{upstream.host}/built/app:1"]})
    assert project.has(attested["amd64"].digest)
    assert project.has(attested["amd64"].layers[0])
    assert not project.has(attested["arm64"].digest)


def _signed(upstream: Registry, repository: str) -> dict[str, Made]:
    """Push an index with a signature, an SBOM of one platform's image, and a signature of that SBOM, as OCI referrers."""
    amd64 = upstream.image(repository, packed("amd64 " + repository))
    arm64 = upstream.image(repository, packed("arm64 " + repository), platform="linux/arm64")
    index = upstream.index(f"{repository}:1", (amd64, "linux/amd64"), (arm64, "linux/arm64"))
    signature = upstream.artifact(
        repository,
        b"signature of " + repository.encode(),
        BUNDLE,
        subject=index.descriptor,
        artifactType=BUNDLE,
    )
    sbom = upstream.artifact(
        repository, b"packages of " + repository.encode(), SPDX, subject=amd64.descriptor, artifactType=SPDX
    )
    vouched = upstream.artifact(
        repository, b"signature of the packages", BUNDLE, subject=sbom.descriptor, artifactType=BUNDLE
    )
    return {
        "index": index,
        "amd64": amd64,
        "arm64": arm64,
        "signature": signature,
        "sbom": sbom,
        "vouched": vouched,
    }


def _fallback(upstream: Registry, repository: str, subject: Made, *referrers: tuple[Made, str]) -> Made:
    """Tag an index of what refers to a manifest, as clients do where a registry has no referrers API; return it."""
    entries = [{**made.descriptor, "artifactType": kind} for made, kind in referrers]
    return upstream.manifest(
        f"{repository}:{subject.digest.replace(':', '-')}",
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries},
    )


@pytest.mark.parametrize("way", ["api", "tag"])
def test_referrers_come_along(project: Project, upstream: Registry, front: Front, way: str) -> None:
    """What refers to an image, to the image of a kept platform, or to such a referrer, is archived with it.

    It is found by the referrers API, and where there is none by the fallback tag. Each says what it refers to
    and of which kind it is.
    """
    made = _signed(upstream, f"signed/{way}")
    name = f"{front.host if way == 'api' else upstream.host}/signed/{way}"
    expected = {
        f"{name}@{made[which].digest}": (made[which].digest, made[about].digest, kind)
        for which, about, kind in ABOUT
    }
    if way == "tag":
        for which, about, kind in ABOUT:
            listed = _fallback(upstream, "signed/tag", made[about], (made[which], kind))
            tag = made[about].digest.replace(":", "-")
            expected[f"{name}:{tag}"] = (listed.digest, made[about].digest, "")
    project.archive(images={"platforms": ["linux/amd64"], "refs": [f"{name}:1"]})
    assert list(project.images()) == [f"{name}:1"]
    found = {
        extra["reference"]: (extra["digest"], extra["refers_to"], extra["artifact_type"])
        for extra in project.extras()
    }
    assert found == expected
    for which in ("signature", "sbom", "vouched"):
        assert all(project.has(digest) for digest in made[which].layers)
        assert made[which].digest in project.digests()
    assert not project.has(made["arm64"].digest)


def _cosigned(upstream: Registry, repository: str) -> tuple[Made, Made, Made]:
    """Push an image with a signature, and an SBOM that is signed, by cosign's scheme of tags."""
    image = upstream.image(f"{repository}:1", packed("to be signed in " + repository))
    signature = upstream.artifact(
        f"{repository}:{image.digest.replace(':', '-')}.sig", b"cosign's payload", COSIGN
    )
    sbom = upstream.artifact(f"{repository}:{image.digest.replace(':', '-')}.sbom", b"cosign's sbom", SPDX)
    return image, signature, sbom


def test_cosigns_tags_come_along(project: Project, upstream: Registry) -> None:
    """Signatures and SBOMs under tags made of an image's digest are archived under these tags."""
    image, signature, sbom = _cosigned(upstream, "signed/cosign")
    name = f"{upstream.host}/signed/cosign"
    project.archive(images={"refs": [f"{name}:1"]})
    tag = image.digest.replace(":", "-")
    found = {extra["reference"]: (extra["digest"], extra["refers_to"]) for extra in project.extras()}
    assert found == {
        f"{name}:{tag}.sig": (signature.digest, image.digest),
        f"{name}:{tag}.sbom": (sbom.digest, image.digest),
    }
    assert project.tags() == {
        f"{name}:1": image.digest,
        f"{name}:{tag}.sig": signature.digest,
        f"{name}:{tag}.sbom": sbom.digest,
    }
    project.judge()


def test_referrers_can_be_left_out(project: Project, upstream: Registry, front: Front) -> None:
    """With `referrers: false` nothing is asked about them, and nothing of them is here."""
    made = _signed(upstream, "signed/not")
    _cosigned(upstream, "signed/not-cosign")
    front.forget()
    names = [f"{front.host}/signed/not:1", f"{front.host}/signed/not-cosign:1"]
    project.archive(images={"refs": names, "referrers": False})
    assert project.extras() == []
    assert not project.has(made["signature"].digest)
    assert not front.lines("*referrers*")
    assert not front.lines("*/sha256-*")


def test_signatures_are_handed_over(
    project: Project, upstream: Registry, front: Front, podman: Podman, tmp_path: Path
) -> None:
    """A bundle of signed images verifies, podman loads its images, and `serve` gives images and signatures alike.

    Podman pulls the image, skopeo cosign's tag, the SBOM comes by its digest, and the referrers API lists it.
    """
    made = _signed(upstream, "handed/app")
    image, signature, _ = _cosigned(upstream, "handed/cosign")
    names = [f"{front.host}/handed/app:1", f"{front.host}/handed/cosign:1"]
    project.archive(images={"platforms": ["linux/amd64"], "refs": names})
    bundle = tmp_path / "sample.tar"
    project.console.succeed("bundle", "sample", "-o", bundle)
    project.console.succeed("verify", bundle)
    subprocess.run(["tar", "xf", str(bundle), "images/images.tar"], cwd=tmp_path, check=True)
    podman.run("load", "--input", str(tmp_path / "images" / "images.tar"))
    shown = podman.run("images", "--noheading", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert set(names) <= set(shown)
    with project.console.serving(bundle) as served:
        host = f"127.0.0.1:{served.port}"
        podman.run("pull", "--quiet", "--tls-verify=false", f"{host}/handed/app:1")
        raw = skopeo(
            "inspect",
            "--raw",
            "--tls-verify=false",
            f"docker://{host}/handed/cosign:{image.digest.replace(':', '-')}.sig",
        )
        assert _digest(raw.encode()) == signature.digest
        sbom = served.get(f"/v2/handed/app/manifests/{made['sbom'].digest}")
        assert _digest(sbom) == made["sbom"].digest
        answer: Any = json.loads(served.get(f"/v2/handed/app/referrers/{made['index'].digest}"))
        assert [entry["digest"] for entry in answer["manifests"]] == [made["signature"].digest]
