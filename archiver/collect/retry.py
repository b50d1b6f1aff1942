"""Trying again, and stopping: how long to wait for servers, and what ends the waiting.

Source: RFC 9110, section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Patience:
    """How much is put up with. All times in seconds.

    Attributes:
        attempts: how often a request is tried in all.
        first_wait: the wait after the first failure; it doubles with each further one.
        longest_wait: the longest wait; a server that asks for more is given up.
        connect: how long connecting may take.
        read: how long a server may be silent.
    """

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 900.0
    connect: float = 10.0
    read: float = 60.0


DEFAULT_PATIENCE = Patience()


class Brake:
    """Ends a run's work early: because ``stop`` was set from outside, or because the run pulled it itself."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pulled = threading.Event()

    def pull(self) -> None:
        """Stop everything that watches this brake, and nothing else."""
        self._pulled.set()

    def check(self) -> None:
        """Raise Stopped if the work is to end."""
        if self._stop.is_set() or self._pulled.is_set():
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
            except (HostUnreachable, FetchTimeout, ResponseBroken, ServerBusy) as error:
                if not self._again(host, attempt, error):
                    raise
                self._brake.wait(self._pause(attempt, error))
            else:
                self._unreachable.discard(host)
                return result

    def _again(self, host: str, attempt: int, error: FetchError) -> bool:
        asked = error.wait if isinstance(error, ServerBusy) else None
        if asked is not None and asked > self.patience.longest_wait:
            return False
        unreachable = isinstance(error, HostUnreachable)
        if attempt >= self.patience.attempts or (unreachable and host in self._unreachable):
            if unreachable:
                self._unreachable.add(host)
            return False
        return True

    def _pause(self, attempt: int, error: FetchError) -> float:
        pause = min(self.patience.first_wait * 2.0 ** (attempt - 1), self.patience.longest_wait)
        if isinstance(error, ServerBusy) and error.wait is not None:
            pause = max(pause, error.wait)
        if pause >= _WORTH_TELLING:
            self._progress.note(f"{error}; trying again in {pause:.0f} s")
        return pause
