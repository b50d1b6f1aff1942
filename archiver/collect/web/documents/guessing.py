"""Which strings of scripts and data look like references, and what they are relative to.

A string that names a file is as good as a link only where the code around it says so. Elsewhere it is a
guess: worth a request, and not worth a word where the server has no such thing.
"""

from __future__ import annotations

import re
from typing import Iterator

LONGEST = 500
"""The most characters of what is taken for a reference; what people name files is shorter."""
_HOST = r"(?:(?:https?:)?//[\w.-]++(?::\d++)?+(?=/))?+"
_PATH = r"[\w./@%~+,=&!()\[\]-]"
_ASSET = re.compile(
    rf"{_HOST}{_PATH}*?[\w)\]]\.(?:[cm]?js|css|json|webmanifest|wasm|woff2?|ttf|otf|eot|svg|png|jpe?g|gif|webp|"
    r"avif|ico|bmp|mp[34]|m4[av]|webm|og[gva]|wav|flac|vtt|xml)(?:\?[^\s\"'`<>{}|\\^#]*+)?(?:#\S*+)?",
    re.IGNORECASE | re.ASCII,
)
_PAGE = re.compile(
    rf"{_HOST}{_PATH}*?[\w)\]]\.(?:x?html?|php|aspx?|jsp)(?:\?[^\s\"'`<>{{}}|\\^#]*+)?(?:#.*+)?",
    re.IGNORECASE,
)
_ROOTED = re.compile(rf"{_HOST}/(?!/){_PATH}*+(?:\?[^\s\"'`<>{{}}|\\^#]*+)?(?:#.*+)?")
_STATIC = frozenset(
    {"_app", "_next", "_nuxt", "_static", "assets", "build", "chunks", "css", "dist", "fonts", "images", "img",
     "javascript", "javascripts", "js", "lib", "libs", "lunr", "public", "script", "scripts", "search", "search.index",
     "src", "static", "static.files", "styles", "theme", "themes", "vendor", "workers"}
)  # fmt: skip
"""Folders that a site's own files are in, so that what is above them is the site."""


def is_asset(text: str) -> bool:
    """Say whether a string looks like a reference to a file that pages are made of."""
    return len(text) <= LONGEST and "." in text and _ASSET.fullmatch(text) is not None


def is_page(text: str) -> bool:
    """Say whether a string looks like a reference to a page, by its ending."""
    return len(text) <= LONGEST and "." in text and _PAGE.fullmatch(text) is not None


def is_rooted(text: str) -> bool:
    """Say whether a string looks like a URL, or like a path from the root."""
    return len(text) <= LONGEST and "/" in text and _ROOTED.fullmatch(text) is not None


def places(reference: str, path: str) -> Iterator[str]:
    """Yield what a relative reference in a file may mean, best first, as references of that file.

    Scripts name files relative to themselves, to the page that runs them, or to the site's root. Of the last
    two a file on its own knows but this: a reference into a folder that stands in the file's own path is
    probably meant from where that folder is; and what is above all static folders is probably the site.

    Args:
        reference: as the file has it.
        path: the path of the file's URL.
    """
    if reference.startswith(("/", "./", "../")) or "://" in reference[:8]:
        yield reference
        return
    folders = path.split("/")[1:-1]
    first = reference.partition("/")[0]
    if first != reference and first in folders:
        depth = len(folders) - folders[::-1].index(first) - 1
        yield "/" + "".join(f"{folder}/" for folder in folders[:depth]) + reference
        return
    site = site_folder(path)
    yield site + reference
    if not path.startswith(site) or "/" not in reference:
        yield "./" + reference


def site_folder(path: str) -> str:
    """Return the folder that a site's file is probably of: the one above the first static folder."""
    folders = path.split("/")[1:-1]
    depth = next((at for at, folder in enumerate(folders) if folder in _STATIC), len(folders))
    return "/" + "".join(f"{folder}/" for folder in folders[:depth])
