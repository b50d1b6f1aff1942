"""Which URLs are one page: what is asked for once, what is asked for twice and stored once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from warcio.archiveiterator import ArchiveIterator

from archiver.store.paths import ProjectPaths, create_archive
from judges.warcs import judge_warcs
from servers.crawling import crawl_site, doc_site
from servers.site import Answer, Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.crawl import CrawlOutcome
    from archiver.core.capture import Capture

_FIRST, _SECOND = "20261123T004400Z", "20261124T004400Z"


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


def _crawl(
    paths: ProjectPaths, site: Site, snapshot: str = _FIRST, previous: tuple[Capture, ...] = ()
) -> CrawlOutcome:
    return crawl_site(paths, doc_site(site), snapshot=snapshot, previous=previous)


def _captured(outcome: CrawlOutcome, site: Site) -> dict[str, Capture]:
    return {capture.url.removeprefix(site.origin): capture for capture in outcome.captures}


def _types(paths: ProjectPaths, prefix: str) -> dict[str, str]:
    """Return the types of response and revisit records by record ID."""
    found = {}
    for path in sorted(paths.warc.glob(f"{prefix}*")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type in ("response", "revisit"):
                    found[record.rec_headers.get_header("WARC-Record-ID")] = record.rec_type
    return found


def test_a_page_is_asked_for_without_what_tracks_its_readers(paths: ProjectPaths) -> None:
    """Links that differ in tracking parameters or sessions only are one page; the target of a redirect is kept as it is."""
    session = "0123456789abcdef0123456789abcdef"
    moved = Reply(b"", 302, headers=(("Location", f"/docs/b?PHPSESSID={session}"),))
    answers: dict[str, Answer] = {
        "/docs/": html("a?utm_source=x", "a?gclid=1", "a", f"a;jsessionid={session}", "b?utm_medium=y"),
        "/docs/a": html(),
        "/docs/b": moved,
        f"/docs/b?PHPSESSID={session}": html(),
    }
    with serving(answers) as site:
        outcome = _crawl(paths, site)
        assert set(_captured(outcome, site)) == set(answers)
        assert sorted(target for target in site.targets() if target in answers) == sorted(answers)


def test_twins_are_kept_under_every_url_and_stored_once(paths: ProjectPaths) -> None:
    """A folder, its index.html and the folder without its slash: three captures, of which two refer to the first."""
    page = html("../b/index.html", text="the same")
    answers: dict[str, Answer] = {
        "/docs/": html("a/", "a/index.html", "a", "b", "b/"),
        "/docs/a/": page,
        "/docs/a/index.html": page,
        "/docs/a": page,
        "/docs/b": html(text="without"),
        "/docs/b/": html(text="with"),
        "/b/index.html": html(),
        "/docs/b/index.html": Reply(html(text="with"), type="text/html; charset=utf-8"),
    }
    with serving(answers) as site:
        first = _crawl(paths, site)
        captured = _captured(first, site)
        assert set(captured) == set(answers) - {"/b/index.html"}
        twins = [captured[target] for target in ("/docs/a/", "/docs/a/index.html", "/docs/a")]
        (stored,) = (capture for capture in twins if not capture.original)
        assert [capture.original for capture in twins if capture is not stored] == [stored.record] * 2
        assert {capture.digest for capture in twins} == {stored.digest}
        others = [capture for capture in first.captures if capture not in twins]
        assert not any(capture.original for capture in others)
        assert first.unchanged == 0
        types = _types(paths, _FIRST)
        assert [types[capture.record] for capture in twins].count("revisit") == 2

        second = _crawl(paths, site, _SECOND, first.captures)
        assert second.unchanged == len(second.captures)
        assert {capture.payload_record for capture in second.captures} == {
            capture.payload_record for capture in first.captures
        }
    judge_warcs(paths.warc)


def test_twins_that_change_together_are_stored_once_again(paths: ProjectPaths) -> None:
    """In the next run the new content is stored for one, and the other refers to that."""
    answers: dict[str, Answer] = {"/docs/": html("a/", "a/index.html")}
    with serving(answers) as site:
        site.answers |= {"/docs/a/": html(text="old"), "/docs/a/index.html": html(text="old")}
        first = _crawl(paths, site)
        site.answers |= {"/docs/a/": html(text="new"), "/docs/a/index.html": html(text="new")}
        captured = _captured(_crawl(paths, site, _SECOND, first.captures), site)
        twins = (captured["/docs/a/"], captured["/docs/a/index.html"])
        assert len({capture.payload_record for capture in twins}) == 1
        assert sorted(_types(paths, _SECOND)[capture.record] for capture in twins) == ["response", "revisit"]
