"""Servers that do everything wrong: the crawl ends, keeps the rest, names what went wrong, and writes sound WARCs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect.web.fetch import FetchSettings
from archiver.spec.model import DocSite
from archiver.store.paths import create_archive
from judges.warcs import captured_urls, judge_warcs, truncated_urls
from servers.certificates import Certificates, make_certificates
from servers.crawling import crawl_site
from servers.misbehaving import MISBEHAVIOURS, gzip_bomb, maze, page
from servers.processes import PATIENCE, free_port
from servers.rawsite import Raw, RawSite, Saying, raw_serving, reply, resetting
from servers.site import html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.crawl import CrawlOutcome
    from archiver.core.capture import Capture
    from archiver.core.snapshot import Failure
    from archiver.store.paths import ProjectPaths
    from judges.strictwarc import Record
    from servers.console import Console

RUN = "20261123T004400Z"
BROKEN, TIMEOUT, UNREADABLE, TRUNCATED = (
    "fetch.broken",
    "fetch.timeout",
    "fetch.unreadable",
    "fetch.truncated",
)
LIMIT = 300_000
IMPATIENT = FetchSettings(
    tries=2,
    backoff=0.01,
    longest_wait=0.05,
    connect_timeout=5,
    read_timeout=1,
    warm_up=0.3,
    slowest=2000,
    longest=1,
)


@dataclass(frozen=True)
class Expected:
    """What becomes of a misbehaviour.

    Attributes:
        status: of the capture; empty where there is none.
        code: of the failure; empty where there is none.
        read: whether the page behind it was read, links and all.
    """

    status: str = ""
    code: str = ""
    read: bool = False


FINE, LOST, HUNG = Expected("200", read=True), Expected(code=BROKEN), Expected(code=TIMEOUT)
MOVED = Expected("302")
EXPECTED = {
    "drops-mid-body": LOST,
    "resets-mid-body": LOST,
    "length-too-small": Expected("200"),
    "length-behind-a-return": LOST,
    "two-lengths": LOST,
    "the-same-length-twice": FINE,
    "negative-length": FINE,
    "length-that-is-none": FINE,
    "length-without-end": FINE,
    "endless-body": Expected("200", TRUNCATED),
    "endless-page": Expected("200", TRUNCATED),
    "endless-chunk-header": LOST,
    "slow-drip": HUNG,
    "slow-headers": HUNG,
    "chunk-size-that-is-none": LOST,
    "negative-chunk": HUNG,
    "enormous-chunk": LOST,
    "chunks-without-end": LOST,
    "chunk-longer-than-it-says": HUNG,
    "chunks-with-trailers": FINE,
    "chunked-and-a-length": FINE,
    "chunks-in-gzip-transfer": HUNG,
    "http-1.0-without-length": FINE,
    "no-headers-at-all": FINE,
    "bare-line-feeds": FINE,
    "says-nothing": LOST,
    "another-protocol": LOST,
    "no-status": LOST,
    "http-2": LOST,
    "status-999": Expected(code="fetch.status"),
    "reason-beyond-ascii": FINE,
    "continue-first": FINE,
    "early-hints-first": LOST,
    "endless-interim-answers": HUNG,
    "switches-protocols": LOST,
    "204-with-a-body": Expected("204"),
    "205-with-a-body": Expected("205", read=True),
    "304-unasked": LOST,
    "206-unasked": LOST,
    "content-range-nonsense": FINE,
    "huge-header": LOST,
    "thousands-of-headers": LOST,
    "big-headers": FINE,
    "endless-headers": LOST,
    "folded-headers": FINE,
    "injected-headers": FINE,
    "a-line-that-is-no-header": FINE,
    "a-name-with-blanks": FINE,
    "an-empty-name": FINE,
    "redirects-to-itself": MOVED,
    "redirects-in-a-loop": Expected("301"),
    "loop-b": Expected("308"),
    "cookie-wall": MOVED,
    "redirects-nowhere": MOVED,
    "redirects-to-nonsense": MOVED,
    "redirects-with-injection": MOVED,
    "redirects-to-a-script": MOVED,
    "busy-then-fine": FINE,
    "down-then-fine": FINE,
    "dropped-then-fine": FINE,
    "bad-charset": FINE,
    "bad-type": FINE,
    "bytes-that-are-no-text": FINE,
    "bad-gzip": Expected("200", UNREADABLE),
    "cut-gzip": FINE,
    "gzip-with-garbage-behind": FINE,
    "gzip-of-two-members": FINE,
    "gzip-twice": FINE,
    "deflate": FINE,
    "raw-deflate": FINE,
    "brotli": Expected("200", UNREADABLE),
    "unknown-coding": Expected("200", UNREADABLE),
}


@dataclass(frozen=True)
class Crawled:
    """The one crawl of all misbehaviours, by names: the targets without ``/docs/``."""

    seconds: float
    asked: list[str]
    outcome: CrawlOutcome
    records: list[Record]
    captures: dict[str, Capture] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)


def _crawl(paths: ProjectPaths, site: RawSite) -> CrawlOutcome:
    limits = {"response": f"{LIMIT}B"}
    spec = DocSite.model_validate({"seeds": (site.url("/docs/"),), "limits": limits})
    return crawl_site(paths, spec, snapshot=RUN, settings=IMPATIENT)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """One crawl of a site that does everything wrong, with a good page beside each misbehaviour."""
    paths = create_archive(tmp_path_factory.mktemp("misbehaving") / "archives").project("project")
    answers: dict[str, Saying] = {f"/docs/maze-{number}": maze for number in range(50)}
    links = ["maze-0"]
    for name, saying in MISBEHAVIOURS.items():
        answers[f"/docs/{name}"] = saying
        answers[f"/docs/{name}-reached"] = reply(b"<p>reached")
        answers[f"/docs/well-{name}"] = reply(f"<p>well {name}".encode())
        links += [name, f"well-{name}"]
    answers["/docs/"] = reply(html(*links))
    with raw_serving(answers) as site:
        began = time.monotonic()
        outcome = _crawl(paths, site)
        seconds = time.monotonic() - began
        base = site.url("/docs/")
        return Crawled(
            seconds,
            [target.removeprefix("/docs/") for target in site.targets()],
            outcome,
            judge_warcs(paths.warc),
            {capture.url.removeprefix(base): capture for capture in outcome.captures},
            {failure.subject.removeprefix(base): failure for failure in outcome.failures},
        )


def _body(record: Record) -> bytes:
    return record.block.partition(b"\r\n\r\n")[2]


def test_every_misbehaviour_is_expected() -> None:
    """Nothing is served of which it is not said what should become of it."""
    assert EXPECTED.keys() == MISBEHAVIOURS.keys()


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_misbehaviour_is_kept_or_named(crawled: Crawled, name: str) -> None:
    """What can be kept is; what cannot is a failure with its code, in printable words, and where it was linked from."""
    expected = EXPECTED[name]
    capture, failure = crawled.captures.get(name), crawled.failures.get(name)
    assert (capture.status if capture else "") == expected.status, failure
    assert (failure.code if failure else "") == expected.code, failure
    if failure:
        assert failure.referrer.endswith("/docs/")
        assert failure.message.isprintable()
        assert len(failure.message) < 500
    assert (f"{name}-reached" in crawled.captures) is expected.read


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_the_page_beside_it_is_captured_as_it_is(crawled: Crawled, name: str) -> None:
    """What a server sent behind its answers never becomes part of another page."""
    (record,) = (
        each
        for each in crawled.records
        if each.type == "response" and each.url.endswith(f"/docs/well-{name}")
    )
    assert _body(record) == f"<p>well {name}".encode()
    assert f"well-{name}" in crawled.captures


def test_the_crawl_ends_soon(crawled: Crawled) -> None:
    """Nothing that a server does makes the crawl hang."""
    assert crawled.seconds < PATIENCE


def test_redirects_without_end_are_given_up(crawled: Crawled) -> None:
    """A maze is left after some twenty redirects, a loop when it closes, and a page is asked for once."""
    mazes = [name for name in crawled.captures if name.startswith("maze-")]
    assert 10 <= len(mazes) <= 25
    for name in ("redirects-to-itself", "redirects-in-a-loop", "loop-b", "cookie-wall"):
        assert crawled.asked.count(name) == 1
    assert any("redirect" in reason for reason in crawled.outcome.skipped)


def test_nothing_is_asked_for_too_often(crawled: Crawled) -> None:
    """Each URL is asked for as often as there are tries, and what answered at once only once."""
    assert max(crawled.asked.count(name) for name in EXPECTED) == IMPATIENT.tries
    assert all(crawled.asked.count(name) == 1 for name in crawled.captures if name.startswith("well-"))


def test_what_was_cut_is_marked(crawled: Crawled) -> None:
    """Bodies beyond the limit, and only those, have WARC-Truncated and as many bytes as are allowed."""
    cut = {url.rpartition("/")[2]: reason for url, reason in truncated_urls(crawled.records).items()}
    assert cut == {"endless-body": "length", "endless-page": "length"}
    for record in crawled.records:
        if "WARC-Truncated" in record.headers:
            assert len(_body(record)) == LIMIT


def test_bodies_are_archived_without_what_does_not_belong_to_them(crawled: Crawled) -> None:
    """Framing is taken off, content coding stays, and the body is as long as its own length says."""
    bodies = {
        record.url.rpartition("/")[2]: _body(record)
        for record in crawled.records
        if record.type == "response"
    }
    for name in ("chunks-with-trailers", "chunked-and-a-length", "http-1.0-without-length", "continue-first"):
        assert bodies[name] == page(name)
    assert bodies["length-too-small"] == b"<p>0123456"
    assert bodies["204-with-a-body"] == b""
    assert bodies["bad-gzip"] == page("bad-gzip")


def test_odd_header_bytes_stay(crawled: Crawled) -> None:
    """Bytes beyond ASCII, and NUL, are archived as they came."""
    (record,) = (
        each for each in crawled.records if each.type == "response" and each.url.endswith("/injected-headers")
    )
    lines = record.block.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert b"X-Latin: caf\xe9 \x85 \xff" in lines
    assert b"X-Nul: a\0b" in lines


def _spec(console: Console, *seeds: str, **keys: Any) -> Path:
    docs = [{"name": "docs", "seeds": list(seeds), **keys}]
    return console.write("sample.yaml", json.dumps({"project": "sample", "docs": docs}))


_SIZE = 256 << 20
BOMBS: dict[str, Raw] = {
    "zeros": reply(gzip_bomb(_SIZE), "Content-Encoding: gzip"),
    "links": reply(gzip_bomb(_SIZE, b"<a href=zeros>x</a>"), "Content-Encoding: gzip"),
    "twice": reply(gzip_bomb(_SIZE, gzip_bomb(1 << 24)), "Content-Encoding: gzip, gzip"),
    "style.css": reply(gzip_bomb(_SIZE, b"@import 'style.css';"), "Content-Encoding: gzip", type_="text/css"),
    "script.js": reply(gzip_bomb(_SIZE, b"import('./a.js');["), "Content-Encoding: gzip", type_="text/javascript"),
    "robots.txt": reply(gzip_bomb(_SIZE, b"Disallow: /x\n"), "Content-Encoding: gzip", type_="text/plain"),
    "sitemap.xml": reply(gzip_bomb(_SIZE, b"<url><loc>a</loc></url>"), "Content-Encoding: gzip", type_="text/xml"),
}  # fmt: skip


@pytest.mark.thorough
def test_compression_bombs_do_not_blow_memory(console: Console) -> None:
    """Gigabytes in a few hundred kilobytes: no process of a crawl grows beyond 300 MB, and all of it is archived."""
    frames = "".join(f"<iframe src=/{name}></iframe>" for name in ("zeros", "links", "twice"))
    head = "<link rel=stylesheet href=/style.css><script src=/script.js></script>"
    answers: dict[str, Saying] = {f"/{name}": bomb for name, bomb in BOMBS.items()}
    answers["/docs/"] = reply(html("fine", head=head, text=frames))
    answers["/docs/fine"] = reply(b"<p>fine")
    with raw_serving(answers) as site:
        spec = _spec(console, site.url("/docs/"))
        _, megabytes = console.measured("archive", spec)
    captured = set(captured_urls(judge_warcs(console.folder / "archives" / "sample" / "warc")))
    assert {site.url(target) for target in answers} <= captured
    assert megabytes < 300


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of the tests' own, and a server's certificate."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_https_with_an_authority_of_ones_own_is_archived(
    console: Console, certificates: Certificates
) -> None:
    """REQUESTS_CA_BUNDLE names the authority of a company's own sites; all is archived, with https URLs."""
    answers: dict[str, Saying] = {"/docs/": reply(html("a")), "/docs/a": reply(b"<p>a")}
    console.environment["REQUESTS_CA_BUNDLE"] = str(certificates.authority)
    with raw_serving(answers, certificates.context) as site:
        console.succeed("archive", _spec(console, site.url("/docs/")))
        captured = captured_urls(judge_warcs(console.folder / "archives" / "sample" / "warc"))
        assert {site.url("/docs/"), site.url("/docs/a")} <= set(captured)
        assert site.origin.startswith("https://")


