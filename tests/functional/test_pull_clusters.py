"""What is told to people who pull images, typed by a shell: each line, and each file where it says that it belongs.

Clients are Debian's: Docker, Podman, containerd's ctr, skopeo. The registries that the images came from are gone.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.core.digest import Digest
from archiver.core.reference import Reference
from archiver.offline.opening import open_holdings, open_projects
from archiver.offline.pulling import (
    Pullable,
    authority_commands,
    image_commands,
    original_commands,
    rename_commands,
    settings,
    source_registries,
)
from archiver.offline.pullname import pull_name
from archiver.offline.server import start
from archiver.offline.tls.selfmade import SelfMadeIdentity
from servers.certificates import Certificates
from servers.console import Console
from servers.containerd import Containerd, node_containerd
from servers.dockerd import Docker, empty_docker
from servers.everykind import PLATFORMS, SPDX, EveryKind, every_kind
from servers.machine import Machine
from servers.mirroring import Project
from servers.podman import Podman, empty_podman
from servers.processes import free_port
from servers.pushing import PRIVATE, REDIS, TOOL, ImageArchive
from servers.registry import serving as registry_serving
from servers.serving import Running, serving

if TYPE_CHECKING:
    from archiver.offline.holdings import Image
    from archiver.offline.pulling import Command

WELL_KNOWN = (REDIS, TOOL, PRIVATE)
PLAIN, SECURE = "plain HTTP", "an authority of its own"


@dataclass(frozen=True)
class Archived:
    """An archive with images of every kind, and some by names of well-known registries."""

    root: Path
    pushed: EveryKind
    images: dict[str, Image]


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Archived:
    """Two projects in one archive; where the images came from is gone when this returns."""
    console = Console(tmp_path_factory.mktemp("archived"))
    with registry_serving() as first, registry_serving() as second:
        pushed = every_kind(first, second)
        Project(console).archive(images={"refs": pushed.references, "platforms": list(PLATFORMS)})
    root = ImageArchive(console, project="known").usual().root
    images = {image.reference: image for holding in open_holdings(root) for image in holding.images.images}
    return Archived(root, pushed, images)


@dataclass(frozen=True)
class Cluster:
    """The archive served, and a machine with every client, set up as people are told to."""

    archived: Archived
    running: Running
    registry: Pullable
    machine: Machine
    docker: Docker
    podman: Podman
    containerd: Containerd

    def image(self, reference: str) -> Image:
        """Return an archived image."""
        return self.archived.images[reference]

    def empty(self) -> None:
        """Remove all images from all runtimes."""
        self.docker.empty()
        self.containerd.empty()
        self.podman.run("image", "rm", "--all", "--force")

    def type(self, commands: tuple[Command, ...], *tools: str) -> None:
        """Type the lines of some tools, all of which there are."""
        lines = {command.tool: command.text for command in commands}
        for tool in tools:
            self.machine.type(lines[tool])

    def holds(self, name: str, digest: str, *, docker: bool = True) -> None:
        """Check that the runtimes have an image by a name, and as it was archived."""
        assert self.containerd.images()[name] == digest
        assert digest in self.podman.run("image", "inspect", "--format", "{{.RepoDigests}} {{.Digest}}", name)
        if docker:
            assert digest in self.docker.run("image", "inspect", "--format", "{{.RepoDigests}}", name)


@pytest.fixture(scope="module", params=[PLAIN, pytest.param(SECURE, marks=pytest.mark.thorough)])
def cluster(
    request: pytest.FixtureRequest, archived: Archived, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Every client, with the settings that the served page gives for a server of either kind."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    with ExitStack() as held:
        secure = request.param == SECURE
        running = held.enter_context(
            self_signed(archived.root, machine.folder) if secure else serving(archived.root)
        )
        view = running.served.view
        registry = Pullable.at(view.main_origin, own_authority=view.has_authority)
        told = {
            setting.path: setting.text
            for setting in settings(source_registries(archived.images.values()), registry)
        }
        for path, text in told.items():
            machine.write(path, text)
        printed = "".join(machine.type(command.text) for command in authority_commands(registry))
        assert (machine.folder / "fingerprint").read_text() in printed if secure else not printed
        docker = held.enter_context(empty_docker(machine))
        containerd = held.enter_context(node_containerd(machine, told["/etc/containerd/config.toml"]))
        podman = held.enter_context(empty_podman())
        for environment in (
            podman.installed(Path(held.enter_context(tempfile.TemporaryDirectory(prefix="bin-")))),
            docker.environment,
            containerd.environment,
        ):
            machine.knows(environment)
        yield Cluster(archived, running, registry, machine, docker, podman, containerd)


@contextmanager
def self_signed(root: Path, folder: Path) -> Iterator[Running]:
    """Serve an archive by TLS with a certificate of the server's own authority, which nobody trusts yet.

    The authority's certificate for this test's own requests, and its fingerprint, are put into a folder.
    """
    log: list[str] = []
    identity = SelfMadeIdentity(folder / "tls")
    (folder / "fingerprint").write_text(identity.kept.fingerprint)
    seen = folder / "seen.pem"
    seen.write_bytes(identity.authority)
    with start(open_projects(root), port=0, tls=identity, log=log.append) as served:
        yield Running(served, log, Certificates(seen, seen, seen))


@pytest.mark.parametrize("reference", WELL_KNOWN)
def test_every_client_pulls_by_the_name_here(cluster: Cluster, reference: str) -> None:
    """The lines that are shown for an image do what they say; further ones give it its original name back."""
    cluster.empty()
    image = cluster.image(reference)
    cluster.type(image_commands(image, cluster.registry), "docker", "podman", "ctr")
    cluster.type(rename_commands(image, cluster.registry), "docker", "podman", "ctr")
    cluster.holds(reference, str(image.digest), docker=False)
    assert cluster.docker.images().keys() >= {
        str(Reference.parse(reference)).removeprefix("docker.io/library/")
    }


def test_skopeo_copies_all_of_an_image(cluster: Cluster) -> None:
    """Every platform, by the line that is shown; the manifest is the archived one."""
    image = cluster.image(REDIS)
    lines = {command.tool: command.text for command in image_commands(image, cluster.registry)}
    cluster.machine.type(lines["skopeo"])
    copied = cluster.machine.folder / "DESTINATION"
    assert Digest.of((copied / "manifest.json").read_bytes()) == image.digest
    assert len(json.loads((copied / "manifest.json").read_text())["manifests"]) == 2


@pytest.mark.parametrize("reference", WELL_KNOWN)
def test_clusters_pull_by_the_original_names(cluster: Cluster, reference: str) -> None:
    """With the files in place: containerd by ?ns=, Podman by the host in the path; Docker has Docker Hub's."""
    cluster.empty()
    image = cluster.image(reference)
    commands = original_commands(image)
    cluster.type(commands, "podman", "ctr")
    has_docker = "docker" in {command.tool for command in commands}
    if has_docker:
        cluster.type(commands, "docker")
    cluster.holds(reference, str(image.digest), docker=has_docker)


