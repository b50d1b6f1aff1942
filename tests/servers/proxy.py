"""An HTTP proxy on loopback that leads every host name to one server, and notes what it is asked."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator, Mapping

_OWN = frozenset({"proxy-authorization", "proxy-connection", "connection", "keep-alive"})


@dataclass(frozen=True)
class Asked:
    """One request to the proxy: method, target as it stands there, and the headers in lowercase."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass
class Proxy:
    """A running proxy."""

    origin: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def proxying(port: int, user: str = "") -> Iterator[Proxy]:
    """Run a proxy while a block lasts.

    Args:
        port: where the server is, on loopback, that stands for all hosts.
        user: ``name:password`` that it insists on, if any.
    """
    expected = f"Basic {base64.b64encode(user.encode()).decode()}" if user else ""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer on a kept connection comes 40 ms late

        def do_HEAD(self) -> None:
            self._pass_on()

        def do_GET(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            if not self._welcome():
                return
            target = "/" + self.path.split("/", 3)[3]
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
                connection.request(self.command, target, headers=headers)
                response = connection.getresponse()
                body = response.read()
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_CONNECT(self) -> None:
            if not self._welcome():
                return
            with socket.create_connection(("127.0.0.1", port)) as server:
                self.send_response_only(200)
                self.end_headers()
                _join(self.connection, server)
            self.close_connection = True

        def _welcome(self) -> bool:
            headers = {name.lower(): value for name, value in self.headers.items()}
            proxy.asked.append(Asked(self.command, self.requestline.split()[1], headers))
            if not expected or headers.get("proxy-authorization") == expected:
                return True
            self.send_response_only(407)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _join(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until an end closes."""
    ways = {one: other, other: one}
    while True:
        ready, _, _ = select.select(list(ways), [], [])
        for end in ready:
            data = end.recv(1 << 16)
            if not data:
                return
            ways[end].sendall(data)
