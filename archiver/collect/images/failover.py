"""One place standing in for another: who is asked next, who is waited for, and whose error counts in the end.

docs/decisions/0015-order-of-sources.md has the reasons.
"""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Callable, Dict, Iterable, Iterator, TypeVar

from archiver.core.errors import (
    ArchiverError,
    ContentError,
    FetchError,
    FetchTimeout,
    HostUnreachable,
    InvalidDigest,
    InvalidDocument,
    ManifestUnknown,
    RateLimited,
    ResponseBroken,
    ServerBusy,
)

if TYPE_CHECKING:
    from archiver.collect.images.registry import Source
    from archiver.collect.retry import Retrier

_T = TypeVar("_T")
_FAILED = (
    FetchError,
    ContentError,
    InvalidDocument,
    InvalidDigest,
)  # at one place; another may have it right
_NO_ANSWER = (HostUnreachable, FetchTimeout, ResponseBroken, ServerBusy)

Failures = Dict["Source", ArchiverError]
"""What failed at which place, in the order of asking."""


@dataclass(frozen=True)
class Sources:
    """The places of a repository: the registry itself, its mirrors, its fallbacks, each list in the order to ask."""

    own: Source
    mirrors: tuple[Source, ...] = ()
    fallbacks: tuple[Source, ...] = ()

    @property
    def all(self) -> tuple[Source, ...]:
        """The registry first."""
        return (self.own, *self.mirrors, *self.fallbacks)


