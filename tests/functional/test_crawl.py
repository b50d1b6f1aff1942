from __future__ import annotations

import gzip
import random
import sys
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Iterator

import pytest
from warcio.archiveiterator import ArchiveIterator

from archiver.collect.web.documents.pool import DocumentPool
from archiver.collect.web.probe import is_probe
from archiver.core.capture import Capture
from archiver.core.progress import NullProgress
from archiver.spec.model import DocSite, Scope
from archiver.store.locator import Locator, ReadOnlyLocator
from archiver.store.paths import ProjectPaths, create_archive
from judges.warcs import judge_warcs
from servers.crawling import AGENT, FIRST, IMPATIENT, SECOND, Notes, crawl_site, doc_site
from servers.dripping import dripping
from servers.site import Answer, Asked, Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.crawl import CrawlOutcome


CSS = "text/css"


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[ProjectPaths]:
    """A project's folder; what a test leaves there as WARC files is judged."""
    made = create_archive(tmp_path / "archives").project("project")
    yield made
    if made.warc.is_dir():
        judge_warcs(made.warc)


def _record(paths: ProjectPaths, record: str) -> tuple[dict[str, str], dict[str, str], bytes]:
    """Return a record's WARC headers, its HTTP headers and its payload, found by way of the locator."""
    at = ReadOnlyLocator(paths).find(record)
    with (paths.warc / at.file).open("rb") as stream:
        stream.seek(at.offset)
        found = next(iter(ArchiveIterator(stream)))
        assert found.rec_headers.get_header("WARC-Record-ID") == record
        return dict(found.rec_headers.headers), dict(found.http_headers.headers), found.raw_stream.read()


def _records(paths: ProjectPaths) -> Iterator[tuple[str, str, str]]:
    for path in sorted(paths.warc.iterdir()):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                headers = record.rec_headers
                status = record.http_headers.get_statuscode() if record.rec_type == "response" else ""
                yield record.rec_type, headers.get_header("WARC-Target-URI") or "", status


def _kinds(outcome: CrawlOutcome, site: Site) -> dict[str, str]:
    return {capture.url.removeprefix(site.origin): capture.kind for capture in outcome.captures}


def _by_url(outcome: CrawlOutcome, url: str) -> Capture:
    return next(capture for capture in outcome.captures if capture.url == url)


def test_pages_in_scope_and_requisites_from_anywhere_are_captured(paths: ProjectPaths) -> None:
    """Pages are followed within the seed's folder; what they need is fetched from any host, and no further."""
    with serving(
        {"/font.woff2": Reply(b"font", type="font/woff2"), "/f.html": html("/beyond.html")}
    ) as other:
        head = '<link rel=stylesheet href="/static/s.css"><script src="/static/s.js"></script>'
        answers: dict[str, Answer] = {
            "/docs/": html("a.html", "/blog/", "mailto:x@example.org", "a.html#x", head=head),
            "/docs/a.html": html("/docs/", "m.pdf", text=f'<iframe src="{other.url("/f.html")}"></iframe>'),
            "/docs/m.pdf": Reply(b"%PDF", type="application/pdf"),
            "/static/s.css": Reply(
                f'@import "t.css"; @font-face{{src:url({other.url("/font.woff2")})}}'.encode(), type=CSS
            ),
            "/static/t.css": Reply(b"p{background:url(p.png)}", type=CSS),
            "/static/s.js": Reply(b"//", type="text/javascript"),
            "/static/p.png": Reply(b"png", type="image/png"),
        }
        with serving(answers) as site:
            outcome = crawl_site(paths, doc_site(site))
            assert _kinds(outcome, site) == {
                "/docs/": "page",
                "/docs/a.html": "page",
                "/docs/m.pdf": "page",
                "/static/s.css": "requisite",
                "/static/t.css": "requisite",
                "/static/s.js": "requisite",
                "/static/p.png": "requisite",
                other.url("/font.woff2"): "requisite",
                other.url("/f.html"): "requisite",
            }
        assert sorted(other.targets()) == ["/f.html", "/font.woff2", "/robots.txt"]
    assert outcome.captures == tuple(sorted(outcome.captures, key=lambda capture: capture.url))
    assert (outcome.failures, outcome.broken_links) == ((), ())
    assert outcome.skipped == {"out of scope": 1, "not http": 1}
    assert (outcome.fetched, outcome.unchanged, outcome.seeds_captured) == (9, 0, 1)
    assert len(set(site.targets())) == len(site.targets()), "nothing is asked for twice"


def test_captures_say_what_was_received_and_where_it_is(paths: ProjectPaths) -> None:
    """A capture has mime, digest, validators and a record that the locator finds; the request is the sent one."""
    headers = (("Last-Modified", "Sun, 22 Nov 2026 00:00:00 GMT"),)
    page = Reply(html(), type="text/html; charset=utf-8", headers=headers, etag='"1"')
    with serving({"/docs/": page}) as site:
        outcome = crawl_site(paths, doc_site(site))
        (capture,) = outcome.captures
        (sent,) = [asked for asked in site.asked if asked.target == "/docs/"]
    assert (capture.mime, capture.status, capture.source) == ("text/html", "200", "docs")
    assert (capture.etag, capture.modified) == ('"1"', "Sun, 22 Nov 2026 00:00:00 GMT")
    warc, http, payload = _record(paths, capture.record)
    assert warc["WARC-Payload-Digest"] == capture.digest
    assert warc["WARC-Target-URI"] == site.url("/docs/")
    assert payload == html()
    assert http["Content-Type"] == "text/html; charset=utf-8"
    at = ReadOnlyLocator(paths).find(capture.record)
    with (paths.warc / at.file).open("rb") as stream:
        stream.seek(at.offset + at.length)
        request = next(iter(ArchiveIterator(stream)))
        assert request.rec_headers.get_header("WARC-Concurrent-To") == capture.record
        recorded = {name.lower(): value for name, value in request.http_headers.headers}
    assert recorded == sent.headers
    assert recorded["user-agent"] == AGENT
    assert recorded["accept-encoding"] == "gzip"


