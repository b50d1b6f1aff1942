"""The rest of the internet, as a browser that must not reach it would: a proxy that notes who knocks."""

from __future__ import annotations

import base64
import json
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Iterable, Iterator

_ENOUGH = 4096
_SILENCE = 1  # seconds after which a connection counts as one that says nothing
# Chromium asks these of its own accord, before it has opened any page and whatever it is told.
_CHROMIUMS_OWN = (
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
)
_DIRECTIONS = """function FindProxyForURL(url, host) {
  const here = %(here)s, patterns = %(patterns)s;
  return here.includes(host) || patterns.some(pattern => shExpMatch(host, pattern)) ? "DIRECT" : "PROXY 127.0.0.1:%(port)d";
}"""


@dataclass
class Outside:
    """A proxy on loopback that answers nothing.

    Attributes:
        port: where it listens.
        asked: the request lines that arrived, ``CONNECT host:443 HTTP/1.1`` among them; an empty one for a
            connection that was opened ahead of time and said nothing.
    """

    port: int
    asked: list[str] = field(default_factory=list)

    def directions(self, near: Iterable[str]) -> str:
        """Return the URL of a proxy configuration by which all goes here but loopback, some names, and Chromium's own business.

        The last is asked for directly, which fails where names do not resolve.

        Args:
            near: patterns of names.
        """
        here = json.dumps([*_CHROMIUMS_OWN, "127.0.0.1", "localhost", "[::1]"])
        script = _DIRECTIONS % {"here": here, "patterns": json.dumps(list(near)), "port": self.port}
        return f"data:application/x-ns-proxy-autoconfig;base64,{base64.b64encode(script.encode()).decode()}"


def _first_line(connection: socket.socket) -> str:
    connection.settimeout(_SILENCE)
    try:
        return connection.recv(_ENOUGH).partition(b"\r\n")[0].decode("latin-1")
    except OSError:
        return ""


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
            with connection:
                found.asked.append(_first_line(connection))

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield found
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
