"""The search page and the page for what is not here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Sequence
from urllib.parse import quote, unquote, urlencode, urlsplit

from archiver.core.amounts import count_text
from archiver.offline.markup import day_of_timestamp, esc, page, search_box

if TYPE_CHECKING:
    from archiver.offline.addresses import View
    from archiver.offline.search.index import Hit, SearchResults
    from archiver.offline.search.snippet import Snippet
    from archiver.offline.wsgi import Reply

PAGE_SIZE = 20


def search_page(
    title: str,
    text: str,
    results: SearchResults,
    view: View,
    *,
    offset: int = 0,
    source: str = "",
    sources: Sequence[str] = (),
) -> Reply:
    """Return the page with what was found.

    Args:
        title: of the project or archive.
        text: what the reader typed.
        results: this page of hits.
        view: the addresses as this reader sees them.
        offset: how many hits come before this page's.
        source: the doc site searched, or empty for all.
        sources: the doc sites there are to choose from.
    """
    said = count_text(results.total, "result") if text.strip() else "Type what you are looking for"
    if text.strip() and not results.total:
        said = "Nothing found. Fewer or other words may help; all of them have to occur in one section."
    hits = "".join(f"<li>{_hit(hit, view)}</li>" for hit in results.hits)
    return _frame(
        title,
        text,
        f'<p class="dim" id="said" role="status">{said}</p><ol class="hits" id="hits" start="{offset + 1}">{hits}</ol>'
        f"{_pager(text, results, offset, source)}",
        sources=sources,
        source=source,
    )


def search_off_page(title: str, text: str, reason: str) -> Reply:
    """Return the search page where search is not possible, with the reason."""
    return _frame(title, text, f'<p class="notice">Search is off: {esc(reason)}</p>', status=503)


def hit_document(hit: Hit, view: View) -> dict[str, Any]:
    """Return a hit for ``/-/search.json``; ``marks`` are ``[start, stop]`` in characters of ``snippet``."""
    return {
        "title": hit.title,
        "heading": hit.heading,
        "url": view.locate(hit.target) or hit.target,
        "original": hit.target,
        "snippet": hit.snippet.text,
        "marks": [list(span) for span in hit.snippet.marks],
        "timestamp": hit.timestamp,
        "source": hit.source,
        "project": hit.project,
        "score": hit.score,
    }


def miss_page(url: str, reason: str, view: View, *, nearest: str = "", searchable: bool) -> Reply:
    """Return the page that stands for a URL that is not in the archive.

    Args:
        url: the original URL.
        reason: why it is not here, where that is known.
        view: the addresses as this reader sees them.
        nearest: the original URL of the closest folder above that is here, or empty.
        searchable: whether there is a search to offer.
    """
    search = search_box(_words(url), action=f"{view.main}/-/search") if searchable else ""
    up = (
        f'<li><a href="{esc(view.locate(nearest) or nearest)}">The nearest page above it: {esc(nearest)}</a></li>'
        if nearest
        else ""
    )
    return page(
        "Not in this archive",
        '<main id="main" class="wrap miss"><p class="eyebrow">Offline copy</p><h1>This page is not in the archive</h1>'
        f"<p>{esc(reason) or 'It was outside of what was archived, or could not be fetched at the time.'}</p>"
        f'<p class="url">{esc(url)}</p>{search}<ul class="plain">{up}'
        f'<li><a href="{esc(view.main)}/">Everything that is here</a></li></ul></main>',
        status=404,
        policy=(),
    )


def _words(url: str) -> str:
    """Return the words of a URL's last part, as something to search for."""
    last = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    return " ".join(re.split(r"[-_.+\s]+", re.sub(r"\.x?html?\Z", "", last)))[:80].strip()


def _frame(
    title: str, text: str, content: str, *, status: int = 200, sources: Sequence[str] = (), source: str = ""
) -> Reply:
    options = "".join(
        f'<option value="{esc(name)}"{" selected" if name == source else ""}>{esc(name)}</option>'
        for name in sources
    )
    choice = (
        f'<label class="hidden" for="source">In</label><select id="source" name="source">'
        f'<option value="">all sites</option>{options}</select>'
        if len(sources) > 1
        else ""
    )
    shown = f"{text} · {title}" if text.strip() else f"Search · {title}"
    return page(
        shown,
        f'<header class="top small"><div class="wrap"><p class="eyebrow"><a href="/">{esc(title)}</a></p>'
        f'<h1 class="hidden">Search</h1>{search_box(text, extra=choice, focus=not text.strip())}</div></header>'
        f'<main id="main" class="wrap">{content}</main>',
        status=status,
    )


def _hit(hit: Hit, view: View) -> str:
    url = view.locate(hit.target) or hit.target
    heading = (
        f' <span class="sub">{esc(hit.heading)}</span>' if hit.heading and hit.heading != hit.title else ""
    )
    facts = " · ".join(filter(None, (hit.project, hit.source, day_of_timestamp(hit.timestamp))))
    return (
        f'<a class="hit" href="{esc(url)}"><span class="name">{esc(hit.title or hit.url)}</span>{heading}</a>'
        f'<p class="from">{esc(hit.target)}</p><p class="text">{_marked(hit.snippet)}</p>'
        f'<p class="dim">{esc(facts)}</p>'
    )


def _marked(snippet: Snippet) -> str:
    pieces: list[str] = []
    end = 0
    for start, stop in snippet.marks:
        if start >= end:
            pieces += (esc(snippet.text[end:start]), f"<mark>{esc(snippet.text[start:stop])}</mark>")
            end = stop
    return "".join(pieces) + esc(snippet.text[end:])


def _pager(text: str, results: SearchResults, offset: int, source: str) -> str:
    def link(name: str, to: int, rel: str) -> str:
        query = urlencode({"q": text, "source": source, "offset": to}, quote_via=quote)
        return f'<a rel="{rel}" href="/-/search?{esc(query)}">{name}</a>'

    links = []
    if offset > 0:
        links.append(link("Previous", max(0, offset - PAGE_SIZE), "prev"))
    if offset + PAGE_SIZE < results.total:
        links.append(link("Next", offset + PAGE_SIZE, "next"))
    return (
        f'<nav class="pager" id="pager" aria-label="Pages of results">{"".join(links)}</nav>' if links else ""
    )
