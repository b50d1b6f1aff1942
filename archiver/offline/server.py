"""The server: sockets, and the loop and threads behind them.

Several sockets share one loop and one pool of threads. The main port listens last: when it answers, all the
others do.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Sequence

import waitress.server
import waitress.wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask
from waitress.trigger import trigger
from waitress.utilities import BadRequest

from archiver.core.errors import UsageError
from archiver.core.urlkey import Origin
from archiver.offline.addresses import AddressBook, View, make_labels
from archiver.offline.forwarded import NO_PROXIES, TrustedProxies
from archiver.offline.library import Library
from archiver.offline.requisites import needs_own_origin
from archiver.offline.search.files import SearchFile
from archiver.offline.tls.channel import TlsChannel
from archiver.offline.wsgi import LOCAL_ADDRESS, Caller, Host

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from archiver.offline.holdings import Holding
    from archiver.offline.tls.identity import Identity

Log = Callable[[str], None]

_THREADS = 24  # a reader on a slow line holds one while a large blob goes out
_CONNECTIONS = 1000
_HEADER_LIMIT = 32 << 10
_BODY_LIMIT = 64 << 10  # nothing here takes a body; enough to refuse one politely
_BUFFERED = 512 << 10  # bytes waiting for one client before its thread waits as well
_IN_MEMORY = 8 << 20  # never reached, so that no temporary file is made: there may be no writable place
_HIGHEST_PORT = 65535
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to here: what to print for them

# The server library reports disconnecting clients and what this module has reported already.
logging.getLogger("waitress").addHandler(logging.NullHandler())


class _Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no type information
    """Refuses what cannot become HTTP at its first byte.

    Container clients try TLS first, and would wait ten seconds for an answer to their handshake.
    """

    def received(self, data: bytes) -> int:
        if not self.header_plus and self.body_rcv is None and not (data[:1].isalpha() or data[:1] in b"\r\n"):
            self.parse_header(b"GET / HTTP/1.0\r\n")
            self.error = BadRequest("this is not HTTP; the server speaks plain HTTP")
            self.completed = True
            return len(data)
        return int(super().received(data))


class _Task(WSGITask):  # type: ignore[misc]  # waitress has no type information
    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[LOCAL_ADDRESS] = self.channel.local_address
        return environ


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no type information
    parser_class = _Parser
    task_class = _Task

    def __init__(self, server: Any, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        self.local_address = ""
        with suppress(OSError):  # where the client is gone already
            self.local_address = sock.getsockname()[0]
        super().__init__(server, sock, *arguments, **options)


class _SecureChannel(TlsChannel, _Channel):
    pass


@dataclass(frozen=True)
class Address:
    """Where an archived origin is served."""

    origin: str
    url: str


class Served:
    """A running server. Stop it by ``stop()`` or by leaving it as a context.

    Attributes:
        view: the addresses as a reader on this machine sees them.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        library: Library,
        view: View,
        tls: Identity | None = None,
    ) -> None:
        self.view = view
        self._library = library
        self._stopping = threading.Event()
        self._map: dict[int, Any] = {}
        self._wake = trigger(self._map)
        self._server = waitress.server.create_server(
            library,
            map=self._map,
            sockets=list(sockets),
            threads=_THREADS,
            connection_limit=_CONNECTIONS,
            recv_bytes=2
            * _HEADER_LIMIT,  # so that an oversized header is read, and its refusal not lost to a reset
            max_request_header_size=_HEADER_LIMIT,
            max_request_body_size=_BODY_LIMIT,
            outbuf_high_watermark=_BUFFERED,
            outbuf_overflow=_IN_MEMORY,
            inbuf_overflow=_IN_MEMORY,
            asyncore_use_poll=True,
            url_scheme="https" if tls else "http",
            log_socket_errors=False,
            ident="archiver",
        )
        for listener in self._map.values():
            if isinstance(listener, waitress.server.BaseWSGIServer):
                listener.channel_class = functools.partial(_SecureChannel, identity=tls) if tls else _Channel
        self._loop = threading.Thread(target=self._run, name="archiver-serve", daemon=True)
        self._loop.start()
        threading.Thread(target=library.prepare, name="archiver-search", daemon=True).start()

    @property
    def url(self) -> str:
        """The landing page."""
        return f"{self.view.main}/"

    @property
    def origins(self) -> tuple[Address, ...]:
        """Every archived origin that has an address of its own."""
        return tuple(Address(str(origin), f"{base}/") for origin, base in self.view.bases.items())

    def locate(self, url: str) -> str | None:
        """Return where an archived URL is served, or None where its origin has no address."""
        return self.view.locate(url)

    def stop(self) -> None:
        """Close all sockets and wait for the loop to end; stopping twice is stopping once."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._wake.pull_trigger()
            self._loop.join()
            self._library.close()

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            waitress.wasyncore.loop(timeout=1, use_poll=True, map=self._map, count=1)
        self._server.task_dispatcher.shutdown(timeout=2)
        waitress.wasyncore.close_all(self._map)


def start(
    holdings: Sequence[Holding],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    domain: str = "",
    cache_dir: Path | None = None,
    tls: Identity | None = None,
    proxies: TrustedProxies = NO_PROXIES,
    log: Log,
) -> Served:
    """Start serving and return at once; every port answers when this returns.

    Args:
        holdings: what to serve, at least one.
        host: the address to listen at.
        port: the main port; 0 for any free one. Archived origins get the next free ones.
        domain: serve all origins on the main port, at host names below this domain.
        cache_dir: where to copy search indexes to; None for nowhere.
        tls: what to show by TLS, which all ports speak then; None for plain HTTP.
        proxies: the reverse proxies that are believed about who asked for what.
        log: takes a line whenever something is wrong; called from several threads.

    Raises:
        UsageError: the port is taken, or the address cannot be listened at.
    """
    own, mounted = share_out(holdings)
    if domain and Host.parse(domain) is None:
        raise UsageError(f"{domain!r:.80} is not a domain")
    sockets = [_bound(host, port)]
    try:
        main_port = sockets[0].getsockname()[1]
        ports: dict[Origin, int] = {}
        for origin in () if domain else own:
            sockets.append(_next_free(host, max((main_port, *ports.values())) + 1))
            ports[origin] = sockets[-1].getsockname()[1]
        authority = tls.authority if tls else b""
        book = AddressBook(
            main_port,
            ports,
            make_labels(own),
            frozenset(mounted),
            domain.lower(),
            has_authority=bool(authority),
        )
        search = [SearchFile(holding, cache_dir) for holding in holdings]
        library = Library(holdings, book, search, log, proxies=proxies, authority=authority)
        shown = Host(domain.lower() if domain else _shown(host), main_port)
        view = book.view(Caller(shown, "https" if tls else "http", main_port))
        return Served(sockets[1:] + sockets[:1], library, view, tls)
    except BaseException as error:
        for one in sockets:
            one.close()
        if isinstance(error, OSError):
            raise _cannot_listen(host, port, error) from error
        raise


def serve(
    holdings: Sequence[Holding],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    domain: str = "",
    cache_dir: Path | None = None,
    tls: Identity | None = None,
    proxies: TrustedProxies = NO_PROXIES,
    ready: Callable[[Served], None],
    log: Log,
    stop: threading.Event | None = None,
) -> None:
    """Serve until ``stop`` is set or the process is interrupted.

    Args:
        holdings: what to serve, at least one.
        host: the address to listen at.
        port: the main port; 0 for any free one.
        domain: as for ``start``.
        cache_dir: where to copy search indexes to; None for nowhere.
        tls: as for ``start``.
        proxies: as for ``start``.
        log: takes a line whenever something is wrong; called from several threads.
        ready: called once, when every port answers.
        stop: ends the serving.

    Raises:
        UsageError: as ``start`` does.
        KeyboardInterrupt: Ctrl-C, after everything is closed.
    """
    ended = stop or threading.Event()
    with start(
        holdings, host=host, port=port, domain=domain, cache_dir=cache_dir, tls=tls, proxies=proxies, log=log
    ) as served:
        ready(served)
        while not ended.wait(3600):  # a wait without an end cannot be interrupted on Windows
            pass


def share_out(holdings: Sequence[Holding]) -> tuple[tuple[Origin, ...], tuple[Origin, ...]]:
    """Return the origins that get an address of their own, and those that are mounted below others."""
    sites = [site for holding in holdings for site in holding.sites]
    own = dict.fromkeys(Origin.of(text) for site in sites for text in site.origins)
    requisite = dict.fromkeys(Origin.of(text) for site in sites for text in site.requisite_origins)
    rooted = needs_own_origin([one for one in requisite if one not in own], sites)
    own.update(dict.fromkeys(rooted))
    return tuple(own), tuple(origin for origin in requisite if origin not in own)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        try:
            if os.name != "nt":  # there it would let two servers have one port
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except BaseException:
            made.close()
            raise
    except (OSError, OverflowError) as error:
        raise _cannot_listen(host, port, error) from error
    return made


def _next_free(host: str, port: int) -> socket.socket:
    for candidate in range(port, _HIGHEST_PORT + 1):
        with suppress(UsageError):
            return _bound(host, candidate)
    return _bound(host, 0)


def _cannot_listen(host: str, port: int, error: Exception) -> UsageError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return UsageError(
            f"port {port} is in use", place=host, hint="choose another one with --port, 0 for any"
        )
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(f"cannot listen at port {port}: {reason}", place=host)


def _shown(host: str) -> str:
    name = _ANY.get(host, host)
    return f"[{name}]" if ":" in name else name
