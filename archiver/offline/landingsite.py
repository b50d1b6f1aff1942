"""The landing site: what is here, search for people and for programs, and the list of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from archiver.core import jsontext
from archiver.core.errors import SearchUnavailable
from archiver.offline.landing import file_url, image_name, landing_page, site_url
from archiver.offline.markup import OWN_POLICY
from archiver.offline.search.files import search_all
from archiver.offline.search.query import parse_query
from archiver.offline.searchpage import PAGE_SIZE, hit_document, search_off_page, search_page
from archiver.offline.wsgi import Reply

if TYPE_CHECKING:
    from archiver.core.errors import ArchiverError
    from archiver.offline.addresses import View
    from archiver.offline.holdings import Holding
    from archiver.offline.search.files import SearchFile
    from archiver.offline.search.index import SearchResults
    from archiver.offline.wsgi import Request


class LandingSite:
    """Answers requests for the main address that are neither for the registry nor for files.

    Args:
        holdings: at least one.
        search: those of their search indexes that are there.
    """

    def __init__(self, holdings: Sequence[Holding], search: Sequence[SearchFile]) -> None:
        self._holdings = holdings
        self._search = search
        self._sources = tuple(dict.fromkeys(site.name for holding in holdings for site in holding.sites))
        self._title = (holdings[0].title or holdings[0].project) if len(holdings) == 1 else "Archive"

    def answer(self, request: Request, view: View) -> Reply | None:
        """Answer a GET or HEAD; None where there is no such page."""
        if request.path == "/":
            return landing_page(self._holdings, view)
        if request.path == "/-/search":
            return self._search_page(request, view)
        if request.path == "/-/search.json":
            return self._search_json(request, view)
        if request.path == "/-/bundle.json":
            return _json(contents(self._holdings, view))
        return None

    def _search_page(self, request: Request, view: View) -> Reply:
        text, source = request.parameter("q"), request.parameter("source")
        offset = _number(request.parameter("offset"), 0)
        try:
            results = self._find(text, source, PAGE_SIZE, offset, typing=False)
        except SearchUnavailable as error:
            return search_off_page(self._title, text, with_hint(error))
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
            return _json({"error": {"code": error.code, "message": with_hint(error)}}, 503)
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


def _json(document: Any, status: int = 200) -> Reply:
    headers = (("Content-Type", "application/json"), ("Cache-Control", "no-cache"))
    return Reply(status, headers + OWN_POLICY, jsontext.dump(document))


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default


def with_hint(error: ArchiverError) -> str:
    """Return an error's message, with its hint where it has one."""
    return error.message + (f" ({error.hint})" if error.hint else "")