def test_urls_are_requested_as_they_are_recorded(paths: ProjectPaths) -> None:
    """Escapes, double slashes and odd characters reach the server in the very spelling of the capture."""
    links = ("a//b", "c%2fd", "%7euser", "e|f?g[]=%zz", "h?", "中", "i//j")
    expected = {"/docs/a//b", "/docs/c%2Fd", "/docs/%7Euser", "/docs/e%7Cf?g%5B%5D=%25zz", "/docs/h?",
                "/docs/%E4%B8%AD", "/docs/i//j", "/docs/", "/robots.txt"}  # fmt: skip
    page = b"<meta charset=utf-8>" + html(*links)
    with serving(
        {"/docs/": page, **{target: html() for target in expected - {"/docs/", "/robots.txt"}}}
    ) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert set(site.targets()) == expected
        assert set(_kinds(outcome, site)) == expected - {"/robots.txt"}


def test_a_path_of_two_slashes_is_sent_as_it_is(paths: ProjectPaths) -> None:
    """A target that begins with two slashes is not mistaken for a host, nor shortened."""
    with serving({"//x": html()}) as site:
        site.answers["/"] = html(f"{site.origin}//x")
        outcome = crawl_site(paths, doc_site(site, "/"))
        assert set(_kinds(outcome, site)) == {"/", "//x"}


def test_redirects_are_captures_and_lead_on(paths: ProjectPaths) -> None:
    """A 3xx is archived as it came; its target is fetched as the same kind; loops end, and are counted."""

    def to(target: str, status: int = 302) -> Reply:
        return Reply(b"", status, headers=(("Location", target),))

    answers: dict[str, Answer] = {
        "/docs/": to("/docs/v2/", 301),
        "/docs/v2/": html("old.html", "loop", "/docs/out", text='<img src="/img">'),
        "/docs/v2/old.html": to("new.html", 308),
        "/docs/v2/new.html": html(),
        "/docs/v2/loop": to("/docs/v2/loop2"),
        "/docs/v2/loop2": to("/docs/v2/loop"),
        "/docs/out": to("/elsewhere"),
        "/img": to("/real.png"),
        "/real.png": Reply(b"png", type="image/png"),
    }
    with serving(answers) as site:
        outcome = crawl_site(paths, doc_site(site))
        kinds = _kinds(outcome, site)
        assert {target: kind for target, kind in kinds.items() if kind == "requisite"} == {
            "/img": "requisite",
            "/real.png": "requisite",
        }
        assert set(answers) == set(kinds)
        assert _by_url(outcome, site.url("/docs/")).status == "301"
        assert outcome.skipped == {"out of scope": 1, "trap: redirect loop": 1}
        assert outcome.seeds_captured == 1


def test_a_seed_that_redirects_out_of_its_scope_is_followed_with_a_warning(paths: ProjectPaths) -> None:
    """The seed's target is captured all the same, and the keeper is told what to add to the spec."""
    notes = Notes()
    moved = Reply(b"", 301, headers=(("Location", "/new/"),))
    with serving({"/docs/": moved, "/new/": html("/new/a")}) as site:
        outcome = crawl_site(paths, doc_site(site), progress=notes)
        assert set(_kinds(outcome, site)) == {"/docs/", "/new/"}
        assert outcome.seeds_captured == 1
    assert "/new/" in notes.warnings[0]


def test_broken_links_are_reported_but_are_no_failures(paths: ProjectPaths) -> None:
    """404 and 410 on discovered links are broken links with their referrer, recorded but not captured."""
    with serving({"/docs/": html("gone.html", "lost.html"), "/docs/gone.html": Reply(b"", 410)}) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert [(link.url, link.status, link.referrer) for link in outcome.broken_links] == [
            (site.url("/docs/gone.html"), "410", site.url("/docs/")),
            (site.url("/docs/lost.html"), "404", site.url("/docs/")),
        ]
        assert set(_kinds(outcome, site)) == {"/docs/"}
        assert ("response", site.url("/docs/lost.html"), "404") in set(_records(paths))
    assert outcome.failures == ()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_seed_that_fails_is_a_failure(paths: ProjectPaths, status: int) -> None:
    """Whatever error a seed answers with, the spec asked for it and did not get it."""
    with serving({"/docs/": Reply(b"", status)}) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert [(failure.subject, failure.code) for failure in outcome.failures] == [
            (site.url("/docs/"), "fetch.status")
        ]
    assert str(status) in outcome.failures[0].message
    assert (outcome.seeds_captured, outcome.captures) == (0, ())


def test_a_page_that_an_earlier_snapshot_has_is_a_failure_when_it_is_gone(paths: ProjectPaths) -> None:
    """A 404 for what was archived before is not passed over as a broken link."""
    with serving({"/docs/": html("a.html"), "/docs/a.html": html()}) as site:
        before = crawl_site(paths, doc_site(site)).captures
        del site.answers["/docs/a.html"]
        outcome = crawl_site(paths, doc_site(site), snapshot=SECOND, previous=before)
        assert [(f.subject, f.code) for f in outcome.failures] == [(site.url("/docs/a.html"), "fetch.status")]
    assert outcome.broken_links == ()


def test_what_fails_for_a_moment_is_asked_for_again(paths: ProjectPaths) -> None:
    """500, 429 and dropped connections are tried again, Retry-After honoured up to a bound."""
    busy = Reply(b"", 429, headers=(("Retry-After", "3600"),))
    answers: dict[str, Answer] = {
        "/docs/": html("a", "b", "c"),
        "/docs/a": [Reply(b"", 500), Reply(html())],
        "/docs/b": [busy, busy, Reply(html())],
        "/docs/c": [Reply(html(), cut=5), Reply(html())],
    }
    with serving(answers) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert set(_kinds(outcome, site)) == set(answers)
        assert site.targets().count("/docs/b") == 3
    assert outcome.failures == ()


