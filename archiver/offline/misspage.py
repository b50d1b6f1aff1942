"""What stands for a URL that is not in the archive: a page for people, a line for what pages load, JSON for programs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Sequence
from urllib.parse import unquote

from archiver.offline.markup import esc, page, search_box
from archiver.offline.wsgi import Reply

if TYPE_CHECKING:
    from archiver.offline.missing import Why

HEADER = "X-Archive-Miss"
_LINE = ("Content-Type", "text/plain; charset=utf-8")
_DOCUMENTS = frozenset({"document", "iframe", "frame"})


@dataclass(frozen=True)
class Near:
    """Something that is here and may be what is looked for.

    Attributes:
        url: the original URL.
        address: where it is served.
        title: what it is called; empty where only its address is known.
    """

    url: str
    address: str
    title: str = ""


@dataclass(frozen=True)
class Miss:
    """A URL that is not here.

    Attributes:
        url: the original URL.
        why: the reason.
        above: the page of the closest folder above it.
        neighbours: pages with addresses much like it.
        found: pages that a search for the words of its address finds.
    """

    url: str
    why: Why
    above: Near | None = None
    neighbours: tuple[Near, ...] = ()
    found: tuple[Near, ...] = ()

    @property
    def nearest(self) -> tuple[Near, ...]:
        """All that is near: what is most alike first, the folder above last."""
        return (*self.neighbours, *self.found, *((self.above,) if self.above else ()))


def words_of(url: str) -> str:
    """Return the words of the last part of a URL that has any, as something to search for."""
    path = url.partition("://")[2].partition("/")[2]
    for part in reversed(unquote(re.split("[?#]", path, maxsplit=1)[0]).split("/")):
        words = " ".join(re.split(r"[^\w]+", re.sub(r"\.\w{1,5}\Z", "", part))).replace("_", " ").strip()
        if words and words.lower() != "index":
            return words[:80].strip()
    return ""


def is_for_people(sec_fetch_dest: str, accept: str) -> bool:
    """Say whether somebody is to read the answer, by the headers of the request; else a page or a program wants a part.

    Browsers tell plain-HTTP servers on other machines nothing of the destination, but ask for pages as ``text/html``.
    """
    return sec_fetch_dest in _DOCUMENTS if sec_fetch_dest else not accept or "text/html" in accept


def miss_page(miss: Miss, main: str, *, searchable: bool, dates: str = "") -> Reply:
    """Return the page that stands for a URL that is not in the archive.

    Args:
        miss: what is known of it.
        main: base URL of the landing page.
        searchable: whether there is a search to offer.
        dates: the markup that tells of other snapshots and chooses one, where there are others.
    """
    search = search_box(words_of(miss.url), action=f"{main}/-/search") if searchable else ""
    above = _listed("The nearest page above it", (miss.above,)) if miss.above else ""
    return page(
        "Not in this archive",
        '<main id="main" class="wrap miss"><p class="eyebrow">Offline copy</p><h1>This page is not in the archive</h1>'
        f'<p class="url">{esc(miss.url)}</p><p class="why" data-reason="{esc(miss.why.code)}">{esc(miss.why.text)}</p>'
        f"{search}{dates}{_listed('Pages near it', miss.neighbours)}{_listed('Pages about it', miss.found)}{above}"
        f'<ul class="plain"><li><a href="{esc(main)}/">Everything that is here</a></li></ul></main>',
        status=404,
        policy=((HEADER, miss.why.code),),
    )


def no_site_page(name: str, main: str) -> Reply:
    """Return the page at a host name that no archived site has; ``main`` is the base URL of the landing page."""
    return page(
        "No such site here",
        '<main id="main" class="wrap miss"><p class="eyebrow">Offline copy</p><h1>No such site is here</h1>'
        f'<p class="url">{esc(name)}</p><p class="why">No archived site has this name. It may be mistyped.</p>'
        f'<ul class="plain"><li><a href="{esc(main)}/">Everything that is here</a></li></ul></main>',
        status=404,
    )


def miss_line(url: str, why: Why) -> Reply:
    """Return what stands for something that a page loads: nobody reads it but in a browser's console.

    Without ``nosniff``, by which browsers would complain of its type as well.
    """
    headers = (_LINE, (HEADER, why.code), ("Cache-Control", "no-cache"))
    return Reply(404, headers, f"not in the archive: {url:.2000}\n{why.text}\n".encode())


def is_missing_part(reply: Reply) -> bool:
    """Say whether a reply is one that ``miss_line`` made."""
    return reply.status == 404 and _LINE in reply.headers and any(name == HEADER for name, _ in reply.headers)


def miss_document(miss: Miss) -> dict[str, Any]:
    """Return what ``/-/lookup.json`` says of a URL that is not here."""
    return {
        "url": miss.url,
        "address": None,
        "reason": miss.why.code,
        "message": miss.why.text,
        "nearest": [{"url": near.url, "address": near.address, "title": near.title} for near in miss.nearest],
    }


def _listed(name: str, pages: Sequence[Near]) -> str:
    if not pages:
        return ""
    items = "".join(
        f'<li><a href="{esc(near.address)}">{esc(near.title or unquote(near.url))}</a>'
        + (f' <span class="from">{esc(near.url)}</span>' if near.title else "")
        + "</li>"
        for near in pages
    )
    return f'<section class="near"><h2>{name}</h2><ul class="plain">{items}</ul></section>'
