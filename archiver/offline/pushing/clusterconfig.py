"""What makes a cluster use the registry: mirrors for containerd, Podman and CRI-O, and new names for manifests.

Sources: containerd's docs/hosts.md (``hosts.toml``); containers-registries.conf(5); kustomize's ``images`` field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, Sequence

from archiver.core.reference import DOCKER_HUB
from archiver.offline.clientfiles import Endpoint, host_table, hosts_folder, mirror_table
from archiver.offline.pushing.registry import registry_root

if TYPE_CHECKING:
    from archiver.core.reference import Reference
    from archiver.offline.pushing.names import Naming
    from archiver.offline.pushing.push import PushedImage
    from archiver.offline.pushing.registry import Dialling

CONTAINERD = "certs.d"
AUTHORITY = "ca.crt"
REWRITES = "images.txt"
KUSTOMIZE = "kustomization-images.yaml"
_ANY = "any"  # a repository that stands for all of a registry


@dataclass(frozen=True)
class _Mirror:
    """What some names begin with, and what stands for that in the registry (host and path)."""

    source: str
    location: str


def cluster_files(
    pushed: Sequence[PushedImage], naming: Naming, dialling: Dialling, authority: bytes
) -> dict[str, bytes]:
    """Return the files by their paths; their names are of no system that could not keep them.

    Args:
        pushed: what is in the registry.
        naming: how it was named there.
        dialling: how the registry is spoken to.
        authority: the certificate, in PEM form, of the authority that signed the registry's; empty for none.
    """
    images = [image for image in pushed if not image.placement.image.refers_to]
    files = dict(_containerd(images, naming, dialling, authority))
    files[f"registries.conf.d/50-{hosts_folder(naming.destination.registry)}.conf"] = _registries(
        images, naming, dialling
    ).encode()
    files[REWRITES] = "".join(f"{old} {new}\n" for old, new in _rewrites(images)).encode()
    files[KUSTOMIZE] = _kustomize(images).encode()
    if authority:
        files[AUTHORITY] = authority
    files["README.txt"] = _readme(naming.destination.registry, authority, _unheld(images, naming)).encode()
    return files


def _readme(registry: str, authority: bytes, unheld: Sequence[PushedImage]) -> str:
    renamed = "".join(f"        {image.placement.image.reference} is {image.name}\n" for image in unheld)
    if renamed:
        renamed = f"    Not by these, since containerd changes no names; here the other ways help:\n{renamed}"
    own = (
        f"""\
{AUTHORITY}
    the certificate of the authority that signed the registry's. Podman and CRI-O want a copy as
    /etc/containers/certs.d/{registry}/{AUTHORITY}, Docker as /etc/docker/certs.d/{registry}/{AUTHORITY};
    for containerd it is in the folders above.
"""
        if authority
        else ""
    )
    return f"""\
What makes a cluster pull from {registry}. One of the first three is enough.

