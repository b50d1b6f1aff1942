"""The rest of the internet, as a browser that must not reach it would: a proxy that notes who knocks."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Iterator
from urllib.parse import urlsplit

_ENOUGH = 4096
# Chromium asks these of its own accord, before it has opened any page and whatever it is told.
_CHROMIUMS_OWN = frozenset(
    {
        "accounts.google.com",
        "android.clients.google.com",
        "clients2.google.com",
        "clientservices.googleapis.com",
        "content-autofill.googleapis.com",
        "optimizationguide-pa.googleapis.com",
        "redirector.gvt1.com",
        "safebrowsingohttpgateway.googleapis.com",
        "update.googleapis.com",
        "www.google.com",
    }
)


@dataclass
class Outside:
    """A proxy on loopback that answers nothing.

    Attributes:
        port: where it listens.
        lines: the request lines that arrived, ``CONNECT host:443 HTTP/1.1`` among them; an empty one for a
            connection that was opened ahead of time.
    """

    port: int
    lines: list[str] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """The request lines that are not the browser's own business."""
        return [line for line in self.lines if _host(line) not in _CHROMIUMS_OWN]


def _host(line: str) -> str:
    target = line.partition(" ")[2].partition(" ")[0]
    return urlsplit(target if "://" in target else f"//{target}").hostname or ""


@contextmanager
def outside() -> Iterator[Outside]:
    """Stand for the internet while a block lasts."""
    listening = socket.create_server(("127.0.0.1", 0))
    found = Outside(listening.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(1)
                found.lines.append(connection.recv(_ENOUGH).partition(b"\r\n")[0].decode("latin-1"))

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield found
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
