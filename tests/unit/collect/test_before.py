"""What a run goes on from: the last good snapshot, its captures, and its report where that can be read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.collect.before import Before, last_good, report_of
from archiver.collect.reportpage import report_page
from archiver.collect.runreport import run_report
from archiver.core.judgement import GONE
from archiver.core.progress import NullProgress
from archiver.core.snapshot import BrokenLink, Failure
from archiver.store.snapshots import write_report, write_snapshot
from servers.site import html
from servers.small_archive import SITE, ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def made(tmp_path: Path) -> ArchiveBuilder:
    """An archive of one page, whose site was gone in the last run."""
    made = ArchiveBuilder(tmp_path)
    made.page(f"{SITE}/", html())
    made.verdicts["docs"] = GONE
    return made


def test_without_a_snapshot_there_is_nothing_before(made: ArchiveBuilder) -> None:
    """Every question has an answer all the same."""
    before = last_good(made.paths, NullProgress())
    assert before == Before()
    assert (before.spec, before.images, before.files, before.captures) == ({}, (), (), ())
    assert before.judgement("docs") is before.site("docs") is before.site_report("docs") is None
    assert before.failures("docs") == before.broken_links("docs") == ()


def test_each_source_is_told_apart(made: ArchiveBuilder) -> None:
    """What was judged of it, what came of it, what it lacks: nothing of another source."""
    mine, other = Failure("docs", "a", "x", "m"), Failure("images", "b", "x", "m")
    link = BrokenLink("docs", "a", "404")
    record = made.finish()
    write_snapshot(made.paths, replace(record, failures=(mine, other), broken_links=(link,)))
    before = last_good(made.paths, NullProgress())
    judged, site = before.judgement("docs"), before.site("docs")
    assert judged is not None
    assert site is not None
    assert (judged.verdict, site.name) == (GONE, "docs")
    assert before.judgement("images") is before.site("images") is None
    assert (before.failures("docs"), before.broken_links("docs")) == ((mine,), (link,))
    assert before.broken_links("other") == ()
    assert [each.url for each in before.captures] == [f"{SITE}/"]


def test_a_report_that_cannot_be_read_is_none(made: ArchiveBuilder) -> None:
    """It is missing, or damaged: a run goes on without it."""
    record = made.finish()
    assert last_good(made.paths, NullProgress()).report is None
    report = run_report(record, ())
    write_report(made.paths, record.id, report.to_json(), report_page(report))
    assert last_good(made.paths, NullProgress()).report == report
    made.paths.report(record.id).write_bytes(b'{"format": "archiver-report/1"}')
    assert report_of(made.paths, record.id) is None
