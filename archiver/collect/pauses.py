"""Rests for hosts that want no more requests for now, kept by all threads together.

Source: RFC 6585, section 4 (429 Too Many Requests). Docker Hub answers so when an account's pulls of six hours
are used up, and names no time to wait.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Callable

from archiver.core.clock import utc_now
from archiver.core.errors import RateLimited

if TYPE_CHECKING:
    from archiver.collect.retry import Brake, Patience
    from archiver.core.progress import Progress


@dataclass
class _Rest:
    """Of one host, in the clock's seconds: when it began to refuse, until when it is left alone, and the next pause.

    ``refused`` is what it said last; ``over`` whether it was waited for long enough; ``answered`` whether it has
    answered since.
    """

    since: float
    until: float
    next: float
    refused: RateLimited
    over: bool = False
    answered: bool = False


class Pauses:
    """Knows which hosts are to be left alone, and for how long. May be used by several threads.

    Args:
        patience: how long pauses are where hosts do not say it, and how long they may be in all.
        brake: ends the waiting early.
        progress: is told of each pause, once.
        clock: tells the time in seconds from wherever.
    """

    def __init__(
        self, patience: Patience, brake: Brake, progress: Progress, clock: Callable[[], float]
    ) -> None:
        self._patience, self._brake, self._progress, self._clock = patience, brake, progress, clock
        self._rests: dict[str, _Rest] = {}
        self._lock = threading.Lock()

    def observe(self, host: str, waiting: bool) -> None:
        """Wait while a host is left alone.

        Raises:
            RateLimited: it is, and nobody is ``waiting``.
            Stopped: the work is to end.
        """
        while (rest := self._rests.get(host)) is not None:
            left = rest.until - self._clock()
            if left <= 0:
                return
            if not waiting:
                raise RateLimited(rest.refused.message, place=host)  # it was another address there
            self._brake.wait(left)

    def ask(self, host: str, refused: RateLimited, began: float) -> bool:
        """Let a host be left alone, because of what it said to a request.

        Args:
            host: the host.
            refused: what it said.
            began: when the request was sent; what is older than a pause does not make another one.

        Returns:
            Whether to ask again after ``observe``. Not if it was waited for long enough, or asks for too long.
        """
        with self._lock:
            rest = self._rests.get(host)
            if rest is not None and began < rest.until:
                return not rest.over
            now = self._clock()
            if rest is None or rest.answered:
                rest = self._rests[host] = _Rest(now, now, self._patience.first_pause, refused)
                pause = rest.next if refused.wait is None else refused.wait
            else:
                pause = max(rest.next, refused.wait or 0.0)
            rest.refused = refused
            if rest.over or now + pause - rest.since > (refused.window or self._patience.paused):
                rest.over = True
                return False
            if pause >= rest.next:
                rest.next = min(2 * rest.next, self._patience.longest_pause)
            pause = max(pause, self._patience.first_wait)
            rest.until = now + pause
        until = (utc_now() + timedelta(seconds=pause)).strftime("%H:%M:%S")
        self._progress.note(
            f"{host} wants no more requests for now; going on at {until} UTC ({refused.message})"
        )
        return True

    def end(self, host: str, began: float) -> None:
        """Take note that a host answered a request that was sent at ``began``."""
        rest = self._rests.get(host)
        if rest is not None and began >= rest.until:
            rest.answered = True
