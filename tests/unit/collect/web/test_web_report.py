from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.collect.web import report as module
from archiver.collect.web.documents.sitemap import Sitemap
from archiver.collect.web.frontier import SITEMAP, Found, Frontier, RunState
from archiver.collect.web.report import is_missed, site_report
from archiver.collect.web.sitemaps import Sitemaps
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.reasons import NOT_THERE, REDIRECT_LOOP
from archiver.core.report import (
    Coverage,
    EditionReport,
    Entry,
    HostReport,
    Listing,
    SitemapReport,
    SiteReport,
)
from archiver.core.snapshot import SiteResult
from archiver.spec.model import DocSite

if TYPE_CHECKING:
    from pathlib import Path

ROOT, CDN = "https://x.org", "https://cdn.org"
SEED = f"{ROOT}/docs/"
RESULT = SiteResult("docs", (SEED,), (ROOT,), (CDN,), 9, 9, 3, 1, 2, 600, {})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[RunState]:
    with closing(RunState(tmp_path / "state.sqlite")) as state:
        yield state


def _capture(
    frontier: Frontier, url: str, kind: str = PAGE, status: str = "200", target: str = ""
) -> Capture:
    capture = Capture(url, "20261123004401", "text/html", status, "sha256:0", "docs", kind, "<urn:uuid:1>")
    frontier.add(Found(url, kind, SEED))
    frontier.capture(capture)
    frontier.settle(url, size=100, target=target)
    return capture


def _report(state: RunState, *captures: Capture) -> SiteReport:
    return site_report(state, RESULT, captures)


def test_captures_are_counted_by_what_they_are(state: RunState) -> None:
    """Pages, requisites and redirects of this run; a host's numbers; what was unchanged or kept from before."""
    frontier = Frontier(state, "docs")
    report = _report(
        state,
        _capture(frontier, SEED),
        _capture(frontier, f"{SEED}old", status="301", target=f"{SEED}new"),
        _capture(frontier, f"{CDN}/style.css", REQUISITE),
    )
    assert (report.pages, report.requisites, report.redirects, report.found) == (1, 1, 1, 3)
    assert (report.unchanged, report.carried, report.bytes) == (1, 2, 600)
    assert report.hosts == (HostReport(ROOT, 2, 2, 0, 200, 0, 0.0), HostReport(CDN, 1, 1, 0, 100, 0, 0.0))
    assert (report.missing, report.coverage) == (0, None)


def test_what_failed_is_listed_by_code(state: RunState) -> None:
    """With the URL, what happened and the page that it was found on; dead links of the site are apart."""
    frontier = Frontier(state, "docs")
    for name in ("b", "a"):
        frontier.add(Found(f"{SEED}{name}", PAGE, SEED))
        frontier.fail(f"{SEED}{name}", "fetch.timeout", "no answer", SEED)
    frontier.broken_link(f"{SEED}c", 404, f"{SEED}from")
    report = _report(state)
    entries = (Entry(f"{SEED}a", "no answer", SEED), Entry(f"{SEED}b", "no answer", SEED))
    assert report.failed == (Listing("fetch.timeout", 2, entries),)
    assert report.broken == (Listing("404", 1, (Entry(f"{SEED}c", "", f"{SEED}from"),)),)
    assert report.hosts[0].failed == 2
    assert report.missing == 2


def test_what_was_skipped_is_told_apart_from_what_was_left_out(state: RunState) -> None:
    """What robots.txt or a limit keeps away is missing; what is out of scope, a trap or no link is not."""
    frontier = Frontier(state, "docs")
    frontier.add(Found(f"{SEED}secret", PAGE, SEED))
    reasons = {
        "secret": "robots", "more": "limit: pages", "../blog/": "out of scope", "loop": REDIRECT_LOOP,
        "guess": NOT_THERE, "again": "out of scope",
    }  # fmt: skip
    for name, reason in reasons.items():
        frontier.skip(f"{SEED}{name}", reason)
    again, loop = _capture(frontier, f"{SEED}again"), _capture(frontier, f"{SEED}loop", status="301")
    report = _report(state, again, loop)
    assert [(each.reason, each.total) for each in report.skipped] == [("limit: pages", 1), ("robots", 1)]
    assert report.skipped[1].entries == (Entry(f"{SEED}secret", "", SEED),)
    assert {each.reason: each.total for each in report.left_out} == {
        "out of scope": 1, REDIRECT_LOOP: 1, NOT_THERE: 1
    }  # fmt: skip
    assert report.missing == 2
    assert is_missed("host unreachable")
    assert is_missed("host too busy")
    assert not is_missed("other version")


def test_pages_that_are_not_what_they_seem_are_listed(state: RunState) -> None:
    """By what they are, with what gave them away."""
    frontier = Frontier(state, "docs")
    frontier.add(Found(f"{SEED}a", PAGE, SEED))
    frontier.mark(f"{SEED}a", "script only", "no text")
    assert _report(state).marked == (Listing("script only", 1, (Entry(f"{SEED}a", "no text", SEED),)),)


def _with_sitemap(state: RunState, *pages: str) -> Frontier:
    frontier = Frontier(state, "docs")
    sitemaps = Sitemaps(state, DocSite(seeds=(SEED,)), frontier)
    sitemaps.robots_known(ROOT, ["/map.xml"])

    def queue_page(url: str, referrer: str) -> bool:
        frontier.add(Found(url, PAGE, referrer))
        return url.startswith(SEED)

    sitemaps.take(f"{ROOT}/map.xml", Sitemap({f"{ROOT}{page}": "" for page in pages}), queue_page)
    return frontier


