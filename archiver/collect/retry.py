"""Trying again, and stopping: how long to wait for servers, and what ends the waiting.

Source: RFC 6585, section 4 (429).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, TypeVar

from archiver.collect.pauses import Pauses
from archiver.core.errors import (
    CertificateRefused,
    FetchError,
    FetchTimeout,
    HostUnreachable,
    RateLimited,
    ResponseBroken,
    ServerBusy,
    Stopped,
    TlsMissing,
)

if TYPE_CHECKING:
    from archiver.core.progress import Progress

_T = TypeVar("_T")
_SLICE = 0.5  # seconds; how soon a pulled brake ends a wait
_WORTH_TELLING = 5.0  # seconds
_PASSING = (FetchTimeout, ResponseBroken, ServerBusy)
_SILENT = (FetchTimeout, HostUnreachable)
_LASTING = (CertificateRefused, RateLimited, TlsMissing)  # what no repetition helps, or only a pause


@dataclass(frozen=True)
class Patience:
    """How much is put up with. All times in seconds.

    Attributes:
        attempts: how often a request is tried in all.
        attempts_to_connect: how often, where the host cannot be reached at all.
        first_wait: the wait after the first failure; it doubles with each further one.
        longest_wait: the longest wait; a server that asks for more is given up.
        connect: how long connecting may take.
        read: how long a server may be silent.
        warm_up: for how long a body may come at any pace.
        slowest: the bytes a second that must have come on average after that.
        progress: the bytes of a body that make a broken attempt one that got somewhere: attempts count anew.
        first_pause: the rest that a host gets which wants no more requests for now and does not say for how
            long; it doubles with each further one.
        longest_pause: the longest such rest.
        paused: how long such a host is waited for in all, where it does not say what time its limit is for.
        unreachable: for how long a host that could not be reached is left alone where another has the same.
        troubled: for how long one that was busy, or broke off, is asked after others.
    """

    attempts: int = 5
    attempts_to_connect: int = 3
    first_wait: float = 1.0
    longest_wait: float = 900.0
    connect: float = 10.0
    read: float = 60.0
    warm_up: float = 60.0
    slowest: float = 1000.0
    progress: int = 64 << 10
    first_pause: float = 30.0
    longest_pause: float = 900.0
    paused: float = 3600.0
    unreachable: float = 60.0
    troubled: float = 300.0

    @property
    def exchange(self) -> float:
        """How long a request may take until the answer's headers are there: a server may drip those, too."""
        return self.connect + 2 * self.read

    def is_too_slow(self, received: int, elapsed: float) -> bool:
        """Say whether so many bytes of a body in so many seconds are too few."""
        return elapsed > self.warm_up and received < self.slowest * elapsed


DEFAULT_PATIENCE = Patience()


class Brake:
    """Ends a run's work early: because ``stop`` was set from outside, or because the run pulled it itself."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pulled = threading.Event()

    def pull(self) -> None:
        """Stop everything that watches this brake, and nothing else."""
        self._pulled.set()

    @property
    def is_on(self) -> bool:
        """Whether the work is to end."""
        return self._stop.is_set() or self._pulled.is_set()

    def check(self) -> None:
        """Raise Stopped if the work is to end."""
        if self.is_on:
            raise Stopped("stopped")

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped as soon as the work is to end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stop.wait(min(left, _SLICE))
            self.check()


def _no_bytes() -> int:
    return 0


class Retrier:
    """Tries what fails for reasons that pass: broken connections, timeouts, busy servers.

    A host that stayed unreachable through all attempts gets a single one from then on, until it
    answers: a dead registry must not cost its waits once an image. A host that wants no more requests
    for now gets its rest, from all threads together. May be used by several threads.
    """

    def __init__(
        self,
        patience: Patience,
        brake: Brake,
        progress: Progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience = patience
        self._brake, self._progress, self._clock = brake, progress, clock
        self._pauses = Pauses(patience, brake, progress, clock)
        self._troubled: dict[str, tuple[float, FetchError]] = {}

    def trouble(self, host: str) -> FetchError | None:
        """Return what kept a host from giving what it was last asked for: it is to be asked after others.

        That it could not be reached counts until it answers, anything else for some minutes.
        """
        since, error = self._troubled.get(host, (0.0, None))
        if isinstance(error, _SILENT) or self._clock() - since < self.patience.troubled:
            return error
        return None

    def lately_unreachable(self, host: str) -> FetchError | None:
        """Return why a host could not be reached, if that is so short a time ago that it should be left alone."""
        since, error = self._troubled.get(host, (0.0, None))
        lately = isinstance(error, _SILENT) and self._clock() - since < self.patience.unreachable
        return error if lately else None

    def run(
        self,
        host: str,
        action: Callable[[], _T],
        *,
        came: Callable[[], int] = _no_bytes,
        hurried: bool = False,
    ) -> _T:
        """Return what ``action`` returns, trying it again where that may help.

        Args:
            host: what is asked.
            action: a single attempt.
            came: tells the bytes that came so far, where attempts go on from one another: after one that brought
                some they count anew.
            hurried: there are others to ask: make one attempt that brings nothing, and do not wait for a host that wants no
                more requests for now.

        Raises:
            Stopped: the work is to end.
            FetchError: the last attempt's failure, or one that no repetition helps.
        """
        attempt, had = 0, came()
        while True:
            self._brake.check()
            self._pauses.observe(host, waiting=not hurried)
            began = self._clock()
            attempt += 1
            try:
                result = action()
            except RateLimited as error:
                self._brake.check()
                if not self._pauses.ask(host, error, began) or hurried:
                    raise
                attempt -= 1  # the pauses have a patience of their own
            except FetchError as error:
                self._brake.check()  # what broke because the work ends is no failure
                advanced = came() - had >= self.patience.progress
                if advanced:
                    attempt, had = 1, came()
                further = advanced or not (hurried or self._is_dead(host, error))
                if not (further and self.may_pass(error, attempt)):
                    self._remember(host, error)
                    raise
                self.wait(attempt, error)
            else:
                self._troubled.pop(host, None)
                self._pauses.end(host, began)
                return result

    def may_pass(self, error: Exception, attempt: int) -> bool:
        """Say whether it may help to try again what failed for the so-manieth time."""
        if isinstance(error, _LASTING):
            return False
        if isinstance(error, ServerBusy) and error.wait is not None:
            return error.wait <= self.patience.longest_wait and attempt < self.patience.attempts
        if isinstance(error, HostUnreachable):
            return attempt < self.patience.attempts_to_connect
        return isinstance(error, _PASSING) and attempt < self.patience.attempts

    def wait(self, attempt: int, error: Exception) -> None:
        """Wait before another attempt, the longer the more there were.

        Raises:
            Stopped: the work is to end.
        """
        pause = min(self.patience.first_wait * 2.0 ** (attempt - 1), self.patience.longest_wait)
        if isinstance(error, ServerBusy) and error.wait is not None:
            pause = max(pause, error.wait)
        if pause >= _WORTH_TELLING:
            self._progress.note(f"{error}; trying again in {pause:.0f} s")
        self._brake.wait(pause)

    def _is_dead(self, host: str, error: FetchError) -> bool:
        """Say whether a host cannot be reached, and could not before."""
        return isinstance(error, HostUnreachable) and isinstance(self.trouble(host), HostUnreachable)

    def _remember(self, host: str, error: FetchError) -> None:
        if isinstance(error, (*_PASSING, HostUnreachable)):
            told = type(error)(error.message, place=host)  # others ask for another address there
            told.answered = error.answered
            self._troubled[host] = (self._clock(), told)
