"""The server: which sockets there are, and what answers at them.

They share one engine. The main port listens last: when it answers, all the others do.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Sequence

from archiver.core.errors import ArchiverError, UsageError
from archiver.core.urlkey import Origin
from archiver.offline.addresses import AddressBook, View, make_labels
from archiver.offline.engine.channel import Channel
from archiver.offline.engine.loop import Engine
from archiver.offline.engine.workers import Workers
from archiver.offline.forwarded import NO_PROXIES, TrustedProxies
from archiver.offline.ip import parse_ip
from archiver.offline.library import Library, nothing
from archiver.offline.readings import Snapshots
from archiver.offline.repositories import registry_names
from archiver.offline.requisites import needs_own_origin
from archiver.offline.tls.channel import TlsChannel
from archiver.offline.wsgi import Caller, Host

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from archiver.offline.holdings import Holding, Project
    from archiver.offline.tls.identity import Identity

Log = Callable[[str], None]

_HIGHEST_PORT = 65535
_SLICE = 1.0  # seconds: no signal interrupts a wait on Windows, nor one that went to another thread, after a SIGSTOP
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to here: what to print for them


@dataclass(frozen=True)
class Address:
    """Where an archived origin is served."""

    origin: str
    url: str


@dataclass(frozen=True)
class Further:
    """Processes beside this one: how many, and how each opens for itself what is served."""

    count: int
    reopen: Callable[[], Sequence[Project]]


NO_FURTHER = Further(0, tuple)


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
        workers: Workers | None = None,
    ) -> None:
        self.view = view
        self._library = library
        self._workers = workers
        self._stopped = False
        channel = functools.partial(TlsChannel, identity=tls) if tls else Channel
        self._engine = Engine(sockets, library, channel=channel, scheme="https" if tls else "http")
        threading.Thread(target=library.prepare, name="archiver-search", daemon=True).start()

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """What is read by default: the newest good snapshot of each project."""
        return self._library.holdings

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
        """Close all sockets, and wait for what is under way, but not for long; stopping twice is stopping once."""
        if not self._stopped:
            self._stopped = True
            self._engine.stop()
            self._library.close()
            if self._workers is not None:
                self._workers.end()

    def wait(self, stop: threading.Event | None = None) -> None:
        """Wait until ``stop`` is set. Raises KeyboardInterrupt where the process is interrupted."""
        ended = stop or threading.Event()
        while not ended.wait(_SLICE):
            pass

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    projects: Sequence[Project],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    domain: str = "",
    cache_dir: Path | None = None,
    renewed: Callable[[], object] = nothing,
    verified: str = "",
    tls: Identity | None = None,
    proxies: TrustedProxies = NO_PROXIES,
    further: Further = NO_FURTHER,
    log: Log,
) -> Served:
    """Start serving and return at once; every port answers when this returns.

    Args:
        projects: what to serve, at least one; closed when the serving ends.
        host: the address to listen at.
        port: the main port; 0 for any free one. Archived origins get the next free ones.
        domain: serve all origins on the main port, at host names below this domain.
        cache_dir: where to copy search indexes to; None for nowhere.
        renewed: called in a thread of its own when there is a new snapshot, before it is read.
        verified: when every byte of what there is was checked, as an ISO time; empty where it was not.
        tls: what to show by TLS, which all ports speak then; None for plain HTTP.
        proxies: the reverse proxies that are believed about who asked for what.
        further: processes that serve beside this one; only where it has a single thread until now.
        log: takes a line whenever something is wrong; called from several threads.

    Raises:
        UsageError: the port is taken, the address cannot be listened at, or the system knows no further processes.
        CertificateUnusable: there is nothing to show by TLS.
    """
    domain = _normal_domain(domain)
    snapshots = Snapshots(projects, cache_dir)
    sockets: list[socket.socket] = []
    workers: Workers | None = None
    try:
        own, mounted = share_out(snapshots.holdings)
        sockets.append(_bound(host, port))
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
            domain,
            has_authority=bool(authority),
        )
        if tls is not None:
            registries = registry_names(holding.images for holding in snapshots.holdings)
            tls.serve((*book.names, *registries))
        shown = Host(domain or _shown(host), main_port)
        view = book.view(Caller(shown, "https" if tls else "http", main_port))

        def served(snapshots: Snapshots, workers: Workers | None = None) -> Served:
            library = Library(
                snapshots, book, log, renewed=renewed, verified=verified, proxies=proxies, authority=authority
            )
            return Served(sockets[1:] + sockets[:1], library, view, tls, workers)

        def work(wait: Callable[[], None]) -> None:
            try:
                with served(Snapshots(further.reopen(), cache_dir)):
                    wait()
            except ArchiverError as error:
                log(f"a process less serves: {error}")

        workers = Workers(further.count, work)
        return served(snapshots, workers)
    except BaseException as error:
        if workers is not None:
            workers.end()
        for one in sockets:
            one.close()
        snapshots.close()
        if isinstance(error, OSError):
            raise _cannot_listen(host, port, error) from error
        raise


def share_out(holdings: Sequence[Holding]) -> tuple[tuple[Origin, ...], tuple[Origin, ...]]:
    """Return the origins that get an address of their own, and those that are mounted below others."""
    sites = [site for holding in holdings for site in holding.sites]
    own = dict.fromkeys(Origin.of(text) for site in sites for text in site.origins)
    requisite = dict.fromkeys(Origin.of(text) for site in sites for text in site.requisite_origins)
    rooted = needs_own_origin([one for one in requisite if one not in own], sites)
    own.update(dict.fromkeys(rooted))
    return tuple(own), tuple(origin for origin in requisite if origin not in own)


def _normal_domain(domain: str) -> str:
    """Return a domain as host names are compared: in lowercase, without a dot at its end. Raises UsageError."""
    host = Host.parse(domain) if domain else None
    if domain and (host is None or ":" in domain or parse_ip(host.name) is not None):
        raise UsageError(
            f"{domain!r:.80} is not a domain", hint="name one that can have names below it, such as docs.corp"
        )
    return host.name if host else ""


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
