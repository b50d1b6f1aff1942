"""The offline server in the test's own process, and an HTTP client that sends what it is told to."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from archiver.offline.forwarded import TrustedProxies
from archiver.offline.opening import open_projects
from archiver.offline.server import Served, start
from archiver.offline.tls.identity import GivenIdentity

if TYPE_CHECKING:
    from pathlib import Path

    from servers.certificates import Certificates

_PATIENCE = 20  # seconds until a connection that hangs is a failure


@dataclass(frozen=True)
class Answer:
    """A response as it came; ``complete`` is False where the server broke it off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8")


@dataclass
class Running:
    """A server under test, and what it logged."""

    served: Served
    log: list[str] = field(default_factory=list)
    certificates: Certificates | None = None

    @property
    def port(self) -> int:
        """The main port."""
        return urlsplit(self.served.url).port or 0

    def port_of(self, origin: str) -> int:
        """The port of an archived origin."""
        url = next(address.url for address in self.served.origins if address.origin == origin)
        return urlsplit(url).port or 0

    def get(self, path: str, *, port: int = 0, method: str = "GET", **headers: str) -> Answer:
        """Ask the main port, or another one. ``Accept_Encoding="gzip"`` sends that header."""
        connection = self._connection(port or self.port)
        with contextlib.closing(connection):
            connection.request(
                method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
            )
            response = connection.getresponse()
            try:
                body, complete = response.read(), True
            except http.client.IncompleteRead as cut:
                body, complete = cut.partial, False
            received = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, received, body, complete)

    def _connection(self, port: int) -> http.client.HTTPConnection:
        if self.certificates is None:
            return http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        trust = ssl.create_default_context(cafile=self.certificates.authority)
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=_PATIENCE, context=trust)

    def raw(self, request: bytes, *, port: int = 0) -> bytes:
        """Send bytes as they are and return all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=_PATIENCE) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@contextlib.contextmanager
def serving(
    path: Path,
    *,
    host: str = "127.0.0.1",
    cache: Path | None = None,
    domain: str = "",
    tls: Certificates | None = None,
    proxies: Sequence[str] = (),
) -> Iterator[Running]:
    """Serve a bundle or an archive on free ports while a block lasts; by TLS with certificates."""
    log: list[str] = []
    with contextlib.ExitStack() as stack:
        identity = GivenIdentity(tls.certificate, tls.key) if tls else None
        served = stack.enter_context(
            start(
                open_projects(path),
                host=host,
                port=0,
                domain=domain,
                cache_dir=cache,
                tls=identity,
                proxies=TrustedProxies.parse(proxies),
                log=log.append,
            )
        )
        yield Running(served, log, tls)