def test_what_keeps_failing_is_a_failure_after_three_tries(paths: ProjectPaths) -> None:
    """Server errors and bodies that end early are failures with their own codes; the rest goes on."""
    answers: dict[str, Answer] = {
        "/docs/": html("a", "b", "c"),
        "/docs/a": Reply(b"", 503),
        "/docs/b": Reply(html(), cut=5),
        "/docs/c": html(),
    }
    with serving(answers) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert {(f.subject, f.code, f.referrer) for f in outcome.failures} == {
            (site.url("/docs/a"), "fetch.status", site.url("/docs/")),
            (site.url("/docs/b"), "fetch.broken", site.url("/docs/")),
        }
        assert set(_kinds(outcome, site)) == {"/docs/", "/docs/c"}
        assert site.targets().count("/docs/b") == 3


def test_a_server_that_never_answers_is_a_timeout(paths: ProjectPaths) -> None:
    """Waiting for an answer is bounded, and reported under a code of its own."""
    release = threading.Event()

    def hang(_: Asked) -> Reply:
        release.wait(30)
        return Reply(html())

    settings = replace(IMPATIENT, tries=1, connect_timeout=0.2, read_timeout=0.05)
    with serving({"/docs/": hang}) as site:
        outcome = crawl_site(paths, doc_site(site, robots="ignore"), settings=settings)
        release.set()
    assert [failure.code for failure in outcome.failures] == ["fetch.timeout"]


def test_dead_hosts_are_failures_and_are_not_tried_for_every_url(paths: ProjectPaths) -> None:
    """A host without a listener fails for the first URLs; the rest of its URLs is skipped with a reason."""
    with serving({}) as closed:
        dead = closed.origin
    images = "".join(f'<img src="{dead}/{number}.png">' for number in range(100))
    with serving({"/docs/": html(text=images)}) as site:
        spec = doc_site(site, robots="ignore", connections=1)
        outcome = crawl_site(paths, spec, settings=replace(IMPATIENT, tries=1))
        assert set(_kinds(outcome, site)) == {"/docs/"}
    assert {failure.code for failure in outcome.failures} == {"fetch.unreachable"}
    assert 5 <= len(outcome.failures) < 10
    assert outcome.skipped == {"host unreachable": 100 - len(outcome.failures)}


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.invalid", "*.invalid", ".invalid", "[::1%25x]"])
def test_hosts_that_cannot_exist_are_failures(paths: ProjectPaths, host: str) -> None:
    """A link to an impossible host name is reported, or is no link at all; it never ends the crawl."""
    with serving({"/docs/": html(text=f'<img src="http://{host}/x.png">')}) as site:
        outcome = crawl_site(paths, doc_site(site, robots="ignore"), settings=replace(IMPATIENT, tries=1))
        assert set(_kinds(outcome, site)) == {"/docs/"}
    assert all(failure.code.startswith("fetch.") for failure in outcome.failures)


@pytest.mark.parametrize(
    "type_", ["text/html; charset=\xe4", "\xe4/\xf6", "x" * 5000, "text", "a/b c", "a/b\tc"]
)
def test_a_malformed_content_type_leaves_the_index_readable(paths: ProjectPaths, type_: str) -> None:
    """Whatever a server calls its media type, the capture's line is ASCII and reads back."""
    with serving({"/docs/": Reply(html(), type=type_)}) as site:
        (capture,) = crawl_site(paths, doc_site(site)).captures
    assert capture.to_cdxj().isascii()
    assert capture.mime in ("", "text/html")
    assert Capture.from_cdxj(capture.to_cdxj()) == capture


def test_a_dead_seed_is_a_failure(paths: ProjectPaths) -> None:
    """When the seed's own host is gone, the seed is listed with what to expect of robots.txt."""
    with serving({}) as closed:
        spec = doc_site(closed)
    outcome = crawl_site(paths, spec)
    assert {failure.subject: failure.code for failure in outcome.failures} == {
        closed.url("/robots.txt"): "fetch.unreachable",
        closed.url("/docs/"): "fetch.unreachable",
    }
    (told,) = (failure.message for failure in outcome.failures if failure.subject.endswith("robots.txt"))
    assert told.startswith(f"cannot connect: {closed.origin.removeprefix('http://')}: Failed to establish")
    assert outcome.seeds_captured == 0


def test_content_coding_is_kept_and_looked_through(paths: ProjectPaths) -> None:
    """A gzip body is archived byte for byte, and its links are found all the same."""
    packed = gzip.compress(html("a.html"))
    page = Reply(packed, headers=(("Content-Encoding", "gzip"),))
    with serving({"/docs/": page, "/docs/a.html": html()}) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert set(_kinds(outcome, site)) == {"/docs/", "/docs/a.html"}
        _, http, payload = _record(paths, _by_url(outcome, site.url("/docs/")).record)
    assert payload == packed
    assert http["Content-Encoding"] == "gzip"


def test_transfer_coding_is_removed(paths: ProjectPaths) -> None:
    """A chunked body is archived as one piece, with its length and the coding's header renamed."""
    with serving({"/docs/": Reply(html("a.html"), chunked=True), "/docs/a.html": html()}) as site:
        outcome = crawl_site(paths, doc_site(site))
        _, http, payload = _record(paths, _by_url(outcome, site.url("/docs/")).record)
    assert payload == html("a.html")
    assert http["X-Orig-Transfer-Encoding"] == "chunked"
    assert http["Content-Length"] == str(len(payload))
    assert "Transfer-Encoding" not in http


