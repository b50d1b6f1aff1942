"""What sitemaps add to a crawl, over real connections to a site on loopback."""

from __future__ import annotations

import gzip
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect.web.fetch import FetchSettings
from archiver.collect.web.frontier import RunState
from archiver.core.capture import REQUISITE
from archiver.store.paths import ProjectPaths, create_archive
from servers.crawling import crawl_site, doc_site
from servers.site import Answer, Asked, Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.crawl import CrawlOutcome

FIRST, SECOND = "20261123T004400Z", "20261124T004400Z"
IMPATIENT = FetchSettings(tries=1, backoff=0.001, longest_wait=0.01, connect_timeout=5, read_timeout=5)


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


def urlset(*locations: str) -> Reply:
    """Return a sitemap."""
    entries = "".join(f"<url><loc>{location}</loc></url>" for location in locations)
    return Reply(f"<?xml version='1.0'?><urlset>{entries}</urlset>".encode(), type="application/xml")


def index(*locations: str) -> Reply:
    """Return a sitemap index."""
    entries = "".join(f"<sitemap><loc>{location}</loc></sitemap>" for location in locations)
    return Reply(f"<sitemapindex>{entries}</sitemapindex>".encode(), type="text/xml")


def robots(*lines: str) -> Reply:
    """Return a robots.txt."""
    return Reply("\n".join(lines).encode(), type="text/plain")


def _crawl(
    paths: ProjectPaths,
    site: Site,
    *,
    snapshot: str = FIRST,
    previous: CrawlOutcome | None = None,
    stop: threading.Event | None = None,
    begin: bool = True,
    **values: Any,
) -> CrawlOutcome:
    if begin:
        with closing(RunState(paths.state)) as state:
            state.begin(snapshot, "")
    spec = doc_site(site, **{"sitemaps": "auto", **values})
    earlier = previous.captures if previous else ()
    return crawl_site(paths, spec, snapshot=snapshot, previous=earlier, stop=stop, settings=IMPATIENT)


def _paths(outcome: CrawlOutcome, site: Site) -> set[str]:
    return {capture.url.removeprefix(site.origin) for capture in outcome.captures}


def test_pages_that_only_sitemaps_name_are_captured(paths: ProjectPaths) -> None:
    """From robots.txt to an index to gzipped sitemaps to pages; the sitemaps are archived as requisites."""
    with serving({"/docs/": html("a")}) as site:
        packed = Reply(gzip.compress(urlset(site.url("/docs/b"), "/blog/").body), type="application/gzip")
        site.answers |= {
            "/robots.txt": robots("User-agent: *", "Allow: /", f"Sitemap: {site.url('/maps/all.xml')}"),
            "/maps/all.xml": index(site.url("/maps/docs.xml.gz"), site.url("/maps/list.txt")),
            "/maps/docs.xml.gz": packed,
            "/maps/list.txt": Reply(f"{site.url('/docs/c')}\n".encode(), type="text/plain"),
            "/docs/a": html(),
            "/docs/b": html("d"),
            "/docs/c": html(),
            "/docs/d": html(),
        }
        outcome = _crawl(paths, site)
        pages = {f"/docs/{name}" for name in ("", "a", "b", "c", "d")}
        maps = {"/maps/all.xml", "/maps/docs.xml.gz", "/maps/list.txt"}
        assert _paths(outcome, site) == {"/robots.txt", *maps, *pages}
        kinds = {capture.url.removeprefix(site.origin): capture.kind for capture in outcome.captures}
        assert {kinds[path] for path in maps} == {REQUISITE}
        assert "/sitemap.xml" not in site.targets(), "robots.txt names some"
        assert "/blog/" not in site.targets()
    assert (outcome.failures, outcome.broken_links) == ((), ())


def test_sitemaps_are_tried_at_the_usual_places(paths: ProjectPaths) -> None:
    """At the root where robots.txt names none, and in the seed's folder; that there is none is no defect."""
    with serving({"/docs/": html()}) as site:
        outcome = _crawl(paths, site)
        assert sorted(site.targets()) == ["/docs/", "/docs/sitemap.xml", "/robots.txt", "/sitemap.xml"]
    assert (outcome.failures, outcome.broken_links, outcome.skipped) == ((), (), {})


@pytest.mark.parametrize(
    "answer",
    [Reply(html(text="Not found")), Reply(b"", 500), Reply(b"", 403), Reply(b"x", cut=0), Reply(b"", 429)],
    ids=["soft-404", "500", "403", "dropped", "429"],
)
def test_whatever_is_where_a_sitemap_was_only_tried_is_no_failure(paths: ProjectPaths, answer: Reply) -> None:
    """Nobody said that there is one; what is no sitemap is not archived either."""
    with serving({"/docs/": html(), "/sitemap.xml": answer, "/docs/sitemap.xml": answer}) as site:
        outcome = _crawl(paths, site)
        assert _paths(outcome, site) == {"/docs/"}
    assert (outcome.failures, outcome.broken_links, outcome.skipped) == ((), (), {})


