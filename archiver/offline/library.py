"""What is served, and which part answers a request: an archived site, the registry, the files, or the landing site."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping, Sequence

from archiver.core.clock import utc_now
from archiver.core.errors import ArchiverError, SearchUnavailable
from archiver.core.urlkey import Origin
from archiver.offline import downloads, registry
from archiver.offline.addresses import AUTHORITY, MOUNT, AddressBook, View
from archiver.offline.asof import PATH as CHOOSE
from archiver.offline.asof import choose, chosen_snapshots
from archiver.offline.downloads import Downloads
from archiver.offline.forwarded import NO_PROXIES, TrustedProxies
from archiver.offline.landingsite import LandingSite, with_hint
from archiver.offline.lookup import Finder
from archiver.offline.markup import ASSETS, asset
from archiver.offline.memento import (
    AT,
    TIMEMAP,
    VARY,
    ends,
    is_memento,
    negotiated_headers,
    parse_http_date,
    snapshots_at,
    split_memento_path,
    time_map,
    time_map_url,
)
from archiver.offline.misses import LOOK_UP, Misses
from archiver.offline.missing import Missing
from archiver.offline.misspage import is_missing_part
from archiver.offline.readings import Readings
from archiver.offline.registry import Registry
from archiver.offline.replay import Replay, original_url
from archiver.offline.wsgi import SANDBOX, Reply, Request, method_not_allowed, plain, read_request, send

if TYPE_CHECKING:
    from archiver.offline.holdings import Holding, ImageShelf, Project, Site
    from archiver.offline.readings import Choice, Opened, Snapshots
    from archiver.offline.search.files import SearchFile
    from archiver.offline.wsgi import Environ, StartResponse

Log = Callable[[str], None]
_LOOKED_FOR = (
    2000  # parts of pages that the newest snapshot lacks, for which it is remembered which one has them
)
_VIEWS = 64  # readers, by their addresses, for whom widened ones are kept ready


def nothing() -> None:
    """Do nothing: for who has nothing to do when there is a new snapshot."""


@dataclass(frozen=True)
class Reading:
    """What answers requests from one choice of snapshots.

    ``addresses`` gives a reader's addresses as these snapshots need them: of origins that were not there when the
    server started, which have no address of their own.
    """

    addresses: Callable[[View], View]

    search: Sequence[SearchFile]
    landing: LandingSite
    registry: Registry
    downloads: Downloads
    finder: Finder
    misses: Misses
    replay: Replay


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
        renewed: Callable[[], None] = nothing,
        verified: str = "",
        proxies: TrustedProxies = NO_PROXIES,
        authority: bytes = b"",
    ) -> None:
        self._snapshots = snapshots
        self._book = book
        self._verified = verified
        self._checked = snapshots.ids() if verified else {}
        self._proxies = proxies
        self._authority = authority
        self._log = log
        self._having = lru_cache(maxsize=_LOOKED_FOR)(self._find_having)
        self._readings = Readings(snapshots, self._read, renewed, log)

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """What is read by default."""
        return self._snapshots.holdings

    def prepare(self) -> None:
        """Make the search indexes ready, and tell the log where one cannot be."""
        with self._chosen({}) as reading:
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
        return _reporting(send(reply, method, start_response), request, self._log)

    def answer(self, request: Request) -> Reply:
        """Answer a well-formed request."""
        view = self._book.view(request.caller)
        origin = self._book.route(request.caller)
        if origin is None:
            return self._answer_main(request, view)
        if not request.path.startswith("/-/") or request.path.startswith(MOUNT):
            return self._answer_site(request, origin, view)
        if request.path.startswith(AT):
            return self._answer_memento(request, origin, view)
        return self._own(request, view) or plain(404, "no such page")

    def _answer_main(self, request: Request, view: View) -> Reply:
        with self._chosen(chosen_snapshots(request)) as reading:
            if request.path == "/v2" or request.path.startswith(registry.PREFIX):
                return reading.registry.answer(request)
            if request.path.startswith(downloads.PREFIX):
                return reading.downloads.answer(request)
            if not request.is_read:
                return method_not_allowed()
            found = reading.landing.answer(request, reading.addresses(view))
        found = found or self._own(request, view)
        return found or plain(404, "no such page; the archive's own page is at /")

    def _answer_site(self, request: Request, origin: Origin, view: View) -> Reply:
        asked = request.header("Accept-Datetime")
        if asked:
            return self._answer_at(request, origin, view, asked)
        with self._chosen(chosen_snapshots(request)) as reading:
            reply = reading.replay.answer(request, origin, reading.addresses(view))
        if is_missing_part(reply):
            return self._part_of_others(request, origin, view) or reply
        return reply

    def _part_of_others(self, request: Request, origin: Origin, view: View) -> Reply | None:
        """Answer for a part of a page that is not in the snapshot read, from the newest one that has it.

        Browsers send no cookie where they ask another origin for a font or a module, and a reader may have opened the
        page just before a new snapshot came: it is a page of another snapshot then that wants the part.
        """
        url = original_url(request, origin)
        snapshots = tuple(sorted(self._snapshots.ids().items()))
        chosen = self._having(url, snapshots) if url and any(len(ids) > 1 for _, ids in snapshots) else None
        if not chosen:
            return None
        with self._chosen(chosen) as reading:
            return reading.replay.answer(request, origin, reading.addresses(view))

    def _find_having(self, url: str, _: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[str, str]:
        """Return the newest snapshots that have a URL, by project; the second argument is what there is to look in."""
        return snapshots_at(self._projects_of(url), url, utc_now())

    def _answer_at(self, request: Request, origin: Origin, view: View, asked: str) -> Reply:
        """Answer as of a date: with the page as the snapshot has it that fits best."""
        moment, url = parse_http_date(asked), original_url(request, origin)
        if moment is None:
            return plain(400, "Accept-Datetime is no date, or not in the form of RFC 1123", *VARY)
        projects = self._projects_of(url or str(origin))
        chosen = snapshots_at(projects, url, moment) if url else {}
        with self._chosen(chosen) as reading:
            reply = reading.replay.answer(request, origin, reading.addresses(view))
            sites = reading.finder.sites_of(url or "")
        if not url or not sites or not is_memento(reply):
            return reply
        address = f"{view.bases[origin]}{request.target}"
        snapshot = next((chosen[site.project] for site in sites if site.project in chosen), "")
        return reply.with_headers(*negotiated_headers(address, snapshot, ends(projects, url, address)))

    def _projects_of(self, url: str) -> Sequence[Project]:
        """Return the projects that have captures of a URL's origin now; all, where none has."""
        with self._chosen({}) as reading:
            names = {site.project for site in reading.finder.sites_of(url)}
        projects = self._snapshots.projects
        return [project for project in projects if project.name in names] or projects

    def _answer_memento(self, request: Request, origin: Origin, view: View) -> Reply:
        """Answer ``/-/at/<snapshot>/<path>``."""
        parts = split_memento_path(request.path)
        having = [
            name for name, ids in self._snapshots.ids().items() if parts is not None and parts[0] in ids
        ]
        if parts is None or not having:
            return plain(404, "there is no such snapshot")
        with self._chosen(dict.fromkeys(having, parts[0])) as reading:
            inner = replace(request, path=parts[1])
            return reading.replay.answer(inner, origin, reading.addresses(view))

    @contextmanager
    def _chosen(self, snapshots: Mapping[str, str]) -> Iterator[Reading]:
        """Lend what answers from the snapshots named by project; for others, and for what cannot be read, the newest."""
        default = self._readings.default()
        choice = self._snapshots.choice(snapshots, default) if snapshots else default
        try:
            reading = self._readings.take(choice)
        except ArchiverError as error:
            self._log(f"a snapshot cannot be read: {error}")
            choice = default
            reading = self._readings.take(choice)
        try:
            yield reading
        finally:
            self._readings.give_back(choice)

    def _own(self, request: Request, view: View) -> Reply | None:
        """Answer what is under ``/-/`` at every address; None where there is no such thing."""
        if not request.is_read:
            return method_not_allowed()
        if request.path == AUTHORITY and self._authority:
            return Reply(200, (("Content-Type", "application/x-x509-ca-cert"), *SANDBOX), self._authority)
        if request.path == CHOOSE:
            return choose(request, view, self._snapshots.ids(), self._book.names)
        if request.path.startswith(TIMEMAP):
            with self._chosen({}) as reading:
                view = reading.addresses(view)
            return time_map(request, self._projects_of(time_map_url(request)), view)
        if request.path == LOOK_UP:
            with self._chosen(chosen_snapshots(request)) as reading:
                return reading.misses.look_up(request, reading.addresses(view))
        return asset(request.path[len(ASSETS) :]) if request.path.startswith(ASSETS) else None

    def _read(self, opened: Sequence[Opened]) -> Reading:
        """Make what answers from open snapshots."""
        holdings = [each.holding for each in opened]
        search = [each.search for each in opened if each.search.present]
        finder = Finder([site for holding in holdings for site in holding.sites])
        choice = tuple(holding.snapshot for holding in holdings)
        choices = partial(self._snapshots.choices, choice)
        misses = Misses(finder, Missing(holdings, self._log), search, choices, self._log)
        verified = {
            holding.project: self._verified
            for holding in holdings
            if holding.snapshot in self._checked.get(holding.project, ())
        }
        return Reading(
            self._widening(site for holding in holdings for site in holding.sites),
            search,
            LandingSite(holdings, search, choices, verified),
            Registry(
                [holding.images for holding in holdings], self._log, partial(self._earlier_images, choice)
            ),
            Downloads([holding.files for holding in holdings], self._log),
            finder,
            misses,
            Replay(finder, misses, self._log),
        )

    def _widening(self, sites: Iterable[Site]) -> Callable[[View], View]:
        texts = (text for site in sites for text in (*site.origins, *site.requisite_origins))
        strange = set(map(Origin.of, texts)) - self._book.origins
        if not strange:
            return _as_it_is
        return lru_cache(maxsize=_VIEWS)(lambda view: view.with_mounted(strange))

    def _earlier_images(self, choice: Choice) -> Iterator[ImageShelf]:
        """Yield the images of all snapshots but those of a choice."""
        for project, chosen in zip(self._snapshots.projects, choice):
            for snapshot in reversed(project.snapshots()):
                if snapshot != chosen:
                    try:
                        yield project.images(snapshot)
                    except ArchiverError as error:
                        self._log(f"the images of {project.name}, snapshot {snapshot}: {error}")


def _as_it_is(view: View) -> View:
    return view


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