def test_a_body_beyond_the_limit_is_cut_and_marked(paths: ProjectPaths) -> None:
    """An over-long response is kept up to the limit, says WARC-Truncated, and is a failure."""
    big = Reply(bytes(1_000_000), type="application/zip")
    with serving({"/docs/": html("big.zip"), "/docs/big.zip": big}) as site:
        outcome = crawl_site(paths, doc_site(site, limits={"response": "100kB"}))
        warc, http, payload = _record(paths, _by_url(outcome, site.url("/docs/big.zip")).record)
    assert [(failure.subject, failure.code) for failure in outcome.failures] == [
        (site.url("/docs/big.zip"), "fetch.truncated")
    ]
    assert payload == bytes(100_000)
    assert (warc["WARC-Truncated"], http["Content-Length"]) == ("length", "100000")


def test_what_did_not_change_is_a_revisit(paths: ProjectPaths) -> None:
    """A 304, and a 200 with the same payload, refer to the original; links are followed as before."""
    answers: dict[str, Answer] = {
        "/docs/": Reply(html("a.html", "b.html"), etag='"1"'),
        "/docs/a.html": Reply(html("c.html")),
        "/docs/b.html": Reply(html(text="old"), etag='"1"'),
        "/docs/c.html": html(),
    }
    with serving(answers) as site:
        first = crawl_site(paths, doc_site(site))
        site.answers["/docs/b.html"] = Reply(html(text="new"), etag='"2"')
        second = crawl_site(paths, doc_site(site), snapshot=SECOND, previous=first.captures)
        third = crawl_site(paths, doc_site(site), snapshot="20261125T004400Z", previous=second.captures)
        index, page, changed = (site.url(f"/docs/{name}") for name in ("", "a.html", "b.html"))
    assert [capture.url for capture in first.captures] == [capture.url for capture in second.captures]
    assert (second.fetched, second.unchanged, third.unchanged) == (4, 3, 4)
    original, revisit, again = (_by_url(outcome, index) for outcome in (first, second, third))
    assert revisit.original == again.original == original.record
    for earlier in (revisit, again):
        assert replace(earlier, record="", original="", timestamp="", since="") == replace(
            original, record="", timestamp=""
        )
        assert earlier.since == original.timestamp
        warc, _, payload = _record(paths, earlier.record)
        assert warc["WARC-Profile"].endswith("/server-not-modified")
        assert warc["WARC-Refers-To"] == original.record
        assert warc["WARC-Refers-To-Target-URI"] == index
        assert warc["WARC-Refers-To-Date"] == _record(paths, original.record)[0]["WARC-Date"]
        assert warc["WARC-Payload-Digest"] == original.digest
        assert payload == b""
    same = _by_url(second, page)
    assert same.original == _by_url(first, page).record
    assert _record(paths, same.record)[0]["WARC-Profile"].endswith("/identical-payload-digest")
    assert (_by_url(second, changed).original, _by_url(second, changed).since) == ("", "")
    assert _by_url(third, changed).since == _by_url(second, changed).timestamp
    assert _record(paths, _by_url(second, changed).record)[2] == html(text="new")


def test_only_a_page_that_was_a_page_before_becomes_a_revisit(paths: ProjectPaths) -> None:
    """A 200 with the bytes that a redirect had earlier is stored as what it is."""
    moved = Reply(html(), 302, headers=(("Location", "/docs/"),))
    with serving({"/docs/": html("a"), "/docs/a": moved}) as site:
        first = crawl_site(paths, doc_site(site))
        site.answers["/docs/a"] = html()
        second = crawl_site(paths, doc_site(site), snapshot=SECOND, previous=first.captures)
        capture = _by_url(second, site.url("/docs/a"))
    assert (capture.status, capture.original) == ("200", "")


def test_without_its_original_a_page_is_asked_for_unconditionally(paths: ProjectPaths) -> None:
    """A revisit never points to bytes that are not there any more."""
    with serving({"/docs/": Reply(html("a.html"), etag='"1"'), "/docs/a.html": html()}) as site:
        first = crawl_site(paths, doc_site(site))
        for path in paths.warc.iterdir():
            path.unlink()
        second = crawl_site(paths, doc_site(site), snapshot=SECOND, previous=first.captures)
        with closing(Locator(paths.locator)) as locator:
            assert locator.get(first.captures[0].record) is not None, "the map still says that it is there"
    assert (second.fetched, second.unchanged) == (2, 0)


def test_a_304_that_nobody_asked_for_is_a_broken_response(paths: ProjectPaths) -> None:
    """A server that answers "not modified" to a first request gave nothing."""
    with serving({"/docs/": Reply(status=304)}) as site:
        outcome = crawl_site(paths, doc_site(site))
    assert [failure.code for failure in outcome.failures] == ["fetch.broken"]


def test_a_lost_locator_is_made_again_before_new_records_are_added(paths: ProjectPaths) -> None:
    """Deleting the map costs nothing: earlier records are still found, and asked for conditionally."""
    with serving({"/docs/": Reply(html(), etag='"1"')}) as site:
        first = crawl_site(paths, doc_site(site))
        paths.locator.unlink()
        second = crawl_site(paths, doc_site(site), snapshot=SECOND, previous=first.captures)
    assert second.unchanged == 1
    assert _record(paths, first.captures[0].record)[2] == html()


def test_robots_txt_is_obeyed_and_archived(paths: ProjectPaths) -> None:
    """Forbidden links are skipped with a reason, and the file that forbids them is a capture."""
    robots = Reply(b"User-agent: *\nDisallow: /docs/private\n", type="text/plain")
    with serving({"/robots.txt": robots, "/docs/": html("private/a", "b"), "/docs/b": html()}) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert _kinds(outcome, site) == {"/robots.txt": "requisite", "/docs/": "page", "/docs/b": "page"}
        assert site.targets()[0] == "/robots.txt"
        assert "/docs/private/a" not in site.targets()
    assert outcome.skipped == {"robots": 1}
    assert outcome.failures == ()


