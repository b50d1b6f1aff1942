"""A repository wherever it can be had: its registry, mirrors and fallbacks, one standing in for another.

What a *tag* means the registry itself is asked first: a mirror may lag behind. *Content* is asked for by
digest and checked, so mirrors come first there. A place that could not be reached goes to the end, for the
rest of the run. Whatever fails at one place lets the next be tried; if all fail, the registry's own error counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Callable, Iterable, TypeVar

from archiver.core.errors import ContentError, FetchError, InvalidDigest, InvalidDocument

if TYPE_CHECKING:
    from archiver.collect.images.registry import Document, Source
    from archiver.collect.retry import Retrier
    from archiver.core.descriptor import Descriptor
    from archiver.core.reference import Reference

_T = TypeVar("_T")
_FAILED = (
    FetchError,
    ContentError,
    InvalidDocument,
    InvalidDigest,
)  # of one place; another may have it right


@dataclass(frozen=True)
class Resolved:
    """What a tag means, if it could be told without getting it, and what place told it."""

    descriptor: Descriptor | None
    location: str


@dataclass(frozen=True)
class Sources:
    """The places of a repository, each list in the order to ask."""

    own: Source
    mirrors: tuple[Source, ...] = ()
    fallbacks: tuple[Source, ...] = ()

    @property
    def for_tags(self) -> tuple[Source, ...]:
        """In the order that tags are asked for."""
        return (self.own, *self.mirrors, *self.fallbacks)

    @property
    def for_content(self) -> tuple[Source, ...]:
        """In the order that content is asked for by digest."""
        return (*self.mirrors, self.own, *self.fallbacks)


class Repository:
    """Reads one repository. May be used by several threads.

    Args:
        reference: any reference into the repository.
        sources: its places.
        retrier: tries again, and knows which hosts could not be reached.
    """

    def __init__(self, reference: Reference, sources: Sources, retrier: Retrier) -> None:
        self._reference, self._sources, self._retrier = reference, sources, retrier

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
        return self._reachable_first(self._sources.for_content)

    def fetch(self, action: Callable[[Source], _T]) -> _T:
        """Do what gets content by digest at one place after the other, until it works.

        Args:
            action: a single attempt. It is repeated where that may help; one that fails with a FetchError or
                wrong content is tried at the next place.

        Raises:
            FetchError, ContentError, InvalidDocument, InvalidDigest: what failed at the registry itself.
            Stopped: the run is to end.
        """
        return self._first(self.content_sources(), action)

    def resolve(self, tag: str) -> Resolved:
        """Ask what a tag means.

        Raises:
            ManifestUnknown: there is no such tag.
            FetchError: no place can be asked.
        """
        return self._told(lambda source: Resolved(source.head_manifest(tag), source.location))

    def get_manifest(self, selector: str, expected: Descriptor | None = None) -> Document:
        """Get a manifest or index, checked.

        Args:
            selector: a tag or digest.
            expected: what it must be, where that is known.

        Raises:
            ManifestUnknown: there is no such tag or digest.
            ManifestUnsupported: it is larger than 4 MiB, or of a kind that is not accepted.
            DigestMismatch, SizeMismatch: it is not what was asked for or announced.
            InvalidDocument, InvalidDigest: it is malformed.
            FetchError: no place can be asked.
        """
        ask = self.fetch if ":" in selector else self._told
        return ask(lambda source: source.get_manifest(selector, expected))

    def _told(self, action: Callable[[Source], _T]) -> _T:
        """Do what asks for the meaning of a tag, at one place after the other."""
        return self._first(self._reachable_first(self._sources.for_tags), action)

    def _reachable_first(self, sources: Iterable[Source]) -> tuple[Source, ...]:
        return tuple(sorted(sources, key=lambda source: self._retrier.is_unreachable(source.registry)))

    def _first(self, sources: Iterable[Source], action: Callable[[Source], _T]) -> _T:
        failed: dict[Source, Exception] = {}
        for source in sources:
            try:
                return self._retrier.run(source.registry, partial(action, source))
            except _FAILED as error:
                failed[source] = error
        raise failed[self._sources.own]
