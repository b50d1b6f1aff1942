"""Answering for what is not in the archive: why it is not, and what is near."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Sequence
from urllib.parse import urldefrag

from archiver.core.clock import iso_of_timestamp14
from archiver.core.errors import ArchiverError
from archiver.offline.lookup import Found
from archiver.offline.missing import REDIRECTS_TO_NO_URL, redirects_outside
from archiver.offline.misspage import (
    Miss,
    Near,
    is_for_people,
    miss_document,
    miss_line,
    miss_page,
    no_site_page,
    words_of,
)
from archiver.offline.nearby import nearest_above, neighbours
from archiver.offline.redirects import is_redirect, redirect_target
from archiver.offline.search.files import search_all
from archiver.offline.search.query import parse_query
from archiver.offline.titles import title_of
from archiver.offline.wsgi import SANDBOX, json_reply, plain

if TYPE_CHECKING:
    from archiver.offline.addresses import View
    from archiver.offline.lookup import Finder
    from archiver.offline.missing import Missing, Why
    from archiver.offline.otherdates import OtherDates
    from archiver.offline.search.files import SearchFile
    from archiver.offline.wsgi import Reply, Request

LOOK_UP = "/-/lookup.json"
_MOST_NEIGHBOURS = 5
_MOST_FOUND = 5


class Misses:
    """Makes the answers for what is not here.

    Args:
        finder: looks up what is.
        missing: knows why URLs are not.
        search: the search indexes there are.
        other_dates: knows what other snapshots have.
        log: takes a line where an index is damaged; the answer does without.
    """

    def __init__(
        self,
        finder: Finder,
        missing: Missing,
        search: Sequence[SearchFile],
        other_dates: OtherDates,
        log: Callable[[str], None],
    ) -> None:
        self._finder = finder
        self._missing = missing
        self._search = search
        self._other_dates = other_dates
        self._log = log

    def answer(self, request: Request, view: View, url: str, why: Why | None = None) -> Reply:
        """Return the reply for a URL that is not here.

        Args:
            request: a browser's own request gets a page, one for a part of a page a line.
            view: the addresses as this reader sees them.
            url: the original URL.
            why: the reason, where the lookup itself found it.
        """
        if not is_for_people(request.header("Sec-Fetch-Dest"), request.header("Accept")):
            return miss_line(url, why or self._missing.why(url))
        names = {site.project for site in self._finder.sites_of(url)}
        dates = self._other_dates.markup(url, names)
        return miss_page(self.look(view, url, why), view.main, searchable=bool(self._search), dates=dates)

    def look_up(self, request: Request, view: View) -> Reply:
        """Answer ``/-/lookup.json?url=<original URL>``: where it is served, or why it is not and what is near."""
        url = request.parameter("url").partition("#")[0]
        try:
            found = self._answering(view, url)
        except ArchiverError as error:
            self._log(f"{url}: {error}")
            return plain(502, "what the archive has of it is damaged")
        if not isinstance(found, Found):
            return json_reply(miss_document(self.look(view, url, found)), SANDBOX, 404)
        capture = found.capture
        return json_reply(
            {
                "url": url,
                "address": view.locate(capture.url),
                "original": capture.url,
                "status": capture.status,
                "type": capture.mime,
                "time": iso_of_timestamp14(capture.timestamp),
                **({"gone": iso_of_timestamp14(capture.gone)} if capture.gone else {}),
                "project": found.site.project,
                "source": found.site.name,
            },
            SANDBOX,
        )

    def _answering(self, view: View, url: str) -> Found | Why | None:
        """Return what a request for a URL is answered with; where there is nothing, why, if the archive itself says so."""
        own = view.locate(url)
        for found in self._finder.find(url):
            if not is_redirect(found.capture):
                return found
            response = found.site.response(found.capture)
            response.body.close()
            target = redirect_target(found.capture, response)
            if target is None:
                return REDIRECTS_TO_NO_URL
            address = view.locate(urldefrag(target).url)
            if address is None:
                return redirects_outside(target)
            if address != own:
                return found
        return None

    def look(self, view: View, url: str, why: Why | None = None) -> Miss:
        """Return what is known of a URL that is not here."""
        why = why or self._missing.why(url)
        try:
            above = nearest_above(self._finder, url)
            around = neighbours(self._finder, url, _MOST_NEIGHBOURS)
        except ArchiverError as error:  # the page does without
            self._log(f"{url}: {error}")
            above, around = None, ()
        alike = {one.capture.url: _near(one, view) for one in around}
        found = {near.url: near for near in self._found(view, url) if near.url not in alike}
        higher = _near(above, view) if above else None
        if higher is not None:
            alike.pop(higher.url, None)
        return Miss(url, why, higher, tuple(alike.values()), tuple(found.values()))

    def _found(self, view: View, url: str) -> tuple[Near, ...]:
        words = words_of(url)
        if not self._search or not words:
            return ()
        try:
            results = search_all(self._search, parse_query(words), limit=_MOST_FOUND)
        except ArchiverError:  # told where somebody searches
            return ()
        return tuple(Near(hit.url, view.address(hit.url), hit.title) for hit in results.hits)


def no_site(request: Request, view: View) -> Reply:
    """Return the reply at a name that no archived site has."""
    name = request.caller.host.name
    if is_for_people(request.header("Sec-Fetch-Dest"), request.header("Accept")):
        return no_site_page(name, view.main)
    return plain(404, f"no archived site is at {name}; what is here is at {view.main}/")


def _near(found: Found, view: View) -> Near:
    url = found.capture.url
    return Near(url, view.address(url), title_of(found))
