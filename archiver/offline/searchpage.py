"""The search page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence
from urllib.parse import quote, urlencode

from archiver.core.amounts import count_text
from archiver.core.editions import normal_version
from archiver.offline.markup import day_of_timestamp, esc, page, search_box
from archiver.offline.searchapi import PAGE_SIZE

if TYPE_CHECKING:
    from archiver.offline.addresses import View
    from archiver.offline.search.directory import Facet, Facets
    from archiver.offline.search.files import SearchResults
    from archiver.offline.search.index import Hit
    from archiver.offline.search.snippet import Snippet
    from archiver.offline.searchapi import Asked
    from archiver.offline.wsgi import Reply

_KEYS = '<p class="keys"><kbd>/</kbd> box <kbd>\u2193</kbd> <kbd>\u2191</kbd> what is found <kbd>Enter</kbd> open</p>'


def search_page(title: str, asked: Asked, results: SearchResults, facets: Facets, view: View) -> Reply:
    """Return the page with what was found.

    Args:
        title: of the project or archive.
        asked: what the reader asked for.
        results: this page of hits.
        facets: what the search can be limited to.
        view: the addresses as this reader sees them.
    """
    said = "Type what you are looking for"
    if asked.text.strip():
        said = count_text(results.total, "page")
        if results.more:
            said = f"More than {said}"
        if results.loose:
            said += ". No section has all of these words; these have some of them."
        if not results.total:
            said = "Nothing found. Other words may help, or fewer limits."
    hits = "".join(f"<li>{_hit(hit, view)}</li>" for hit in results.hits)
    return _frame(
        title,
        asked.text,
        f'<div class="line"><p class="found" id="said" role="status">{said}</p>{_KEYS}</div>'
        f'<ol class="hits" id="hits" start="{asked.offset + 1}">{hits}</ol>{_pager(asked, results, view)}',
        view,
        choices="".join(
            _choice(name, any_of, values, chosen)
            for name, any_of, values, chosen in (
                ("source", "all sites", facets.sources, asked.filters.source),
                (
                    "version",
                    "all versions",
                    facets.versions,
                    _as_listed(facets.versions, asked.filters.version),
                ),
                ("locale", "all languages", facets.locales, asked.filters.locale),
            )
        ),
    )


def search_off_page(title: str, text: str, reason: str, view: View) -> Reply:
    """Return the search page where search is not possible, with the reason."""
    return _frame(title, text, f'<p class="notice">Search is off: {esc(reason)}</p>', view, status=503)


def _frame(title: str, text: str, content: str, view: View, *, status: int = 200, choices: str = "") -> Reply:
    shown = f"{text} · {title}" if text.strip() else f"Search · {title}"
    return page(
        shown,
        f'<header class="top small"><div class="wrap"><p class="eyebrow"><a href="{view.prefix}/">{esc(title)}</a></p>'
        f'<h1 class="hidden">Search</h1>{search_box(text, action=f"{view.prefix}/-/search", extra=choices, focus=not text.strip())}'
        f'</div></header><main id="main" class="wrap">{content}</main>',
        status=status,
        root=view.prefix,
    )


def _as_listed(versions: Sequence[Facet], version: str) -> str:
    """Return a version as the list of them writes it."""
    wanted = normal_version(version)
    return next((each.name for each in versions if normal_version(each.name) == wanted), version)


def _choice(name: str, any_of: str, values: Sequence[Facet], chosen: str) -> str:
    """Return a list to choose a limit from; nothing where there is no choice."""
    if len(values) < 2:
        return ""
    options = "".join(
        f'<option value="{esc(value.name)}"{" selected" if value.name == chosen else ""}>{esc(value.name)}</option>'
        for value in values
    )
    return (
        f'<label class="hidden" for="{name}">{any_of}</label><select id="{name}" name="{name}">'
        f'<option value="">{any_of}</option>{options}</select>'
    )


def _hit(hit: Hit, view: View) -> str:
    url = view.address(hit.target)
    heading = (
        f' <span class="sub">{esc(hit.heading)}</span>' if hit.heading and hit.heading != hit.title else ""
    )
    facts = " · ".join(
        filter(None, (hit.project, hit.source, hit.version, hit.locale, day_of_timestamp(hit.timestamp)))
    )
    places = ((other.heading, hit.place(other.anchor)) for other in hit.others)
    others = "".join(
        f'<li><a class="hit" href="{esc(view.address(place))}">{esc(heading)}</a></li>'
        for heading, place in places
    )
    also = f'<ul class="others" aria-label="Also on this page">{others}</ul>' if others else ""
    return (
        f'<a class="hit" href="{esc(url)}"><span class="name">{esc(hit.title or hit.url)}</span>{heading}</a>'
        f'<p class="from">{esc(hit.target)}</p><p class="text">{_marked(hit.snippet)}</p>'
        f'{also}<p class="dim">{esc(facts)}</p>'
    )


def _marked(snippet: Snippet) -> str:
    pieces: list[str] = []
    end = 0
    for start, stop in snippet.marks:
        if start >= end:
            pieces += (esc(snippet.text[end:start]), f"<mark>{esc(snippet.text[start:stop])}</mark>")
            end = stop
    return "".join(pieces) + esc(snippet.text[end:])


def _pager(asked: Asked, results: SearchResults, view: View) -> str:
    def link(name: str, to: int, rel: str) -> str:
        query = urlencode(asked.parameters(to), quote_via=quote)
        return f'<a rel="{rel}" href="{view.prefix}/-/search?{esc(query)}">{name}</a>'

    links = []
    if asked.offset > 0:
        links.append(link("Previous", max(0, asked.offset - PAGE_SIZE), "prev"))
    if asked.offset + PAGE_SIZE < results.total:
        links.append(link("Next", asked.offset + PAGE_SIZE, "next"))
    return (
        f'<nav class="pager" id="pager" aria-label="Pages of results">{"".join(links)}</nav>' if links else ""
    )
