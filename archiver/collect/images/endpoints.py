"""Where a repository can be asked for: its registry, the mirrors in front of it, the fallbacks behind it.

A mirror is a host, or a host and a path that stands for what it mirrors: with ``docker.io/kubesphere``
mirrored by ``registry.example.cn/kubesphereio``, ``docker.io/kubesphere/x`` is ``kubesphereio/x`` there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Mapping

from archiver.core.reference import DOCKER_HUB, DOCKER_HUB_HOSTS, is_loopback
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from archiver.core.reference import Reference
    from archiver.spec.registries import RegistrySettings

_HUB_API = "registry-1.docker.io"


@dataclass(frozen=True)
class Endpoint:
    """One repository at one place.

    Attributes:
        registry: the host, as references name it (``docker.io``, not ``registry-1.docker.io``); credentials,
            settings, limits and failures go by it.
        repository: the repository's path there.
        location: what reports call the place: the host, and a mirror's own path.
        scheme: ``https``, or ``http``.
    """

    registry: str
    repository: str
    location: str
    scheme: str = "https"

    @property
    def root(self) -> str:
        """The API's address: ``scheme://host``."""
        netloc = _HUB_API if self.registry == DOCKER_HUB else self.registry
        return f"{self.scheme}://{netloc}"

    def url(self, path: str) -> str:
        """Return the address of something of the repository, such as ``manifests/latest``."""
        return f"{self.root}/v2/{self.repository}/{path}"


def api_host(registry: str) -> str:
    """Return the name of the host, without a port, that speaks for a registry."""
    return Origin.of(Endpoint(registry, "", registry).root).host


@dataclass(frozen=True)
class Endpoints:
    """The places of one repository, each once.

    Attributes:
        own: the registry itself.
        mirrors: asked for content before it, in order.
        fallbacks: asked last, in order.
    """

    own: Endpoint
    mirrors: tuple[Endpoint, ...] = ()
    fallbacks: tuple[Endpoint, ...] = ()


def endpoints_of(reference: Reference, settings: Mapping[str, RegistrySettings]) -> Endpoints:
    """Return where a reference's repository is asked for.

    Args:
        reference: any reference into the repository.
        settings: by registry, or by registry and path; of those with mirrors or fallbacks for the
            repository, the one with the longest path counts.
    """
    own = _endpoint(reference.registry, reference.repository, reference.registry, settings)
    entry, rest = _nearest(reference, settings)
    if entry is None:
        return Endpoints(own)
    seen = {(own.registry, own.repository)}
    chosen = [tuple(_places(names, rest, settings, seen)) for names in (entry.mirrors, entry.fallbacks)]
    return Endpoints(own, *chosen)


def _nearest(
    reference: Reference, settings: Mapping[str, RegistrySettings]
) -> tuple[RegistrySettings | None, str]:
    """Return the settings whose path is the longest that the repository is in, and the rest of its path."""
    parts = reference.repository.split("/")
    for count in range(len(parts), -1, -1):
        entry = settings.get("/".join([reference.registry, *parts[:count]]))
        if entry is not None and (entry.mirrors or entry.fallbacks):
            return entry, "/".join(parts[count:])
    return None, ""


def _places(
    names: tuple[str, ...], rest: str, settings: Mapping[str, RegistrySettings], seen: set[tuple[str, str]]
) -> Iterator[Endpoint]:
    for name in names:
        host, _, prefix = name.partition("/")
        registry = DOCKER_HUB if host in DOCKER_HUB_HOSTS else host
        repository = "/".join(filter(None, (prefix, rest)))
        if (
            not repository or (registry, repository) in seen
        ):  # a bare host cannot stand for a whole repository
            continue
        seen.add((registry, repository))
        yield _endpoint(registry, repository, name, settings)


def _endpoint(
    registry: str, repository: str, location: str, settings: Mapping[str, RegistrySettings]
) -> Endpoint:
    entry = settings.get(registry)
    if entry is not None and entry.plain_http:
        plain = True
    else:  # this machine's registries speak plain HTTP, as for docker, unless TLS is spoken of
        plain = is_loopback(registry) and (entry is None or entry.tls is None)
    return Endpoint(registry, repository, location, "http" if plain else "https")
