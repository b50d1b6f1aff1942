"""Trying again, and stopping: how long to wait for servers, and what ends the waiting.

Source: RFC 9110, section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Callable, TypeVar

from archiver.core.errors import (
    FetchError,
    FetchTimeout,
    HostUnreachable,
    ResponseBroken,
    ServerBusy,
    Stopped,
)

if TYPE_CHECKING:
    from archiver.core.progress import Progress

_T = TypeVar("_T")
_SLICE = 0.5  # seconds; how soon a pulled brake ends a wait
_WORTH_TELLING = 5.0  # seconds
_PASSING = (FetchTimeout, ResponseBroken, ServerBusy)


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
    """

    attempts: int = 5
    attempts_to_connect: int = 3
    first_wait: float = 1.0
    longest_wait: float = 900.0
    connect: float = 10.0
    read: float = 60.0
    warm_up: float = 60.0
    slowest: float = 1000.0

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


class Retrier:
    """Tries what fails for reasons that pass: broken connections, timeouts, busy servers.

    A host that stayed unreachable through all attempts gets a single one from then on, until it
    answers: a dead registry must not cost its waits once an image. May be used by several threads.
    """

    def __init__(self, patience: Patience, brake: Brake, progress: Progress) -> None:
        self.patience = patience
        self._brake, self._progress = brake, progress
        self._unreachable: set[str] = set()

    def is_unreachable(self, host: str) -> bool:
        """Say whether a host could not be reached when it was last tried."""
        return host in self._unreachable

    def run(self, host: str, action: Callable[[], _T]) -> _T:
        """Return what ``action`` returns, trying it again where that may help.

        Raises:
            Stopped: the work is to end.
            FetchError: the last attempt's failure, or one that no repetition helps.
        """
        attempt = 0
        while True:
            self._brake.check()
            attempt += 1
            try:
                result = action()
            except FetchError as error:
                self._brake.check()  # what broke because the work ends is no failure
                if not self._again(host, attempt, error):
                    raise
                self._brake.wait(self._pause(attempt, error))
            else:
                self._unreachable.discard(host)
                return result

    def _again(self, host: str, attempt: int, error: FetchError) -> bool:
        if isinstance(error, HostUnreachable):
            if attempt < self.patience.attempts_to_connect and host not in self._unreachable:
                return True
            self._unreachable.add(host)
            return False
        if (
            isinstance(error, ServerBusy)
            and error.wait is not None
            and error.wait > self.patience.longest_wait
        ):
            return False
        return isinstance(error, _PASSING) and attempt < self.patience.attempts

    def _pause(self, attempt: int, error: FetchError) -> float:
        pause = min(self.patience.first_wait * 2.0 ** (attempt - 1), self.patience.longest_wait)
        if isinstance(error, ServerBusy) and error.wait is not None:
            pause = max(pause, error.wait)
        if pause >= _WORTH_TELLING:
            self._progress.note(f"{error}; trying again in {pause:.0f} s")
        return pause


def retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, at least 0; None where it says nothing."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": a time in UTC, of a place unknown
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
