"""Sites that answer 200 with what is no page: error pages, logins, parked domains, shells, pages called archives."""

from __future__ import annotations

import itertools
import json
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from archiver.collect.web.frontier import Frontier, RunState
from archiver.core.progress import NullProgress
from archiver.store.paths import ProjectPaths, create_archive
from judges.warcs import judge_warcs
from servers.crawling import FIRST, SECOND, crawl_site, doc_site
from servers.site import Asked, Reply, html, put, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.crawl import CrawlOutcome
    from archiver.collect.web.frontier import Mark
    from archiver.core.capture import Capture
    from servers.console import Console
    from servers.site import Answer, Site

SHELL = b'<title>App</title><div id="root"></div><script src="/app.js"></script>'
LOGIN = b"<title>Sign in - Portal</title><h1>Sign in</h1><form action=/session><input type=password name=p></form>"
TEXT = "<h1>{}</h1><p>" + "Words of this very page, and of no other. " * 8


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


def _crawl(
    paths: ProjectPaths,
    site: Site,
    seed: str = "/docs/",
    *,
    snapshot: str = FIRST,
    previous: tuple[Capture, ...] = (),
    stop: threading.Event | None = None,
    progress: NullProgress | None = None,
    **values: object,
) -> tuple[CrawlOutcome, dict[str, Mark]]:
    """Crawl a site; return what came, and by target what the answers turned out to be."""
    spec = doc_site(site, seed, **values)
    outcome = crawl_site(paths, spec, snapshot=snapshot, previous=previous, stop=stop, progress=progress)
    with closing(RunState(paths.state)) as state:
        marks = {mark.url.removeprefix(site.origin): mark for mark in Frontier(state, "docs").marks()}
    judge_warcs(paths.warc)
    return outcome, marks


def _captured(outcome: CrawlOutcome, site: Site) -> set[str]:
    return {capture.url.removeprefix(site.origin) for capture in outcome.captures}


def _broken(outcome: CrawlOutcome, site: Site) -> dict[str, str]:
    return {link.url.removeprefix(site.origin): link.status for link in outcome.broken_links}


def _failed(outcome: CrawlOutcome, site: Site) -> dict[str, str]:
    return {failure.subject.removeprefix(site.origin): failure.code for failure in outcome.failures}


def _evidence(paths: ProjectPaths) -> list[str]:
    """Return the URLs of all records: each answer has two, its own and its request's."""
    return [record.headers.get("WARC-Target-URI", "") for record in judge_warcs(paths.warc)]


def _redirect(target: str) -> Reply:
    return Reply(b"", 302, headers=(("Location", target),))


def test_an_honest_site_is_asked_once_for_nothing(paths: ProjectPaths) -> None:
    """The answer is in the WARC as evidence and nowhere else; links that lead nowhere are broken as before."""
    with serving({"/docs/": html("a", "b"), "/docs/a": html()}) as site:
        outcome, marks = _crawl(paths, site)
        assert _captured(outcome, site) == {"/docs/", "/docs/a"}
        assert _broken(outcome, site) == {"/docs/b": "404"}
        assert (outcome.failures, marks) == ((), {})
        (probe,) = site.probes()
        assert site.asked[1].target == probe, "before any page"
    assert _evidence(paths).count(site.url(probe)) == 2


def test_error_pages_that_vary_are_soft_404s(paths: ProjectPaths) -> None:
    """A page with the URL, the time and other links in it that answers 200 is a broken link, and leads nowhere."""
    count = itertools.count()

    def sorry(asked: Asked) -> Reply:
        number = next(count)
        text = f"<h1>Page not found</h1><p>{asked.target} is gone, it is {number} o'clock. Try word{number}."
        return Reply(html(f"/docs/more{number}", head="<title>Page not found | Docs</title>", text=text))

    missing = [f"/docs/gone{number}" for number in range(3)]
    with serving({"/docs/": html("a", *missing), "/docs/a": html(text=TEXT.format("A"))}) as site:
        site.otherwise = sorry
        outcome, marks = _crawl(paths, site)
        assert _captured(outcome, site) == {"/docs/", "/docs/a"}
        assert _broken(outcome, site) == dict.fromkeys(missing, "soft 404")
        assert {target: mark.mark for target, mark in marks.items()} == dict.fromkeys(missing, "soft 404")
        assert {mark.referrer for mark in marks.values()} == {site.url("/docs/")}
        assert not [target for target in site.targets() if "more" in target]
    assert outcome.failures == ()


