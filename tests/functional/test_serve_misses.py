"""What a reader gets for a page that is not in the archive: the nearest that is, or why it is not and where to go on."""

from __future__ import annotations

import html as markup
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterator
from urllib.parse import quote

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.progress import NullProgress
from archiver.core.report import Coverage, Entry, Listing, Report, SiteReport
from archiver.core.snapshot import BrokenLink, Failure
from archiver.store.snapshots import write_report, write_snapshot
from servers.serving import Answer, Running, serving
from servers.small_archive import FINISHED, SITE, SNAPSHOT, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.snapshot import Snapshot

GUIDE = f"{SITE}/docs/guide"
NASTY = "<script>alert(1)</script>\"'&"
DOCUMENT = {"Sec_Fetch_Dest": "document", "Accept": "text/html"}


@dataclass(frozen=True)
class Made:
    """An archive folder, and the bundle of it."""

    archive: Path
    bundle: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A site of which something failed, was gone, and was left out for every kind of reason."""
    folder = tmp_path_factory.mktemp("misses")
    made = ArchiveBuilder(folder / "archives")
    made.page(f"{SITE}/docs/", html("Guide", "start here"))
    made.page(f"{SITE}/api/v2/pods.html", html("Pods", "included by the spec"))
    for name in ("install", "install-on-linux", "upgrade", "networking"):
        made.page(f"{GUIDE}/{name}.html", html(name.title(), f"all about {name}"))
    made.page(
        f"{GUIDE}/out.html", b"", status="302 Found", headers=[("Location", "https://live.example.com/x")]
    )
    made.page(f"{GUIDE}/moved.html", b"", status="302 Found", headers=[("Location", "install.html")])
    made.page(f"{GUIDE}/odd.html", b"", status="302 Found", headers=[("Location", "https://[x")])
    made.failures.append(Failure("docs", f"{GUIDE}/broken.html", "net.timeout", f"timed out {NASTY}"))
    made.failures.append(Failure("images", "docker.io/library/x:1", "net.timeout", "timed out"))
    made.broken_links.append(BrokenLink("docs", f"{GUIDE}/vanished.html", "404", f"{SITE}/docs/"))
    made.broken_links.append(BrokenLink("docs", f"{GUIDE}/pretends.html", "soft 404"))
    record = made.finish()
    report = _report(record)
    digest = write_report(made.paths, record.id, report.to_json(), b"<html></html>")
    write_snapshot(made.paths, replace(record, report_digest=digest))
    bundle = folder / "small.tar"
    build_bundle(made.archive, "small", snapshot=None, output=bundle, platforms=[], progress=NullProgress())
    return Made(folder / "archives", bundle)


def _report(record: Snapshot) -> Report:
    def listing(reason: str, *urls: str) -> Listing:
        return Listing(reason, len(urls), tuple(Entry(url) for url in urls))

    site = SiteReport(
        "docs", (f"{SITE}/docs/",), 20, 5, 0, 1, 0, 0, 0, 1, 1.0,
        failed=(listing("net.reset", f"{GUIDE}/reset.html"),),
        broken=(listing("410", f"{GUIDE}/removed.html"),),
        gone=(),
        marked=(),
        skipped=(listing("robots", f"{SITE}/docs/private.html"), listing("limit: pages", f"{GUIDE}/late.html")),
        left_out=(
            listing("out of scope", f"{SITE}/blog/post.html"), listing("excluded", f"{GUIDE}/print.html"),
            listing("other version", f"{SITE}/docs/v1/x.html"),
        ),
        sitemaps=(), coverage=Coverage(9, 8, (listing("not reached", f"{GUIDE}/lonely.html"),), listing("in no sitemap")),
        hosts=(), editions=(),
    )  # fmt: skip
    return Report(record.id, "small", "Small", "test", FINISHED, FINISHED, (site,), ())


@pytest.fixture(scope="module", params=["archive", "bundle"])
def running(request: pytest.FixtureRequest, made: Made) -> Iterator[Running]:
    """The same content, served from an archive folder and from its bundle."""
    with serving(made.archive if request.param == "archive" else made.bundle) as server:
        yield server


def _ask(running: Running, url: str) -> Answer:
    return running.get(url[len(SITE) :], port=running.port_of(SITE), **DOCUMENT)


@pytest.mark.parametrize(
    ("url", "reason", "said"),
    [
        (
            f"{GUIDE}/broken.html",
            "failed",
            "could not be fetched when the site was archived on 2026-03-01: timed out",
        ),
        (f"{GUIDE}/reset.html", "failed", "could not be fetched"),
        (f"{GUIDE}/vanished.html", "gone", "it answered 404"),
        (f"{GUIDE}/removed.html", "gone", "it answered 410"),
        (f"{GUIDE}/pretends.html", "gone", "what came was a soft 404"),
        (f"{SITE}/docs/private.html", "robots", "robots.txt"),
        (f"{GUIDE}/late.html", "limit", "limit: pages"),
        (f"{SITE}/blog/post.html", "out-of-scope", "outside of what was archived"),
        (f"{GUIDE}/print.html", "excluded", "on purpose"),
        (f"{SITE}/docs/v1/x.html", "other-version", "version"),
        (f"{GUIDE}/lonely.html", "not-reached", "not reached"),
        (f"{SITE}/shop/", "out-of-scope", "docs.example.org/docs/"),
        (f"{SITE}/api/v2/nodes.html", "not-found", "No archived page led there"),
        (f"{SITE}/api/x.html", "out-of-scope", "docs.example.org/docs/"),
        (f"{GUIDE}/never-heard-of.html", "not-found", "No archived page led there"),
        (f"{GUIDE}/out.html", "redirects-outside", "https://live.example.com/x"),
        (f"{GUIDE}/odd.html", "redirects-nowhere", "no address"),
        (f"{SITE}/-/o/https/cdn.example.net/x.css", "out-of-scope", "Nothing of cdn.example.net"),
        (f"{SITE}/-/o/nonsense", "no-address", "not an address"),
    ],
)
def test_the_page_says_why_it_is_not_here(running: Running, url: str, reason: str, said: str) -> None:
    """In a sentence for people, and in a header for programs; the original URL is named, strangers' text escaped."""
    answer = _ask(running, url)
    assert (answer.status, answer.headers["x-archive-miss"]) == (404, reason)
    assert said in markup.unescape(answer.text)
    assert "<script>alert" not in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src" in answer.headers["content-security-policy"]
    assert running.log == []


