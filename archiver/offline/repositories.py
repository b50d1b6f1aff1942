"""The archived repositories, and which one a client means by a name.

Sources: containerd's docs/hosts.md for ``?ns=``; containers-registries.conf(5) for mirrors below a path; Docker's
short names.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Callable, Iterable

from archiver.core.reference import DOCKER_HUB, DOCKER_HUB_HOSTS, Reference
from archiver.offline.pullname import host_component
from archiver.offline.reach import Reach, Shelved

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.holdings import Image, ImageShelf

Name = tuple[str, str]
"""A registry, and the path of a repository in it."""


@dataclass(frozen=True)
class Repository:
    """One archived repository: what its tags point to, and what can be got to from its images."""

    registry: str
    path: str
    tags: dict[str, Digest]
    reach: Reach


class Repositories:
    """All archived repositories, by name.

    Where projects have the same repository it has the images of all of them. A tag that they know by different
    digests is the copy that was got last; the other one can be pulled by its digest. So can what the repository had in
    earlier snapshots, for as long as the archive has it: clusters pin digests.

    Args:
        shelves: the images that there are.
        earlier: gives the shelves of earlier snapshots; called once, when a digest is asked for that is not there.
    """

    def __init__(
        self, shelves: Iterable[ImageShelf], earlier: Callable[[], Iterable[ImageShelf]] = tuple
    ) -> None:
        before = _Earlier(earlier)
        self._known = {
            name: Repository(*name, _tags(entries), Reach(entries, partial(before.images, name)))
            for name, entries in _grouped(shelves).items()
        }
        self._by_component = {host_component(registry): registry for registry, _ in self._known}
        self._registries = frozenset(self._by_component.values())

    def resolve(self, name: str, namespace: str, host: str = "") -> Repository | None:
        """Return the repository that a client means by a name; None for one that is not here.

        Args:
            name: as in the request's path.
            namespace: the registry that the client names by ``?ns=``, or empty. Where nothing of it is archived, a
                name that begins with the host of one that is archived still says what is meant: of an image that was
                named by a mirror or by this server to begin with.
            host: what the client calls this server, and the port where it says one. That may be a registry that
                images came from, where DNS leads its clients here.
        """
        if namespace:
            if self._is_known(namespace):
                return self._in_registry(namespace, name)
            return self._below_host(name)
        called = self._in_registry(host, name) if self._is_known(host) else None
        return called or self._below_host(name) or self._in_registry(DOCKER_HUB, name) or self._only_one(name)

    def _is_known(self, registry: str) -> bool:
        return _usual(registry) in self._registries

    def _below_host(self, name: str) -> Repository | None:
        first, _, rest = name.partition("/")
        registry = self._by_component.get(_usual(first))
        return self._in_registry(registry, rest) if registry is not None and rest else None

    def _in_registry(self, registry: str, path: str) -> Repository | None:
        registry = _usual(registry)
        if registry == DOCKER_HUB and "/" not in path:
            path = f"library/{path}"
        return self._known.get((registry, path))

    def _only_one(self, name: str) -> Repository | None:
        matching = [one for (_, path), one in self._known.items() if path == name]
        return matching[0] if len(matching) == 1 else None


def registry_names(shelves: Iterable[ImageShelf]) -> tuple[str, ...]:
    """Return the host names, without ports, that clients of the registries ask for which there are images."""
    registries = {Reference.parse(image.reference).registry for shelf in shelves for image in shelf.images}
    hosts = sorted((registries | DOCKER_HUB_HOSTS) if DOCKER_HUB in registries else registries)
    return tuple(dict.fromkeys(host.rpartition(":")[0] or host for host in hosts if not host.endswith("]")))


class _Earlier:
    """The images of earlier snapshots by repository; read once, and each digest kept once, as given first."""

    def __init__(self, shelves: Callable[[], Iterable[ImageShelf]]) -> None:
        self._shelves = shelves
        self._grouped: dict[Name, dict[Digest, Shelved]] | None = None
        self._turn = threading.Lock()

    def images(self, name: Name) -> Iterable[Shelved]:
        """Return what a repository had; no image twice."""
        with self._turn:
            if self._grouped is None:
                self._grouped = self._group()
        return self._grouped.get(name, {}).values()

    def _group(self) -> dict[Name, dict[Digest, Shelved]]:
        grouped: defaultdict[Name, dict[Digest, Shelved]] = defaultdict(dict)
        names: dict[str, Name] = {}  # snapshots have mostly the same ones
        for shelf in self._shelves():
            for image in shelf.images:
                name = names.get(image.reference) or names.setdefault(image.reference, _name(image))
                grouped[name].setdefault(image.digest, (image, shelf))
        return grouped


def _usual(registry: str) -> str:
    """Return a registry's host as references have it."""
    return DOCKER_HUB if registry in DOCKER_HUB_HOSTS else registry


def _grouped(shelves: Iterable[ImageShelf]) -> dict[Name, list[Shelved]]:
    grouped: dict[Name, list[Shelved]] = {}
    for shelf in shelves:
        for image in shelf.images:
            grouped.setdefault(_name(image), []).append((image, shelf))
    return grouped


def _name(image: Image) -> Name:
    reference = Reference.parse(image.reference)
    return reference.registry, reference.repository


def _tags(entries: Iterable[Shelved]) -> dict[str, Digest]:
    """Return what tags point to; of different copies the one got last, of those got at once the last one given."""
    in_time = sorted((image for image, _ in entries), key=lambda image: image.resolved)
    named = ((Reference.parse(image.reference).named_tag, image.digest) for image in in_time)
    return {tag: digest for tag, digest in named if tag}