def test_every_kind_of_image_is_pulled_by_its_original_name(cluster: Cluster) -> None:
    """Docker's types and OCI's, one platform and two, layers packed in every way, and by digest alone.

    The registries had ports, and one name was in both of them.
    """
    cluster.empty()
    for reference, root in cluster.archived.pushed.roots.items():
        commands = original_commands(cluster.image(reference))
        cluster.type(commands, "podman", "ctr")
        name = commands[0].text.split()[-1]
        assert cluster.containerd.images()[name] == root.digest
        identity = cluster.archived.pushed.identity(reference).partition(":")[2]
        assert cluster.podman.run("image", "inspect", "--format", "{{.Id}}", name).strip() == identity


@pytest.mark.parametrize("reference", WELL_KNOWN)
def test_pods_get_images_by_both_names(cluster: Cluster, reference: str) -> None:
    """What a pod's ``image:`` says is pulled as Kubernetes has it pulled: manifests need no change, and may be changed."""
    cluster.empty()
    image = cluster.image(reference)
    for commands in (original_commands(image), image_commands(image, cluster.registry)):
        (line,) = (one.text for one in commands if one.tool == "kubernetes")
        name = line.removeprefix("image: ")
        cluster.containerd.pull_for_pod(name)
        assert cluster.containerd.images()[name] == str(image.digest)


def test_every_kind_of_image_is_pulled_by_docker(cluster: Cluster) -> None:
    """By the names here; Docker 20.10 knows no layers packed by Zstandard."""
    cluster.empty()
    pushed = cluster.archived.pushed
    for reference in (one for one in pushed.roots if "zstd" not in one):
        (line,) = (
            one.text
            for one in image_commands(cluster.image(reference), cluster.registry)
            if one.tool == "docker"
        )
        cluster.machine.type(line)
        name = line.split()[-1]
        assert cluster.docker.run("image", "inspect", "--format", "{{.Id}}", name).strip() == pushed.identity(
            reference
        )


