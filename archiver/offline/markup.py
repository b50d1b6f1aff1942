"""The frame around the server's own pages, and the forms that numbers and times take on them.

Titles, names and messages come from strangers: every value goes through ``esc``. The pages load nothing but
the files in ``assets/``, and are complete without the script.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from archiver.core.clock import iso_of_timestamp14, parse_iso
from archiver.offline.wsgi import Headers, Reply
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Iterable

ASSETS = "/-/assets/"
_ASSET_TYPES = {
    "style.css": "text/css; charset=utf-8",
    "script.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_OWN_SOURCES = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
OWN_POLICY: Headers = (
    (
        "Content-Security-Policy",
        _OWN_SOURCES,
    ),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
_FOREVER = "public, max-age=31536000, immutable"
_CHECKED_AS_READ = "Everything is checked against its digest as it is read."


def esc(text: str) -> str:
    """Return text that is safe between tags and inside of quoted attributes."""
    return escape(text, quote=True)


def page(
    title: str,
    content: str,
    *,
    status: int = 200,
    policy: Headers = OWN_POLICY,
    root: str = "",
    foot: str = _CHECKED_AS_READ,
) -> Reply:
    """Return an HTML page in the frame that all of the server's own pages share.

    Args:
        title: plain text.
        content: the markup of the body, already escaped.
        status: the HTTP status.
        policy: the headers that say what the page may load.
        root: the path below which this server's own pages are, without a final slash; empty but behind a proxy.
        foot: plain text for the foot of the page.
    """
    document = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{esc(title)}</title>
<link rel="icon" href="{esc(asset_url("icon.svg", root))}" type="image/svg+xml">
<link rel="stylesheet" href="{esc(asset_url("style.css", root))}">
<script src="{esc(asset_url("script.js", root))}" defer></script>
</head>
<body data-root="{esc(root)}">
<a class="skip" href="#main">Skip to content</a>
{content}
<footer class="foot"><p>Served by {esc(PROGRAM)}, without the internet. {esc(foot)}</p></footer>
</body>
</html>
"""
    headers = (("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-cache"))
    return Reply(status, headers + policy, document.encode("utf-8", "replace"))


def asset_url(name: str, root: str = "") -> str:
    """Return the address of a file that the pages load: it names the content, so that a browser may keep it."""
    return f"{root}{ASSETS}{_tag(name)}/{name}"