@pytest.mark.parametrize(
    ("robots", "code"),
    [
        (Reply(b"User-agent: *\nDisallow: /\n", type="text/plain"), "fetch.robots"),
        (Reply(b"", 503), "fetch.norobots"),
    ],
)
def test_a_forbidden_seed_is_a_failure_with_a_way_out(paths: ProjectPaths, robots: Reply, code: str) -> None:
    """Where robots.txt forbids the seed, or cannot be had, the failure says which, and how to override that."""
    with serving({"/robots.txt": robots, "/docs/": html()}) as site:
        outcome = crawl_site(paths, doc_site(site))
        failures = {failure.subject: failure for failure in outcome.failures}
        assert failures[site.url("/docs/")].code == code
        assert "robots: ignore" in failures[site.url("/docs/")].message
        assert "/docs/" not in site.targets()
        ignoring = crawl_site(paths, doc_site(site, robots="ignore"), snapshot=SECOND)
        assert set(_kinds(ignoring, site)) == {"/docs/"}
    assert outcome.seeds_captured == 0


def test_a_robots_txt_that_moved_is_followed(paths: ProjectPaths) -> None:
    """RFC 9309: redirects of robots.txt are followed, and what they lead to is obeyed."""
    robots = Reply(b"User-agent: *\nDisallow: /docs/a\n", type="text/plain")
    answers: dict[str, Answer] = {
        "/robots.txt": Reply(b"", 301, headers=(("Location", "/r.txt"),)),
        "/r.txt": robots,
        "/docs/": html("a"),
    }
    with serving(answers) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert set(_kinds(outcome, site)) == set(answers)
    assert outcome.skipped == {"robots": 1}


def test_excluded_pages_are_skipped_with_a_reason(paths: ProjectPaths) -> None:
    """The spec's exclude prefixes win, and are counted apart from what is out of scope."""
    with serving({"/docs/": html("old/a", "/blog", "new"), "/docs/new": html()}) as site:
        outcome = crawl_site(paths, doc_site(site, scope=Scope(exclude=("/docs/old/",))))
        assert set(_kinds(outcome, site)) == {"/docs/", "/docs/new"}
    assert outcome.skipped == {"excluded": 1, "out of scope": 1}


def test_a_requisite_that_is_linked_as_a_page_later_is_a_page(paths: ProjectPaths) -> None:
    """Found first as an image and then as a link, a document is one capture, and its links are followed."""
    answers: dict[str, Answer] = {
        "/docs/": html("late", text='<img src="both">'),
        "/docs/both": html("deep"),
        "/docs/late": html("later"),
        "/docs/later": html("both"),
        "/docs/deep": html(),
    }
    with serving(answers) as site:
        outcome = crawl_site(paths, doc_site(site, connections=1))
        assert _kinds(outcome, site) == dict.fromkeys(answers, "page")
        assert site.targets().count("/docs/both") == 1


class _StoppingTask:
    def __init__(self, stop: threading.Event, after: int) -> None:
        self._stop, self._left = stop, after

    def advance(self, count: int = 1) -> None:
        self._left -= 1  # the first call counts what an earlier process did
        if self._left < 0:
            self._stop.set()

    def expect(self, total: int) -> None: ...

    def describe(self, text: str) -> None: ...

    def close(self) -> None: ...


class _Stopping(NullProgress):
    """Stops the crawl after so many URLs."""

    def __init__(self, stop: threading.Event, after: int) -> None:
        self._task = _StoppingTask(stop, after)

    def task(self, label: str, unit: str, total: int | None = None) -> _StoppingTask:
        return self._task


def _chain(length: int) -> dict[str, Answer]:
    pages: dict[str, Answer] = {f"/docs/{n}": html(f"{n + 1}", "/robots.txt") for n in range(length - 1)}
    return {
        "/docs/": html("0"),
        "/robots.txt": Reply(b"", type="text/plain"),
        **pages,
        f"/docs/{length - 1}": html(),
    }


def test_a_stopped_crawl_is_continued_without_asking_again(paths: ProjectPaths) -> None:
    """Stopping is KeyboardInterrupt; the next run goes on in the same file and asks for nothing twice."""
    with serving(_chain(12)) as site:
        spec = doc_site(site, connections=1)
        for _ in range(2):
            stop = threading.Event()
            with pytest.raises(KeyboardInterrupt):
                crawl_site(paths, spec, stop=stop, progress=_Stopping(stop, 4))
            site.asked, before = [], site.targets()
            assert before, "every run gets further"
        outcome = crawl_site(paths, spec)
        assert set(_kinds(outcome, site)) == set(_chain(12))
    assert len(list(paths.warc.iterdir())) == 1
    responses = [url for kind, url, _ in _records(paths) if kind == "response"]
    assert len(responses) == len(set(responses))
    assert len([url for url in responses if not is_probe(url)]) == outcome.fetched


class _Crash(BaseException):
    """As sudden as a lost process."""


class _CrashingOnceDone(_StoppingTask):
    """Crashes as soon as so many URLs are done."""

    def __init__(self, done: int) -> None:
        super().__init__(threading.Event(), done)

    def advance(self, count: int = 1) -> None:
        self._left -= count
        if self._left <= 0:
            raise _Crash


