"""What a refresh came to, in one line: what is bad first, and nothing of it twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from archiver.cli.runline import failed_line, is_alarming, outcome_line
from archiver.collect.refresh import NotDue
from archiver.collect.run import RunResult
from archiver.core.errors import LockHeld, StorageFull
from archiver.core.judgement import DEGRADED, GONE, HEALTHY, Judgement
from archiver.core.report import Report
from archiver.core.snapshot import Failure, FileResult, ImageResult, SiteResult
from archiver.store.paths import ProjectPaths
from servers.records import run_record

RUN = "20261123T041700Z"
SITE = SiteResult(
    "docs", ("https://x.example/",), ("https://x.example",), (), 540, 900, fetched=60, unchanged=50, carried=0, bytes=1,
    skipped={}, not_due=1380,
)  # fmt: skip
WELL = Judgement("docs", HEALTHY, checked="2026-11-23T04:17:00Z", good=RUN)
ILL = replace(
    WELL,
    verdict=DEGRADED,
    reason="214 of 530 pages are lost",
    examples=("https://x.example/a", "https://x.example/b"),
    since="2026-11-23T04:17:00Z",
    good="20261122T041700Z",
)
LOST = Failure("docs", "https://x.example/a", "fetch.status", "https://x.example/a: HTTP 404")
FILE = FileResult(
    "https://x.example/t.zip", "x.example/t.zip", "sha256:b", 3, "", "sha256:c", "2026-11-23T04:17:00Z"
)


def _result(*judgements: Judgement, **members: Any) -> RunResult:
    snapshot = run_record(*judgements, **{"sites": (SITE,), "captures": 1, **members})
    report = Report(RUN, "sample", "", "", "", "", (), ())
    return RunResult(snapshot, report, ProjectPaths(Path("archives/sample")), bytes=1_234_567, resumed=False)


def test_a_healthy_project() -> None:
    """What there is, what is new, what came and how long it took."""
    assert outcome_line(_result(WELL), 41.26) == (
        f"sample: healthy; snapshot {RUN}: 540 pages, 10 URLs new or changed, 50 unchanged, 1,380 not due; "
        "1.2 MB received in 41.3 s"
    )


def test_a_project_that_is_not_due() -> None:
    """Until when; nothing was done that could be told."""
    until = datetime(2026, 11, 30, 4, 17, tzinfo=timezone.utc)
    assert outcome_line(NotDue("sample", until, 0), 0.1) == "sample: not due before 2026-11-30 04:17 UTC"


def test_a_source_that_is_not_healthy_comes_first() -> None:
    """Verdict, reason, an example and what is kept; its lost pages are the reason and no failures beside it."""
    line = outcome_line(_result(ILL, failures=(LOST,)), 200)
    assert line == (
        "sample: docs DEGRADED: 214 of 530 pages are lost (such as https://x.example/a), kept as of 20261122T041700Z; "
        f"snapshot {RUN}: 540 pages, 10 URLs new or changed, 50 unchanged, 1,380 not due; 1.2 MB received in 3 min; "
        f"report: archives/sample/snapshots/{RUN}.report.html"
    )


def test_what_goes_on_says_since_when() -> None:
    """A source that was not healthy before this run has the day since when."""
    old = replace(ILL, since="2026-11-20T04:17:00Z", verdict=GONE)
    assert "docs GONE since 2026-11-20: " in outcome_line(_result(old), 1)


def test_what_never_was_good_is_not_kept() -> None:
    """A first run has nothing to stand in."""
    assert "kept" not in outcome_line(_result(replace(ILL, good="")), 1)


def test_failures_name_the_first_and_count_the_others() -> None:
    """Source, subject, message and code, once each."""
    line = outcome_line(_result(WELL, failures=(LOST, replace(LOST, subject="https://x.example/b"))), 1)
    assert line.startswith(
        "sample: 2 FAILED: docs: https://x.example/a: HTTP 404 [fetch.status] and 1 more; snapshot "
    )
    assert line.endswith(".report.html")


def test_replaced_files_alarm_and_moved_tags_do_not() -> None:
    """Releases stay what they are; tags may move."""
    image = ImageResult("docker.io/library/a:1", "sha256:b", "", 3, (), (), "", "", was="sha256:a")
    moved, replaced = _result(WELL, images=(image,)), _result(WELL, files=(replace(FILE, was="sha256:a"),))
    assert not is_alarming(moved)
    assert "1 image (1 moved)" in outcome_line(moved, 1)
    assert is_alarming(replaced)
    assert outcome_line(replaced, 1).startswith(
        "sample: 1 file REPLACED under the same name, such as https://x.example/t.zip; snapshot "
    )


def test_what_sites_say_cannot_control_the_terminal() -> None:
    """Control characters in reasons, subjects and messages are shown, and long ones are cut."""
    ill = replace(ILL, reason="\x1b[2J" + "x" * 1000, examples=("\u202e",))
    line = outcome_line(_result(ill, files=(replace(FILE, url="\n", was="sha256:a"),)), 1)
    assert r"\x1b[2Jxxx" in line
    assert r"\u202e" in line
    assert r"\n" in line
    assert line.isprintable()
    assert len(line) < 1000


def test_what_ended_a_refresh() -> None:
    """An error with its code; a lock is no failure of the project's own."""
    full = StorageFull("No space left on device", place="archives/sample/warc")
    assert failed_line("sample", full) == (
        "sample: FAILED: archives/sample/warc: No space left on device [store.full]"
    )
    assert failed_line("sample", LockHeld("another run")) == "sample: LOCKED: another run [store.locked]"
