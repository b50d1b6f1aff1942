"""Ctrl-C, told to the library as an event before it ends the command."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import Any, Iterator


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C (or SIGTERM) sets before it raises KeyboardInterrupt as usual."""
    stop = threading.Event()

    def interrupt(number: int, frame: Any) -> None:
        stop.set()
        signal.default_int_handler(number, frame)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
