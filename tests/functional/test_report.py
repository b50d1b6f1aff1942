"""The report of a run: what it says is what the server saw, and a browser shows it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.core.digest import Digest
from servers.browser import browser
from servers.console import HASTY, Console, Outcome
from servers.processes import need
from servers.site import Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "A page with a text of its own, which says a thing or two about the matter at hand. " * 5


def _page(name: str, *links: str, head: str = "") -> bytes:
    return html(*links, head=f"<title>{name}</title>{head}", text=f"<h1>{name}</h1><p>{name}: {TEXT}</p>")


def _answers(site: Site) -> dict[str, Any]:
    listed = "".join(
        f"<url><loc>{site.url(path)}</loc><lastmod>2026-11-01</lastmod></url>"
        for path in (
            "/docs/",
            "/docs/a",
            "/docs/hidden",
            "/docs/500",
            "/docs/gone",
            "/docs/private/1",
            "/blog/",
        )
    )
    return {
        "/robots.txt": Reply(
            f"User-agent: *\nDisallow: /docs/private/\nSitemap: {site.url('/map.xml')}\n".encode(),
            type="text/plain",
        ),
        "/map.xml": Reply(
            b"<sitemapindex><sitemap><loc>/docs.xml.gz</loc></sitemap></sitemapindex>", type="text/xml"
        ),
        "/docs.xml.gz": Reply(gzip.compress(f"<urlset>{listed}</urlset>".encode()), type="application/gzip"),
        "/docs/": _page("Home", "a", "b", "dead", "500", "private/2", "../blog/", "mailto:me@example.org",
                        head='<link rel="stylesheet" href="/style.css">'),
        "/docs/a": _page("First"),
        "/docs/b": Reply(status=301, headers=(("Location", "/docs/c"),)),
        "/docs/c": _page("Third"),
        "/docs/hidden": _page("Hidden"),
        "/docs/500": Reply(b"", 500),
        "/style.css": Reply(b"p { color: red }", type="text/css"),
    }  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run that is over: the site it was of, what the command said, and the report as it was read back."""

    site: Site
    outcome: Outcome
    report: Any
    page: Path

    def urls(self, listings: list[Any]) -> dict[str, set[str]]:
        """Return the paths of listings by their reasons."""
        return {
            each["reason"]: {entry["url"].removeprefix(self.site.origin) for entry in each["entries"]}
            for each in listings
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run that had something of everything."""
    console = Console(tmp_path_factory.mktemp("report"), HASTY)
    with serving({}) as site:
        site.answers.update(_answers(site))
        spec = console.write(
            "spec.yaml", f"project: demo\ntitle: A <b>demo</b>\ndocs:\n- seeds: [{site.url('/docs/')}]\n"
        )
        outcome = console.run("archive", spec, "--json")
        document = console.folder / outcome.json["report"]
        yield Run(site, outcome, json.loads(document.read_bytes()), document.with_suffix(".html"))


def test_the_report_says_what_the_server_saw(run: Run) -> None:
    """Everything asked for is captured, failed, dead or a sitemap that was only tried; nothing else is."""
    (site,) = run.report["sites"]
    answered = {target for target in run.site.targets() if target in run.site.answers}
    failed, broken = run.urls(site["failed"]), run.urls(site["broken"])
    assert failed == {"fetch.status": {"/docs/500"}}
    assert broken == {"404": {"/docs/dead", "/docs/gone"}}
    assert site["pages"] + site["requisites"] + site["redirects"] == len(answered - {"/docs/500"})
    assert (site["pages"], site["redirects"]) == (4, 1), "home, first, third and hidden; one redirect"
    tried = {
        each["url"].removeprefix(run.site.origin) for each in site["sitemaps"] if each["named_by"] == "guess"
    }
    assert set(run.site.targets()) == answered | broken["404"] | tried
    assert run.urls(site["skipped"]) == {"robots": {"/docs/private/1", "/docs/private/2"}}
    assert run.urls(site["left_out"]) == {"out of scope": {"/blog/"}, "not http": {"mailto:me@example.org"}}


def test_the_report_says_what_of_the_sitemap_is_here(run: Run) -> None:
    """Every URL of the sitemap is captured, or missing for a reason; pages that it does not list are named."""
    coverage = run.report["sites"][0]["coverage"]
    assert (coverage["listed"], coverage["captured"]) == (6, 3)
    assert run.urls(coverage["missing"]) == {
        "failed": {"/docs/500"}, "broken link": {"/docs/gone"}, "robots": {"/docs/private/1"}
    }  # fmt: skip
    assert run.urls([coverage["unlisted"]]) == {"in no sitemap": {"/docs/c"}}
    read = {each["url"].removeprefix(run.site.origin): each for each in run.report["sites"][0]["sitemaps"]}
    assert (read["/map.xml"]["named_by"], read["/map.xml"]["sitemaps"]) == ("robots.txt", 1)
    assert (read["/docs.xml.gz"]["named_by"], read["/docs.xml.gz"]["pages"], read["/docs.xml.gz"]["wanted"]) == (
        "index", 7, 6
    )  # fmt: skip


def test_where_a_url_was_found_is_told(run: Run) -> None:
    """A failure names the page that leads to it, a hidden one the sitemap."""
    site = run.report["sites"][0]
    referrers = {
        entry["url"].removeprefix(run.site.origin): entry["referrer"].removeprefix(run.site.origin)
        for listing in (*site["failed"], *site["broken"])
        for entry in listing["entries"]
    }
    assert referrers["/docs/dead"] == "/docs/"
    assert referrers["/docs/gone"] == "/docs.xml.gz"


def test_the_snapshot_names_its_report(run: Run) -> None:
    """The record has the report's digest, and the command says where it is and how much is missing."""
    record = json.loads((run.page.parent / f"{run.report['snapshot']}.json").read_bytes())
    document = run.page.with_suffix(".json").read_bytes()
    assert record["report_digest"] == str(Digest.of(document))
    assert run.outcome.json["missing"] == run.report["missing"] == 3
    assert run.outcome.code == 3


def test_a_browser_shows_the_report(run: Run, tmp_path: Path) -> None:
    """Without a complaint or a request; every URL that failed is named, and titles are text."""
    need("chromium")
    with browser(tmp_path) as chromium:
        visit = chromium.open(run.page.as_uri())
    assert (visit.complaints, visit.failed) == ([], [])
    assert [url for url in visit.requested if not url.startswith(("file:", "data:"))] == []
    assert "A <b>demo</b>" in visit.text
    assert "3 things are missing" in visit.text
    for path in ("/docs/500", "/docs/private/1", "/docs/private/2", "/docs/dead", "/docs/gone"):
        assert run.site.url(path) in visit.text


def test_a_run_says_why_something_is_missing_that_did_not_fail(console: Console) -> None:
    """With the reasons and how often they were met: what no line above it tells."""
    links = ("500", "private/1", "private/2")
    answers = {
        "/robots.txt": Reply(b"User-agent: *\nDisallow: /docs/private/\n", type="text/plain"),
        "/docs/": _page("Home", *links),
        "/docs/500": Reply(b"", 403),
    }
    with serving(answers) as site:
        spec = console.write("spec.yaml", f"project: demo\ndocs:\n- seeds: [{site.url('/docs/')}]\n")
        run = console.run("archive", spec)
    assert "  3 things missing (robots: 2, failed: 1); report: " in run.out


def test_a_run_that_misses_something_says_where_to_look(console: Console) -> None:
    """The summary ends with the report's path; that of a complete run does not speak of it."""
    with serving({"/docs/": _page("Home", "500"), "/docs/500": Reply(b"", 403)}) as site:
        spec = console.write("spec.yaml", f"project: demo\ndocs:\n- seeds: [{site.url('/docs/')}]\n")
        first = console.run("archive", spec)
        site.answers["/docs/500"] = _page("There")
        second = console.succeed("archive", spec)
    (line,) = (line for line in first.out.splitlines() if ".report.html" in line)
    assert line.startswith("  1 thing missing; report: ")
    assert (console.folder / line.partition("report: ")[2]).is_file()
    assert "report" not in second.out