def asset(name: str) -> Reply | None:
    """Return one of the files that the pages load, or None where there is no such file.

    Args:
        name: what follows ``/-/assets/``: the file's name, after the tag of its content or alone.
    """
    tag, _, name = name.rpartition("/")
    media_type = _ASSET_TYPES.get(name)
    if media_type is None or tag not in ("", _tag(name)):
        return None
    headers: Headers = (
        ("Content-Type", media_type),
        ("Cache-Control", _FOREVER if tag else "no-cache"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Reply(200, headers, _content(name))


def search_box(
    query: str = "", *, action: str = "/-/search", extra: str = "", focus: bool = False, hint: str = ""
) -> str:
    """Return the search form.

    Args:
        query: what stands in it.
        action: the address of the search page.
        extra: the markup of further fields.
        focus: whether the reader is to type at once.
        hint: what the empty box says.
    """
    autofocus = " autofocus" if focus else ""
    hint = hint or "Search the documentation"
    filters = f'<div class="filters">{extra}</div>' if extra else ""
    return (
        f'<form class="search" role="search" aria-label="Search" action="{esc(action)}" method="get">'
        '<div class="field"><label class="hidden" for="q">Search the documentation</label>'
        f'<input id="q" name="q" type="search" value="{esc(query)}" placeholder="{esc(hint)}"'
        f' autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="300" aria-keyshortcuts="/"{autofocus}>'
        f'<button type="submit">Search</button></div>{filters}</form>'
    )


def section(anchor: str, name: str, note: str, content: str) -> str:
    """Return a section of a page; ``content`` is markup, the rest plain text."""
    return (
        f'<section aria-labelledby="{esc(anchor)}-h" id="{esc(anchor)}"><div class="head">'
        f'<h2 id="{esc(anchor)}-h">{esc(name)}</h2><p class="dim">{esc(note)}</p></div>{content}</section>'
    )


def groups(folded: Iterable[tuple[str, str, str]]) -> str:
    """Return content that is folded away: of each group its name and a count as plain text, and markup."""
    items = "".join(
        f'<details class="group"><summary><span class="name" dir="auto">{esc(name)}</span>'
        f'<span class="count">{esc(count)}</span></summary>{content}</details>'
        for name, count, content in folded
    )
    return f'<div class="groups">{items}</div>'


def narrow_box(name: str, label: str, text: str) -> str:
    """Return the form that narrows the list ``<name>-list`` of section ``name`` to what has a text in its name."""
    again = f'<a href="?#{esc(name)}">Show all</a>' if text else ""
    return (
        f'<form class="narrow" method="get" action="#{esc(name)}" role="search" aria-label="{esc(label)}">'
        f'<label class="hidden" for="{esc(name)}-find">{esc(label)}</label>'
        f'<input type="search" id="{esc(name)}-find" name="{esc(name)}" value="{esc(text)}" placeholder="{esc(label)}"'
        f' autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="100" data-narrows="{esc(name)}-list">'
        f'<button type="submit">Find</button>{again}</form>'
    )


def command(text: str, only_for: str = "") -> str:
    """Return something to be typed or put in a file, which the script gives a button to copy it.

    Args:
        text: a line or several.
        only_for: the client, of those to choose from, that it is for; empty for all.
    """
    choice = f' data-for="{esc(only_for)}"' if only_for else ""
    return f'<pre class="cmd"{choice}><code>{esc(text)}</code></pre>'


def badge(text: str, kind: str = "", href: str = "") -> str:
    """Return a short statement that stands out, as a link where it leads somewhere; ``kind`` is good, warn or empty."""
    name = f"badge {kind}".strip()
    if href:
        return f'<a class="{name}" href="{esc(href)}">{esc(text)}</a>'
    return f'<span class="{name}">{esc(text)}</span>'


def time_tag(iso: str) -> str:
    """Return an ISO time as markup: for people to read, and for programs."""
    return f'<time datetime="{esc(iso)}">{esc(day_text(iso))}</time>'


def day_tag(iso: str) -> str:
    """Return the day of an ISO time as markup."""
    return f'<time datetime="{esc(iso)}">{esc(iso[:10])}</time>'


def day_text(iso: str) -> str:
    """Return the day of an ISO time, and the time of day: ``2026-11-23 00:44 UTC``; as it is where it is none."""
    return f"{iso[:10]} {iso[11:16]} UTC" if len(iso) == 20 and iso.endswith("Z") else iso


def gone_text(iso: str) -> str:
    """Return since when upstream has something no longer, as markup that follows other facts; nothing for an empty time."""
    return f' · <span class="trouble">gone upstream since {esc(iso[:10])}</span>' if iso else ""


def age_text(iso: str, now: datetime) -> str:
    """Return how long ago an ISO time was, roughly: ``3 days ago``; nothing where it is no time, or still to come."""
    try:
        days = (now - parse_iso(iso)).days
    except ValueError:
        return ""
    if days < 0:
        return ""
    if days < 2:
        return ("today", "yesterday")[days]
    for least, length, noun in ((730, 365.25, "years"), (60, 30.44, "months")):
        if days >= least:
            return f"{int(days / length)} {noun} ago"
    return f"{days} days ago"


def day_of_timestamp(timestamp: str) -> str:
    """Return the day of a 14-digit timestamp, or nothing where it is none."""
    try:
        return iso_of_timestamp14(timestamp)[:10]
    except ValueError:
        return ""


@lru_cache(maxsize=len(_ASSET_TYPES))
def _content(name: str) -> bytes:
    folder = resources.files("archiver.offline").joinpath("assets")
    return folder.joinpath(name).read_bytes()  # one step at a time: in a zip, Python 3.9 takes no more


@lru_cache(maxsize=len(_ASSET_TYPES))
def _tag(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:12]
