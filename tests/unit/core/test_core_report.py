from __future__ import annotations

import json

from archiver.core.report import Coverage, Entry, Listing, Report, SetReport, SiteReport
from archiver.core.snapshot import HEALTHY


def _listing(reason: str, total: int) -> Listing:
    return Listing(reason, total, (Entry("https://x.org/a", "note", "https://x.org/"),))


SITE = SiteReport(
    name="docs", seeds=("https://x.org/",), verdict=HEALTHY, found=9, pages=1, requisites=0, redirects=0,
    unchanged=0, carried=0, bytes=1, seconds=0.5, failed=(_listing("fetch.timeout", 2),),
    broken=(_listing("404", 40),), marked=(_listing("script only", 50),), skipped=(_listing("robots", 3),),
    left_out=(_listing("out of scope", 60),), sitemaps=(),
    coverage=Coverage(
        9, 1, (_listing("failed", 1), _listing("broken link", 2), _listing("robots", 2), _listing("not reached", 3)),
        _listing("in no sitemap", 0),
    ), hosts=(), editions=(),
)  # fmt: skip
REPORT = Report(
    "20261123T004400Z", "p", "P", "a", "", "", (SITE,), (SetReport("files", 3, 1, (_listing("x", 5),)),)
)


def test_each_missing_thing_counts_once() -> None:
    """What failed or was not asked for, and of what sitemaps list only what is told nowhere else."""
    assert [each.reason for each in SITE.unreached] == ["not reached"]
    assert SITE.missing == 2 + 3 + 3
    assert REPORT.missing == 8 + 5


def test_the_report_is_json_with_a_format() -> None:
    """Programs find the format, the number of things missing, and every listing as it is."""
    document = json.loads(REPORT.to_json())
    assert (document["format"], document["missing"]) == ("archiver-report/1", 13)
    assert document["sites"][0]["failed"] == [
        {
            "reason": "fetch.timeout",
            "total": 2,
            "entries": [{"url": "https://x.org/a", "note": "note", "referrer": "https://x.org/"}],
        }
    ]
    assert document["sets"][0]["name"] == "files"
