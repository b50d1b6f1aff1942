"""Further processes that answer at the same sockets, so that several processors do.

They are forked before the first thread begins, and end when this process does, however it ends: each waits for the end of
a pipe that only this process can write to. Interrupts are this process' matter.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Callable, NoReturn

from archiver.core.errors import UsageError

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
        self._processes: list[int] = []
        self._pipe = -1
        if not count:
            return
        if not hasattr(os, "fork"):
            raise UsageError("several workers need a system that can fork, which this one cannot")
        end, self._pipe = os.pipe()
        try:
            for _ in range(count):
                process = os.fork()
                if not process:
                    os.close(self._pipe)
                    _run(lambda: _wait_for_end(end), work)
                self._processes.append(process)
        except OSError as error:
            self.end()
            raise UsageError(f"cannot start {count} more processes: {error.strerror}") from error
        finally:
            os.close(end)

    def end(self) -> None:
        """Have all end; ending twice is ending once."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        for process in self._processes:
            with suppress(ChildProcessError):
                os.waitpid(process, 0)
        self._processes.clear()


def _run(wait: Wait, work: Callable[[Wait], None]) -> NoReturn:
    """Work, and leave nothing behind that belongs to the process that this one is a copy of."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        work(wait)
        code = 0
    finally:
        os._exit(code)


def _wait_for_end(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
