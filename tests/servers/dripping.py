"""A server on loopback that says something to every connection, and then goes on a few bytes at a time for ever."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import Iterator

_PAUSE = 0.005  # seconds between two drops


@contextmanager
def dripping(said: bytes, drop: bytes = b"x") -> Iterator[str]:
    """Serve for as long as the block lasts; gives the origin.

    Args:
        said: what comes at once after a request.
        drop: what comes again and again after that, until the client goes.
    """
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(said)
            while not over.wait(_PAUSE):
                connection.sendall(drop)

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):  # shut down: the block has ended
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