class Failover:
    """Asks the places of one repository, one after the other. May be used by several threads.

    If no place has the answer, what failed at the registry itself is raised.

    Args:
        sources: the places.
        retrier: makes attempts, and knows which hosts are in trouble.
        passed_over: is told of each place that failed where another one was asked in its stead.
    """

    def __init__(
        self, sources: Sources, retrier: Retrier, passed_over: Callable[[Source, ArchiverError], None]
    ) -> None:
        self._sources, self._retrier, self._passed_over = sources, retrier, passed_over

    def for_content(self) -> tuple[Source, ...]:
        """Return the places in the order that content is to be asked for now: those in trouble last."""
        places = (*self._sources.mirrors, self._sources.own, *self._sources.fallbacks)
        return tuple(sorted(places, key=lambda source: self._retrier.trouble(source.registry) is not None))

    def content(self, action: Callable[[Source], _T], came: Callable[[], int]) -> _T:
        """Do what gets content by digest: whoever sends it, it is checked, so nobody is waited for while others are left.

        Each place gets one attempt a round, with pauses between the rounds. One that wants no more requests for now
        is waited for when no other is left.

        Args:
            action: a single attempt.
            came: tells the bytes that came so far; a place from which something comes is kept to.

        Raises:
            FetchError, ContentError, InvalidDocument, InvalidDigest: what failed at the registry itself.
            Stopped: the run is to end.
        """
        failed: Failures = {}
        ordered = self.for_content()
        if len(ordered) == 1:
            return self._patiently(ordered, action, failed, came)
        for source in ordered:
            lately = self._retrier.lately_unreachable(source.registry)
            if lately is not None:
                failed[source] = lately
        left = [source for source in ordered if source not in failed] or list(ordered)
        limited: list[Source] = []
        attempt = 0
        while left:
            attempt += 1
            for source in left:
                with self._noting(failed, source):
                    return self._asked(source, action, failed, came, hurried=True)
            limited += [source for source in left if isinstance(failed[source], RateLimited)]
            left = [source for source in left if self._retrier.may_pass(failed[source], attempt)]
            if left:
                self._retrier.wait(attempt, failed[left[0]])
        return self._patiently(limited, action, failed, came)

    def told(self, action: Callable[[Source], _T], *, final: bool = False) -> _T:
        """Do what asks for something that no digest checks: the registry's word counts for more than the others'.

        It is waited for; once it has answered, if only that it does not have it, others are asked in passing.

        Args:
            action: a single attempt.
            final: nobody else is asked where the registry itself says that it does not have it.

        Raises:
            FetchError, ContentError, InvalidDocument, InvalidDigest: what failed at the registry itself.
            Stopped: the run is to end.
        """
        failed: Failures = {}
        return self._told(self._up_to_no(failed, final), action, failed)

    def found(self, action: Callable[[Source], _T]) -> _T | None:
        """Do the same for something that need not be there; fallbacks are asked only if the registry gave no answer.

        Returns:
            None where some place says for sure that it is not there.

        Raises:
            FetchError, ContentError, InvalidDocument, InvalidDigest: no place says anything.
            Stopped: the run is to end.
        """
        failed: Failures = {}
        try:
            return self._told(self._optional(failed), action, failed, sparing=True)
        except _FAILED:
            if any(isinstance(error, ManifestUnknown) for error in failed.values()):
                return None
            raise

    def _up_to_no(self, failed: Failures, final: bool) -> Iterator[Source]:
        for source in self._answering_first(self._sources.all):
            if not (final and isinstance(failed.get(self._sources.own), ManifestUnknown)):
                yield source

    def _optional(self, failed: Failures) -> Iterator[Source]:
        yield from self._answering_first((self._sources.own, *self._sources.mirrors))
        if not isinstance(failed[self._sources.own], ManifestUnknown):
            yield from self._answering_first(self._sources.fallbacks)

    def _told(
        self,
        sources: Iterable[Source],
        action: Callable[[Source], _T],
        failed: Failures,
        *,
        sparing: bool = False,
    ) -> _T:
        """Ask places in order; ``sparing``: not those in trouble, once the registry has answered."""
        own = self._sources.own
        asked: list[Source] = []
        for source in sources:
            settled = own in failed and not isinstance(failed[own], _NO_ANSWER)
            trouble = self._trouble(source, settled and sparing)
            if trouble is not None:
                failed[source] = trouble
                continue
            asked.append(source)
            with self._noting(failed, source):
                return self._asked(source, action, failed, hurried=source is not own)
        if not asked:  # all were to be left alone
            return self._patiently(self._sources.all, action, failed)
        again = [each for each in asked if each is not own and isinstance(failed[each], _NO_ANSWER)]
        return self._patiently(again if isinstance(failed[own], _NO_ANSWER) else (), action, failed)

    def _answering_first(self, sources: Iterable[Source]) -> tuple[Source, ...]:
        """Return places in order, those at the end that gave no answer when they were last asked."""
        return tuple(sorted(sources, key=lambda source: _is_silent(self._retrier.trouble(source.registry))))

    def _trouble(self, source: Source, at_all: bool) -> FetchError | None:
        """Return why a place is not even asked for what no digest checks."""
        if at_all:
            return self._retrier.trouble(source.registry)
        lately = self._retrier.lately_unreachable(source.registry)
        return lately if _is_silent(lately) else None

    def _patiently(
        self,
        sources: Iterable[Source],
        action: Callable[[Source], _T],
        failed: Failures,
        came: Callable[[], int] = lambda: 0,
    ) -> _T:
        """Ask places in order, waiting for each."""
        for source in sources:
            with self._noting(failed, source):
                return self._asked(source, action, failed, came)
        raise self._final(failed)

    def _asked(
        self,
        source: Source,
        action: Callable[[Source], _T],
        failed: Failures,
        came: Callable[[], int] = lambda: 0,
        *,
        hurried: bool = False,
    ) -> _T:
        run = partial(action, source)
        result = self._retrier.run(source.registry, run, came=came, hurried=hurried)
        self._tell(failed)
        return result

    @contextmanager
    def _noting(self, failed: Failures, source: Source) -> Iterator[None]:
        """Take note of what fails at a place, so that the next one is asked."""
        try:
            yield
        except _FAILED as error:
            failed[source] = error

    def _final(self, failed: Failures) -> ArchiverError:
        """Return the registry's own error; it also says which other places were asked and do not have it."""
        own = failed[self._sources.own]
        self._tell({source: error for source, error in failed.items() if error is not own})
        lacking = [source.location for source, error in failed.items() if isinstance(error, ManifestUnknown)]
        if not lacking or isinstance(own, ManifestUnknown):
            return own
        final = copy(own)  # the retrier remembers it, and tells others of it
        final.message = f"{own.message}; and it is not at {', '.join(lacking)}"
        return final

    def _tell(self, failed: Failures) -> None:
        for source, error in failed.items():
            self._passed_over(source, error)


def _is_silent(error: FetchError | None) -> bool:
    """Say whether a host gave no answer at all: one whose blobs do not come may tell tags."""
    return isinstance(error, (HostUnreachable, FetchTimeout)) and not error.answered