def test_redirects_to_the_front_page_are_soft_404s(paths: ProjectPaths) -> None:
    """Where nothing is redirected to the seed, redirects there are broken links; others are followed."""
    answers: dict[str, Answer] = {
        "/docs/": html("old", "gone", "index.html", text=TEXT.format("Start")),
        "/docs/old": _redirect("/docs/new"),
        "/docs/new": html(text=TEXT.format("New")),
        "/docs/index.html": _redirect("/docs/"),
        "/robots.txt": Reply(b"", type="text/plain"),
    }
    with serving(answers) as site:
        site.otherwise = _redirect("/docs/?from=nowhere")
        site.answers["/docs/?from=nowhere"] = site.answers["/docs/"]
        outcome, marks = _crawl(paths, site)
        assert _captured(outcome, site) == {
            "/robots.txt",
            "/docs/",
            "/docs/old",
            "/docs/new",
            "/docs/index.html",
        }
        assert _broken(outcome, site) == {"/docs/gone": "soft 404"}
        assert set(marks) == {"/docs/gone", "/"}
        assert marks["/"].mark == "catch-all"
    assert outcome.seeds_captured == 1


def test_probes_are_redirected_to_where_they_are_answered(paths: ProjectPaths) -> None:
    """A site that first adds a slash and then answers 404 is honest."""
    with serving({"/docs/": html("a"), "/docs/a": html(text=TEXT.format("A"))}) as site:

        def slashed(asked: Asked) -> Reply:
            return Reply(b"no", 404) if asked.target.endswith("/") else _redirect(f"{asked.target}/")

        site.otherwise = slashed
        site.answers["/robots.txt"] = Reply(b"", 404)
        outcome, marks = _crawl(paths, site)
        assert [probe.endswith("/") for probe in site.probes()] == [False, True]
        assert _captured(outcome, site) == {"/docs/", "/docs/a"}
    assert marks == {}


def test_a_site_that_is_one_page_has_its_seed_only(paths: ProjectPaths) -> None:
    """Where every URL is answered with the shell, the seed is captured and reported, the rest are soft 404s."""
    shell = SHELL + b'<a href="/docs/page">p</a><link rel=stylesheet href=/old.css>'
    with serving({"/app.js": Reply(b"//", type="text/javascript")}) as site:
        site.otherwise = shell
        outcome, marks = _crawl(paths, site)
        assert _captured(outcome, site) >= {"/docs/", "/app.js"}
        assert not {"/docs/page", "/old.css"} & _captured(outcome, site)
        assert _broken(outcome, site) == {"/docs/page": "soft 404", "/old.css": "not the file asked for"}
        kinds = {target: mark.mark for target, mark in marks.items()}
        assert kinds == {"/docs/": "script only", "/": "catch-all", "/docs/page": "soft 404", "/old.css": "not the file asked for"}  # fmt: skip
    assert outcome.failures == ()
    assert outcome.seeds_captured == 1


