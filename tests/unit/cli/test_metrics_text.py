"""Metrics for Prometheus: read back by its own client's parser."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from archiver.cli.metrics import Refresh, metrics_text
from archiver.core.judgement import GONE, HEALTHY, Judgement
from archiver.store.lastrun import LastRun
from archiver.store.status import ProjectStatus
from servers.records import run_record

if TYPE_CHECKING:
    from archiver.core.digest import Digest

REFRESH = Refresh("specs", datetime(2026, 11, 23, 4, 18, tzinfo=timezone.utc), 4, 1)
RUN = LastRun(
    "2026-11-23T04:17:00Z",
    "2026-11-23T04:18:00Z",
    60,
    4,
    "archiver",
    snapshot="20261123T041700Z",
    received=12345,
    failures=2,
)
SNAPSHOT = run_record(
    Judgement("docs", GONE, "why", checked="2026-11-23T04:17:00Z", good="20261120T041700Z", alive=3, peak=9),
    Judgement("images", HEALTHY, checked="2026-11-22T04:17:00Z", good="20261122T041700Z", alive=5, peak=5),
)
BLOBS: dict[Digest, int] = {}
STATUS = ProjectStatus(
    name="sample",
    last_run=RUN,
    unfinished="",
    snapshots=("20261123T041700Z",),
    newest=SNAPSHOT,
    good="20261123T041700Z",
    refused=(),
    warc=100,
    folder=150,
    blobs=BLOBS,
)


def parsed(text: str) -> dict[str, dict[tuple[str, ...], Any]]:
    """Return what a text of metrics has: by name and label values; every family must say what it is."""
    found: dict[str, dict[tuple[str, ...], Any]] = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        assert family.name not in found
        for sample in family.samples:
            values = found.setdefault(sample.name, {})
            assert tuple(sample.labels.values()) not in values
            values[tuple(sample.labels.values())] = sample.value
    return found


def test_metrics_of_a_refresh() -> None:
    """The refresh, its projects and their sources: exit codes, times, sizes, verdicts."""
    found = parsed(metrics_text(REFRESH, [STATUS]))
    assert found["archiver_refresh_exit_code"] == {("specs",): 4}
    assert found["archiver_refresh_bad_specs"] == {("specs",): 1}
    assert found["archiver_refresh_finished_timestamp_seconds"] == {("specs",): 1795407480}
    assert found["archiver_project_last_run_exit_code"] == {("sample",): 4}
    assert found["archiver_project_last_run_duration_seconds"] == {("sample",): 60}
    assert found["archiver_project_good_timestamp_seconds"] == {("sample",): 1795148220}
    assert found["archiver_project_warc_bytes"] == {("sample",): 100}
    assert found["archiver_source_healthy"] == {("sample", "docs"): 0, ("sample", "images"): 1}
    assert found["archiver_source_verdict"][("sample", "docs", "gone")] == 1
    assert sum(found["archiver_source_verdict"].values()) == 2
    assert found["archiver_source_items"] == {("sample", "docs"): 3, ("sample", "images"): 5}
    assert found["archiver_source_good_timestamp_seconds"][("sample", "docs")] == 1795148220


def test_what_is_not_known_is_left_out() -> None:
    """A project that never was good has no time of it: 0 would be 1970."""
    status = replace(STATUS, last_run=None, newest=None, good="", snapshots=())
    found = parsed(metrics_text(REFRESH, [status]))
    assert found["archiver_project_snapshots"] == {("sample",): 0}
    assert not any("timestamp" in name for name in found if name.startswith("archiver_project"))
    assert not any(name.startswith("archiver_source") for name in found)


def test_no_project_leaves_the_refresh() -> None:
    """Where not one spec was good, that much is told."""
    assert set(parsed(metrics_text(REFRESH, []))) == {
        "archiver_refresh_exit_code",
        "archiver_refresh_bad_specs",
        "archiver_refresh_finished_timestamp_seconds",
    }


@pytest.mark.parametrize("label", ['a"b', "a\\b", "a\nb", "a\\nb", 'ä{x="y"}', ""])
def test_labels_are_escaped(label: str) -> None:
    """Whatever the folder of specs is called, the parser gets it back."""
    (labels,) = parsed(metrics_text(replace(REFRESH, specs=label), []))["archiver_refresh_exit_code"]
    assert labels == (label,)
