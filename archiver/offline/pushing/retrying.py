"""Trying again what fails for reasons that pass.

Sources: RFC 9110, section 10.2.3 (Retry-After); RFC 6585, section 4 (429).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, TypeVar

from archiver.core.errors import (
    CertificateRefused,
    FetchError,
    FetchTimeout,
    HostUnreachable,
    ResponseBroken,
    ServerBusy,
    Stopped,
    TlsMissing,
)

if TYPE_CHECKING:
    from archiver.core.progress import Progress

_T = TypeVar("_T")
_PASSING = (FetchTimeout, HostUnreachable, ResponseBroken, ServerBusy)
_LASTING = (CertificateRefused, TlsMissing)
_WORTH_TELLING = 5.0  # seconds


@dataclass(frozen=True)
class Patience:
    """How much is put up with. All times in seconds.

    Attributes:
        attempts: how often something is tried that gets nowhere.
        first_attempts: how often the registry is tried to be reached at all, before anything was sent.
        first_wait: the wait after the first failure; it doubles with each further one.
        longest_wait: a registry that asks for a longer wait is given up.
        connect: how long connecting may take.
        read: how long the registry may be silent; some take minutes to put a large blob in its place.
        down: for how long a registry that could not be reached by all attempts is not asked again.
    """

    attempts: int = 6
    first_attempts: int = 3
    first_wait: float = 1.0
    longest_wait: float = 900.0
    connect: float = 20.0
    read: float = 300.0
    down: float = 30.0


DEFAULT_PATIENCE = Patience()


class Attempts:
    """Makes attempts, for all threads that speak to one registry.

    Once it stayed unreachable through all attempts, everything fails at once for some time: what is left must
    not cost its waits once a blob.
    """

    def __init__(self, patience: Patience, progress: Progress) -> None:
        self.patience = patience
        self._progress = progress
        self._stop = threading.Event()
        self._down: tuple[float, FetchError] | None = None

    def stop(self) -> None:
        """End all waits, and let no attempt begin."""
        self._stop.set()

    def check(self) -> None:
        """Raise Stopped if the work is to end."""
        if self._stop.is_set():
            raise Stopped("stopped")

    def run(self, action: Callable[[], _T], most: int | None = None) -> _T:
        """Return what ``action`` returns, trying it again where that may help.

        Args:
            action: a single attempt.
            most: how many attempts to make; by default as many as there is patience for.

        Raises:
            Stopped: the work is to end.
            FetchError: the last attempt's failure, or one that no repetition helps.
        """
        attempt = 0
        while True:
            self.begin()
            attempt += 1
            try:
                result = action()
            except FetchError as error:
                self.wait(attempt, error, most)
            else:
                self._down = None
                return result

    def begin(self) -> None:
        """Raise where no attempt is to be made now: the work is to end, or the registry is down."""
        self.check()
        down = self._down
        if down is not None and time.monotonic() - down[0] < self.patience.down:
            raise down[1]

    def wait(self, attempt: int, error: FetchError, most: int | None = None) -> None:
        """Wait after a failure, the longer the more there were.

        Args:
            attempt: the how-manieth attempt in a row it was that got nowhere.
            error: the failure.
            most: how many attempts there are; by default as many as there is patience for.

        Raises:
            Stopped: the work is to end.
            FetchError: the failure itself, where no further attempt is to be made.
        """
        self.check()
        asked = error.wait if isinstance(error, ServerBusy) else None
        if isinstance(error, _LASTING) or not isinstance(error, _PASSING):
            raise error
        if attempt >= (most or self.patience.attempts) or (asked or 0) > self.patience.longest_wait:
            if isinstance(error, HostUnreachable):
                self._down = (time.monotonic(), error)
            raise error
        pause = max(self.patience.first_wait * 2.0 ** (attempt - 1), asked or 0.0)
        if pause >= _WORTH_TELLING:
            self._progress.note(f"{error}; trying again in {pause:.0f} s")
        if self._stop.wait(pause):
            raise Stopped("stopped")
