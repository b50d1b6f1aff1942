"""A place that nobody is to reach: it takes every connection and datagram on its port, and notes that they came."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import Iterator

from servers.processes import PATIENCE

_BEGINNING = 300  # bytes noted of a datagram


class Canary:
    """A port, for TCP and UDP, and what came to it. Get one from ``canary``."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(("127.0.0.1", self.port))
        self._waker, self._wake = socket.socketpair()
        self._came = threading.Condition()
        self._seen: list[bytes] = []
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    @property
    def origin(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def seen(self) -> list[bytes]:
        """What came: ``connection`` for each, and the beginning of each datagram."""
        with self._came:
            return list(self._seen)

    def forget(self) -> None:
        """Forget what came."""
        with self._came:
            self._seen.clear()

    def wait(self) -> None:
        """Wait until something has come."""
        with self._came:
            assert self._came.wait_for(lambda: bool(self._seen), PATIENCE), "nothing came"

    def close(self) -> None:
        """Close the port."""
        self._wake.close()
        self._thread.join()
        for one in (self._listener, self._datagrams, self._waker):
            one.close()

    def _watch(self) -> None:
        with selectors.DefaultSelector() as selector:
            for one in (self._listener, self._datagrams, self._waker):
                selector.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._waker:
                        return
                    if key.fileobj is self._listener:
                        self._listener.accept()[0].close()  # an open one would be used again, unseen
                        self._note(b"connection")
                    else:
                        self._note(self._datagrams.recv(_BEGINNING))

    def _note(self, what: bytes) -> None:
        with self._came:
            self._seen.append(what)
            self._came.notify_all()


@contextlib.contextmanager
def canary() -> Iterator[Canary]:
    """Watch a port while a block lasts."""
    watched = Canary()
    try:
        yield watched
    finally:
        watched.close()