@pytest.mark.parametrize(
    ("instead", "code"),
    [
        (LOGIN, "fetch.login"),
        (b'<title>127.0.0.1</title><script src="//www.sedoparking.com/x.js"></script>Related searches', "fetch.parked"),
        (b"<title>Account Suspended</title><h1>Account Suspended</h1>", "fetch.parked"),
        (b"<title>404 Not Found</title><h1>404 Not Found</h1><a href=/>home</a>", "fetch.soft404"),
    ],
)  # fmt: skip
def test_what_replaces_a_site_does_not_replace_its_captures(
    paths: ProjectPaths, instead: bytes, code: str
) -> None:
    """A login wall, a parked domain, a hoster's notice: seeds and known pages fail, are not captured, and lead to nothing."""
    with serving(
        {"/docs/": html("a", text=TEXT.format("S")), "/docs/a": html(text=TEXT.format("A"))}
    ) as site:
        first, _ = _crawl(paths, site)
        assert _captured(first, site) == {"/docs/", "/docs/a"}
        site.answers.clear()
        site.otherwise = instead
        site.forget()
        second, marks = _crawl(paths, site, snapshot=SECOND, previous=first.captures)
        assert _captured(second, site) <= {"/robots.txt"}
        assert _failed(second, site) == {"/docs/": code, "/docs/a": code}
        assert "the earlier capture is kept" in second.failures[0].message
        assert sorted(site.targets()) == ["/docs/", "/docs/a", "/robots.txt"]
        assert marks["/docs/"].reason
    assert second.seeds_captured == 0
    assert _evidence(paths).count(site.url("/docs/")) == 4, "both answers, each with its request"


def test_a_login_wall_in_front_of_some_pages(paths: ProjectPaths) -> None:
    """Pages that redirect to a login are broken links where they never were captured, failures where they were."""
    answers: dict[str, Answer] = {"/docs/": html("a", "b", "c"), "/docs/a": html(text=TEXT.format("A"))}
    answers |= {"/docs/b": html(text=TEXT.format("B")), "/login?next=/docs/b": LOGIN, "/docs/c": LOGIN}
    with serving(answers) as site:
        first, _ = _crawl(paths, site)
        assert _broken(first, site) == {"/docs/c": "login page"}
        site.answers["/docs/b"] = _redirect("/login?next=/docs/b")
        site.answers["/docs/d"] = _redirect("/login?next=/docs/d")
        site.answers["/docs/"] = html("a", "b", "c", "d")
        second, _ = _crawl(paths, site, snapshot=SECOND, previous=first.captures)
        assert _failed(second, site) == {"/docs/b": "fetch.login"}
        assert _broken(second, site) == {"/docs/c": "login page", "/docs/d": "login page"}
        assert not {"/docs/b", "/docs/d"} & _captured(second, site)


def test_web_pages_in_place_of_files_are_not_captured(paths: ProjectPaths) -> None:
    """HTML for an archive or an image is refused; the real ones are captured."""
    page = html(text="<title>Downloads</title>" + TEXT.format("Our new downloads page"))
    answers: dict[str, Answer] = {
        "/docs/": html("a.tgz", "b.tgz", "node.js", text="<img src=c.png>"),
        "/docs/a.tgz": page,
        "/docs/b.tgz": Reply(b"\x1f\x8b", type="application/gzip"),
        "/docs/c.png": page,
        "/docs/node.js": page,
    }
    with serving(answers) as site:
        outcome, _ = _crawl(paths, site)
        assert _captured(outcome, site) == {"/docs/", "/docs/b.tgz", "/docs/node.js"}
        refused = {"/docs/a.tgz": "not the file asked for", "/docs/c.png": "not the file asked for"}
        assert _broken(outcome, site) == refused


def test_pages_filled_by_script_are_captured_and_reported(paths: ProjectPaths) -> None:
    """The keeper learns which pages have no text of their own; again when they have not changed."""
    with serving({"/docs/": html("a"), "/docs/a": Reply(SHELL, etag='"1"'), "/app.js": b"//"}) as site:
        site.answers["/app.js"] = Reply(b"//", type="text/javascript")
        first, marks = _crawl(paths, site)
        assert _captured(first, site) == {"/docs/", "/docs/a", "/app.js"}
        assert {target: mark.mark for target, mark in marks.items()} == {"/docs/a": "script only"}
        second, again = _crawl(paths, site, snapshot=SECOND, previous=first.captures)
        assert second.unchanged == 3
        assert again == marks
    assert (first.failures, first.broken_links) == ((), ())