{CONTAINERD}/
    for containerd, on each node: copy its folders to /etc/containerd/{CONTAINERD}/. The CRI plugin has to look there, in
    /etc/containerd/config.toml:
        [plugins."io.containerd.grpc.v1.cri".registry]
          config_path = "/etc/containerd/{CONTAINERD}"
    Try it: ctr images pull --hosts-dir /etc/containerd/{CONTAINERD} NAME
{renamed}registries.conf.d/
    for Podman and CRI-O, on each machine: copy the file to /etc/containers/registries.conf.d/.
{REWRITES}, {KUSTOMIZE}
    to change the names in manifests instead: old and new ones, a line an image; and the same as rules of a
    kustomization.yaml.
{own}"""


def _containerd(
    images: Sequence[PushedImage], naming: Naming, dialling: Dialling, authority: bytes
) -> Iterator[tuple[str, bytes]]:
    """Yield a folder a source registry, and one for the registry itself where it cannot be spoken to without."""
    registry = naming.destination.registry
    for host in sorted({image.placement.source.registry for image in images} - {registry}):
        mirror = _whole_mirror(naming, host)
        strays = [image for image in images if _strays(image, host, mirror)]
        if len(strays) == sum(image.placement.source.registry == host for image in images):
            continue  # see _unheld
        yield from _hosts(host, _host_table(mirror, dialling, authority, strays), authority)
    if authority or dialling.plain or not dialling.trust.verify:
        yield from _hosts(
            registry, _host_table(_Mirror(registry, registry), dialling, authority, ()), authority
        )


def _unheld(images: Sequence[PushedImage], naming: Naming) -> list[PushedImage]:
    """Return the images of registries all of whose images were renamed: hosts.toml has no word for that."""
    found: list[PushedImage] = []
    for host in sorted({image.placement.source.registry for image in images} - {naming.destination.registry}):
        mirror = _whole_mirror(naming, host)
        held = [image for image in images if image.placement.source.registry == host]
        if all(_strays(image, host, mirror) for image in held):
            found += held
    return found


def _hosts(host: str, text: str, authority: bytes) -> Iterator[tuple[str, bytes]]:
    folder = f"{CONTAINERD}/{hosts_folder(host)}"
    yield f"{folder}/hosts.toml", text.encode()
    if authority:
        yield f"{folder}/{AUTHORITY}", authority


def _host_table(mirror: _Mirror, dialling: Dialling, authority: bytes, strays: Iterable[PushedImage]) -> str:
    registry, _, path = mirror.location.partition("/")
    lines = [f"# {mirror.source} from {mirror.location}"]
    lines += [f"# not from there: {image.placement.image.reference} is {image.name}" for image in strays]
    ca = AUTHORITY if authority else ""
    return "\n".join(
        [*lines, host_table(Endpoint(registry_root(registry, dialling), path, ca, dialling.trust.verify))]
    )


def _registries(images: Sequence[PushedImage], naming: Naming, dialling: Dialling) -> str:
    insecure = dialling.plain or not dialling.trust.verify
    parts = [
        mirror_table(mirror.source, mirror.location, insecure=insecure) for mirror in _mirrors(images, naming)
    ]
    if insecure:
        parts.append(f'[[registry]]\nlocation = "{naming.destination.registry}"\ninsecure = true\n')
    return "\n".join(parts)


def _mirrors(images: Sequence[PushedImage], naming: Naming) -> Iterator[_Mirror]:
    """Yield what each source registry's names and each rule that was used come to."""
    registry = naming.destination.registry
    used = {rule for image in images if (rule := naming.rule(image.placement.source.name)) is not None}
    hosts = {
        image.placement.source.registry
        for image in images
        if naming.rule(image.placement.source.name) is None
    }
    for host in sorted(hosts - {registry}):
        yield _whole_mirror(naming, host)
    for rule in sorted(used, key=lambda rule: rule.source):
        path = "/".join(filter(None, (registry, naming.destination.prefix, rule.target)))
        yield _Mirror(rule.source, path)


def _whole_mirror(naming: Naming, host: str) -> _Mirror:
    """Return what stands for all of a registry, whatever rules there are for parts of it."""
    repository = naming.repository(f"{host}/{_ANY}")
    return _Mirror(host, f"{naming.destination.registry}/{repository}"[: -len(_ANY) - 1])


def _strays(image: PushedImage, host: str, mirror: _Mirror) -> bool:
    """Say whether an image of a registry is not where all of it is."""
    source, target = image.placement.source, image.placement.target
    return source.registry == host and target.name != f"{mirror.location}/{source.repository}"


def _rewrites(images: Iterable[PushedImage]) -> list[tuple[str, str]]:
    return sorted((image.placement.image.reference, image.name) for image in images)


def _kustomize(images: Iterable[PushedImage]) -> str:
    """Return the rules of a kustomization; it compares names as manifests have them, so short ones are in it, too."""
    names: dict[str, str] = {}
    for image in images:
        if image.placement.image.platforms:
            names.update(dict.fromkeys(_spellings(image.placement.source), image.placement.target.name))
    rules = "".join(f"- name: {old}\n  newName: {new}\n" for old, new in sorted(names.items()))
    return f"images:\n{rules}" if rules else "images: []\n"


def _spellings(source: Reference) -> Iterator[str]:
    """Yield how people write an image's name."""
    yield source.name
    if source.registry == DOCKER_HUB:
        yield source.repository
        namespace, _, rest = source.repository.partition("/")
        if namespace == "library":
            yield rest
            yield f"{DOCKER_HUB}/{rest}"


def explained(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Yield the files that people read, each with what it is and where it belongs."""
    for path, data in files.items():
        text = data.decode()
        if path.startswith(f"{CONTAINERD}/") and not path.endswith(AUTHORITY):
            yield f"containerd: /etc/containerd/{path}", text
        elif path.startswith("registries.conf.d/"):
            yield f"Podman, CRI-O: /etc/containers/{path}", text
        elif path == REWRITES:
            yield "names in manifests, old and new", text
        elif path == KUSTOMIZE:
            yield "the same for kustomize, in kustomization.yaml", text