@pytest.mark.parametrize("torn", [0, 1, 300])
def test_after_a_crash_whole_records_are_read_back_instead_of_fetched(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch, torn: int
) -> None:
    """What the state did not commit is taken from the WARC; only what was torn is asked for again."""
    monkeypatch.setattr("archiver.collect.web.coordinator._BATCH_SECONDS", 3600.0)
    with serving(_chain(12)) as site:
        spec = doc_site(site, connections=1)
        crashing = _Stopping(threading.Event(), 0)
        crashing._task = _CrashingOnceDone(8)
        with pytest.raises(_Crash):
            crawl_site(paths, spec, progress=crashing)
        assert len(site.targets()) >= 8
        (path,) = paths.warc.iterdir()
        path.write_bytes(path.read_bytes()[: -torn or None])
        before = site.targets()
        site.forget()
        outcome = crawl_site(paths, spec)
        again = set(site.targets()) & set(before)
        assert len(again) <= (1 if torn else 0) + 1, "one more may have been in flight"
        assert set(_kinds(outcome, site)) == set(_chain(12))
        assert outcome.failures == ()
    assert all(ReadOnlyLocator(paths).find(capture.record) for capture in outcome.captures)


def test_ctrl_c_in_the_waiting_thread_leaves_a_run_to_continue(paths: ProjectPaths) -> None:
    """An interrupt that comes as an exception, at any place, costs nothing that was written."""

    class _Interrupting(_StoppingTask):
        def describe(self, text: str) -> None:
            if self._left <= 0:
                raise KeyboardInterrupt

    with serving(_chain(6)) as site:
        interrupting = _Stopping(threading.Event(), 0)
        interrupting._task = _Interrupting(threading.Event(), 3)
        with pytest.raises(KeyboardInterrupt):
            crawl_site(paths, doc_site(site), progress=interrupting)
        outcome = crawl_site(paths, doc_site(site))
        assert set(_kinds(outcome, site)) == set(_chain(6))


def test_a_finished_crawl_of_an_unfinished_run_is_returned_again(paths: ProjectPaths) -> None:
    """When another source of the run was interrupted, this one's results come back without a request."""
    with serving({"/docs/": html("a", "b"), "/docs/a": html()}) as site:
        first = crawl_site(paths, doc_site(site))
        site.forget()
        assert crawl_site(paths, doc_site(site)) == first
        assert site.targets() == []


def test_no_more_connections_than_allowed_are_used_at_once(paths: ProjectPaths) -> None:
    """The number of requests that a host sees at the same time stays within the spec's limit."""
    lock, now, most = threading.Lock(), [0], [0]
    together = threading.Barrier(3, timeout=60)

    def busy(_: Asked) -> Reply:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait()
        with lock:
            now[0] -= 1
        return Reply(html())

    pages = {f"/docs/{number}": busy for number in range(12)}
    with serving({"/docs/": html(*(str(number) for number in range(12))), **pages}) as site:
        outcome = crawl_site(paths, doc_site(site, connections=3))
    assert outcome.fetched == 13
    assert most[0] == 3


def _redirect(target: str, status: int = 302) -> Reply:
    return Reply(b"", status, headers=(("Location", target),))


def test_a_redirect_to_an_endless_url_is_skipped(paths: ProjectPaths) -> None:
    """A Location beyond the bound on links is left out with the same reason, and the run can be read back."""
    answers: dict[str, Answer] = {
        "/robots.txt": _redirect("/" + "r" * 60_000),
        "/docs/": html("a", "b" * 10_000),
        "/docs/a": _redirect("/docs/" + "x" * 60_000),
    }
    with serving(answers) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert set(_kinds(outcome, site)) == {"/robots.txt", "/docs/", "/docs/a"}
        assert all(len(target) < 100 for target in site.targets())
        assert crawl_site(paths, doc_site(site)) == outcome
    assert outcome.skipped == {"too long": 2}
    assert outcome.failures == ()


def test_validators_that_are_no_validators_are_not_kept(paths: ProjectPaths) -> None:
    """An ETag or Last-Modified of tens of kilobytes is archived with the page and asked with by nobody."""
    endless = (("ETag", '"' + "e" * 30_000 + '"'), ("Last-Modified", "m" * 30_000))
    with serving({"/docs/": Reply(html(), headers=endless)}) as site:
        (capture,) = crawl_site(paths, doc_site(site)).captures
    assert (capture.etag, capture.modified) == ("", "")


@pytest.mark.parametrize("charset", ["idna", "punycode", "undefined", "unicode_escape", "utf-8-sig", "hex"])
def test_a_charset_that_is_none_is_passed_over(paths: ProjectPaths, charset: str) -> None:
    """A page that names a Python codec as its encoding is read as UTF-8, and its links are followed."""
    page = Reply(html("ä", text="\\x"), type=f"text/html; charset={charset}")
    with serving({"/docs/": page, "/docs/%C3%A4": html()}) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert set(_kinds(outcome, site)) == {"/docs/", "/docs/%C3%A4"}
    assert outcome.failures == ()


# A worker that some documents get the better of, as no known document does.
_FRAIL_WORKER = """
import os, time
from archiver.collect.web.documents import worker
read = worker.READERS["document"]
def read_or_fail(payload, **about):
    if b"BANG" in payload:
        raise ZeroDivisionError("\\x1b[2Jbang")
    if b"DIE" in payload:
        os._exit(9)
    if b"HANG" in payload:
        time.sleep(3600)
    return read(payload, **about)
worker.READERS["document"] = read_or_fail
worker.main()
"""


@pytest.fixture
def frail() -> Iterator[DocumentPool]:
    """A pool whose worker fails on pages that say BANG, dies on DIE and never comes back from HANG."""
    with closing(DocumentPool(1, patience=1, command=[sys.executable, "-c", _FRAIL_WORKER])) as pool:
        yield pool


