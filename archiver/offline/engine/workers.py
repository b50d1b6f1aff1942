"""Further processes that answer at the same sockets, so that several processors do.

They are forked before the first thread begins, and end when this process does, however it ends: each waits for the end of
a pipe that only this process can write to. Interrupts are this process' matter.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Callable

from archiver.core.errors import UsageError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

Wait = Callable[[], None]


class Workers:
    """Processes forked from this one. ``end()`` has them end, and waits until they have.

    Args:
        count: how many; none is fine.
        work: what each does; it is given a function that returns when it is to end.

    Raises:
        UsageError: the system knows no fork, or allows no more processes.
    """

    def __init__(self, count: int, work: Callable[[Wait], None]) -> None:
        self._processes: list[BaseProcess] = []
        self._pipe = -1
        if count:
            self._begin(count, work)

    def end(self) -> None:
        """Have all end; ending twice is ending once."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        for process in self._processes:
            process.join()
        self._processes.clear()

    def _begin(self, count: int, work: Callable[[Wait], None]) -> None:
        import multiprocessing  # noqa: PLC0415 - mostly there is one process

        if "fork" not in multiprocessing.get_all_start_methods():
            raise UsageError("several workers need a system that can fork, which this one cannot")
        forking = multiprocessing.get_context("fork")
        end, self._pipe = os.pipe()
        try:
            for _ in range(count):
                process = forking.Process(target=_work, args=(work, end, self._pipe))
                process.start()
                self._processes.append(process)
        except OSError as error:
            self.end()
            raise UsageError(f"cannot start {count} more processes: {error.strerror}") from error
        finally:
            os.close(end)


def _work(work: Callable[[Wait], None], end: int, pipe: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.close(pipe)  # else it would not end with the process that holds it

    def wait() -> None:
        while os.read(end, 1):
            pass

    work(wait)
