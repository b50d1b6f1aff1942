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
_QUERY = r"(?:\?[^\s\"'`<>{}|\\^#]*+)?(?:#.*+)?"
_NAME = r"(?![@~]|\.\w)[\w./@%~+&!()\[\]-]*?[\w)\]!]"  # neither a bundler's module nor a mere ending
_ASSET = re.compile(
    rf"{_HOST}{_NAME}\.(?:[cm]?js|css|json|webmanifest|wasm|woff2?|ttf|otf|eot|svg|png|jpe?g|gif|webp|avif|ico|bmp|"
    rf"mp[34]|m4[av]|webm|og[gva]|wav|flac|vtt|xml){_QUERY}",
    re.IGNORECASE | re.ASCII,
)
_PAGE = re.compile(
    rf"{_HOST}{_NAME}\.(?:x?html?|php|aspx?|jsp|pdf|csv|tsv|txt|ya?ml|zip|tgz|gz|epub|ipynb){_QUERY}",
    re.IGNORECASE,
)
_ROOTED = re.compile(rf"{_HOST}/(?!/)[\w./@%~+,=&!()\[\]-]*+{_QUERY}")
_FOREIGN = "node_modules/"  # in what scripts call the modules that they were made of
_STATIC = frozenset(
    {"_app", "_next", "_nuxt", "_static", "assets", "build", "chunks", "css", "dist", "fonts", "images", "img",
     "javascript", "javascripts", "js", "lib", "libs", "lunr", "public", "script", "scripts", "search", "search.index",
     "src", "static", "static.files", "styles", "theme", "themes", "vendor", "workers"}
)  # fmt: skip
"""Folders that a site's own files are in, so that what is above them is the site."""


def is_asset(text: str) -> bool:
    """Say whether a string looks like a reference to a file that pages are made of."""
    return _fits(text, _ASSET) and _FOREIGN not in text


def is_page(text: str) -> bool:
    """Say whether a string looks like a reference to a page, or to a file to keep, by its ending."""
    return _fits(text, _PAGE)


def is_rooted(text: str) -> bool:
    """Say whether a string looks like a URL, or like a path from the root."""
    return "/" in text and len(text) <= LONGEST and _ROOTED.fullmatch(text) is not None


def _fits(text: str, pattern: re.Pattern[str]) -> bool:
    return "." in text and len(text) <= LONGEST and pattern.fullmatch(text) is not None


def places(reference: str, path: str, *, beside: bool = True) -> Iterator[str]:
    """Yield what a relative reference in a file may mean, best first, as references of that file.

    Scripts name files relative to themselves, to the page that runs them, or to the site's root. Of the last
    two a file on its own knows but this: a reference into a folder that stands in the file's own path is
    probably meant from where that folder is; and what is above all static folders is probably the site.

    Args:
        reference: as the file has it.
        path: the path of the file's URL.
        beside: whether it may be relative to the file itself.
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
    if beside and "/" not in reference:
        yield "./" + reference


def site_folder(path: str) -> str:
    """Return the folder that a site's file is probably of: the one above the first static folder."""
    folders = path.split("/")[1:-1]
    depth = next((at for at, folder in enumerate(folders) if folder in _STATIC), len(folders))
    return "/" + "".join(f"{folder}/" for folder in folders[:depth])