def test_a_tried_sitemap_that_robots_forbids_is_not_asked_for(paths: ProjectPaths) -> None:
    """Nor is it told of as something that robots.txt keeps out."""
    rules = robots("User-agent: *", "Disallow: /sitemap.xml", "Disallow: /docs/sitemap.xml")
    with serving({"/docs/": html(), "/robots.txt": rules}) as site:
        outcome = _crawl(paths, site)
        assert site.targets() == ["/robots.txt", "/docs/"]
    assert (outcome.failures, outcome.skipped) == ((), {})


def test_sitemaps_obey_robots(paths: ProjectPaths) -> None:
    """A sitemap that robots.txt names and forbids in one is counted with what it forbids."""
    with serving({"/docs/": html()}) as site:
        site.answers["/robots.txt"] = robots("User-agent: *", "Disallow: /maps/", "Sitemap: /maps/a.xml")
        outcome = _crawl(paths, site, sitemaps=("auto",))
        assert "/maps/a.xml" not in site.targets()
    assert outcome.skipped == {"robots": 1}


def test_a_named_sitemap_that_is_gone_is_told(paths: ProjectPaths) -> None:
    """One that robots.txt names is a broken link, one that the spec names a failure, as is what is no sitemap."""
    with serving(
        {"/docs/": html(), "/robots.txt": robots("Sitemap: /gone.xml"), "/page.xml": html()}
    ) as site:
        outcome = _crawl(paths, site, sitemaps=("auto", site.url("/absent.xml"), site.url("/page.xml")))
        assert [(link.url, link.status, link.referrer) for link in outcome.broken_links] == [
            (site.url("/gone.xml"), "404", site.url("/robots.txt"))
        ]
        assert [(failure.subject, failure.code) for failure in outcome.failures] == [
            (site.url("/absent.xml"), "fetch.status"),
            (site.url("/page.xml"), "fetch.unreadable"),
        ]


def test_a_sitemap_may_redirect(paths: ProjectPaths) -> None:
    """Its target is read as a sitemap, on whatever host, of whatever type."""
    with serving({"/docs/": html(), "/docs/a": html()}) as site, serving({}) as other:
        moved = Reply(status=301, headers=(("Location", other.url("/map")),))
        site.answers["/sitemap.xml"] = moved
        other.answers["/map"] = Reply(urlset(site.url("/docs/a")).body, type="application/octet-stream")
        outcome = _crawl(paths, site)
        assert {"/docs/a", "/sitemap.xml"} < _paths(outcome, site)


def test_a_page_may_name_the_sitemap(paths: ProjectPaths) -> None:
    """<link rel="sitemap"> counts, also where the page that is linked had been captured as a page before."""
    head = '<link rel="sitemap" type="application/xml" href="/docs/map.xml">'
    with serving(
        {
            "/docs/": html("map.xml", "a"),
            "/docs/map.xml": urlset("/docs/b"),
            "/docs/a": html(head=head),
            "/docs/b": html(),
        }
    ) as site:
        outcome = _crawl(paths, site, connections=1)
        assert {"/docs/map.xml", "/docs/b"} < _paths(outcome, site)
        kinds = {capture.url.removeprefix(site.origin): capture.kind for capture in outcome.captures}
        assert kinds["/docs/map.xml"] == REQUISITE


def test_an_unchanged_sitemap_still_counts(paths: ProjectPaths) -> None:
    """A later run gets a 304 for it, and finds the new page that it has always listed."""
    sitemap = urlset("/docs/a")
    answers: dict[str, Answer] = {
        "/docs/": html(),
        "/sitemap.xml": Reply(sitemap.body, type=sitemap.type, etag='"1"'),
    }
    with serving(answers) as site:
        first = _crawl(paths, site)
        assert [link.url for link in first.broken_links] == [site.url("/docs/a")]
        site.answers["/docs/a"] = html()
        second = _crawl(paths, site, snapshot=SECOND, previous=first)
        assert "/docs/a" in _paths(second, site)
        (capture,) = (each for each in second.captures if each.url == site.url("/sitemap.xml"))
        assert capture.original


@pytest.mark.parametrize("at", ["/sitemap.xml", "/docs/a", "/docs/c"])
def test_a_crawl_that_was_stopped_knows_what_sitemaps_listed(paths: ProjectPaths, at: str) -> None:
    """Continued by another process, it gets the rest, and no sitemap that was read is asked for again."""
    stop = threading.Event()
    pages = {f"/docs/{name}": html() for name in "abcd"}

    def stopping(answer: bytes) -> Any:
        def reply(_: Asked) -> Reply:
            stop.set()
            return Reply(answer)

        return reply

    with serving({"/docs/": html(), "/sitemap.xml": urlset(*pages), **pages}) as site:
        whole = site.answers[at]
        site.answers[at] = stopping(whole.body if isinstance(whole, Reply) else pages[at])
        with pytest.raises(KeyboardInterrupt):
            _crawl(paths, site, stop=stop, connections=1)
        site.answers[at] = whole
        outcome = _crawl(paths, site, begin=False, connections=1)
        assert _paths(outcome, site) == {"/docs/", "/sitemap.xml", *pages}
        assert site.targets().count("/sitemap.xml") == 1 + (at == "/sitemap.xml")
    with closing(RunState(paths.state)) as state:
        assert state.rows("SELECT count(*) FROM listed").fetchone() == (4,)
