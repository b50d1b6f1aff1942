"""Where a bundle has a downloaded file: a path made from its URL, fit for any file system.

The rules for names are those of docs/format.md ("The bundle").
"""

from __future__ import annotations

import hashlib
import re
from typing import Iterable
from urllib.parse import unquote, urlsplit

from archiver.core.errors import InvalidURL
from archiver.core.filenames import DistinctNames
from archiver.core.urlkey import Origin

_FORBIDDEN = re.compile(r'[:*?"<>|]')  # allowed by the format, but Windows cannot have them
_QUERY = re.compile(r"[^A-Za-z0-9._=&+-]+")
_MOST_PART = 255  # bytes; what file systems take
_MOST_PATH = 1000  # bytes
_MOST_QUERY = 80  # characters


def path_of(url: str) -> str:
    """Return ``<host>/<path>`` for a URL, percent-escapes undone.

    Raises:
        InvalidURL: the URL names no file, or its path has a part that cannot be a file's name.
    """
    host = Origin.of(url).netloc.replace("[", "").replace("]", "")
    try:
        parts = [host, *(unquote(part, errors="strict") for part in _split(url))]
    except UnicodeDecodeError as error:
        raise InvalidURL("its path is not UTF-8", place=f"{url:.200}") from error
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\\" in part or not part.isprintable():
            raise InvalidURL(f"its path cannot be a file's: {part!r:.80}", place=f"{url:.200}")
    path = "/".join(_FORBIDDEN.sub("_", part) for part in parts)
    if len(path.encode()) > _MOST_PATH or any(len(part.encode()) > _MOST_PART for part in parts):
        raise InvalidURL("its path is too long", place=f"{url:.200}")
    return path


def distinct_paths(urls: Iterable[str]) -> tuple[dict[str, str], dict[str, InvalidURL]]:
    """Give each URL a path of its own.

    The plain path goes to the first that asks for it. Where it is taken, or would be a folder of another,
    the query is appended; where that is not enough, a digest of the URL stands in for the folders.

    Returns:
        Paths by URL, and why some URLs have none.
    """
    paths: dict[str, str] = {}
    errors: dict[str, InvalidURL] = {}
    taken = DistinctNames()
    for url in dict.fromkeys(urls):
        try:
            plain = path_of(url)
        except InvalidURL as error:
            errors[url] = error
            continue
        paths[url] = next(path for path in _candidates(url, plain) if not taken.clash(path))
    return paths, errors


def _candidates(url: str, plain: str) -> Iterable[str]:
    yield plain
    query = _QUERY.sub("_", unquote(urlsplit(url).query, errors="replace"))[:_MOST_QUERY].rstrip(".")
    host, *_, name = plain.split("/")
    if query and len(f"{name}_{query}".encode()) <= _MOST_PART:
        yield f"{plain}_{query}"
    digest = hashlib.sha256(url.encode()).hexdigest()
    yield f"{host}/{digest[:16]}/{name}"
    yield f"{host}/{digest}/{name}"


def _split(url: str) -> list[str]:
    return urlsplit(url).path.removeprefix("/").split("/")