def test_each_platform_can_be_had(cluster: Cluster) -> None:
    """Of an index, of OCI or of Docker, the platform that is asked for; containerd takes all of them at once."""
    cluster.empty()
    pushed = cluster.archived.pushed
    for kind in ("/team/index", "/team/list"):
        reference = pushed.named(kind)
        image = cluster.image(reference)
        lines = {one.tool: one.text for one in original_commands(image)}
        cluster.machine.type(lines["ctr"].replace(" pull ", " pull --all-platforms "))
        cluster.machine.type(lines["podman"].replace(" pull ", f" pull --platform {PLATFORMS[1]} "))
        identity = pushed.identity(reference, PLATFORMS[1]).partition(":")[2]
        assert cluster.podman.run("image", "inspect", "--format", "{{.Id}}", reference).strip() == identity
        rows = cluster.containerd.run("images", "list", f"name=={reference}")
        assert all(platform in rows for platform in PLATFORMS)


def test_a_name_that_was_one_of_the_servers_is_found_by_mirrors(cluster: Cluster) -> None:
    """A manifest that says ``other-mirror.example/docker.io/library/redis`` needs no change where this server is the mirror."""
    cluster.empty()
    name = f"other-mirror.example/{REDIS}"
    cluster.machine.type(f"ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d {name}")
    assert cluster.containerd.images()[name] == str(cluster.image(REDIS).digest)


def test_what_is_not_here_is_a_plain_refusal(cluster: Cluster) -> None:
    """No client takes an image of another registry for what it asked for, nor hangs."""
    for line in (
        "ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d quay.invalid/library/redis:7",
        f"podman pull --tls-verify=false {cluster.registry.netloc}/quay.io/library/redis:7",
        f"docker pull {cluster.registry.netloc}/docker.io/library/redis:8",
    ):
        assert cluster.machine.typed(line).returncode != 0


def test_artifacts_and_what_refers_to_images(cluster: Cluster, tmp_path: Path) -> None:
    """A chart and a signature are copied by skopeo; an SBOM is found by the referrers API, and fetched as oras does it."""
    pushed, get = cluster.archived.pushed, cluster.running.get
    chart = cluster.image(
        next(reference for reference in cluster.archived.images if "/charts/chart" in reference)
    )
    commands = {one.tool: one.text for one in image_commands(chart, cluster.registry)}
    assert set(commands) == {"helm", "skopeo"}
    cluster.machine.type(commands["skopeo"].replace("DESTINATION", str(tmp_path / "chart")))
    assert Digest.of((tmp_path / "chart" / "manifest.json").read_bytes()) == chart.digest
    signed = next(reference for reference in pushed.roots if reference.endswith("/team/single:1"))
    name = pull_name(Reference.parse(signed), "").lstrip("/").partition(":")[0]
    subject = pushed.roots[signed].digest
    found = json.loads(get(f"/v2/{name}/referrers/{subject}?artifactType={SPDX}").body)["manifests"]
    assert [(entry["digest"], entry["artifactType"]) for entry in found] == [
        (pushed.artifacts["sbom"].digest, SPDX)
    ]
    manifest = json.loads(get(f"/v2/{name}/manifests/{found[0]['digest']}").body)
    assert get(f"/v2/{name}/blobs/{manifest['layers'][0]['digest']}").body == b"{}"
    signature = get(f"/v2/{name}/manifests/{subject.replace(':', '-')}.sig")
    assert str(Digest.of(signature.body)) == pushed.artifacts["cosign"].digest


def test_docker_pulls_by_any_original_name_where_dns_leads_it_here(tmp_path: Path) -> None:
    """The registry's host, here with a port, is this machine, and has a certificate: Docker asks it as ever."""
    port = free_port()
    reference = f"registry.example.org:{port}/team/app:3"
    archive = ImageArchive(Console(tmp_path))
    image = archive.image(reference)
    archive.image("quay.io/team/app:3", salt="another")
    archive.finish()
    machine = Machine(tmp_path / "machine")
    machine.write("/etc/hosts", "127.0.0.1 localhost registry.example.org\n")
    identity = SelfMadeIdentity(tmp_path / "tls")
    with (
        start(open_projects(archive.root), port=port, tls=identity, log=print),
        empty_docker(machine) as docker,
    ):
        (machine.folder / "ca.crt").write_bytes(identity.authority)
        machine.type(f"curl --fail --cacert ca.crt https://registry.example.org:{port}/v2/")
        machine.knows(docker.environment)
        machine.type(f"docker pull {reference}")
        assert image.digest in docker.run("image", "inspect", "--format", "{{.RepoDigests}}", reference)