def test_pages_about_errors_and_logins_are_pages(paths: ProjectPaths) -> None:
    """On an honest site, references of status codes, how-tos and stubs carry no mark."""
    pages: dict[str, Answer] = {
        "/docs/404": b"<title>404 Not Found - HTTP</title><h1>404 Not Found</h1><p>The server has no such thing.",
        "/docs/codes": b"<title>Page not found | Codes</title><h1>Page not found</h1><p>What it means.",
        "/docs/login": b"<title>Log in</title><h1>Log in</h1><form><input type=password></form><pre>&lt;form></pre>",
        "/docs/stub": b"<title>Stub</title>",
        "/docs/empty": b"",
        "/docs/moved": b"<meta http-equiv=refresh content='0; url=stub'>",
    }
    with serving({"/docs/": html(*pages), **pages}) as site:
        outcome, marks = _crawl(paths, site)
        assert _captured(outcome, site) == {"/docs/", *pages}
    assert marks == {}


def test_robots_txt_may_forbid_asking_for_nothing(paths: ProjectPaths) -> None:
    """Where it does, pages are judged by what they say."""
    robots = Reply(b"User-agent: *\nDisallow: /docs/archiver-no", type="text/plain")
    error = b"<title>404</title><h1>Page not found</h1>"
    with serving({"/robots.txt": robots, "/docs/": html("a"), "/docs/a": error}) as site:
        outcome, _ = _crawl(paths, site)
        assert site.probes() == []
        assert _broken(outcome, site) == {"/docs/a": "soft 404"}


@pytest.mark.parametrize("status", [403, 503])
def test_a_site_that_will_not_say_is_crawled_all_the_same(paths: ProjectPaths, status: int) -> None:
    """Where what does not exist is answered with another error, that is no failure of the run."""
    with serving({"/docs/": html("a"), "/docs/a": html(text=TEXT.format("A")), "/robots.txt": b""}) as site:
        site.otherwise = Reply(b"", status)
        outcome, marks = _crawl(paths, site)
        assert _captured(outcome, site) >= {"/docs/", "/docs/a"}
    assert (outcome.failures, outcome.broken_links, marks) == ((), (), {})


