from __future__ import annotations

import json
from typing import Any

import pytest

from archiver.core.errors import InvalidDocument
from archiver.core.judgement import DEGRADED, HEALTHY, Judgement
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
from archiver.core.reportjson import read_report


def _listing(reason: str, total: int) -> Listing:
    return Listing(reason, total, (Entry("https://x.org/a", "note", "https://x.org/"),))


SITE = SiteReport(
    name="docs", seeds=("https://x.org/",), found=9, pages=1, requisites=0, redirects=0,
    unchanged=0, carried=0, not_due=0, bytes=1, seconds=0.5, failed=(_listing("fetch.timeout", 2),),
    broken=(_listing("404", 40),), gone=(_listing("gone upstream", 70),), marked=(_listing("script only", 50),), skipped=(_listing("robots", 3),),
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


def test_a_report_reads_back_as_it_was_written() -> None:
    """Every member, records inside of records as well; a site without sitemaps has no coverage."""
    item = ItemReport(
        "docker.io/x/y:1", "sha256:ab", 7, ("linux/amd64",), carried=True, gone="2026-01-01T00:00:00Z"
    )
    full = SiteReport(
        **{
            **{name: getattr(SITE, name) for name in SITE.__dataclass_fields__},
            "sitemaps": (SitemapReport("https://x.org/s.xml", "guess", 3, 2, 0, 1, "cut"),),
            "hosts": (HostReport("https://x.org", 3, 2, 1, 99, 1, 2.5),),
            "editions": (EditionReport("version", "v1", 2, 0),),
        }
    )
    bare = SiteReport(
        **{**{name: getattr(SITE, name) for name in SITE.__dataclass_fields__}, "coverage": None}
    )
    report = Report(
        "20261123T004400Z",
        "p",
        "P",
        "a",
        "s",
        "f",
        (full, bare),
        (SetReport("images", 1, 0, (), 2, 1, (item,)),),
        (
            Judgement("docs", HEALTHY, good="20261123T004400Z", alive=1, peak=1),
            Judgement("images", DEGRADED, "why", ("x",)),
        ),
    )
    assert [each.source for each in report.refused] == ["images"]
    assert read_report(report.to_json(), what="report") == report


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("format", "archiver-report/9"), ("sites", {}), ("sets", None), ("title", 3), ("sites.0.seconds", "1"),
        ("sites.0.seconds", True), ("sites.0.seconds", -1), ("sites.0.pages", "1"), ("sites.0.failed", None),
        ("sites.0.failed.0", "x"), ("sites.0.failed.0.total", True), ("sites.0.failed.0.entries.0.url", None),
        ("sites.0.coverage", []), ("sites.0.coverage.unlisted", None), ("sites.0.hosts", [1]), ("sets.0.kept", "x"),
        ("sites.0.gone", None), ("judgements", [{"source": "docs", "verdict": "fine"}]), ("judgements", {}),
    ],
)  # fmt: skip
def test_a_report_of_another_form_is_refused(place: str, value: Any) -> None:
    """Whatever member is missing or of the wrong type, at whatever depth, is one typed error."""
    document = json.loads(REPORT.to_json())
    *above, name = place.split(".")
    inside = document
    for step in above:
        inside = inside[int(step) if step.isdigit() else step]
    inside[int(name) if name.isdigit() else name] = value
    with pytest.raises(InvalidDocument):
        read_report(json.dumps(document).encode(), what="report")