@pytest.mark.parametrize(
    ("text", "message"),
    [("BANG", "ZeroDivisionError"), ("DIE", "ended the process that read it"), ("HANG", "took too long")],
)
def test_a_page_that_cannot_be_read_is_a_failure_of_its_own(
    paths: ProjectPaths, frail: DocumentPool, text: str, message: str
) -> None:
    """Whatever reading runs into, the page is kept, named in the failures, and the rest goes on."""
    others = [f"b{number}" for number in range(20)]
    answers: dict[str, Answer] = {"/docs/": html("a", *others), "/docs/a": html(text=text)}
    answers |= {f"/docs/{name}": html() for name in others}
    with serving(answers) as site:
        outcome = crawl_site(paths, doc_site(site), documents=frail)
        assert set(_kinds(outcome, site)) == set(answers)
        (failure,) = outcome.failures
        assert (failure.subject, failure.code) == (site.url("/docs/a"), "fetch.unreadable")
    assert message in failure.message
    assert failure.message.isprintable()


def test_a_page_that_cannot_be_read_does_not_wedge_the_next_run(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch, frail: DocumentPool
) -> None:
    """Read back from the WARC after a crash, such a page is the same failure, once."""
    monkeypatch.setattr("archiver.collect.web.coordinator._BATCH_SECONDS", 3600.0)
    answers: dict[str, Answer] = {"/docs/": html("a"), "/docs/a": html(text="BANG")}
    with serving(answers) as site:
        crashing = _Stopping(threading.Event(), 0)
        crashing._task = _CrashingOnceDone(2)
        spec = doc_site(site, connections=1)
        with pytest.raises(_Crash):
            crawl_site(paths, spec, progress=crashing, documents=frail)
        site.forget()
        outcome = crawl_site(paths, spec, documents=frail)
        assert "/docs/a" not in site.targets()
        assert set(_kinds(outcome, site)) == set(answers)
    assert [failure.code for failure in outcome.failures] == ["fetch.unreadable"]


