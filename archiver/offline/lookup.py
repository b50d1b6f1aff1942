"""Finding the capture that answers a URL: its own, or that of a URL that means the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence
from urllib.parse import unquote

from archiver.core.errors import InvalidURL
from archiver.core.urlidentity import twins, without_cache_busting, without_noise
from archiver.core.urlkey import Origin, surt_key
from archiver.offline.addresses import scheme_twin

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.holdings import Site

_MOST_QUERIES = 300  # captures of one path that are looked at


@dataclass(frozen=True)
class Found:
    """A capture and the site that has it."""

    site: Site
    capture: Capture


class Finder:
    """Looks URLs up in all the sites that hold captures of their origin."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites: dict[Origin, list[Site]] = {}
        for site in sites:
            for text in (*site.origins, *site.requisite_origins):
                for origin in _with_twin(Origin.of(text)):
                    known = self._sites.setdefault(origin, [])
                    if site not in known:
                        known.append(site)

    def sites_of(self, url: str) -> Sequence[Site]:
        """Return the sites that hold captures of a URL's origin."""
        try:
            return self._sites.get(Origin.of(url), ())
        except InvalidURL:
            return ()

    def find(self, url: str) -> Iterator[Found]:
        """Yield captures that may answer a URL, the best first.

        In order: the very URL; the URL up to escapes, case and order of arguments; without tracking parameters and
        session ids, which the crawler did not ask with; with or without its final slash, the folder for its
        index.html and the other way round; the URL but for what only keeps caches from answering; the URL without
        its query, unless captures show that it selects something. Within each step the other scheme comes last.

        Args:
            url: an absolute URL, percent-encoded, without a fragment.
        """
        try:
            origin = Origin.of(url)
        except InvalidURL:
            return
        sites = self._sites.get(origin, ())
        seen: set[str] = set()
        for variant in _variants(url):
            key = surt_key(variant)
            if key in seen:
                continue
            seen.add(key)
            yield from _ranked(_of_key(sites, key, origin), variant)
        yield from self._but_for_query(sites, origin, url, seen)

    def _but_for_query(
        self, sites: Sequence[Site], origin: Origin, url: str, seen: set[str]
    ) -> Iterator[Found]:
        """Yield captures of URLs that differ in their query only, where that means nothing."""
        wanted = without_noise(url)
        path, _, query = wanted.partition("?")
        queried = [found for found in _queried(sites, path, origin) if found.capture.url != url]
        stripped = surt_key(without_cache_busting(wanted))
        alike = [one for one in queried if surt_key(without_cache_busting(one.capture.url)) == stripped]
        yield from _ranked(alike, wanted)
        if not query:
            return
        shared = _names(without_cache_busting(wanted))
        selecting = {one.capture.digest for one in queried if shared & _names(one.capture.url)}
        for variant in (path, *twins(path)):
            key = surt_key(variant)
            if key not in seen:
                seen.add(key)
                for found in _ranked(_of_key(sites, key, origin), variant):
                    if selecting <= {found.capture.digest}:
                        yield found


def _variants(url: str) -> Iterator[str]:
    yield url
    plain = without_noise(url)
    yield plain
    yield from twins(plain)


def _of_key(sites: Sequence[Site], key: str, origin: Origin) -> list[Found]:
    base = f"{origin}/"  # mostly enough to know a capture by, at a tenth of the cost of taking its URL apart
    return [
        Found(site, capture)
        for site in sites
        for capture in site.captures(key)
        if capture.url.startswith(base) or is_of_host(capture.url, origin)
    ]


def _queried(sites: Sequence[Site], path: str, origin: Origin) -> list[Found]:
    """Return captures of a path with any query."""
    key = f"{surt_key(path)}?"
    return [
        Found(site, capture)
        for site in sites
        for capture in site.captures_near(key, 0, _MOST_QUERIES)
        if capture.key.startswith(key) and is_of_host(capture.url, origin)
    ]


def _names(url: str) -> set[str]:
    """Return the names of a query's parameters."""
    return {part.partition("=")[0] for part in url.partition("?")[2].split("&") if part}


def preference(capture: Capture, url: str) -> tuple[bool, bool, bool, int]:
    """Return what captures that may answer a URL are ordered by, the best lowest.

    The same URL, the same up to escapes, a page rather than an error, the newest.
    """
    same = capture.url == url
    alike = unquote(capture.url.partition(":")[2]) == unquote(url.partition(":")[2])
    return not same, not alike, not capture.status.startswith("2"), -int(capture.timestamp or 0)


def is_of_host(url: str, origin: Origin) -> bool:
    """Say whether a capture's URL is of an origin, by either scheme: keys drop ``www.`` and the scheme."""
    try:
        other = Origin.of(url)
    except InvalidURL:
        return False
    return other == origin or (other.host == origin.host and other == scheme_twin(origin))


def _ranked(found: Sequence[Found], url: str) -> Sequence[Found]:
    if len(found) < 2:
        return found
    return sorted(found, key=lambda one: preference(one.capture, url))


def _with_twin(origin: Origin) -> tuple[Origin, ...]:
    twin = scheme_twin(origin)
    return (origin,) if twin is None else (origin, twin)
