"""Tests of which capture answers a URL that was not archived under that very spelling."""

from __future__ import annotations

from typing import Iterator

import pytest

from archiver.offline.lookup import Finder
from archiver.offline.nearby import nearest_above, neighbours
from archiver.offline.opening import open_projects
from servers.small_archive import ArchiveBuilder, html

A, PORT = "https://a.example.org", "https://a.example.org:8443"


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finder]:
    """A site with queries of all kinds."""
    made = ArchiveBuilder(tmp_path_factory.mktemp("lookup"))
    same = html("Search", "the script looks at the query")
    pages = {
        f"{A}/": b"home", f"{A}/docs/": b"docs", f"{A}/docs": b"docs without slash", f"{A}/Docs/Case": b"case",
        f"{A}/search.html": same, f"{A}/search.html?q=first": same, f"{A}/search.html?q=second": same,
        f"{A}/only.html?q=1": same, f"{A}/only.html?q=2": same,
        f"{A}/list?page=1": b"one", f"{A}/list?page=2": b"two", f"{A}/list": b"list",
        f"{A}/feed?lang=en&_=1700000000000": b"feed", f"{A}/noted?utm_source=mail": b"noted",
        f"{A}/one/two/three.html": b"three", f"{A}/one/": b"one",
        "http://a.example.org/old.html": b"old", f"{PORT}/port.html": b"port",
        "https://www.a.example.org/www.html": b"www",
    }  # fmt: skip
    for url, body in pages.items():
        made.page(url, body)
    made.requisite(f"{A}/app.css?v=abc123", b"css", "text/css")
    made.requisite(f"{A}/app.js", b"js", "text/javascript")
    made.finish()
    (project,) = open_projects(made.archive.root)
    holding = project.open(project.newest())
    yield Finder(holding.sites)
    holding.close()


def _first(finder: Finder, url: str) -> str:
    found = next(finder.find(url), None)
    return found.capture.url if found else ""


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/docs", "/docs"), ("/docs/", "/docs/"), ("/docs/index.html", "/docs/"), ("/docs/case", "/Docs/Case"),
        ("/docs?utm_source=x", "/docs"), ("/one", "/one/"), ("/one/index.html?gclid=1", "/one/"),
        ("/app.css?v=zzz999", "/app.css?v=abc123"), ("/app.css", "/app.css?v=abc123"), ("/app.js?v=9", "/app.js"),
        ("/app.js?1712345678", "/app.js"), ("/feed?lang=en&_=1711111111111", "/feed?lang=en&_=1700000000000"),
        ("/feed?lang=en", "/feed?lang=en&_=1700000000000"), ("/search.html?q=anything", "/search.html"),
        ("/docs/?highlight=word", "/docs/"), ("/list?page=2", "/list?page=2"), ("/list", "/list"),
        ("/list?theme=dark", "/list"), ("/list?_=1711111111111", "/list"),
    ],
)  # fmt: skip
def test_a_url_finds_what_means_the_same(finder: Finder, asked: str, found: str) -> None:
    """Spelling, noise, twins, what only keeps caches from answering, and queries that select nothing."""
    assert _first(finder, f"{A}{asked}") == f"{A}{found}"


@pytest.mark.parametrize(
    "asked", ["/list?page=3", "/feed?lang=de", "/nothing", "/nothing?utm_source=x", "/app.css.map", "/feed"]
)
def test_a_query_that_selects_something_is_never_passed_over(finder: Finder, asked: str) -> None:
    """The third page of a list is not its first; a wrong page would be worse than none."""
    assert _first(finder, f"{A}{asked}") == ""


def test_the_other_scheme_answers_and_another_port_does_not(finder: Finder) -> None:
    """By http and https it is one site, where both use their own port; ``www.`` and ports are other hosts."""
    assert _first(finder, f"{A}/old.html") == "http://a.example.org/old.html"
    assert _first(finder, "http://a.example.org/docs/") == f"{A}/docs/"
    assert _first(finder, f"{PORT}/port.html") == f"{PORT}/port.html"
    assert _first(finder, f"{A}/port.html") == ""
    assert _first(finder, f"{A}/www.html") == ""
    assert _first(finder, "not a url") == ""


def test_the_nearest_folder_above_is_found(finder: Finder) -> None:
    """Level by level, up to the site's first page."""
    for asked, found in (("/one/two/x/y.html", "/one/"), ("/else/where", "/"), ("/docs/a?b=/c/", "/docs/")):
        above = nearest_above(finder, f"{A}{asked}")
        assert above is not None
        assert above.capture.url == f"{A}{found}"
    assert nearest_above(finder, "https://elsewhere.example.com/x/") is None


def test_neighbours_are_pages_with_much_the_same_address(finder: Finder) -> None:
    """Only pages, only of the host, best first; nothing that has no more in common than its host."""
    assert (
        next(one.capture.url for one in neighbours(finder, f"{A}/one/two/thre.html", 3))
        == f"{A}/one/two/three.html"
    )
    assert neighbours(finder, f"{A}/zebra/crossing/lights.html", 5) == ()
    assert neighbours(finder, "nonsense", 5) == ()


def test_hostile_urls_cost_no_more_than_others(finder: Finder) -> None:
    """Very long and very deep ones are looked up, found nowhere, and are no error."""
    deep = f"{A}/{'a/' * 3000}x?{'&'.join(f'p{number}=1' for number in range(2000))}"
    assert _first(finder, deep) == ""
    assert nearest_above(finder, deep) is None
    assert neighbours(finder, deep, 5) == ()
