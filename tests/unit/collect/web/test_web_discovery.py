from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.collect.web.discovery import Discovery
from archiver.collect.web.documents.document import Links
from archiver.collect.web.frontier import Found, Frontier, RunState
from archiver.core.capture import PAGE, REQUISITE
from archiver.core.progress import NullProgress
from archiver.spec.model import DocSite

if TYPE_CHECKING:
    from pathlib import Path

HOME = "http://x.org/docs/"
GUESSES = Links(
    guessed_requisites=("http://x.org/a.js",), guessed_pages=("http://x.org/docs/a", "http://x.org/b")
)


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    with closing(RunState(tmp_path / "state.sqlite")) as state:
        yield Frontier(state, "docs")


def _discovery(frontier: Frontier) -> Discovery:
    return Discovery(DocSite.model_validate({"seeds": (HOME,)}), frontier, NullProgress(), lambda _: False)


@pytest.mark.parametrize("kind", [PAGE, REQUISITE])
def test_guesses_are_queued_as_such(frontier: Frontier, kind: str) -> None:
    """Files wherever they are on the site's host, pages in scope only; a requisite may name pages, as an index does."""
    _discovery(frontier).links(Found("http://x.org/docs/x", kind), GUESSES)
    assert frontier.entry("http://x.org/a.js") == Found(
        "http://x.org/a.js", REQUISITE, "http://x.org/docs/x", guessed=True
    )
    assert frontier.entry("http://x.org/docs/a") == Found(
        "http://x.org/docs/a", PAGE, "http://x.org/docs/x", guessed=True
    )
    assert frontier.entry("http://x.org/b") is None
    assert frontier.skipped() == {}


def test_hosts_without_pages_of_the_site_are_not_asked_for_guesses(frontier: Frontier) -> None:
    """What a script on another host may mean is that host's own affair."""
    links = Links(requisites=("http://cdn.org/b.js",), guessed_requisites=("http://cdn.org/a.js",))
    _discovery(frontier).links(Found("http://cdn.org/x.js", REQUISITE), links)
    assert frontier.entry("http://cdn.org/a.js") is None
    assert frontier.entry("http://cdn.org/b.js") == Found(
        "http://cdn.org/b.js", REQUISITE, "http://cdn.org/x.js"
    )


def test_a_guess_does_not_hide_the_link_to_the_same_url(frontier: Frontier) -> None:
    """Met as a guess first, a URL becomes a link when one is met, however short the time between."""
    discovery, entry = _discovery(frontier), Found(HOME, PAGE)
    discovery.links(entry, GUESSES)
    discovery.links(entry, Links(pages=("http://x.org/docs/a",), requisites=("http://x.org/a.js",)))
    assert frontier.entry("http://x.org/docs/a") == Found("http://x.org/docs/a", PAGE, HOME)
    assert frontier.entry("http://x.org/a.js") == Found("http://x.org/a.js", REQUISITE, HOME)


def test_where_a_guess_redirects_to_is_a_guess(frontier: Frontier) -> None:
    """The end of the way may not be there either."""
    entry = Found("http://x.org/docs/a", PAGE, HOME, guessed=True)
    frontier.add(entry)
    assert _discovery(frontier).follow(entry, "a/") == "http://x.org/docs/a/"
    assert frontier.entry("http://x.org/docs/a/") == Found(
        "http://x.org/docs/a/", PAGE, "http://x.org/docs/a", hops=1, guessed=True
    )
