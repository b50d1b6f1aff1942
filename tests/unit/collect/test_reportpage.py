from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archiver.collect.reportpage import report_page
from archiver.core import reportmarkup as module
from archiver.core.judgement import DEGRADED, GONE, Judgement
from archiver.core.report import (
    Coverage,
    EditionReport,
    Entry,
    HostReport,
    ItemReport,
    Listing,
    Report,
    SetReport,
    SitemapReport,
    SiteReport,
)

if TYPE_CHECKING:
    import pytest

EVIL = '"><script>alert(1)</script>'
SITE = SiteReport(
    name="docs", seeds=("https://x.org/docs/",), found=5, pages=1, requisites=2, redirects=0,
    unchanged=0, carried=0, not_due=0, bytes=1234, seconds=2.5, failed=(), broken=(), gone=(), marked=(), skipped=(), left_out=(),
    sitemaps=(), coverage=None, hosts=(), editions=(),
)  # fmt: skip
REPORT = Report(
    "20261123T004400Z", "p", "Docs", "archiver 0", "2026-11-23T00:44:00Z", "2026-11-23T00:45:00Z", (SITE,), ()
)


def _page(**changes: object) -> str:
    return report_page(replace(REPORT, sites=(replace(SITE, **changes),))).decode()


def _listing(reason: str, *urls: str, note: str = "", referrer: str = "", total: int = 0) -> Listing:
    return Listing(reason, total or len(urls), tuple(Entry(url, note, referrer) for url in urls))


def test_a_complete_run_says_so() -> None:
    """Nothing is missing: no section about it, and no warning."""
    page = _page()
    assert "Nothing is missing" in page
    assert 'id="missing"' not in page
    assert "2026-11-23 00:44 UTC" in page


def test_what_is_missing_is_named_with_its_reason() -> None:
    """Every URL, what happened, where it was found; a dead link of the site is no warning."""
    page = _page(
        failed=(
            _listing("fetch.timeout", "https://x.org/a", note="no answer", referrer="https://x.org/from"),
        ),
        skipped=(_listing("robots", "https://x.org/b"),),
        broken=(_listing("404", "https://x.org/c"),),
    )
    assert "2 things are missing" in page
    for text in (
        "fetch.timeout",
        "https://x.org/a",
        "no answer",
        "https://x.org/from",
        "https://x.org/b",
        "https://x.org/c",
    ):
        assert text in page
    assert "set robots: ignore" in page


def test_what_strangers_wrote_is_text() -> None:
    """Titles, URLs, messages, host names, sitemaps and editions are escaped, and only http(s) URLs are links."""
    page = report_page(
        replace(
            REPORT,
            title=EVIL,
            judgements=(Judgement(EVIL, DEGRADED, EVIL, (f"javascript:{EVIL}",), since=EVIL),),
            sets=(
                SetReport("files", 1, 0, (_listing(EVIL, f"javascript:{EVIL}", note=EVIL, referrer=EVIL),)),
            ),
            sites=(
                replace(
                    SITE,
                    seeds=(f"https://x.org/{EVIL}",),
                    gone=(_listing("gone upstream", f"https://x.org/{EVIL}", note=EVIL),),
                    left_out=(_listing(EVIL, f"https://x.org/{EVIL}"),),
                    sitemaps=(SitemapReport(f"https://x.org/{EVIL}", EVIL, 1, 1, 0, 0, EVIL),),
                    hosts=(HostReport(EVIL, 1, 1, 0, 1, 1, 1.0),),
                    editions=(EditionReport("version", EVIL, 1, 0), EditionReport("locale", EVIL, 1, 0)),
                ),
            ),
        )
    ).decode()
    assert "<script" not in page
    assert 'href="javascript' not in page
    assert page.count("&lt;script&gt;") > 10


def test_coverage_is_shown_with_what_is_not_here() -> None:
    """How much of the sitemaps was captured, what was not, and what they do not list."""
    page = _page(
        coverage=Coverage(
            8,
            6,
            (_listing("not reached", "https://x.org/z", total=2),),
            _listing("in no sitemap", "https://x.org/y"),
        ),
        sitemaps=(SitemapReport("https://x.org/s.xml", "guess", 9, 8, 0, 1, "it ends in the middle"),),
    )
    for text in (
        "8 URLs",
        "75%",
        "https://x.org/z",
        "https://x.org/y",
        "it ends in the middle",
        "no one; tried",
    ):
        assert text in page
    assert "2 things are missing" in page


