"""Finding the capture that answers a URL, the URL's twins included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence
from urllib.parse import unquote

from archiver.core.errors import InvalidURL
from archiver.core.urlidentity import twins, without_noise
from archiver.core.urlkey import Origin, surt_key
from archiver.offline.addresses import scheme_twin

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.holdings import Site

_MOST_LEVELS = 30


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

    def find(self, url: str) -> Iterator[Found]:
        """Yield captures that may answer a URL, the best first.

        In order: the very URL; the URL up to escapes, case and order of arguments, with or without
        its final slash, by the other scheme; the folder for its index.html and the other way
        round; the URL without tracking parameters and session ids, which the crawler did not ask
        with; the URL without its query, which on a static site selects nothing.

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
            found = [
                Found(site, capture)
                for site in sites
                for capture in site.captures(key)
                if _same_host(capture.url, origin)
            ]
            yield from sorted(found, key=lambda one: _rank(one, variant))

    def nearest_above(self, url: str) -> str:
        """Return the URL of the closest folder above a URL that was captured, or nothing."""
        base, _, path = url.partition("?")[0].partition("://")
        scheme, folder = base, path.rstrip("/")
        for _ in range(_MOST_LEVELS):
            folder, slash, _ = folder.rpartition("/")
            if not slash:
                break
            found = next(self.find(f"{scheme}://{folder}/"), None)
            if found is not None and found.capture.status == "200":
                return found.capture.url
        return ""


def _variants(url: str) -> Iterator[str]:
    plain = without_noise(url)
    for variant in dict.fromkeys((url, plain, plain.partition("?")[0])):
        yield variant
        yield from twins(variant)


def _rank(found: Found, url: str) -> tuple[bool, bool, bool, int]:
    """Order captures that share a key: same URL, same up to escapes, a page rather than an error, newest."""
    capture = found.capture
    same = capture.url == url
    alike = unquote(capture.url.partition(":")[2]) == unquote(url.partition(":")[2])
    return not same, not alike, not capture.status.startswith("2"), -int(capture.timestamp or 0)


def _same_host(url: str, origin: Origin) -> bool:
    """Leave out what shares a key only because the key drops ``www.`` and the port's scheme."""
    try:
        other = Origin.of(url)
    except InvalidURL:
        return False
    return other == origin or (other.host == origin.host and other == scheme_twin(origin))


def _with_twin(origin: Origin) -> tuple[Origin, ...]:
    twin = scheme_twin(origin)
    return (origin,) if twin is None else (origin, twin)
