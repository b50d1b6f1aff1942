"""A server on loopback that says something to every connection and then keeps silent, for as long as it takes."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Iterator


@dataclass
class Halting:
    """A running one.

    Attributes:
        host: its ``address:port``.
        silent: set as soon as a connection has been told all that there is.
    """

    host: str
    silent: threading.Event = field(default_factory=threading.Event)


@contextmanager
def halting(said: bytes = b"") -> Iterator[Halting]:
    """Serve for as long as the block lasts: read a request, answer with ``said``, and wait for the client to go."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = Halting(f"127.0.0.1:{listening.getsockname()[1]}")

        def talk(connection: socket.socket) -> None:
            with connection:
                connection.recv(1 << 16)
                connection.sendall(said)
                running.silent.set()
                connection.recv(1 << 16)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # shut: the block has ended
                    return
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield running
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