def test_https_with_an_unknown_authority_is_a_clear_failure(
    hasty: Console, certificates: Certificates
) -> None:
    """Nothing is asked of a server whose certificate nobody vouches for; the failure says so, and exit code 3."""
    with raw_serving({"/docs/": reply(b"<p>x")}, certificates.context) as site:
        outcome = hasty.run("archive", _spec(hasty, site.url("/docs/")), "--json")
        assert site.targets() == []
    assert outcome.code == 3, outcome.said
    failures = {failure["subject"]: failure for failure in outcome.json["failures"]}
    assert (
        "certificate"
        in failures[site.url("/docs/")]["message"]
        + failures.get(site.url("/robots.txt"), {"message": ""})["message"]
    )


def test_a_certificate_that_is_not_trusted_any_more_takes_nothing_along(
    hasty: Console, certificates: Certificates
) -> None:
    """It expired, or the domain is someone else's now: the site is gone, exit code 4, and what was there stays."""
    answers: dict[str, Saying] = {"/docs/": reply(html("a")), "/docs/a": reply(b"<p>a")}
    hasty.environment["REQUESTS_CA_BUNDLE"] = str(certificates.authority)
    with raw_serving(answers, certificates.context) as site:
        spec = _spec(hasty, site.url("/docs/"))
        good = hasty.succeed("archive", spec, "--json").json
        del hasty.environment["REQUESTS_CA_BUNDLE"]
        outcome = hasty.run("archive", spec, "--json")
    assert outcome.code == 4, outcome.said
    (judged,) = outcome.json["judgements"]
    assert (judged["verdict"], judged["good"]) == ("gone", good["snapshot"])
    assert "cannot be reached" in judged["reason"]
    assert outcome.json["pages"] == good["pages"] == 2


def test_a_server_that_resets_every_connection_is_a_failure_and_stops_nothing(hasty: Console) -> None:
    """A requisite's host that resets connections, one that is not there, and one that speaks no HTTP: named, the rest kept."""
    with resetting() as reset, raw_serving({"/i.png": Raw(b"SSH-2.0-x\r\n")}) as other:
        dead = f"http://127.0.0.1:{free_port()}"
        images = "".join(f'<img src="{origin}/i.png">' for origin in (reset, dead, other.origin))
        answers: dict[str, Saying] = {"/docs/": reply(html("a", text=images)), "/docs/a": reply(b"<p>a")}
        with raw_serving(answers) as site:
            outcome = hasty.run("archive", _spec(hasty, site.url("/docs/"), robots="ignore"), "--json")
    assert outcome.code == 3, outcome.said
    assert outcome.json["pages"] == 2
    named = {failure["subject"] for failure in outcome.json["failures"]}
    assert {f"{origin}/i.png" for origin in (reset, dead, other.origin)} <= named
    judge_warcs(hasty.folder / "archives" / "sample" / "warc")