def test_a_robots_txt_that_cannot_be_read_forbids_everything(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where robots.txt cannot be made sense of, the site is left alone and the file is a failure."""

    def parse(body: bytes, user_agent: str) -> None:
        raise ZeroDivisionError(body, user_agent)

    monkeypatch.setattr("archiver.collect.web.robots._parsed", parse)
    with serving({"/robots.txt": Reply(b"x", type="text/plain"), "/docs/": html()}) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert site.targets() == ["/robots.txt"]
        assert {failure.subject: failure.code for failure in outcome.failures} == {
            site.url("/robots.txt"): "fetch.unreadable",
            site.url("/docs/"): "fetch.norobots",
        }


def test_redirected_robots_txt_of_many_hosts_are_continued(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tail with more redirecting robots.txt than hosts are spoken to at a time is gone on with."""
    monkeypatch.setattr("archiver.collect.web.coordinator._BATCH_SECONDS", 3600.0)
    monkeypatch.setattr("archiver.collect.web.schedule._MOST_LANES", 1)
    moved: dict[str, Answer] = {"/robots.txt": _redirect("/r"), "/r": Reply(b"", type="text/plain")}
    with serving({**moved, "/i.png": Reply(b"png", type="image/png")}) as other, serving(moved) as site:
        site.answers["/docs/"] = html("a", text=f'<img src="{other.url("/i.png")}">')
        site.answers["/docs/a"] = html()
        crashing = _Stopping(threading.Event(), 0)
        crashing._task = _CrashingOnceDone(3)
        spec = doc_site(site, connections=1)
        with pytest.raises(_Crash):
            crawl_site(paths, spec, progress=crashing)
        assert "/robots.txt" in other.targets()
        outcome = crawl_site(paths, spec)
        assert {"/docs/", "/docs/a", other.url("/i.png")} <= set(_kinds(outcome, site))
    assert outcome.failures == ()


def test_loopback_is_never_asked_by_way_of_a_proxy(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment, which knows another loopback, is passed by."""
    with serving({}) as proxy, serving({"/docs/": html()}) as site:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        outcome = crawl_site(paths, doc_site(site))
        assert set(_kinds(outcome, site)) == {"/docs/"}
        assert proxy.targets() == []


def test_what_a_server_says_cannot_control_a_terminal(paths: ProjectPaths) -> None:
    """A status line that is none is quoted in the failure, with its control characters escaped."""
    with dripping(b"HTTP/1.1 20\x1b]0;owned\x07\xe2\x80\xae OK\r\n\r\n") as origin:
        spec = DocSite.model_validate({"seeds": (f"{origin}/docs/",), "robots": "ignore"})
        outcome = crawl_site(paths, spec, settings=replace(IMPATIENT, tries=1))
    (failure,) = outcome.failures
    assert failure.code == "fetch.broken"
    assert "owned" in failure.message
    assert failure.message.isprintable()


@pytest.mark.parametrize("etag", ["", '"1"'])
@pytest.mark.parametrize("where", ["middle", "checksum", "end"])
def test_no_revisit_refers_to_damaged_bytes(
    paths: ProjectPaths, capfd: pytest.CaptureFixture[str], where: str, etag: str
) -> None:
    """Where the stored original does not hold its bytes any more, they are asked for and stored again."""
    picture = Reply(random.Random(1).randbytes(30_000), type="image/png", etag=etag)
    answers: dict[str, Answer] = {"/docs/": html(text='<img src="a.png">'), "/docs/a.png": picture}
    with serving(answers) as site:
        first = crawl_site(paths, doc_site(site))
        url = site.url("/docs/a.png")
        at = ReadOnlyLocator(paths).find(_by_url(first, url).record)
        path = paths.warc / at.file
        whole = path.read_bytes()
        data = bytearray(whole)
        data[
            at.offset + {"middle": at.length // 2, "checksum": at.length - 6, "end": at.length - 12}[where]
        ] ^= 1
        path.write_bytes(data)
        second = crawl_site(paths, doc_site(site), snapshot=SECOND, previous=first.captures)
        assert (second.failures, second.fetched, second.unchanged) == ((), 2, 1)
        capture = _by_url(second, url)
        assert capture.original == ""
        assert _record(paths, capture.record)[2] == picture.body
    assert capfd.readouterr() == ("", "")
    path.write_bytes(whole)  # what is damaged on purpose need not be judged


@pytest.mark.parametrize("etag", ["", '"1"'])
def test_a_cut_body_does_not_replace_a_whole_one(paths: ProjectPaths, etag: str) -> None:
    """What has outgrown the limit is a failure and evidence in the WARC; what was whole before stays."""
    big = Reply(bytes(200_000), type="application/zip", etag=etag)
    small = Reply(bytes(50_000), type="application/zip")
    with serving({"/docs/": html("a.zip", "b.zip"), "/docs/a.zip": small, "/docs/b.zip": big}) as site:
        spec = doc_site(site, limits={"response": "100kB"})
        first = crawl_site(paths, spec)
        site.answers["/docs/a.zip"] = big
        second = crawl_site(paths, spec, snapshot=SECOND, previous=first.captures)
        grown, always = site.url("/docs/a.zip"), site.url("/docs/b.zip")
        assert [failure.subject for failure in first.failures] == [always]
        assert {(f.subject, f.code) for f in second.failures} == {
            (grown, "fetch.truncated"),
            (always, "fetch.truncated"),
        }
        assert {capture.url for capture in first.captures} == {site.url("/docs/"), grown, always}
        assert {capture.url for capture in second.captures} == {site.url("/docs/")}
        assert [url for _, url, _ in _records(paths)].count(grown) == 4, "two responses and their requests"


@pytest.mark.parametrize(
    "target",
    [
        "https://parked.invalid/",
        "/blog/",
        "/docs/old/",
        "mailto:x@y",
        "file:///etc/passwd",
        "/docs/" + "x" * 9000,
    ],
)
def test_a_page_that_redirects_out_of_the_site_does_not_lose_its_capture(
    paths: ProjectPaths, target: str
) -> None:
    """A parked domain or a catch-all replaces nothing: the redirect is a failure that says where to.

    Pages of before are asked for though nothing leads to them: what became of them is to be known.
    """
    spec_scope = Scope(exclude=("/docs/old/",))
    with serving({"/docs/": html("a"), "/docs/a": html()}) as site:
        spec = doc_site(site, scope=spec_scope)
        first = crawl_site(paths, spec)
        site.answers["/docs/"] = site.answers["/docs/a"] = _redirect(target, 301)
        site.forget()
        seed_moved = crawl_site(paths, spec, snapshot=SECOND, previous=first.captures)
        assert sorted(site.targets()) == ["/docs/", "/docs/a", "/robots.txt"]
        site.answers["/docs/"] = html("a")
        page_moved = crawl_site(paths, spec, snapshot="20261125T004400Z", previous=first.captures)
        assert [(f.subject, f.code) for f in page_moved.failures] == [(site.url("/docs/a"), "fetch.moved")]
        assert set(_kinds(page_moved, site)) == {"/docs/"}
        assert [(f.subject, f.code) for f in seed_moved.failures] == [
            (site.url("/docs/"), "fetch.moved"),
            (site.url("/docs/a"), "fetch.moved"),
        ]
    assert target[:300] in seed_moved.failures[0].message
    assert (seed_moved.captures, seed_moved.seeds_captured) == ((), 0)


def test_a_page_that_moved_within_the_site_is_captured_as_the_redirect_it_is(paths: ProjectPaths) -> None:
    """In scope, a redirect is the page's new state, and leads to its new place."""
    with serving({"/docs/": html("a"), "/docs/a": html(), "/docs/b": html(text="new")}) as site:
        first = crawl_site(paths, doc_site(site))
        site.answers["/docs/a"] = _redirect("b", 301)
        second = crawl_site(paths, doc_site(site), snapshot=SECOND, previous=first.captures)
        assert _by_url(second, site.url("/docs/a")).status == "301"
        assert "/docs/b" in _kinds(second, site)
    assert second.failures == ()


def test_a_public_site_makes_nobody_ask_the_keepers_own_network(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links, redirects and robots.txt that lead to private addresses are skipped with a reason."""
    # the site's own loopback address stands for a public one
    monkeypatch.setattr("archiver.collect.web.addresses.is_private", lambda address: address == "127.0.0.2")
    inside = "http://127.0.0.2:9"
    images = f'<img src="{inside}/a.png"><img src="{inside}/b.png"><img src="moved.png">'
    answers: dict[str, Answer] = {
        "/docs/": html(text=images),
        "/docs/moved.png": _redirect(f"{inside}/c.png"),
    }
    with serving(answers) as site:
        for snapshot, robots in ((FIRST, "obey"), (SECOND, "ignore")):
            outcome = crawl_site(paths, doc_site(site, robots=robots), snapshot=snapshot)
            assert set(_kinds(outcome, site)) == set(answers)
            assert outcome.skipped == {"private address": 3}
            assert outcome.failures == ()


def test_a_seed_that_redirects_to_a_private_address_is_a_failure(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spec's own seed cannot be had from there, and the keeper is told why."""
    monkeypatch.setattr("archiver.collect.web.addresses.is_private", lambda address: address == "127.0.0.2")
    with serving({"/docs/": _redirect("http://127.0.0.2:9/")}) as site:
        outcome = crawl_site(paths, doc_site(site))
    assert [(failure.subject, failure.code) for failure in outcome.failures] == [
        ("http://127.0.0.2:9/", "fetch.private")
    ]


def test_a_page_nested_without_end_is_captured_like_any(paths: ProjectPaths) -> None:
    """Its links are followed: how deep elements are nested does not matter to them."""
    deep = html(text="<div>" * 50_000 + '<a href="a">x</a>')
    with serving({"/docs/": deep, "/docs/a": html()}) as site:
        outcome = crawl_site(paths, doc_site(site))
        assert set(_kinds(outcome, site)) == {"/docs/", "/docs/a"}
    assert outcome.failures == ()