def test_coverage_says_what_of_the_sitemaps_is_not_here_and_why(state: RunState) -> None:
    """Failed, dead, forbidden or never reached, each with its URLs; and what no sitemap knows of."""
    names = ("a", "b", "c", "d", "e")
    frontier = _with_sitemap(state, "/blog/", *(f"/docs/{name}" for name in names))
    captured = (_capture(frontier, f"{SEED}a"), _capture(frontier, f"{SEED}hidden"))
    frontier.fail(f"{SEED}b", "fetch.timeout", "no answer", "")
    frontier.broken_link(f"{SEED}c", 404, "")
    frontier.skip(f"{SEED}d", "robots")
    report = _report(state, *captured)
    assert report.coverage == Coverage(
        listed=5,
        captured=1,
        missing=(
            Listing("broken link", 1, (Entry(f"{SEED}c", "404"),)),
            Listing("failed", 1, (Entry(f"{SEED}b", "no answer"),)),
            Listing("not reached", 1, (Entry(f"{SEED}e"),)),
            Listing("robots", 1, (Entry(f"{SEED}d"),)),
        ),
        unlisted=Listing("in no sitemap", 1, (Entry(f"{SEED}hidden", "", SEED),)),
    )
    assert report.sitemaps == (SitemapReport(f"{ROOT}/map.xml", "robots.txt", 6, 5, 0, 0, ""),)
    assert [each.reason for each in report.unreached] == ["not reached"]
    assert report.missing == 3, "b failed, d is forbidden, e was not reached; c is a dead link"


def test_a_sitemap_that_could_not_be_read_says_why(state: RunState) -> None:
    """The reason is that of the request, where there is no better one."""
    frontier = Frontier(state, "docs")
    sitemaps = Sitemaps(
        state, DocSite(seeds=(SEED,), sitemaps=(f"{ROOT}/1", f"{ROOT}/2", f"{ROOT}/3")), frontier
    )
    sitemaps.begin()
    frontier.fail(f"{ROOT}/1", "fetch.timeout", "no answer", "")
    frontier.skip(f"{ROOT}/2", "robots")
    sitemaps.note(f"{ROOT}/3", "it ends in the middle")
    problems = [each.problem for each in _report(state).sitemaps]
    assert problems == ["no answer", "robots", "it ends in the middle"]
    assert Frontier(state, "docs").entry(f"{ROOT}/1") == Found(f"{ROOT}/1", SITEMAP, seed=True)


def test_versions_and_locales_are_counted(state: RunState) -> None:
    """So that a keeper sees that twenty versions were left out, or came in."""
    frontier = Frontier(state, "docs")
    pages = [_capture(frontier, f"{SEED}v3.4/{name}") for name in "abc"]
    for number in range(2):
        frontier.skip(f"{SEED}v3.3/{number}", "other version")
    frontier.skip(f"{CDN}/v1.0/a", "out of scope")
    assert _report(state, *pages).editions == (
        EditionReport("version", "3.4", 3, 0),
        EditionReport("version", "3.3", 0, 2),
    )


def test_listings_are_bounded_and_totals_are_not(state: RunState, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site may have a million dead links."""
    monkeypatch.setattr(module, "MOST_MISSING", 3)
    monkeypatch.setattr(module, "MOST_OTHERS", 2)
    frontier = Frontier(state, "docs")
    for number in range(9):
        frontier.fail(f"{SEED}{number}", "fetch.timeout", "", "")
        frontier.skip(f"{ROOT}/{number}", "out of scope")
    report = _report(state)
    assert (report.failed[0].total, len(report.failed[0].entries)) == (9, 3)
    assert (report.left_out[0].total, len(report.left_out[0].entries)) == (9, 2)
    assert report.missing == 9


def test_a_host_that_asked_to_wait_is_told(state: RunState) -> None:
    """How often, and for how long in all."""
    frontier = Frontier(state, "docs")
    capture = _capture(frontier, SEED)
    frontier.slowed(ROOT, 2.5)
    frontier.slowed(ROOT, 5.0)
    assert _report(state, capture).hosts == (HostReport(ROOT, 1, 1, 0, 100, 2, 7.5),)


def test_what_was_not_due_counts_as_here(state: RunState) -> None:
    """A sitemap's pages that were not asked for are not missing; their host, asked for nothing, is not listed."""
    frontier = Frontier(state, "docs")
    site = DocSite(name="docs", seeds=(SEED,))
    sitemaps = Sitemaps(state, site, frontier)
    sitemaps.begin()
    held, new = f"{ROOT}/docs/en/held", f"{ROOT}/docs/en/new"
    frontier.hold(Found(held, PAGE))
    frontier.hold(Found(f"{CDN}/style.css", REQUISITE))
    sitemaps.take(f"{ROOT}/docs/sitemap.xml", Sitemap({held: "", new: ""}), lambda *_: True)
    report = _report(state)
    assert report.coverage == Coverage(
        2, 1, (Listing("not reached", 1, (Entry(new),)),), Listing("in no sitemap", 0, ())
    )
    assert [host.origin for host in report.hosts] == [ROOT]
