"""The frame around the server's own pages, and the forms that numbers and times take on them.

Titles, names and messages come from strangers: every value goes through ``esc``. The pages load nothing but
the two files in ``assets/``, and are complete without the script.
"""

from __future__ import annotations

from html import escape
from importlib import resources

from archiver.core.clock import iso_of_timestamp14
from archiver.offline.wsgi import Headers, Reply
from archiver.version import PROGRAM

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


def esc(text: str) -> str:
    """Return text that is safe between tags and inside of quoted attributes."""
    return escape(text, quote=True)


def page(title: str, content: str, *, status: int = 200, policy: Headers = OWN_POLICY) -> Reply:
    """Return an HTML page in the frame that all of the server's own pages share.

    Args:
        title: plain text.
        content: the markup of the body, already escaped.
        status: the HTTP status.
        policy: the headers that say what the page may load.
    """
    document = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{esc(title)}</title>
<link rel="icon" href="{ASSETS}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{ASSETS}style.css">
<script src="{ASSETS}script.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
{content}
<footer class="foot"><p>Served by {esc(PROGRAM)}, without the internet. Everything is checked against its
digest as it is read.</p></footer>
</body>
</html>
"""
    headers = (("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-cache"))
    return Reply(status, headers + policy, document.encode("utf-8", "replace"))


def asset(name: str) -> Reply | None:
    """Return one of the files that the pages load, or None where there is no such file."""
    media_type = _ASSET_TYPES.get(name)
    if media_type is None:
        return None
    data = resources.files("archiver.offline").joinpath("assets", name).read_bytes()
    headers: Headers = (("Content-Type", media_type), ("Cache-Control", "no-cache"))
    return Reply(200, (*headers, ("X-Content-Type-Options", "nosniff")), data)


def search_box(query: str = "", *, action: str = "/-/search", extra: str = "", focus: bool = False) -> str:
    """Return the search form; ``extra`` is markup put inside of it."""
    autofocus = " autofocus" if focus else ""
    return (
        f'<form class="search" role="search" action="{esc(action)}" method="get">'
        '<label class="hidden" for="q">Search the documentation</label>'
        f'<input id="q" name="q" type="search" value="{esc(query)}" placeholder="Search the documentation"'
        f' autocomplete="off" spellcheck="false" maxlength="300"{autofocus}>{extra}'
        '<button type="submit">Search</button></form>'
    )


def day_text(iso: str) -> str:
    """Return the day of an ISO time, and the time of day: ``2026-11-23 00:44 UTC``; as it is where it is none."""
    return f"{iso[:10]} {iso[11:16]} UTC" if len(iso) == 20 and iso.endswith("Z") else iso


def day_of_timestamp(timestamp: str) -> str:
    """Return the day of a 14-digit timestamp, or nothing where it is none."""
    try:
        return iso_of_timestamp14(timestamp)[:10]
    except ValueError:
        return ""