class _Stopping(NullProgress):
    """Sets an event once a page was captured."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def task(self, name: str, unit: str, total: int | None = None) -> _Stopping:
        return self

    def advance(self, amount: int = 1) -> None:
        if amount:
            self._stop.set()

    def expect(self, total: int) -> None: ...

    def describe(self, text: str) -> None: ...

    def close(self) -> None: ...


def test_a_continued_crawl_remembers_what_was_sent_for_nothing(paths: ProjectPaths) -> None:
    """It judges as the process before would have, and does not ask again."""
    error = "<title>Oh dear</title><h1>Oh dear</h1><p>There is nothing at this place of ours."
    with serving({"/docs/": html("a", "b"), "/docs/a": html(text=TEXT.format("A"))}) as site:
        site.otherwise = error.encode()
        stop = threading.Event()
        with pytest.raises(KeyboardInterrupt):
            _crawl(paths, site, stop=stop, progress=_Stopping(stop), connections=1)
        outcome, _ = _crawl(paths, site, connections=1)
        assert _broken(outcome, site) == {"/docs/b": "soft 404"}
        assert len(site.probes()) == 1


def test_the_keeper_is_told_of_pages_that_scripts_fill(console: Console) -> None:
    """After the run, with exit 0: how many there are, one of them, and where the report is."""
    with serving({"/app.js": Reply(b"//", type="text/javascript")}) as site:
        site.otherwise = SHELL
        spec = console.write(
            "sample.yaml", json.dumps({"project": "sample", "docs": [{"seeds": [f"{site.origin}/docs/"]}]})
        )
        told = console.run("archive", spec)
        assert told.code == 0, told.said
        assert (
            f"1 page with hardly any text before scripts ran: not searchable, such as {site.origin}/docs/"
            in told.out
        )
        assert f"the same page is answered for every URL of {site.origin}/" in told.out
        assert "report: " in told.out
        again = console.run("archive", spec, "--json")
    assert again.json["marked"] == {"docs": {"catch-all": 1, "script only": 1}}


def test_a_parked_domain_is_told_of_and_the_last_good_copy_kept(console: Console) -> None:
    """Exit 4, the site is gone, its pages are carried; where there never was a good copy, exit 3."""
    parked = b'<title>x</title><iframe src="https://parkingcrew.net/x"></iframe>'
    with serving({}) as site:
        put(site, "index.html", "<title>Start</title><a href=two.html>two</a><p>words to find")
        put(site, "two.html", "<title>Two</title>" + TEXT.format("Two"))
        spec = console.write(
            "sample.yaml",
            json.dumps({"project": "sample", "docs": [{"seeds": [f"{site.origin}/index.html"]}]}),
        )
        assert console.run("archive", spec).code == 0
        site.answers.clear()
        site.otherwise = parked
        gone = console.run("archive", spec, "--json")
        assert (gone.code, gone.json["verdict"], gone.json["carried"]["captures"]) == (4, "gone", 2)
        assert {failure["code"] for failure in gone.json["failures"]} == {"fetch.parked"}
        other = console.write(
            "other.yaml",
            json.dumps({"project": "other", "docs": [{"seeds": [f"{site.origin}/index.html"]}]}),
        )
        assert console.run("archive", other).code == 3


@pytest.mark.parametrize(
    ("instead", "reason"),
    [
        (
            html(text=TEXT.format("Acme, the future of clouds")),
            "the server sends the same for URLs that cannot exist",
        ),
        (b"", "the server sends an empty page"),
    ],
)
def test_a_dead_site_that_answers_everything_alike_replaces_nothing(
    console: Console, instead: bytes, reason: str
) -> None:
    """The seed's good copy is kept, in every later run as well, though one page for all URLs may be a site of its own."""
    with serving({"/docs/": html("a"), "/docs/a": html(text=TEXT.format("A"))}) as site:
        spec = console.write(
            "sample.yaml", json.dumps({"project": "sample", "docs": [{"seeds": [f"{site.origin}/docs/"]}]})
        )
        assert console.run("archive", spec).code == 0
        site.answers.clear()
        site.otherwise = instead
        for _ in range(2):
            gone = console.run("archive", spec, "--json")
            assert (gone.code, gone.json["verdict"], gone.json["carried"]["captures"]) == (4, "gone", 2)
            assert {failure["code"] for failure in gone.json["failures"]} == {"fetch.soft404"}
            assert gone.json["failures"][0]["message"] == f"{reason}; the earlier capture is kept"


def test_a_site_that_answers_everything_with_its_front_page_may_change_it(console: Console) -> None:
    """A front page that still leads to pages that there were is the site's, and so is the only page of a site."""
    with serving({"/docs/a": html(text=TEXT.format("A"))}) as site:
        site.otherwise = html("/docs/a", text=TEXT.format("Release 1"))
        spec = console.write(
            "sample.yaml", json.dumps({"project": "sample", "docs": [{"seeds": [f"{site.origin}/docs/"]}]})
        )
        assert console.run("archive", spec).code == 0
        site.otherwise = html("/docs/a", text=TEXT.format("Release 2, with much that is new"))
        assert console.run("archive", spec, "--json").json["carried"]["captures"] == 0
    with serving({}) as site:
        site.otherwise = html(text=TEXT.format("Release 1"))
        spec = console.write(
            "alone.yaml", json.dumps({"project": "alone", "docs": [{"seeds": [f"{site.origin}/docs/"]}]})
        )
        assert console.run("archive", spec).code == 0
        site.otherwise = html(text=TEXT.format("Release 2, with much that is new"))
        again = console.run("archive", spec, "--json")
        assert (again.code, again.json["carried"]["captures"], again.json["unchanged"]) == (0, 0, 0)
