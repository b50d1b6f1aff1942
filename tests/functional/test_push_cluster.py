"""What push writes for clusters, judged by their own clients: containerd, Podman, skopeo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

import pytest

from servers.certificates import make_certificates
from servers.containerd import Containerd, empty_containerd
from servers.podman import Podman, empty_podman
from servers.pushing import AMD64, PRIVATE, REDIS, TOOL, ImageArchive
from servers.real import docker_registry, skopeo

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console
    from servers.real import Registry


@pytest.fixture(scope="module")
def containerd() -> Iterator[Containerd]:
    """A containerd."""
    with empty_containerd() as daemon:
        yield daemon


@pytest.fixture
def podman() -> Iterator[Podman]:
    """A podman."""
    with empty_podman() as program:
        yield program


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry that speaks plain HTTP."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with docker_registry(folder) as registry:
        yield registry


@pytest.fixture
def archive(console: Console) -> ImageArchive:
    """A multi-platform image and two single ones of three registries."""
    return ImageArchive(console).usual()


def pulled(containerd: Containerd, hosts: Path, name: str) -> str:
    """Let containerd pull an image as it does for Kubernetes, and return its digest."""
    containerd.empty()
    containerd.run(
        "images", "pull", "--hosts-dir", str(hosts), "--snapshotter", "native", "--platform", AMD64, name
    )
    return containerd.images()[name]


@pytest.mark.parametrize("options", [(), ("--keep-host",), ("--rename", "docker.io=hub")], ids=" ".join)
def test_containerd_pulls_by_the_old_names(
    console: Console,
    archive: ImageArchive,
    target: Registry,
    containerd: Containerd,
    options: tuple[str, ...],
) -> None:
    """docker.io's images, and those of a host with a port, come from the registry, by the digests that they always had."""
    console.succeed("push", archive.root, f"{target.host}/a/mirror", "--config-dir", "conf", *options)
    hosts = console.folder / "conf" / "certs.d"
    for name in (REDIS, PRIVATE):
        assert pulled(containerd, hosts, name) == archive.images[name].digest
    assert any("/manifests/" in line and line.startswith("GET /v2/a/mirror/") for line in target.requests())


def test_containerd_pulls_by_digest(
    console: Console, archive: ImageArchive, target: Registry, containerd: Containerd
) -> None:
    """What a manifest pins is found."""
    console.succeed("push", archive.root, f"{target.host}/mirror", "--config-dir", "conf")
    name = f"{REDIS.rpartition(':')[0]}@{archive.images[REDIS].digest}"
    assert pulled(containerd, console.folder / "conf" / "certs.d", name) == archive.images[REDIS].digest


def test_containerd_trusts_the_authority(
    console: Console, archive: ImageArchive, containerd: Containerd, tmp_path: Path
) -> None:
    """The certificate lies beside hosts.toml and is named there; pulling by the new name works with it, too."""
    folder = tmp_path / "secure"
    folder.mkdir()
    certificates = make_certificates(folder)
    with docker_registry(folder, tls=certificates) as registry:
        console.succeed(
            "push",
            archive.root,
            f"{registry.host}/mirror",
            "--ca",
            certificates.authority,
            "--config-dir",
            "conf",
        )
        hosts = console.folder / "conf" / "certs.d"
        assert pulled(containerd, hosts, REDIS) == archive.images[REDIS].digest
        new = f"{registry.host}/mirror/library/redis:7"
        assert pulled(containerd, hosts, new) == archive.images[REDIS].digest


def test_containerd_takes_any_certificate_where_push_did(
    console: Console, archive: ImageArchive, containerd: Containerd, tmp_path: Path
) -> None:
    """--skip-tls-verify goes on in hosts.toml."""
    folder = tmp_path / "secure"
    folder.mkdir()
    with docker_registry(folder, tls=make_certificates(folder)) as registry:
        console.succeed("push", archive.root, registry.host, "--skip-tls-verify", "--config-dir", "conf")
        hosts = console.folder / "conf" / "certs.d"
        assert pulled(containerd, hosts, REDIS) == archive.images[REDIS].digest


@pytest.mark.parametrize(
    "options",
    [(), ("--keep-host",), ("--rename", "docker.io/library=hub", "--rename", "quay.io/team/tool=t/l")],
    ids=" ".join,
)
def test_podman_and_skopeo_pull_by_the_old_names(
    console: Console, archive: ImageArchive, target: Registry, podman: Podman, options: tuple[str, ...]
) -> None:
    """registries.conf leads both to the registry, also where rules gave parts of a source registry other names."""
    console.succeed("push", archive.root, f"{target.host}/mirror", "--config-dir", "conf", *options)
    (conf,) = (console.folder / "conf" / "registries.conf.d").iterdir()
    for name in (REDIS, TOOL, PRIVATE):
        # skopeo has an option for what podman takes from the environment
        asked = ("inspect", "--no-tags", "--format", "{{.Digest}}", f"docker://{name}")
        assert skopeo("--registries-conf", str(conf), *asked).strip() == archive.images[name].digest
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
        podman.run("pull", "--quiet", "--platform", AMD64, REDIS)
    shown = podman.run("image", "inspect", "--format", "{{.RepoDigests}}", REDIS)
    assert archive.images[REDIS].digest in shown


def test_new_names_are_listed_for_manifests(
    console: Console, archive: ImageArchive, target: Registry
) -> None:
    """Each old name with its new one, by which the image is there; for kustomize in the spellings that people use."""
    outcome = console.succeed("push", archive.root, f"{target.host}/mirror", "--config-dir", "conf")
    lines = (console.folder / "conf" / "images.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == sorted(archive.images)
    for line in lines:
        old, new = line.split()
        digest = skopeo("inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{new}").strip()
        assert digest == archive.images[old].digest
        assert line in outcome.out
    kustomize = (console.folder / "conf" / "kustomization-images.yaml").read_text()
    for spelling in ("redis", "library/redis", "docker.io/library/redis"):
        assert f"- name: {spelling}\n  newName: {target.host}/mirror/library/redis\n" in kustomize


def test_what_hosts_toml_cannot_say_is_said(console: Console, target: Registry) -> None:
    """Images that a rule moved out of their registry's path are named there; where all were, there is no such file."""
    archive = ImageArchive(console)
    archive.image(REDIS)
    archive.image(TOOL)
    archive.image("quay.io/team/other:1")
    archive.finish()
    rules = ("--rename", "docker.io/library/redis=cache", "--rename", "quay.io/team/other=moved")
    console.succeed("push", archive.root, target.host, *rules, "--config-dir", "conf")
    hosts = console.folder / "conf" / "certs.d"
    assert not (hosts / "docker.io").exists()
    line = f"# not from there: quay.io/team/other:1 is {target.host}/moved:1\n"
    assert line in (hosts / "quay.io" / "hosts.toml").read_text()
