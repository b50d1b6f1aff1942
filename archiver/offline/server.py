"""The server: sockets, routing by port or Host, and the landing site.

Several sockets share one loop and one pool of threads. The main port listens last: when it answers, all the
others do.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

import waitress.server
import waitress.wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.trigger import trigger
from waitress.utilities import BadRequest

from archiver.core import jsontext
from archiver.core.errors import ArchiverError, SearchUnavailable, UsageError
from archiver.core.urlkey import Origin
from archiver.offline import downloads, registry
from archiver.offline.addresses import MOUNT, AddressBook, View, make_labels
from archiver.offline.downloads import Downloads
from archiver.offline.landing import file_url, image_name, landing_page, site_url
from archiver.offline.lookup import Finder
from archiver.offline.markup import ASSETS, OWN_POLICY, asset
from archiver.offline.registry import Registry
from archiver.offline.replay import Replay
from archiver.offline.requisites import needs_own_origin
from archiver.offline.search.files import SearchFile, search_all
from archiver.offline.search.query import parse_query
from archiver.offline.searchpage import PAGE_SIZE, hit_document, miss_page, search_off_page, search_page
from archiver.offline.wsgi import Host, Reply, Request, method_not_allowed, plain, read_request, send

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from archiver.offline.holdings import Holding
    from archiver.offline.search.index import SearchResults
    from archiver.offline.wsgi import Environ, StartResponse

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


class Library:
    """Everything that is served, and the program that answers for it.

    Args:
        holdings: at least one.
        book: the addresses given out.
        search: the search indexes of the holdings.
        log: takes lines about damage and internal errors.
    """

    def __init__(
        self, holdings: Sequence[Holding], book: AddressBook, search: Sequence[SearchFile], log: Log
    ) -> None:
        self._holdings = holdings
        self._book = book
        self._search = [file for file in search if file.present]
        self._log = log
        self._registry = Registry([holding.images for holding in holdings], log)
        self._downloads = Downloads([holding.files for holding in holdings], log)
        sites = [site for holding in holdings for site in holding.sites]
        self._sources = tuple(dict.fromkeys(site.name for site in sites))
        self._finder = Finder(sites)
        self._replay = Replay(self._finder, self._miss, log)
        self._title = (holdings[0].title or holdings[0].project) if len(holdings) == 1 else "Archive"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        method = str(environ.get("REQUEST_METHOD", ""))
        request = read_request(environ)
        if isinstance(request, Reply):
            return send(request, method, start_response)
        try:
            reply = self.answer(request)
        except Exception as error:  # noqa: BLE001 - one bad request must not take the server down
            self._log(f"internal error at {request.path}: {type(error).__name__}: {error}")
            reply = plain(500, "internal error")
        return _reporting(send(reply, method, start_response), request, self._log)

    def answer(self, request: Request) -> Reply:
        """Answer a well-formed request."""
        view = self._book.view(request.host, request.scheme)
        origin = self._book.route(request)
        if origin is not None:
            if request.path.startswith("/-/") and not request.path.startswith(MOUNT):
                return self._own(request) or plain(404, "no such page")
            return self._replay.answer(request, origin, view)
        if request.path == "/v2" or request.path.startswith(registry.PREFIX):
            return self._registry.answer(request)
        if request.path.startswith(downloads.PREFIX):
            return self._downloads.answer(request)
        if not request.is_read:
            return method_not_allowed()
        return self._landing_site(request, view)

    def _landing_site(self, request: Request, view: View) -> Reply:
        if request.path == "/":
            return landing_page(self._holdings, view)
        if request.path == "/-/search":
            return self._search_page(request, view)
        if request.path == "/-/search.json":
            return self._search_json(request, view)
        if request.path == "/-/bundle.json":
            return _json(contents(self._holdings, view))
        own = self._own(request)
        return own if own is not None else plain(404, "no such page; the archive's own page is at /")

    def _own(self, request: Request) -> Reply | None:
        """Answer what is under ``/-/`` at every address; None where there is no such thing."""
        if not request.is_read:
            return method_not_allowed()
        return asset(request.path[len(ASSETS) :]) if request.path.startswith(ASSETS) else None

    def _miss(self, request: Request, view: View, url: str, reason: str) -> Reply:  # noqa: ARG002 - see MissPage
        try:
            nearest = self._finder.nearest_above(url)
        except ArchiverError as error:  # the page does without
            self._log(f"{url}: {error}")
            nearest = ""
        return miss_page(url, reason, view, nearest=nearest, searchable=bool(self._search))

    def _search_page(self, request: Request, view: View) -> Reply:
        text, source = request.parameter("q"), request.parameter("source")
        offset = _number(request.parameter("offset"), 0)
        try:
            results = self._find(text, source, PAGE_SIZE, offset, typing=False)
        except SearchUnavailable as error:
            return search_off_page(self._title, text, _with_hint(error))
        return search_page(
            self._title, text, results, view, offset=offset, source=source, sources=self._sources
        )

    def _search_json(self, request: Request, view: View) -> Reply:
        limit, offset = (
            _number(request.parameter("limit"), PAGE_SIZE),
            _number(request.parameter("offset"), 0),
        )
        text, source = request.parameter("q"), request.parameter("source")
        try:
            results = self._find(text, source, limit, offset, typing=bool(request.parameter("typing")))
        except SearchUnavailable as error:
            return _json({"error": {"code": error.code, "message": _with_hint(error)}}, 503)
        hits = [hit_document(hit, view) for hit in results.hits]
        return _json({"query": text, "total": results.total, "hits": hits})

    def _find(self, text: str, source: str, limit: int, offset: int, *, typing: bool) -> SearchResults:
        if not self._search:
            raise SearchUnavailable(
                "there is no search index here",
                hint="of an archive folder, archiver serve makes it; archiver.pyz cannot",
            )
        query = parse_query(text, as_you_type=typing)
        return search_all(self._search, query, limit=limit, offset=offset, source=source or None)


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


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no type information
    parser_class = _Parser


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
        search: Sequence[SearchFile],
        view: View,
        log: Log,
    ) -> None:
        self.view = view
        self._search = search
        self._log = log
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
            log_socket_errors=False,
            ident="archiver",
        )
        for listener in self._map.values():
            if isinstance(listener, waitress.server.BaseWSGIServer):
                listener.channel_class = _Channel
        self._loop = threading.Thread(target=self._run, name="archiver-serve", daemon=True)
        self._loop.start()
        threading.Thread(target=self._prepare_search, name="archiver-search", daemon=True).start()

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
            for file in self._search:
                file.close()

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

    def _prepare_search(self) -> None:
        for file in self._search:
            if file.present:
                try:
                    file.prepare()
                except SearchUnavailable as error:
                    self._log(f"search is off for {file.project}: {_with_hint(error)}")


def start(
    holdings: Sequence[Holding],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    domain: str = "",
    cache_dir: Path | None = None,
    log: Log,
) -> Served:
    """Start serving and return at once; every port answers when this returns.

    Args:
        holdings: what to serve, at least one.
        host: the address to listen at.
        port: the main port; 0 for any free one. Archived origins get the next free ones.
        domain: serve all origins on the main port, at host names below this domain.
        cache_dir: where to copy search indexes to; None for nowhere.
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
        book = AddressBook(main_port, ports, make_labels(own), frozenset(mounted), domain.lower())
        search = [SearchFile(holding, cache_dir) for holding in holdings]
        library = Library(holdings, book, search, log)
        shown = Host(domain.lower() if domain else _shown(host), main_port)
        return Served(sockets[1:] + sockets[:1], library, search, book.view(shown), log)
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
        log: takes a line whenever something is wrong; called from several threads.
        ready: called once, when every port answers.
        stop: ends the serving.

    Raises:
        UsageError: as ``start`` does.
        KeyboardInterrupt: Ctrl-C, after everything is closed.
    """
    ended = stop or threading.Event()
    with start(holdings, host=host, port=port, domain=domain, cache_dir=cache_dir, log=log) as served:
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


def contents(holdings: Sequence[Holding], view: View) -> dict[str, Any]:
    """Return ``/-/bundle.json``: what is served, and where.

    Entries name their project where there are several; ``project`` and ``snapshot`` are null then.
    """
    alone = len(holdings) == 1

    def entry(holding: Holding, **members: Any) -> dict[str, Any]:
        return members if alone else {"project": holding.project, **members}

    return {
        "project": holdings[0].project if alone else None,
        "snapshot": holdings[0].snapshot if alone else None,
        "docs": [
            entry(holding, name=site.name, origin=(site.origins or ("",))[0], url=site_url(site, view))
            for holding in holdings
            for site in holding.sites
        ],
        "images": [
            entry(
                holding,
                name=image.reference,
                pull=image_name(image, view),
                digest=str(image.digest),
                size=image.size,
                platforms=list(image.platforms),
            )
            for holding in holdings
            for image in holding.images.images
        ],
        "files": [
            entry(
                holding,
                name=file.path,
                origin=file.url,
                url=file_url(file, view),
                digest=str(file.digest),
                size=file.size,
            )
            for holding in holdings
            for file in holding.files.files
        ],
    }


def _reporting(body: Iterable[bytes], request: Request, log: Log) -> Iterable[bytes]:
    """Pass a body on; where it turns out wrong under way, log it and have the connection broken off."""
    close = getattr(body, "close", None)
    try:
        yield from body
    except ArchiverError as error:
        log(f"{request.path}: broken off: {error}")
        raise
    finally:
        if close is not None:
            close()


def _json(document: Any, status: int = 200) -> Reply:
    headers = (("Content-Type", "application/json"), ("Cache-Control", "no-cache"))
    return Reply(status, headers + OWN_POLICY, jsontext.dump(document))


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default


def _with_hint(error: ArchiverError) -> str:
    return error.message + (f" ({error.hint})" if error.hint else "")


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
