"""Which requisite-only origins need an address of their own.

Most hosts that only served fonts or scripts can live in a folder of the site that uses them. One whose files
refer to each other from the root cannot: below a folder those references would lead to the wrong place.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Iterable, Iterator, Sequence

from archiver.core.errors import ArchiverError, InvalidURL
from archiver.core.urlkey import Origin
from archiver.offline.bodies import read_text
from archiver.offline.rooted import rooted_pattern

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.holdings import Site

_LIMIT = 8 << 20  # bytes looked at of one file


def needs_own_origin(candidates: Iterable[Origin], sites: Sequence[Site]) -> tuple[Origin, ...]:
    """Return the candidates with a style sheet, script or page that refers to something from the root.

    Args:
        candidates: origins that served requisites only.
        sites: whose captures to look at.
    """
    open_ones = dict.fromkeys(candidates, False)
    if not open_ones:
        return ()
    for site in sites:
        if not any(_origin(text) in open_ones for text in site.requisite_origins):
            continue
        for capture in _readable(site):
            origin = _origin(capture.url)
            if origin is not None and open_ones.get(origin) is False:
                open_ones[origin] = _is_rooted(site, capture)
    return tuple(origin for origin, rooted in open_ones.items() if rooted)


def _readable(site: Site) -> Iterator[Capture]:
    """Yield a site's captures up to where its index is damaged; that is told when it is asked for."""
    try:
        yield from site.all_captures()
    except ArchiverError:
        return


def _is_rooted(site: Site, capture: Capture) -> bool:
    pattern = rooted_pattern(capture)
    if pattern is None:
        return False
    try:
        response = site.response(capture)
        with closing(response.body):
            return pattern.search(read_text(response, _LIMIT)) is not None
    except ArchiverError:
        return False  # damaged; told when it is asked for


def _origin(url: str) -> Origin | None:
    try:
        return Origin.of(url)
    except InvalidURL:
        return None
