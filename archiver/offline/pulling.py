"""What people type, and what they set up, to pull the images that are served: exact lines for each client.

Sources: docker-pull(1), podman-pull(1), skopeo-copy(1), ``ctr images pull --help``, ``oras pull --help``; nerdctl's
docs/registry.md; Kubernetes' "Images"; and those of ``clientfiles``. The tests have the clients that Debian has
do all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from archiver.core.reference import DOCKER_HUB, Reference, is_loopback
from archiver.offline.clientfiles import (
    CONTAINERD_HOSTS,
    CONTAINERD_SETTINGS,
    EVERY_REGISTRY,
    Endpoint,
    docker_daemon,
    host_table,
    mirror_table,
)
from archiver.offline.pullname import host_component, pull_name

if TYPE_CHECKING:
    from archiver.offline.holdings import Image

AUTHORITY = "ca.crt"
AUTHORITY_PATH = "/-/ca.crt"
"""Where a server that made its own authority offers its certificate."""
_CTR = "ctr --namespace k8s.io images"  # where Kubernetes looks for images
_CHART = "application/vnd.cncf.helm.config.v1+json"
_NERDCTL = "nerdctl --namespace k8s.io"
_HOSTS = f"--hosts-dir {CONTAINERD_HOSTS}"  # which nerdctl looks into by itself


@dataclass(frozen=True)
class Pullable:
    """The served registry, as one reader's clients see it.

    Attributes:
        scheme: ``http`` or ``https``.
        netloc: the host that names of images begin with, and its port where it has one.
        own_authority: whether its certificate is signed by an authority that the server made itself.
    """

    scheme: str
    netloc: str
    own_authority: bool = False

    @classmethod
    def at(cls, address: str, *, own_authority: bool = False) -> Pullable:
        """Return what is at ``scheme://host[:port]``.

        A host that clients would not take for one, such as ``archive``, gets its port said.
        """
        parts = urlsplit(address)
        host = parts.netloc
        if not any(mark in host for mark in ".:") and host != "localhost":
            host = f"{host}:{443 if parts.scheme == 'https' else 80}"
        return cls(parts.scheme, host, own_authority)

    @property
    def address(self) -> str:
        """``scheme://host[:port]``."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def is_plain(self) -> bool:
        """Whether it speaks plain HTTP."""
        return self.scheme == "http"


@dataclass(frozen=True)
class Command:
    """What is typed: ``tool`` is a short name for programs, ``label`` one for people, ``text`` a line or several."""

    tool: str
    label: str
    text: str


@dataclass(frozen=True)
class Setting:
    """A file to be made or added to: ``title`` says for whom and why, ``path`` where, ``text`` what."""

    title: str
    path: str
    text: str


def image_commands(image: Image, registry: Pullable) -> tuple[Command, ...]:
    """Return how each client pulls an image by the name that it has here; for Kubernetes the line of a pod.

    What is no image is for other clients: Helm's charts for Helm, which writes the ``+`` of versions as ``_`` in tags, and
    the rest for oras. With an authority of the server's own the lines work where
    it was made known by ``authority_commands``, for containerd with the ``settings``.
    """
    name = pull_name(Reference.parse(image.reference), registry.netloc)

    def line(command: str, plain: str, rest: str = name, trusting: str = "") -> str:
        """Put a line together, with the option for plain HTTP, or the one for the server's own authority."""
        option = plain if registry.is_plain else trusting if registry.own_authority else ""
        return " ".join(filter(None, (command, option, rest)))

    copied = line("skopeo copy --all", "--src-tls-verify=false", f"docker://{name} dir:DESTINATION")
    skopeo = Command("skopeo", "skopeo", copied)
    if not any(image.platforms):
        trusting = f"--ca-file {AUTHORITY}"
        repository, _, tag = name.rpartition(":")
        if image.artifact_type == _CHART and not Reference.parse(image.reference).digest:
            chart = f"oci://{repository} --version {tag.replace('_', '+')}"
            return Command("helm", "Helm", line("helm pull", "--plain-http", chart, trusting)), skopeo
        return Command("oras", "oras", line("oras pull", "--plain-http", trusting=trusting)), skopeo
    return (
        Command("docker", "Docker", f"docker pull {name}"),
        Command("podman", "Podman", line("podman pull", "--tls-verify=false")),
        Command("ctr", "containerd", line(f"{_CTR} pull", "--plain-http", trusting=_HOSTS)),
        Command("nerdctl", "nerdctl", line(_NERDCTL, "--insecure-registry", f"pull {name}")),
        Command("kubernetes", "Kubernetes", f"image: {name}"),
        skopeo,
    )


