"""What search is asked for by a request, and what it answers to programs: ``/-/search.json``.

docs/reading-offline.md tells the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Sequence

from archiver.core.errors import SearchUnavailable
from archiver.offline.search.directory import Facet, Facets, Filters
from archiver.offline.search.files import search_all
from archiver.offline.search.query import parse_query

if TYPE_CHECKING:
    from archiver.offline.addresses import View
    from archiver.offline.search.files import SearchFile, SearchResults
    from archiver.offline.search.index import Hit
    from archiver.offline.wsgi import Request

PAGE_SIZE = 20
_MOST_HITS = 100
_LONGEST_FILTER = 200  # characters
_MOST_DIGITS = 6  # of a number in a request


@dataclass(frozen=True)
class Asked:
    """A search that somebody asks for.

    Attributes:
        text: what was typed.
        filters: what to limit it to.
        limit: how many hits to show, at most 100.
        offset: how many to pass over.
        typing: whether the last word may be unfinished.
    """

    text: str
    filters: Filters
    limit: int = PAGE_SIZE
    offset: int = 0
    typing: bool = False

    @classmethod
    def by(cls, request: Request) -> Asked:
        """Read a request's parameters; what makes no sense is passed over, see ``nonsense``."""
        return cls(
            request.parameter("q"),
            Filters(*(request.parameter(name)[:_LONGEST_FILTER] for name in ("source", "version", "locale"))),
            min(_number(request.parameter("limit"), PAGE_SIZE), _MOST_HITS),
            _number(request.parameter("offset"), 0),
            bool(request.parameter("typing")),
        )

    def parameters(self, offset: int) -> dict[str, str]:
        """Return the parameters of the same search at another offset; empty ones are left out."""
        given = {
            "q": self.text,
            "source": self.filters.source,
            "version": self.filters.version,
            "locale": self.filters.locale,
            "offset": str(offset) if offset else "",
        }
        return {name: value for name, value in given.items() if value}


def nonsense(request: Request) -> str:
    """Say what number among a request's parameters is none; nothing where all are: programs are to learn of mistakes."""
    for name in ("limit", "offset"):
        text = request.parameter(name)
        if text and not _is_number(text):
            return f"{name}={text[:_LONGEST_FILTER]!r} is not a whole number of at most {_MOST_DIGITS} digits"
    return ""


def find(files: Sequence[SearchFile], asked: Asked) -> SearchResults:
    """Search. Raises SearchUnavailable where there is nothing to search in."""
    if not files:
        raise SearchUnavailable(
            "there is no search index here",
            hint="archiver serve makes it for the newest snapshot of an archive folder; archiver.pyz cannot",
        )
    query = parse_query(asked.text, as_you_type=asked.typing)
    return search_all(files, query, limit=asked.limit, offset=asked.offset, filters=asked.filters)


def results_document(asked: Asked, results: SearchResults, facets: Facets, view: View) -> dict[str, Any]:
    """Return ``/-/search.json``."""
    return {
        "query": asked.text,
        "total": results.total,
        "more": results.more,
        "loose": results.loose,
        "hits": [_hit(hit, view) for hit in results.hits],
        "facets": {
            "source": _facets(facets.sources),
            "version": _facets(facets.versions),
            "locale": _facets(facets.locales),
        },
    }


def _hit(hit: Hit, view: View) -> dict[str, Any]:
    """Return a hit; ``marks`` are ``[start, stop]`` in characters of ``snippet``."""
    return {
        "title": hit.title,
        "heading": hit.heading,
        "url": view.address(hit.target),
        "original": hit.target,
        "snippet": hit.snippet.text,
        "marks": [list(span) for span in hit.snippet.marks],
        "others": [
            {"heading": other.heading, "url": view.address(place), "original": place}
            for other in hit.others
            for place in [hit.place(other.anchor)]
        ],
        "timestamp": hit.timestamp,
        "source": hit.source,
        "version": hit.version,
        "locale": hit.locale,
        "project": hit.project,
        "score": hit.score,
    }


def _facets(facets: Sequence[Facet]) -> list[dict[str, Any]]:
    return [{"name": facet.name, "pages": facet.pages} for facet in facets]


def _number(text: str, default: int) -> int:
    return int(text) if _is_number(text) else default


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