def test_sitemaps_of_another_site_cover_nothing() -> None:
    """A site built for another address lists that one's URLs: no full bar says that all of none were captured."""
    page = _page(coverage=Coverage(0, 0, (), _listing("in no sitemap", "https://x.org/docs/")))
    assert "list nothing that is in scope" in page
    assert 'class="bar"' not in page
    assert "in no sitemap" in page


def test_a_source_that_was_refused_is_told_first() -> None:
    """The verdict, its reason with examples and since when; it stands beside the site's name as well, and is linked."""
    judged = Judgement(
        "docs", GONE, "None of 9 pages answers.", ("https://x.org/docs/a",), since="2026-11-01T00:00:00Z",
        good="20261001T000000Z",
    )  # fmt: skip
    page = report_page(replace(REPORT, judgements=(judged,))).decode()
    assert page.index("docs is gone") < page.index("Nothing is missing")
    assert 'href="#refused"' in page
    section = page[page.index('id="refused"') :]
    for text in (
        "None of 9 pages",
        "since 2026-11-01 00:00 UTC",
        "good before is kept",
        "https://x.org/docs/a",
    ):
        assert text in section
    assert '<span class="badge warn">gone</span>' in section
    assert (
        "nothing good before" in report_page(replace(REPORT, judgements=(replace(judged, good=""),))).decode()
    )


def test_pages_that_are_gone_upstream_are_listed_and_not_missing() -> None:
    """They are kept, with the day since when the site has them no longer."""
    page = _page(
        gone=(_listing("gone upstream", "https://x.org/docs/old", note="since 2026-11-01"),), not_due=3
    )
    assert "Nothing is missing" in page
    assert "since 2026-11-01" in page
    assert "<b>3</b>not due yet" in page


def test_long_listings_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stays one that a browser opens; the total is that of all."""
    monkeypatch.setattr(module, "MOST_SHOWN", 2)
    page = _page(failed=(_listing("fetch.timeout", *(f"https://x.org/{n}" for n in range(5)), total=12_345),))
    assert "12,345 things are missing" in page
    assert "and 12,343 more" in page
    assert "https://x.org/2" not in page
    assert "<details><summary><b>Failed</b>" in page, "it is folded"


def test_the_page_needs_nothing_else() -> None:
    """No script, and nothing to load: styles are inside, the icon is empty."""
    page = _page(failed=(_listing("fetch.timeout", "https://x.org/a"),))
    assert "<script" not in page
    assert "src=" not in page
    assert page.count("<link") == 1
    assert '<link rel="icon" href="data:,">' in page


def test_a_run_without_sites_speaks_of_what_it_was_for() -> None:
    """Images and files are counted and listed, what came along apart from them; nothing is said of pages."""
    gone = ItemReport(
        "docker.io/x/y:1",
        "sha256:ab",
        1000,
        ("linux/amd64",),
        "mirror.x",
        carried=True,
        gone="2026-11-22T10:11:12Z",
    )
    file = ItemReport("https://x.org/t.tgz", "sha256:cd", 2000)
    images = SetReport("images", 1, 1, (), referrers=2, gone=1, kept=(gone,))
    page = report_page(
        replace(REPORT, sites=(), sets=(images, SetReport("files", 1, 0, (), kept=(file,))))
    ).decode()
    assert "<b>1</b>images" in page
    assert "<b>2</b>sign or describe images" in page
    assert "told by mirror.x; gone upstream since 2026-11-22 10:11 UTC; kept from before" in page
    assert '<a href="https://x.org/t.tgz"' in page
    assert "pages" not in page
    assert "received for sites" not in page


def test_a_page_without_sections_has_no_navigation() -> None:
    """A run that had nothing and misses nothing shows no empty bar."""
    assert "<nav" not in report_page(replace(REPORT, sites=())).decode()


def test_long_lists_of_images_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As listings are."""
    monkeypatch.setattr(module, "MOST_SHOWN", 2)
    kept = tuple(ItemReport(f"docker.io/x/y:{number}", "sha256:ab", 1) for number in range(5))
    page = report_page(replace(REPORT, sets=(SetReport("images", 5, 0, (), kept=kept),))).decode()
    assert "docker.io/x/y:1" in page
    assert "docker.io/x/y:2" not in page
    assert "and 3 more" in page