def rename_commands(image: Image, registry: Pullable) -> tuple[Command, ...]:
    """Return how an image that was pulled by its name here gets its original one; none where that is a digest."""
    reference = Reference.parse(image.reference)
    if reference.digest or not any(image.platforms):
        return ()
    names = f"{pull_name(reference, registry.netloc)} {reference}"
    return (
        Command("docker", "Docker", f"docker tag {names}"),
        Command("podman", "Podman", f"podman tag {names}"),
        Command("ctr", "containerd", f"{_CTR} tag {names}"),
        Command("nerdctl", "nerdctl", f"{_NERDCTL} tag {names}"),
    )


def original_commands(image: Image) -> tuple[Command, ...]:
    """Return how an image is pulled by its original name, on machines set up by ``settings``.

    Docker has it so for Docker Hub's images alone.
    """
    reference = Reference.parse(image.reference)
    name = str(reference) if not reference.digest else f"{reference.name}@{reference.digest}"
    docker = (Command("docker", "Docker", f"docker pull {name}"),) if reference.registry == DOCKER_HUB else ()
    return (
        *docker,
        Command("podman", "Podman", f"podman pull {name}"),
        Command("crictl", "crictl", f"crictl pull {name}"),
        Command("ctr", "containerd", f"{_CTR} pull {_HOSTS} {name}"),
        Command("nerdctl", "nerdctl", f"{_NERDCTL} pull {name}"),
        Command("kubernetes", "Kubernetes", f"image: {name}"),
    )


def source_registries(images: Iterable[Image]) -> tuple[str, ...]:
    """Return the registries that images came from, sorted."""
    return tuple(sorted({Reference.parse(image.reference).registry for image in images}))


def settings(registries: Sequence[str], registry: Pullable) -> tuple[Setting, ...]:
    """Return the files by which machines pull from the served registry by the original names.

    Args:
        registries: whose images are here.
        registry: where they are served.
    """
    return (
        *_containerd(registry),
        Setting(
            "Podman and CRI-O: every image by its original name",
            "/etc/containers/registries.conf.d/50-archive.conf",
            "\n".join(_mirrors(registries, registry)),
        ),
        *_docker(registries, registry),
    )


def authority_commands(registry: Pullable) -> tuple[Command, ...]:
    """Return how a machine is made to trust the server's own authority; none where there is none to trust.

    The first fetches the certificate without trust: whoever types it compares the fingerprint with the one that the
    server printed. After that each client has its own place for it.
    """
    if not registry.own_authority:
        return ()
    put = f"install -D -m 644 {AUTHORITY}"
    return (
        Command(
            "fetch",
            "Fetch the certificate and look at its fingerprint",
            f"curl --fail --insecure --output {AUTHORITY} {registry.address}{AUTHORITY_PATH}\n"
            f"openssl x509 -in {AUTHORITY} -noout -fingerprint -sha256",
        ),
        Command("containerd", "containerd", f"{put} {CONTAINERD_HOSTS}/{EVERY_REGISTRY}/{AUTHORITY}"),
        Command("podman", "Podman, CRI-O, skopeo", f"{put} /etc/containers/certs.d/{registry.netloc}/{AUTHORITY}"),
        Command("docker", "Docker", f"{put} /etc/docker/certs.d/{registry.netloc}/{AUTHORITY}"),
    )  # fmt: skip


def _containerd(registry: Pullable) -> Iterator[Setting]:
    endpoint = Endpoint(registry.address, authority=AUTHORITY if registry.own_authority else "")
    yield Setting(
        "containerd: every image by its original name",
        f"{CONTAINERD_HOSTS}/{EVERY_REGISTRY}/hosts.toml",
        host_table(endpoint),
    )
    yield Setting(
        "containerd: one of these, so that Kubernetes looks there", "/etc/containerd/config.toml", CONTAINERD_SETTINGS
    )  # fmt: skip


def _mirrors(registries: Sequence[str], registry: Pullable) -> Iterator[str]:
    for source in registries:
        yield mirror_table(source, f"{registry.netloc}/{host_component(source)}", insecure=registry.is_plain)


def _docker(registries: Sequence[str], registry: Pullable) -> Iterator[Setting]:
    """Yield daemon.json, where there is something to say: Docker trusts its own machine without being told."""
    insecure = [registry.netloc] if registry.is_plain and not is_loopback(registry.netloc) else []
    mirrors = [registry.address] if DOCKER_HUB in registries else []
    text = docker_daemon(insecure, mirrors)
    if text:
        what = [
            *(["so that it pulls without TLS"] if insecure else []),
            *(["Docker Hub's images by their original names"] if mirrors else []),
        ]
        yield Setting(f"Docker: {', and '.join(what)}", "/etc/docker/daemon.json", text)
