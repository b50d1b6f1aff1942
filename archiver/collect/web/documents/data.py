"""Finding what JSON names: web app manifests, search indexes, and the data of pages.

JSON is looked through as a row of strings, each after the key that it belongs to: no depth is too deep, and a
search index of many megabytes costs no objects.

Sources: RFC 8259 (JSON), W3C Web Application Manifest.
"""

from __future__ import annotations

import json
import re
from typing import Any, Iterator
from urllib.parse import urlsplit

from archiver.collect.web.documents.document import Document
from archiver.collect.web.documents.generators import material_languages
from archiver.collect.web.documents.guessing import LONGEST, is_asset, is_page, is_rooted, places, site_folder
from archiver.collect.web.documents.references import Found

# One that is never closed takes the rest, so that no text is looked at twice.
_STRING = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"(\s*+:)?+)?+', re.DOTALL)
_LEADING = frozenset(
    {
        "href",
        "l",
        "link",
        "links",
        "loc",
        "location",
        "path",
        "permalink",
        "ref",
        "to",
        "u",
        "uri",
        "url",
        "urls",
    }
)  # keys under which search indexes and page data have what a reader follows
_RELATIVE = frozenset(
    {"location", "href", "uri", "url", "permalink"}
)  # those that may be relative to the site
_RELATIVE_FOLDER = re.compile(r"(?:[\w.~%+-]++/)++(?:#.*+)?", re.DOTALL)
_MOST_MANIFEST = 1 << 20
_MOST_MEMBERS = 200


def read_data(text: str, url: str) -> Document:
    """Read a JSON document."""
    found = Found()
    path = urlsplit(url).path
    collect_from_data(found, text, path)
    found.guessed_requisites.update(material_languages(text, path))
    return Document(found.resolved(url, ""))


def collect_from_data(found: Found, text: str, path: str = "") -> None:
    """Take what looks like a reference in JSON.

    Args:
        found: takes it.
        text: the JSON, which need not be right.
        path: of the document's URL; empty for data that stands in a page, and so is relative to the page.
    """
    key = ""
    for match in _STRING.finditer(text):
        string = match[1]
        if match[2]:
            key = string
            continue
        if len(string) > LONGEST or not string:
            continue
        if "\\" in string:
            string = _plain(match[0])
        if is_asset(string):
            found.guessed_requisites.update(places(string, path) if path else (string,))
        elif is_rooted(string):
            if key in _LEADING:
                found.guessed_pages.add(string)
        elif is_page(string) or (key in _RELATIVE and _RELATIVE_FOLDER.fullmatch(string)):
            found.guessed_pages.add(site_folder(path) + string if path else string)


def read_manifest(text: str, url: str) -> Document:
    """Read a web app manifest: what it shows is needed, where it starts is a page."""
    found = Found()
    try:
        manifest: Any = json.loads(text[:_MOST_MANIFEST])
    except (ValueError, RecursionError):
        return Document()
    if isinstance(manifest, dict):
        for shown in _members(manifest, "icons", "screenshots"):
            found.requisites.add(_text(shown, "src"))
        found.pages.add(_text(manifest, "start_url"))
        for shortcut in _members(manifest, "shortcuts"):
            found.pages.add(_text(shortcut, "url"))
            for icon in _members(shortcut, "icons"):
                found.requisites.add(_text(icon, "src"))
    return Document(found.resolved(url, ""))


def _members(manifest: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        listed = manifest.get(name)
        for member in listed[:_MOST_MEMBERS] if isinstance(listed, list) else ():
            if isinstance(member, dict):
                yield member


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _plain(quoted: str) -> str:
    try:
        return str(json.loads(quoted, strict=False))
    except ValueError:
        return ""
