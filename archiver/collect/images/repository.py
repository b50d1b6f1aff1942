"""A repository wherever it can be had: its registry, mirrors and fallbacks, one standing in for another.

What a *tag* means the registry itself is asked first: a mirror may lag behind. *Content* is asked for by
digest and checked, so mirrors come first there. Whatever fails at one place lets the next be tried (failover.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from archiver.collect.images.failover import Failover
    from archiver.collect.images.registry import Document, Source
    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.core.reference import Reference

_T = TypeVar("_T")


@dataclass(frozen=True)
class Resolved:
    """What a tag means, if it could be told without getting it, and what place told it."""

    descriptor: Descriptor | None
    location: str


@dataclass(frozen=True)
class TagList:
    """The tags of a repository, each once, and what place told them."""

    names: tuple[str, ...]
    location: str


class Repository:
    """Reads one repository. May be used by several threads.

    Args:
        reference: any reference into the repository.
        failover: asks its places.
    """

    def __init__(self, reference: Reference, failover: Failover) -> None:
        self._reference, self._failover = reference, failover

    @property
    def name(self) -> str:
        """``registry/repository``, as references have it."""
        return self._reference.name

    @property
    def registry(self) -> str:
        """The registry that references name."""
        return self._reference.registry

    def content_sources(self) -> tuple[Source, ...]:
        """Return the places in the order that content is to be asked for now."""
        return self._failover.for_content()

    def fetch(self, action: Callable[[Source], _T], came: Callable[[], int] = lambda: 0) -> _T:
        """Do what gets content by digest at one place after the other, until it works.

        Args:
            action: a single attempt. It is repeated where that may help; one that fails with a FetchError or
                wrong content is tried at the next place.
            came: tells the bytes that came so far, where an attempt goes on from what another one got.

        Raises:
            FetchError, ContentError, InvalidDocument, InvalidDigest: what failed at the registry itself.
            Stopped: the run is to end.
        """
        return self._failover.content(action, came)

    def resolve(self, tag: str, *, final: bool = False) -> Resolved:
        """Ask what a tag means.

        Args:
            tag: the tag.
            final: that the registry itself does not have it settles it, whatever mirrors have.

        Raises:
            ManifestUnknown: there is no such tag.
            FetchError: no place can be asked.
        """
        return self._failover.told(
            lambda source: Resolved(source.head_manifest(tag), source.location), final=final
        )

    def find(self, tag: str) -> Resolved | None:
        """Ask what a tag means that need not be there.

        Returns:
            None where a place says for sure that there is no such tag, and no other one has it: a mirror's word will
            do, where the registry cannot be reached.

        Raises:
            FetchError: no place says anything.
        """
        return self._failover.found(lambda source: Resolved(source.head_manifest(tag), source.location))

    def get_manifest(
        self, selector: str, expected: Descriptor | None = None, *, final: bool = False
    ) -> Document:
        """Get a manifest or index, checked.

        Args:
            selector: a tag or digest.
            expected: what it must be, where that is known.
            final: as of ``resolve``, for a tag.

        Raises:
            ManifestUnknown: there is no such tag or digest.
            ManifestUnsupported: it is larger than 4 MiB, or of a kind that is not accepted.
            DigestMismatch, SizeMismatch: it is not what was asked for or announced.
            InvalidDocument, InvalidDigest: it is malformed.
            FetchError: no place can be asked.
        """
        ask = self.fetch if ":" in selector else partial(self._failover.told, final=final)
        return ask(lambda source: source.get_manifest(selector, expected))

    def tags(self) -> TagList:
        """Return all tags.

        Raises:
            ManifestUnknown: there is no such repository.
            RegistryError: the list does not end, or is none.
            FetchError: no place can be asked.
        """
        return self._failover.told(lambda source: TagList(source.tags(), source.location))

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...] | None:
        """Return what refers to a manifest: signatures, SBOMs, attestations and the like.

        Returns:
            None where there is no API that lists it: then the fallback tag may say it (distribution-spec v1.1,
            "Referrers Tag Schema").

        Raises:
            InvalidDocument, InvalidDigest, RegistryError: the answer is malformed, too long, or does not end.
            FetchError: no place can be asked.
        """
        return self._failover.told(lambda source: source.referrers(digest))