def test_a_url_with_noise_has_the_reason_of_the_url_without(running: Running) -> None:
    """Tracking, a final slash and the other scheme do not hide what the report says."""
    assert _ask(running, f"{GUIDE}/print.html?utm_source=x").headers["x-archive-miss"] == "excluded"
    document = json.loads(running.get("/-/lookup.json?url=http://docs.example.org/blog/post.html").body)
    assert document["reason"] == "out-of-scope"


def test_the_page_offers_what_is_near(running: Running) -> None:
    """Pages with much the same address first, and the folder above; each with an address that answers."""
    page = _ask(running, f"{GUIDE}/instal.html").text
    base = f"http://127.0.0.1:{running.port_of(SITE)}"
    assert 0 < page.index(f'href="{base}/docs/guide/install.html"') < page.index(f'href="{base}/docs/"')
    assert (
        page.index("/guide/install.html")
        < page.index("/guide/install-on-linux.html")
        < page.index("/networking")
    )
    assert f'href="http://127.0.0.1:{running.port}/"' in page
    assert ">Install-On-Linux</a>" in page, (
        "pages are offered by their titles, with a search index and without"
    )
    assert page.count(f'href="{base}/docs/"') == 1


def test_pages_are_found_by_the_words_of_the_address(made: Made) -> None:
    """Where there is a search index, pages about the words are offered too, by their titles, from anywhere on the site."""
    with serving(made.bundle) as running:
        page = running.get("/zh/v9/upgrade/", port=running.port_of(SITE), **DOCUMENT).text
        assert ">Upgrade</a>" in page
        assert f'action="http://127.0.0.1:{running.port}/-/search"' in page
        assert 'value="upgrade"' in page


@pytest.mark.parametrize("headers", [{"Sec_Fetch_Dest": "script", "Accept": "*/*"}, {"Sec_Fetch_Dest": "empty"},
                                     {"Accept": "image/avif,image/webp,*/*;q=0.8"}, {"Accept": "*/*"}])  # fmt: skip
