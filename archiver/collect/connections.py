"""The connections of a client: known while they live, so that another thread can end them.

A thread that waits for a silent server notices nothing until its socket is shut.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    import requests


class Connections:
    """The sockets in use. May be used by several threads."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()
        self._aborted = False

    def add(self, connected: socket.socket) -> None:
        """Take note of a socket; after ``abort`` it is shut at once."""
        with self._lock:
            self._sockets.add(connected)
            if self._aborted:
                _shut(connected)

    def abort(self) -> None:
        """Shut all sockets, those to come too: whoever waits for one gets an error at once."""
        with self._lock:
            self._aborted = True
            for each in self._sockets:
                _shut(each)


class _Watched(HTTPConnection):
    """A connection that is known while it greets (a proxy, TLS) and while it is used."""

    connections: Connections
    _greeting: socket.socket | None = None

    def _new_conn(self) -> socket.socket:  # urllib3's hook for making the socket
        made = super()._new_conn()
        self._greeting = (
            made.dup()
        )  # TLS takes the socket itself over, and hands out another one when it is done
        self.connections.add(self._greeting)
        return made

    def __str__(self) -> str:  # the library's messages begin with it
        return f"{self.host}:{self.port}"

    def connect(self) -> None:
        try:
            super().connect()
            self.connections.add(self.sock)
        finally:
            if self._greeting is not None:
                self._greeting.close()


class WatchedAdapter(HTTPAdapter):
    """Tells ``connections`` of every one that requests makes, directly or through an HTTP proxy."""

    def __init__(self, connections: Connections) -> None:
        watching = {"connections": connections}
        self._watched = {
            HTTPConnection: type("Plain", (_Watched,), watching),
            HTTPSConnection: type("Encrypted", (_Watched, HTTPSConnection), watching),
        }
        super().__init__()

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *args: Any, **more: Any
    ) -> Any:
        """Return what requests would, making watched connections; those through SOCKS stay as they are."""
        pool: Any = super().get_connection_with_tls_context(request, *args, **more)
        pool.ConnectionCls = self._watched.get(pool.ConnectionCls, pool.ConnectionCls)
        return pool


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):  # it is closed, or the other end was quicker
        socket.socket.shutdown(connected, socket.SHUT_RDWR)  # not TLS's own: another thread is reading
