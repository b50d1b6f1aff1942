"""What is served, and which part answers a request: an archived site, the registry, the files, or the landing site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Iterable, Sequence

from archiver.core.errors import ArchiverError, SearchUnavailable
from archiver.offline import downloads, registry
from archiver.offline.addresses import AUTHORITY, MOUNT, AddressBook, View
from archiver.offline.downloads import Downloads
from archiver.offline.forwarded import NO_PROXIES, TrustedProxies
from archiver.offline.landingsite import LandingSite, with_hint
from archiver.offline.lookup import Finder
from archiver.offline.markup import ASSETS, asset
from archiver.offline.registry import Registry
from archiver.offline.replay import Replay
from archiver.offline.searchpage import miss_page
from archiver.offline.wsgi import SANDBOX, Reply, Request, method_not_allowed, plain, read_request, send

if TYPE_CHECKING:
    from archiver.offline.holdings import Holding
    from archiver.offline.search.files import SearchFile
    from archiver.offline.wsgi import Environ, StartResponse

Log = Callable[[str], None]


class Library:
    """Everything that is served, and the program that answers for it.

    Args:
        holdings: at least one.
        book: the addresses given out.
        search: the search indexes of the holdings.
        log: takes lines about damage and internal errors.
        proxies: the reverse proxies that are believed about who asked for what.
        authority: the certificate of the server's own authority, as PEM; empty where there is none.
    """

    def __init__(
        self,
        holdings: Sequence[Holding],
        book: AddressBook,
        search: Sequence[SearchFile],
        log: Log,
        *,
        proxies: TrustedProxies = NO_PROXIES,
        authority: bytes = b"",
    ) -> None:
        self._book = book
        self._proxies = proxies
        self._authority = authority
        self._search = [file for file in search if file.present]
        self._log = log
        self._landing = LandingSite(holdings, self._search)
        self._registry = Registry([holding.images for holding in holdings], log)
        self._downloads = Downloads([holding.files for holding in holdings], log)
        sites = [site for holding in holdings for site in holding.sites]
        self._finder = Finder(sites)
        self._replay = Replay(self._finder, self._miss, log)

    def prepare(self) -> None:
        """Make the search indexes ready, and tell the log where one cannot be."""
        for file in self._search:
            try:
                file.prepare()
            except SearchUnavailable as error:
                self._log(f"search is off for {file.project}: {with_hint(error)}")

    def close(self) -> None:
        """Close the search indexes."""
        for file in self._search:
            file.close()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        method = str(environ.get("REQUEST_METHOD", ""))
        request = read_request(environ)
        if not isinstance(request, Reply):
            request = self._proxies.original(request)
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
        view = self._book.view(request.caller)
        origin = self._book.route(request.caller)
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
        found = self._landing.answer(request, view) or self._own(request)
        return found or plain(404, "no such page; the archive's own page is at /")

    def _own(self, request: Request) -> Reply | None:
        """Answer what is under ``/-/`` at every address; None where there is no such thing."""
        if not request.is_read:
            return method_not_allowed()
        if request.path == AUTHORITY and self._authority:
            return Reply(200, (("Content-Type", "application/x-x509-ca-cert"), *SANDBOX), self._authority)
        return asset(request.path[len(ASSETS) :]) if request.path.startswith(ASSETS) else None

    def _miss(self, request: Request, view: View, url: str, reason: str) -> Reply:  # noqa: ARG002 - see MissPage
        try:
            nearest = self._finder.nearest_above(url)
        except ArchiverError as error:  # the page does without
            self._log(f"{url}: {error}")
            nearest = ""
        return miss_page(url, reason, view, nearest=nearest, searchable=bool(self._search))


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
