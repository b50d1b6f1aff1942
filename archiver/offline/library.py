"""What is served, and which part answers a request: an archived site, the registry, the files, or the landing site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Iterable

from archiver.core.errors import ArchiverError, SearchUnavailable
from archiver.offline import downloads, registry
from archiver.offline.addresses import AUTHORITY, MOUNT, AddressBook, View
from archiver.offline.asof import PATH as CHOOSE
from archiver.offline.asof import choose, chosen_snapshots
from archiver.offline.forwarded import NO_PROXIES, TrustedProxies
from archiver.offline.landingsite import with_hint
from archiver.offline.markup import ASSETS, asset
from archiver.offline.memento import AT, TIMEMAP
from archiver.offline.misses import LOOK_UP, no_site
from archiver.offline.reading import ReadingMaker
from archiver.offline.readings import Readings
from archiver.offline.sites import Sites
from archiver.offline.wsgi import (
    SANDBOX,
    Reply,
    Request,
    close_body,
    method_not_allowed,
    plain,
    read_request,
    send,
)

if TYPE_CHECKING:
    from archiver.offline.holdings import Holding
    from archiver.offline.readings import Snapshots
    from archiver.offline.wsgi import Environ, StartResponse

Log = Callable[[str], None]
_LOST = frozenset({404, 502})  # what is said where something is not there, or not what it was


def nothing() -> None:
    """Do nothing: for who has nothing to do when there is a new snapshot."""


class Library:
    """Everything that is served, and the program that answers for it.

    Args:
        snapshots: what there is to read; closed with this.
        book: the addresses given out.
        log: takes lines about damage and internal errors.
        renewed: called when there is a new snapshot, before it is read.
        verified: when every byte of what there is was checked, as an ISO time; empty where it was not.
        proxies: the reverse proxies that are believed about who asked for what.
        authority: the certificate of the server's own authority, as PEM; empty where there is none.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        book: AddressBook,
        log: Log,
        *,
        renewed: Callable[[], object] = nothing,
        verified: str = "",
        proxies: TrustedProxies = NO_PROXIES,
        authority: bytes = b"",
    ) -> None:
        self._snapshots = snapshots
        self._book = book
        self._proxies = proxies
        self._authority = authority
        self._log = log
        maker = ReadingMaker(snapshots, book, verified, log)
        self._readings = Readings(snapshots, maker.make, renewed, log)
        self._sites = Sites(snapshots, self._readings)

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """What is read by default."""
        return self._snapshots.holdings

    def prepare(self) -> None:
        """Make the search indexes ready, and tell the log where one cannot be."""
        with self._readings.chosen({}) as reading:
            for file in reading.search:
                try:
                    file.prepare()
                except SearchUnavailable as error:
                    self._log(f"search is off for {file.project}: {with_hint(error)}")

    def close(self) -> None:
        """Close all snapshots and their search indexes."""
        self._snapshots.close()

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
        body = send(reply, method, start_response)
        return body if isinstance(reply.body, bytes) else _reporting(body, request, self._log)

    def answer(self, request: Request) -> Reply:
        """Answer a well-formed request; once more where a snapshot that it was to be answered from has just been pruned."""
        reply = self._answer(request)
        if reply.status in _LOST and self._readings.are_overtaken():
            close_body(reply)
            reply = self._answer(request)
        return reply

    def _answer(self, request: Request) -> Reply:
        view = self._book.view(request.caller)
        origin = self._book.route(request.caller)
        if origin is None and self._book.is_astray(request.caller):
            return self._answer_astray(request, view)
        if origin is None:
            return self._answer_main(request, view)
        if not request.path.startswith("/-/") or request.path.startswith((MOUNT, AT)):
            return self._sites.answer(request, origin, view)
        return self._own(request, view) or plain(404, "no such page")

    def _answer_astray(self, request: Request, view: View) -> Reply:
        found = asset(request.path[len(ASSETS) :]) if request.path.startswith(ASSETS) else None
        return found or no_site(request, view)

    def _answer_main(self, request: Request, view: View) -> Reply:
        with self._readings.chosen(chosen_snapshots(request)) as reading:
            if request.path == "/v2" or request.path.startswith(registry.PREFIX):
                return reading.registry.answer(request)
            if request.path.startswith(downloads.PREFIX):
                return reading.downloads.answer(request)
            if not request.is_read:
                return method_not_allowed()
            found = reading.landing.answer(request, reading.addresses(view))
        found = found or self._own(request, view)
        return found or plain(404, "no such page; the archive's own page is at /")

    def _own(self, request: Request, view: View) -> Reply | None:
        """Answer what is under ``/-/`` at every address; None where there is no such thing."""
        if not request.is_read:
            return method_not_allowed()
        if request.path == AUTHORITY and self._authority:
            return Reply(200, (("Content-Type", "application/x-x509-ca-cert"), *SANDBOX), self._authority)
        if request.path == CHOOSE:
            return choose(request, view, self._snapshots.ids(), self._book.names)
        if request.path.startswith(TIMEMAP):
            return self._sites.time_map(request, view)
        if request.path == LOOK_UP:
            with self._readings.chosen(chosen_snapshots(request)) as reading:
                return reading.misses.look_up(request, reading.addresses(view))
        return asset(request.path[len(ASSETS) :]) if request.path.startswith(ASSETS) else None


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
