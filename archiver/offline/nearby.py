"""What is in the archive near a URL that is not: the folder above it, and pages of much the same address."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from archiver.core.errors import ArchiverError, InvalidURL
from archiver.core.urlkey import Origin, surt_key
from archiver.offline.lookup import Found

if TYPE_CHECKING:
    from archiver.offline.lookup import Finder

_MOST_LEVELS = 30
_LOOKED_AT = 60  # captures on either side of the place where it would be
_LONGEST = 300  # characters compared
_ALIKE = 0.6  # how much of the address is the same in pages that share no folder but are near


def nearest_above(finder: Finder, url: str) -> Found | None:
    """Return the page of the closest folder above a URL, or None where none was captured.

    Raises:
        RecordCorrupt: the index cannot be read.
    """
    scheme, _, folder = url.partition("?")[0].rstrip("/").partition("://")
    for _ in range(_MOST_LEVELS):
        folder, slash, _ = folder.rpartition("/")
        if not slash:
            return None
        found = next(finder.find(f"{scheme}://{folder}/"), None)
        if found is not None and found.capture.status == "200":
            return found
    return None


def neighbours(finder: Finder, url: str, count: int) -> tuple[Found, ...]:
    """Return the pages whose addresses are most like a URL's, best first; those around it in the index are looked at.

    Raises:
        RecordCorrupt: the index cannot be read.
    """
    try:
        key, origin = surt_key(url), Origin.of(url)
    except InvalidURL:
        return ()
    around = {
        capture.page: Found(site, capture)
        for site in finder.sites_of(url)
        for capture in site.captures_near(key, _LOOKED_AT, _LOOKED_AT)
        if capture.is_readable and _host(capture.url) == origin.host
    }
    path = urlsplit(url).path
    rated = sorted(
        ((_likeness(path, urlsplit(one.capture.url).path), one) for one in around.values()), key=_best_first
    )
    return tuple(found for (folders, words), found in rated if folders > 1 or words > _ALIKE)[:count]


def _best_first(rated: tuple[tuple[int, float], Found]) -> tuple[int, float, str]:
    (folders, words), found = rated
    return -folders, -words, found.capture.url


def _likeness(wanted: str, path: str) -> tuple[int, float]:
    """Return how many leading folders two paths share, and how much of what follows is the same (0 to 1)."""
    ours, theirs = wanted.split("/"), path.split("/")
    shared = 0
    while shared < min(len(ours), len(theirs)) - 1 and ours[shared] == theirs[shared]:
        shared += 1
    rest, other = "/".join(ours[shared:])[:_LONGEST], "/".join(theirs[shared:])[:_LONGEST]
    return shared, SequenceMatcher(None, rest.lower(), other.lower(), autojunk=False).ratio()


def _host(url: str) -> str:
    try:
        return Origin.of(url).host
    except (ArchiverError, ValueError):
        return ""
