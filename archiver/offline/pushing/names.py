"""What images are called in the registry that they are pushed to.

``docker.io/library/redis:7`` becomes ``REGISTRY/PREFIX/library/redis:7``; rules may rename what begins alike, and the
source's host may be kept as the first part of the name. Tags and digests are never changed.

Source: the grammar of names in the OCI distribution-spec v1.1, "Pulling manifests".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterable, Sequence

from archiver.core.errors import InvalidReference, NamesCollide, UsageError
from archiver.core.reference import DOCKER_HUB, DOCKER_HUB_HOSTS, Reference
from archiver.offline.pullname import host_component

if TYPE_CHECKING:
    from archiver.offline.holdings import Image


@dataclass(frozen=True)
class Destination:
    """A registry, as references name it, and the path in it below which everything goes; may be empty."""

    registry: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Destination:
        """Read ``registry.example.org:5000/mirror``.

        Raises:
            UsageError: it is no registry's host, or the path is none that repositories may have.
        """
        if "://" in text:
            raise UsageError(
                f"{text!r:.120} is a URL; a registry is named by its host",
                hint="such as registry.example.org:5000/mirror; --plain-http for one that speaks no TLS",
            )
        host, _, path = text.rstrip("/").partition("/")
        try:
            made = Reference.parse(f"{host}/{path or 'x'}/x")
        except InvalidReference as error:
            raise UsageError(
                f"{text!r:.120} is not REGISTRY or REGISTRY/PREFIX ({error.fault})", hint=error.hint
            ) from error
        if made.registry != host and host not in DOCKER_HUB_HOSTS:
            raise UsageError(
                f"{host!r:.120} by itself is not taken for a host by what pulls images",
                hint=f"write it with its port: {host}:443",
            )
        return cls(made.registry, path)

    def __str__(self) -> str:
        return f"{self.registry}/{self.prefix}" if self.prefix else self.registry


@dataclass(frozen=True)
class Rename:
    """A rule: what images' full names begin with, and what stands in its place below the destination."""

    source: str
    target: str

    @classmethod
    def parse(cls, text: str) -> Rename:
        """Read ``docker.io/kubesphere=ks``; an empty right side leaves the rest of the name alone.

        Raises:
            UsageError: it is no such rule.
        """
        source, equals, target = text.partition("=")
        host, _, path = source.strip("/").partition("/")
        host = DOCKER_HUB if host in DOCKER_HUB_HOSTS else host
        target = target.strip("/")
        try:
            begins = Reference.parse(f"{host}/{path or 'x'}/x")
            Reference.parse(f"registry.invalid/{target or 'x'}/x")
        except InvalidReference as error:
            raise UsageError(f"--rename {text!r:.120} {error.fault}", hint=error.hint) from error
        if not equals or begins.registry != host:
            raise UsageError(
                f"--rename {text!r:.120} is not FROM=TO",
                hint="FROM is the beginning of full names, with the host: docker.io/kubesphere=mirror/ks",
            )
        return cls("/".join(filter(None, (host, path))), target)

    def renamed(self, name: str) -> str | None:
        """Return a full name by this rule, or None where it does not apply; rules apply to whole parts of paths."""
        if name == self.source:
            return self.target or name.partition("/")[2]
        if not name.startswith(f"{self.source}/"):
            return None
        rest = name[len(self.source) + 1 :]
        return f"{self.target}/{rest}" if self.target else rest


@dataclass(frozen=True)
class Naming:
    """How names are made.

    Attributes:
        destination: where everything goes.
        renames: rules; of those that apply the one with the longest beginning counts.
        keep_host: whether the source's host becomes the first part of names that no rule applies to.
    """

    destination: Destination
    renames: tuple[Rename, ...] = ()
    keep_host: bool = False

    def repository(self, name: str) -> str:
        """Return the repository in the registry for a full name without tag, such as ``docker.io/library/redis``."""
        rule = self.rule(name)
        path = rule.renamed(name) if rule is not None else None
        if path is None:
            host, _, rest = name.partition("/")
            path = f"{host_component(host)}/{rest}" if self.keep_host else rest
        return "/".join(filter(None, (self.destination.prefix, path)))

    def rule(self, name: str) -> Rename | None:
        """Return the rule that counts for a full name, or None."""
        longest_first = sorted(self.renames, key=lambda rule: len(rule.source), reverse=True)
        return next((rule for rule in longest_first if rule.renamed(name) is not None), None)

    def target(self, source: Reference) -> Reference:
        """Return what an image is called in the registry.

        Raises:
            InvalidReference: no registry takes such a name.
        """
        repository = self.repository(source.name)
        made = replace(source, registry=self.destination.registry, repository=repository)
        parsed = Reference.parse(str(made))
        if parsed.repository != repository:  # Docker Hub's own way with short names
            raise InvalidReference(str(made), f"would be taken for {parsed}")
        return made


@dataclass(frozen=True)
class Placement:
    """One image, what it is called where it is from, and what it shall be called."""

    image: Image
    source: Reference
    target: Reference


def place_images(images: Iterable[Image], naming: Naming) -> tuple[Placement, ...]:
    """Say what each image shall be called; the same image given twice is placed once.

    Raises:
        InvalidReference: a name is none that registries take; ``more`` has the others.
        NamesCollide: several images would get one name; ``more`` has the other names that this happens to.
    """
    placed: dict[str, Placement] = {}
    wrong: list[InvalidReference] = []
    rivals: dict[Reference, list[Placement]] = defaultdict(list)
    for image in images:
        known = placed.get(image.reference)
        if known is not None and known.image.digest == image.digest:
            continue
        source = Reference.parse(image.reference)
        try:
            placement = Placement(image, source, naming.target(source))
        except InvalidReference as error:
            error.place = image.reference
            wrong.append(error)
            continue
        placed.setdefault(image.reference, placement)
        rivals[placement.target].append(placement)
    if wrong:
        first, *others = wrong
        first.more = tuple(others)
        raise first
    collisions = [_collision(group) for group in rivals.values() if _collide(group)]
    if collisions:
        first_collision, *other_collisions = collisions
        first_collision.more = tuple(other_collisions)
        raise first_collision
    return tuple(group[0] for group in rivals.values())


def _collide(group: Sequence[Placement]) -> bool:
    """Say whether several images are meant by one name; by a digest only one can be."""
    return len(group) > 1 and group[0].target.digest is None


def _collision(group: Sequence[Placement]) -> NamesCollide:
    target, sources = group[0].target, [placement.image.reference for placement in group]
    if len(set(sources)) == 1:
        projects = " and ".join(
            f"{placement.image.digest} of {placement.image.project}" for placement in group
        )
        return NamesCollide(
            f"{sources[0]} is {projects}", place=str(target), hint="push one project at a time"
        )
    return NamesCollide(
        f"{' and '.join(sources)} would both be called so",
        place=str(target),
        hint="--keep-host keeps the hosts in the names; --rename FROM=TO moves some of them elsewhere",
    )