def test_a_part_of_a_page_gets_a_line_and_no_page(running: Running, headers: dict[str, str]) -> None:
    """A script, a picture or a program has no use for HTML; the reason is there all the same."""
    answer = running.get("/docs/guide/print.html", port=running.port_of(SITE), **headers)
    assert (answer.status, answer.headers["x-archive-miss"]) == (404, "excluded")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "x-content-type-options" not in answer.headers, "browsers would complain of the type, too"
    assert len(answer.body) < 300


@pytest.mark.parametrize("dest", ["document", "iframe", "frame"])
def test_a_page_gets_a_page(running: Running, dest: str) -> None:
    """What a browser shows by itself is for people, in frames too; so it is where a browser says text/html only."""
    port = running.port_of(SITE)
    answer = running.get("/docs/guide/print.html", port=port, Sec_Fetch_Dest=dest, Accept="*/*")
    assert "<h1>" in answer.text
    assert "<h1>" in running.get("/docs/guide/print.html", port=port, Accept="text/html,*/*").text


def test_programs_look_addresses_up(running: Running) -> None:
    """``/-/lookup.json`` tells where an original URL is served, or why it is not and what is near, at every address."""
    port = running.port_of(SITE)
    path = "/-/lookup.json?url=" + quote(f"{GUIDE}/install.html?utm_source=mail#top", safe="")
    for asked in (running.port, port):
        found = running.get(path, port=asked)
        assert found.status == 200
        assert json.loads(found.body) == {
            "url": f"{GUIDE}/install.html?utm_source=mail",
            "address": f"http://127.0.0.1:{port}/docs/guide/install.html",
            "original": f"{GUIDE}/install.html",
            "status": "200",
            "type": "text/html",
            "time": "2026-03-01T12:00:01Z",
            "project": "small",
            "source": "docs",
        }
    missed = running.get("/-/lookup.json?url=" + quote(f"{GUIDE}/instal.html", safe=""))
    assert missed.status == 404
    document = json.loads(missed.body)
    assert (document["address"], document["reason"]) == (None, "not-found")
    assert document["nearest"][0]["url"] == f"{GUIDE}/install.html"


@pytest.mark.parametrize(
    ("name", "reason", "said"),
    [("out", "redirects-outside", "https://live.example.com/x"), ("odd", "redirects-nowhere", "no address")],
)
def test_redirects_out_of_the_archive_are_looked_up_in_vain(
    running: Running, name: str, reason: str, said: str
) -> None:
    """A program is told what a reader would be: there is nothing behind the redirect, so no address is given for it."""
    answer = running.get("/-/lookup.json?url=" + quote(f"{GUIDE}/{name}.html", safe=""))
    document = json.loads(answer.body)
    assert (answer.status, document["address"], document["reason"]) == (404, None, reason)
    assert said in document["message"]
    inside = json.loads(running.get("/-/lookup.json?url=" + quote(f"{GUIDE}/moved.html", safe="")).body)
    assert (inside["status"], inside["address"][-11:]) == ("302", "/moved.html")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://[x", "https://docs.example.org:99999/", "javascript:alert(1)", "//", "https://", "http://a b/c",
            f"{SITE}/\x00\n\u202e", "https://docs.example.org/%", "x" * 9000]
)  # fmt: skip
def test_what_is_no_address_is_looked_up_in_vain(running: Running, url: str) -> None:
    """Whatever a program asks about, it is not here, and that is no error of the server's."""
    answer = running.get("/-/lookup.json?url=" + quote(url, safe=""))
    assert (answer.status, json.loads(answer.body)["address"]) == (404, None)
    assert running.log == []


def test_a_damaged_report_costs_the_reasons_only(tmp_path: Path) -> None:
    """The page comes all the same, with what the record tells; the log says what is damaged, once."""
    made = ArchiveBuilder(tmp_path)
    made.page(f"{SITE}/", html("Home", "text"))
    made.failures.append(Failure("docs", f"{SITE}/a", "net.timeout", "timed out"))
    record = made.finish()
    digest = write_report(made.paths, SNAPSHOT, _report(record).to_json(), b"")
    write_snapshot(made.paths, replace(record, report_digest=digest))
    made.paths.report(SNAPSHOT).write_bytes(b"{}")
    with serving(tmp_path) as running:
        assert _ask(running, f"{SITE}/a").headers["x-archive-miss"] == "failed"
        assert _ask(running, f"{SITE}/docs/guide/print.html").headers["x-archive-miss"] == "not-found"
        assert len(running.log) == 1
        assert "report" in running.log[0]
