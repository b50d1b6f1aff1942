"""What a site's scripts and data only seem to name: asked for, and forgotten where the site has no such thing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from archiver.store.paths import ProjectPaths, create_archive
from servers.crawling import FIRST, SECOND, crawled, doc_site
from servers.site import Reply, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.crawl import CrawlOutcome
    from servers.site import Answer, Site

JS, JSON = "text/javascript", "application/json"
SCRIPT = '<script src="/docs/assets/main.js"></script>'
NOT_THERE = "guessed, not there"


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


def _kinds(outcome: CrawlOutcome, site: Site) -> dict[str, str]:
    return {capture.url.removeprefix(site.origin): capture.kind for capture in outcome.captures}


def test_what_scripts_and_search_indexes_name_is_archived(paths: ProjectPaths) -> None:
    """Chunks of chunks, pictures, a search index, and the pages that only it names, are got from a single page."""
    index = {
        "docs": [{"location": "hidden.html#a", "text": "x"}, {"location": "guide/"}, {"location": "gone/"}]
    }
    answers: dict[str, Answer] = {
        "/docs/": html(head=SCRIPT),
        "/docs/assets/main.js": Reply(b'import"./a.js";fetch(base+"search/index.json");', type=JS),
        "/docs/assets/a.js": Reply(
            b'import("./b.js"); const p = "assets/p.png", q = "assets/q.png"', type=JS
        ),
        "/docs/assets/b.js": Reply(b"", type=JS),
        "/docs/assets/p.png": Reply(b"png", type="image/png"),
        "/docs/search/index.json": Reply(json.dumps(index).encode(), type=JSON),
        "/docs/hidden.html": html("deeper.html"),
        "/docs/deeper.html": html(),
        "/docs/guide/": html(),
    }
    with serving(answers) as site:
        outcome = crawled(paths, doc_site(site))
        assert _kinds(outcome, site) == {
            "/docs/": "page",
            "/docs/assets/main.js": "requisite",
            "/docs/assets/a.js": "requisite",
            "/docs/assets/b.js": "requisite",
            "/docs/assets/p.png": "requisite",
            "/docs/search/index.json": "requisite",
            "/docs/hidden.html": "page",
            "/docs/deeper.html": "page",
            "/docs/guide/": "page",
        }
    assert outcome.skipped == {NOT_THERE: 2}
    assert outcome.failures == ()
    assert outcome.broken_links == ()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"", 404),
        Reply(b"", 403),
        Reply(b"", 500),
        Reply(b"cut", cut=1, headers=(("Content-Length", "9"),)),
        Reply(b"<p>Our page for everything</p>"),
    ],
)
def test_a_guess_that_is_not_there_is_no_failure(paths: ProjectPaths, reply: Reply) -> None:
    """Refused, broken or answered with a page: nothing is said of it but that it was guessed."""
    script = Reply(b'const a = "/docs/assets/a.json"', type=JS)
    with serving(
        {"/docs/": html(head=SCRIPT), "/docs/assets/main.js": script, "/docs/assets/a.json": reply}
    ) as site:
        outcome = crawled(paths, doc_site(site))
        assert "/docs/assets/a.json" in site.targets()
        assert _kinds(outcome, site) == {"/docs/": "page", "/docs/assets/main.js": "requisite"}
    assert (outcome.failures, outcome.broken_links) == ((), ())
    assert outcome.skipped == {NOT_THERE: 1}


def test_what_is_linked_too_is_a_broken_link(paths: ProjectPaths) -> None:
    """A page that links later to what was guessed and not there makes it a defect of the site, with its referrer."""
    answers: dict[str, Answer] = {
        "/docs/": html("a.html", head="<script>var a = '/docs/gone.json', b = '/docs/here.json'</script>"),
        "/docs/a.html": html("b.html"),
        "/docs/b.html": html("c.html"),
        "/docs/c.html": html("gone.json", "here.json"),
        "/docs/here.json": Reply(b"{}", type=JSON),
    }
    with serving(answers) as site:
        outcome = crawled(paths, doc_site(site))
        assert _kinds(outcome, site)["/docs/here.json"] == "page"
        (broken,) = outcome.broken_links
        assert (broken.url, broken.referrer) == (site.url("/docs/gone.json"), site.url("/docs/c.html"))
    assert outcome.skipped == {}


def test_what_a_guess_redirects_to_is_a_broken_link_once_it_is_linked(paths: ProjectPaths) -> None:
    """A redirect that was only guessed leads nowhere; a page that links to it links to nothing."""
    answers: dict[str, Answer] = {
        "/docs/": html("a.html", head="<script>var a = '/docs/moved.html'</script>"),
        "/docs/moved.html": Reply(status=301, headers=(("Location", "/docs/gone.html"),)),
        "/docs/a.html": html("b.html"),
        "/docs/b.html": html("c.html"),
        "/docs/c.html": html("moved.html"),
    }
    with serving(answers) as site:
        outcome = crawled(paths, doc_site(site))
        (broken,) = outcome.broken_links
        assert (broken.url, broken.referrer) == (site.url("/docs/gone.html"), site.url("/docs/moved.html"))
    assert (outcome.failures, outcome.skipped) == ((), {})


def test_what_was_there_before_is_missed(paths: ProjectPaths) -> None:
    """A guess that an earlier snapshot has is content of the site: where it is gone now, that is a failure."""
    script = Reply(b'const a = "/docs/assets/a.json"', type=JS)
    answers: dict[str, Answer] = {"/docs/": html(head=SCRIPT), "/docs/assets/main.js": script}
    with serving({**answers, "/docs/assets/a.json": Reply(b"{}", type=JSON)}) as site:
        first = crawled(paths, doc_site(site), snapshot=FIRST)
        del site.answers["/docs/assets/a.json"]
        second = crawled(paths, doc_site(site), snapshot=SECOND, previous=first.captures)
        assert [failure.subject for failure in second.failures] == [site.url("/docs/assets/a.json")]


def test_pages_that_are_out_of_scope_are_not_guessed(paths: ProjectPaths) -> None:
    """A menu in a script may name the whole site: what is not in scope is not asked for, nor reported."""
    menu = Reply(b'const menu = [{href: "/docs/a/"}, {href: "/blog/"}, {href: "/docs/b.html"}]', type=JS)
    with serving({"/docs/": html(head=SCRIPT), "/docs/assets/main.js": menu, "/docs/a/": html()}) as site:
        outcome = crawled(paths, doc_site(site))
        assert sorted(site.targets()) == [
            "/docs/",
            "/docs/a/",
            "/docs/assets/main.js",
            "/docs/b.html",
            "/robots.txt",
        ]
        assert _kinds(outcome, site)["/docs/a/"] == "page"
    assert outcome.skipped == {NOT_THERE: 1}
