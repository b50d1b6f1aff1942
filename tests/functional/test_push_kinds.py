"""Pushing every kind of image with what refers to it, by the program in the bundle, and deltas."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from servers.console import Console
from servers.content import OCI_INDEX
from servers.everykind import PLATFORMS, SPDX, EveryKind, every_kind
from servers.front import fronting, with_headers
from servers.keeper import keeping
from servers.mirroring import Project
from servers.processes import need
from servers.pushing import digest_of, writes
from servers.real import docker_registry, skopeo
from servers.registry import Reply, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.real import Registry


@dataclass(frozen=True)
class Packed:
    """Images of every kind, bundled."""

    pushed: EveryKind
    bundle: Path

    @property
    def signed(self) -> str:
        """The reference of the image that a signature and an SBOM refer to."""
        return next(reference for reference in self.pushed.roots if reference.endswith("/team/single:1"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """Images of every kind, archived from two registries, and bundled."""
    console = Console(tmp_path_factory.mktemp("packed"))
    with serving() as first, serving() as second:
        pushed = every_kind(first, second)
        Project(console).archive(images={"refs": pushed.references, "platforms": list(PLATFORMS)})
    console.succeed("bundle", "sample", "-o", console.folder / "all.tar")
    return Packed(pushed, console.folder / "all.tar")


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with docker_registry(folder) as registry:
        yield registry


def placed(reference: str) -> str:
    """Return an image's name below the registry with --keep-host."""
    host, _, rest = reference.partition("/")
    return f"{host.replace(':', '_')}/{rest}"


def listed(target: Registry, packed: Packed) -> list[Any]:
    """Return what the tag that stands in for the referrers API lists for the image with an SBOM."""
    tag = packed.pushed.roots[packed.signed].digest.replace(":", "-")
    name = placed(packed.signed).replace(":1", f":{tag}")
    index = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{target.host}/{name}"))
    assert index["mediaType"] == OCI_INDEX
    return list(index["manifests"])


def test_every_kind_arrives_as_it_is(packed: Packed, target: Registry, tmp_path: Path) -> None:
    """Docker's types and OCI's, indexes, zstd and plain layers, pinned images, charts, signatures, by archiver.pyz and Python 3.9."""
    need("pypy3")
    with tarfile.open(packed.bundle) as tar:
        tar.extract("archiver.pyz", tmp_path, filter="data")
    reader = Console(tmp_path, ("pypy3", "-I", str(tmp_path / "archiver.pyz")))
    reader.succeed("push", packed.bundle, target.host, "--keep-host")
    for reference, made in packed.pushed.roots.items():
        name = placed(reference)
        if "@" in name:  # skopeo knows no tag beside a digest
            name = name.partition("@")[0].replace(":1", "") + f"@{made.digest}"
        assert digest_of(target, name) == made.digest
    single = placed(packed.signed)
    signed = packed.pushed.roots[packed.signed].digest.replace(":", "-")
    artifacts = packed.pushed.artifacts
    assert digest_of(target, single.replace(":1", f":{signed}.sig")) == artifacts["cosign"].digest
    assert digest_of(target, single.replace(":1", f"@{artifacts['sbom'].digest}")) == artifacts["sbom"].digest
    before = len(writes(target))
    reader.succeed("push", packed.bundle, target.host, "--keep-host")
    assert writes(target)[before:] == []


def test_what_refers_to_an_image_is_listed_where_the_registry_does_not(
    packed: Packed, target: Registry, console: Console
) -> None:
    """Debian's registry has no referrers API: the tag that stands in for it has the SBOM, with its kind."""
    console.succeed("push", packed.bundle, target.host, "--keep-host", "--image", packed.signed)
    (entry,) = listed(target, packed)
    assert entry["digest"] == packed.pushed.artifacts["sbom"].digest
    assert entry["artifactType"] == SPDX


def test_a_list_that_is_there_gets_longer(packed: Packed, target: Registry, console: Console) -> None:
    """What somebody else attached to the image stays listed."""
    repository = placed(packed.signed).partition(":1")[0]
    other = target.artifact(repository, b"other", "application/x-other")
    tag = packed.pushed.roots[packed.signed].digest.replace(":", "-")
    target.index(f"{repository}:{tag}", (other, ""))
    console.succeed("push", packed.bundle, target.host, "--keep-host")
    digests = [entry["digest"] for entry in listed(target, packed)]
    assert digests == [other.digest, packed.pushed.artifacts["sbom"].digest]


def test_a_registry_that_lists_by_itself_gets_no_list(
    packed: Packed, target: Registry, console: Console
) -> None:
    """Where it answers with OCI-Subject, the tag is left alone."""
    with fronting(target) as front:
        front.alter("PUT */manifests/*", with_headers(OCI_Subject="sha256:" + "0" * 64))
        console.succeed("push", packed.bundle, front.host, "--keep-host")
        tag = packed.pushed.roots[packed.signed].digest.replace(":", "-")
        assert front.lines(f"* */manifests/{tag}") == []


def test_what_refers_to_an_image_that_failed_is_not_pushed(
    packed: Packed, target: Registry, console: Console
) -> None:
    """A signature of nothing helps nobody: it is listed with its reason; the other images arrive."""
    with fronting(target) as front:
        front.instead("PUT */team/single/manifests/1", Reply(b"", 403))
        outcome = console.run("push", packed.bundle, front.host, "--keep-host")
        assert outcome.code == 3
        assert outcome.err.count("what it refers to could not be pushed") == 2
        signed = packed.pushed.roots[packed.signed].digest.replace(":", "-")
        repository = placed(packed.signed).partition(":1")[0]
        assert front.lines(f"PUT /v2/{repository}/manifests/{signed}.sig") == []
    index = next(reference for reference in packed.pushed.roots if "/team/index:" in reference)
    assert digest_of(target, placed(index)) == packed.pushed.roots[index].digest


# ---- deltas


def test_a_delta_goes_together_with_its_base_or_to_where_that_is(
    console: Console, target: Registry, tmp_path: Path
) -> None:
    """Both in one call; or alone to a registry that has the base; alone to an empty one it says what it lacks."""
    with keeping(console) as keeper:
        keeper.archive(1)
        base = keeper.bundle("base.tar")
        keeper.archive(2)
        delta = keeper.bundle("delta.tar", "--since", base)
    with tarfile.open(delta) as tar:
        member = tar.extractfile("bundle.json")
        assert member is not None
        images = json.load(member)["images"]
    outcome = console.run("push", delta, f"{target.host}/alone", "--keep-host")
    assert outcome.code == 3
    assert "bundle that it builds on" in outcome.err
    console.succeed("push", base, delta, f"{target.host}/both", "--keep-host")
    console.succeed("push", base, f"{target.host}/after", "--keep-host")
    console.succeed("push", delta, f"{target.host}/after", "--keep-host")
    for image in images:
        for place in ("both", "after"):
            assert digest_of(target, f"{place}/{placed(image['reference'])}") == image["digest"]
