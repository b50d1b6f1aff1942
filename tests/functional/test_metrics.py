"""``archiver refresh --metrics``: what Prometheus reads, by Prometheus's own tools, and the alerts on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from servers.processes import need
from servers.site import Site, put, serving

if TYPE_CHECKING:
    from servers.console import Console

DOCS = Path(__file__).resolve().parents[2] / "docs"
RULES = DOCS / "prometheus" / "archiver-alerts.yaml"
_DAY = 86_400


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of six pages."""
    with serving({}) as served:
        put(
            served,
            "index.html",
            "<title>Start</title>" + "".join(f"<a href=p{n}.html>{n}</a>" for n in range(5)),
        )
        for number in range(5):
            put(served, f"p{number}.html", f"<title>{number}</title><p>{f'This is page {number}. ' * 20}</p>")
        yield served


def _spec(console: Console, site: Site, project: str, **keys: Any) -> None:
    docs = [{"seeds": [f"{site.origin}/index.html"]}]
    console.write(f"specs/{project}.yaml", json.dumps({"project": project, "docs": docs, **keys}))


def _metrics(console: Console) -> dict[tuple[str, ...], float]:
    """Return the values by the metric's name and the values of its labels."""
    text = (console.folder / "m.prom").read_text("utf-8")
    return {
        (sample.name.removeprefix("archiver_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_follow_what_happens(console: Console, site: Site) -> None:
    """A good refresh, one that is not due, one in which a site has died: exit codes, verdicts and times say so."""
    _spec(console, site, "one", files=[{"url": f"{site.origin}/p0.html"}])
    _spec(console, site, "two", every="7d")
    console.succeed("refresh", "--metrics", "m.prom")
    good = _metrics(console)
    assert (good["refresh_exit_code", "specs"], good["project_last_run_exit_code", "one"]) == (0, 0)
    assert (good["source_healthy", "one", "docs"], good["source_items", "one", "docs"]) == (1, 6)
    assert good["project_next_due_timestamp_seconds", "two"] == pytest.approx(
        good["source_checked_timestamp_seconds", "two", "docs"] + 7 * _DAY
    )
    assert (
        good["project_good_timestamp_seconds", "two"]
        == good["source_checked_timestamp_seconds", "two", "docs"]
    )
    assert good["project_warc_bytes", "one"] < good["project_folder_bytes", "one"]
    assert good["project_blob_bytes", "one"] > 0
    site.answers.clear()
    assert console.run("refresh", "--full", "--metrics", "m.prom", "specs/one.yaml").code == 4
    bad = _metrics(console)
    assert not [name for name in bad if "two" in name]
    assert bad["refresh_exit_code", "specs/one.yaml"] == 4
    assert (bad["source_healthy", "one", "docs"], bad["source_verdict", "one", "docs", "gone"]) == (0, 1)
    assert bad["source_items", "one", "docs"] < bad["source_peak_items", "one", "docs"] == 6
    assert ("project_next_due_timestamp_seconds", "one") not in bad
    assert (
        bad["project_good_timestamp_seconds", "one"]
        <= good["source_checked_timestamp_seconds", "one", "docs"]
    )


def test_bad_specs_are_counted(console: Console, site: Site) -> None:
    """Specs that cannot be worked with have no project to be labelled with, so they are a number."""
    _spec(console, site, "one")
    console.write("specs/bad.yaml", "project: [")
    assert console.run("refresh", "--metrics", "m.prom").code == 2
    found = _metrics(console)
    assert (found["refresh_bad_specs", "specs"], found["refresh_exit_code", "specs"]) == (1, 2)
    assert found["project_last_run_exit_code", "one"] == 0


def test_metrics_that_cannot_be_written_are_a_storage_error(console: Console, site: Site) -> None:
    """A folder in the file's place: everything is refreshed, exit code 7, and nothing is left beside it."""
    _spec(console, site, "one")
    (console.folder / "m.prom").mkdir()
    outcome = console.run("refresh", "--metrics", "m.prom")
    assert outcome.code == 7
    assert "m.prom" in outcome.err
    assert (console.folder / "archives/one/good").is_file()
    assert not list(console.folder.glob(".tmp-*"))


def test_metrics_are_replaced_at_once(console: Console, site: Site) -> None:
    """Whoever has the file open goes on reading the old one; the new one has another inode and is readable by all."""
    _spec(console, site, "one")
    console.succeed("refresh", "--metrics", "m.prom")
    with (console.folder / "m.prom").open() as stream:
        console.succeed("refresh", "--metrics", "m.prom")
        assert os.fstat(stream.fileno()).st_ino != (console.folder / "m.prom").stat().st_ino
        assert stream.read().endswith("\n")
    assert (console.folder / "m.prom").stat().st_mode & 0o777 == 0o644


def test_the_guide_lists_every_metric(console: Console, site: Site) -> None:
    """docs/cron.md has a row for each metric that is written, with its labels, and for no other."""
    _spec(console, site, "one", files=[{"url": f"{site.origin}/p0.html"}])
    console.succeed("refresh", "--metrics", "m.prom")
    text = (console.folder / "m.prom").read_text("utf-8")
    written = {family.name: list(family.samples[0].labels) for family in text_string_to_metric_families(text)}
    guide = (DOCS / "cron.md").read_text("utf-8")
    rows = re.findall(r"^\| (`archiver_.*?) \| (.*?) \|", guide, re.MULTILINE)
    told = {
        name: re.findall(r"`([^`]+)`", labels)
        for names, labels in rows
        for name in re.findall(r"`([^`]+)`", names)
    }
    assert told == written


def test_promtool_has_nothing_to_say(console: Console, site: Site) -> None:
    """Prometheus's own linter accepts the metrics and the alert rules."""
    need("promtool")
    _spec(console, site, "one", files=[{"url": f"{site.origin}/nothing.zip"}])
    assert console.run("refresh", "--metrics", "m.prom").code == 3
    with (console.folder / "m.prom").open("rb") as metrics:
        subprocess.run(["promtool", "check", "metrics"], stdin=metrics, check=True, capture_output=True)
    subprocess.run(["promtool", "check", "rules", RULES], check=True, capture_output=True)


_SERIES = {
    # A series, values of it that are to be alerted on, and others that are not; one each 4 minutes, for 100 hours.
    "ArchiverSourceNotHealthy": ('archiver_source_healthy{project="a",source="docs"}', "0x1500", "1x1500"),
    "ArchiverGoodCopyOld": (
        'archiver_project_good_timestamp_seconds{project="a"}',
        "-1300000x1500",
        "0x1500",
    ),
    "ArchiverNotRefreshed": (
        'archiver_refresh_finished_timestamp_seconds{specs="s"}',
        "0x1500",
        "0+240x1500",
    ),
    "ArchiverRunUnfinished": ('archiver_project_unfinished_run{project="a"}', "1x1500", "1x3 0x1500"),
    "ArchiverBadSpecs": ('archiver_refresh_bad_specs{specs="s"}', "2x1500", "0x1500"),
    "ArchiverThingsMissing": ('archiver_project_last_run_failures{project="a"}', "2x1500", "2x3 0x1500"),
    "ArchiverStorage": ('archiver_project_last_run_exit_code{project="a"}', "7x1500", "4x1500"),
    "ArchiverBug": ('archiver_project_last_run_exit_code{project="a"}', "1x1500", "7x1500"),
    "ArchiverNeverGood": ('archiver_project_snapshots{project="b"}', "1x1500", "0x1500"),  # "a" was good
}


def test_alerts_are_raised_and_only_then(tmp_path: Path) -> None:
    """After four days of the bad values each alert is raised; after four days of the good ones none is."""
    need("promtool")
    assert sorted(_SERIES) == sorted(re.findall(r"- alert: (\w+)", RULES.read_text("utf-8")))
    assert _raised(tmp_path, {name: (series, bad) for name, (series, bad, _) in _SERIES.items()}) == set(
        _SERIES
    )
    assert _raised(tmp_path, {name: (series, good) for name, (series, _, good) in _SERIES.items()}) == set()


def test_what_is_retired_raises_no_alert(tmp_path: Path) -> None:
    """A source that was gone when it was retired, and a project that has no other: both are as the keeper wants them."""
    need("promtool")
    ill = {
        "ArchiverSourceNotHealthy": ('archiver_source_healthy{project="a",source="docs"}', "0x1500"),
        "ArchiverGoodCopyOld": ('archiver_project_good_timestamp_seconds{project="a"}', "-1300000x1500"),
    }
    assert _raised(tmp_path, ill) == set(ill)
    retired = ('archiver_source_retired{project="a",source="docs"}', "1x1500")
    assert _raised(tmp_path, {**ill, "ArchiverNeverGood": retired}) == set()
    other = ('archiver_source_retired{project="a",source="images"}', "0x1500")
    assert _raised(tmp_path, {**ill, "ArchiverNeverGood": retired, "ArchiverBug": other}) == {
        "ArchiverGoodCopyOld"
    }


def _raised(folder: Path, series: dict[str, tuple[str, str]]) -> set[str]:
    """Return which alerts are raised four days after their series began; promtool complains of those, told to expect none.

    Series of different names are there at the same time, since promtool goes through all rules for each case.
    """
    cases: list[dict[str, Any]] = []
    for alert, (name, values) in series.items():
        told = {"eval_time": "4d", "alertname": alert, "exp_alerts": []}
        for case in cases:
            if name not in (each["series"] for each in case["input_series"]):
                break
        else:
            cases.append(case := {"interval": "4m", "input_series": [], "alert_rule_test": []})
        case["input_series"].append({"series": name, "values": values})
        case["alert_rule_test"].append(told)
    path = folder / "case.yaml"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "4m", "tests": cases}))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    raised = set(re.findall(r"alertname:\s*(\w+)", done.stdout + done.stderr))
    assert bool(raised) == (done.returncode != 0), done.stdout + done.stderr
    return raised
