"""A repository wherever it can be had: its registry, mirrors and fallbacks, one standing in for another.

What a *tag* means the registry itself is asked first: a mirror may lag behind. *Content* is asked for by
digest and checked, so mirrors come first there. A place that could not be reached goes to the end, for the
rest of the run. Whatever fails at one place lets the next be tried; if all fail, the registry's own error counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping, TypeVar

from archiver.core.errors import (
    ArchiverError,
    ContentError,
    FetchError,
    InvalidDigest,
    InvalidDocument,
    ManifestUnknown,
    RateLimited,
)

if TYPE_CHECKING:
    from archiver.collect.images.registry import Document, Source
    from archiver.collect.retry import Retrier
    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.core.reference import Reference

_T = TypeVar("_T")
_FAILED = (
    FetchError,
    ContentError,
    InvalidDocument,
    InvalidDigest,
)  # at one place; another may have it right


def _any(_error: FetchError) -> bool:
    """Content: it comes from elsewhere also where a registry answers, and what it redirects to does not."""
    return True


def _silent(error: FetchError) -> bool:
    """Tags: a registry that answers is the one to ask, however slow its blobs are."""
    return not error.answered


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
        passed_over: is told of each place that failed where another one was asked in its stead.
    """

    def __init__(
        self,
        reference: Reference,
        sources: Sources,
        retrier: Retrier,
        passed_over: Callable[[Source, ArchiverError], None],
    ) -> None:
        self._reference, self._sources, self._retrier = reference, sources, retrier
        self._passed_over = passed_over

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
        return self._reachable_first(self._sources.for_content, _any)

    def fetch(self, action: Callable[[Source], _T], came: Callable[[], int] = lambda: 0) -> _T:
        """Do what gets content by digest at one place after the other, until it works.

        A place that wants no more requests for now is waited for only where no other has the content.

        Args:
            action: a single attempt. It is repeated where that may help; one that fails with a FetchError or
                wrong content is tried at the next place.
            came: tells the bytes that came so far, where an attempt goes on from what another one got.

        Raises:
            FetchError, ContentError, InvalidDocument, InvalidDigest: what failed at the registry itself.
            Stopped: the run is to end.
        """
        failed: dict[Source, ArchiverError] = {}
        try:
            return self._first(self.content_sources(), action, failed, counts=_any, came=came, pausing=False)
        except _FAILED:
            limited = [source for source, error in failed.items() if isinstance(error, RateLimited)]
            if not limited:
                raise
        return self._first(limited, action, failed, counts=_any, came=came)

    def resolve(self, tag: str) -> Resolved:
        """Ask what a tag means.

        Raises:
            ManifestUnknown: there is no such tag.
            FetchError: no place can be asked.
        """
        return self._told(lambda source: Resolved(source.head_manifest(tag), source.location))

    def find(self, tag: str) -> Resolved | None:
        """Ask what a tag means that need not be there.

        Returns:
            None where a place says for sure that there is no such tag, and no other one has it: a mirror's word will
            do, where the registry cannot be reached.

        Raises:
            FetchError: no place says anything.
        """
        failed: dict[Source, ArchiverError] = {}
        try:
            return self._first(
                self._optional(failed),
                lambda source: Resolved(source.head_manifest(tag), source.location),
                failed,
            )
        except FetchError:
            if any(isinstance(error, ManifestUnknown) for error in failed.values()):
                return None
            raise

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

    def tags(self) -> TagList:
        """Return all tags.

        Raises:
            ManifestUnknown: there is no such repository.
            RegistryError: the list does not end, or is none.
            FetchError: no place can be asked.
        """
        return self._told(lambda source: TagList(source.tags(), source.location))

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...] | None:
        """Return what refers to a manifest: signatures, SBOMs, attestations and the like.

        Returns:
            None where there is no API that lists it: then the fallback tag may say it (distribution-spec v1.1,
            "Referrers Tag Schema").

        Raises:
            InvalidDocument, InvalidDigest, RegistryError: the answer is malformed, too long, or does not end.
            FetchError: no place can be asked.
        """
        return self._told(lambda source: source.referrers(digest))

    def _told(self, action: Callable[[Source], _T]) -> _T:
        """Do what asks for something that is not checked by a digest, at one place after the other."""
        return self._first(self._reachable_first(self._sources.for_tags, _silent), action, {})

    def _optional(self, failed: Mapping[Source, ArchiverError]) -> Iterator[Source]:
        """Yield where to ask for what need not be there: the fallbacks only if the registry itself gave no answer."""
        yield from self._reachable_first((self._sources.own, *self._sources.mirrors), _silent)
        if not isinstance(failed[self._sources.own], ManifestUnknown):
            yield from self._reachable_first(self._sources.fallbacks, _silent)

    def _reachable_first(
        self, sources: Iterable[Source], counts: Callable[[FetchError], bool]
    ) -> tuple[Source, ...]:
        def is_last(source: Source) -> bool:
            error = self._retrier.unreachable(source.registry)
            return error is not None and counts(error)

        return tuple(sorted(sources, key=is_last))

    def _first(
        self,
        sources: Iterable[Source],
        action: Callable[[Source], _T],
        failed: dict[Source, ArchiverError],
        *,
        counts: Callable[[FetchError], bool] = _silent,
        came: Callable[[], int] = lambda: 0,
        pausing: bool = True,
    ) -> _T:
        """Return what the first place gives that gives something; else raise what failed at the registry itself.

        Args:
            sources: the places.
            action: a single attempt.
            failed: takes the failures, by place.
            counts: says which of the reasons for leaving a place alone count here.
            came: as for ``fetch``.
            pausing: wait for a place that wants no more requests for now.
        """
        single = len(self._sources.for_tags) == 1
        for source in sources:
            lately = self._retrier.lately_unreachable(source.registry)
            if lately is not None and counts(lately) and not single:
                failed[source] = lately
                continue
            attempt = partial(action, source)
            try:
                result = self._retrier.run(source.registry, attempt, came=came, pausing=pausing)
            except _FAILED as error:
                failed[source] = error
            else:
                self._tell(failed)
                return result
        final = failed[self._sources.own]
        self._tell({source: error for source, error in failed.items() if error is not final})
        raise final

    def _tell(self, failed: Mapping[Source, ArchiverError]) -> None:
        for source, error in failed.items():
            self._passed_over(source, error)
