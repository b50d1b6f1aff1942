"""``archiver status``: what it shows of each project, on terminals of any width, and as JSON."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from archiver.core.clock import iso, parse_iso, snapshot_id, utc_now
from archiver.core.judgement import DEGRADED, GONE, HEALTHY, Judgement
from archiver.store.lastrun import LastRun, note_last_run
from archiver.store.runs import note_begun
from archiver.store.snapshots import write_snapshot
from servers.small_archive import IMAGE, SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from servers.console import Console

NOW = utc_now()
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "cron.md"
REASON = "214 of 530 pages are lost: they are not there any more"


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test now, not when all tests were found: these may take longer than an age may be wrong."""
    monkeypatch.setattr(f"{__name__}.NOW", utc_now())


def _ago(**span: float) -> str:
    return iso(NOW - timedelta(**span))


def _project(
    console: Console, name: str, *judgements: Judgement, run: LastRun | None = None
) -> ArchiveBuilder:
    builder = ArchiveBuilder(console.folder / "archives", name, f"The {name} project")
    builder.page(f"{SITE}/", html(name, "words"))
    builder.image(IMAGE, ("linux/amd64",), shared=b"base" * 10_000)
    snapshot = builder.finish(snapshot_id(NOW - timedelta(hours=5)))
    write_snapshot(builder.paths, replace(snapshot, judgements=judgements))
    if run is not None:
        note_last_run(builder.paths, run)
    return builder


def _healthy(source: str = "docs", **span: float) -> Judgement:
    asked = NOW - timedelta(**(span or {"hours": 5}))
    return Judgement(source, HEALTHY, checked=iso(asked), good=snapshot_id(asked), alive=530, peak=540)


def _ill(source: str = "docs", verdict: str = DEGRADED) -> Judgement:
    good = snapshot_id(NOW - timedelta(days=4))
    url = "https://docs.example.org/lost"
    return Judgement(source, verdict, REASON, (url,), _ago(hours=5), _ago(days=3), good, 316, 530)


def _run(code: int = 0, snapshot: str = "20261123T041700Z", due: str = "", **more: str | int) -> LastRun:
    return LastRun(
        _ago(hours=5, minutes=2), _ago(hours=5), 120, code, "archiver", snapshot=snapshot, due=due, **more
    )  # type: ignore[arg-type]


@pytest.fixture
def archive(console: Console) -> Console:
    """An archive of four projects: well, ill, failed, and never good."""
    due = iso(NOW + timedelta(hours=18, minutes=55))
    _project(
        console, "argo-cd", _healthy(), _healthy("images", days=2.1), run=_run(due=due, received=123_456)
    )
    _project(console, "kubesphere", _ill(), _ill("images", GONE), run=_run(4, failures=3))
    failed = _run(7, "", error="No space left on device", error_code="store.full")
    builder = _project(console, "python", _healthy(), run=failed)
    note_begun(builder.paths, snapshot_id(NOW - timedelta(hours=5, minutes=2)))
    note_last_run(builder.archive.project("never"), _run(3, "", failures=4))
    return console


def test_the_table(archive: Console) -> None:
    """A line a project with its health, last run, last good, age, size and next due; what is wrong stands below it."""
    outcome = archive.succeed("status")
    lines = outcome.out.splitlines()
    assert lines[0].split() == (
        ["HEALTH", "LAST", "RUN", "ENDED", "LAST", "GOOD", "(UTC)", "AGE", "SIZE", "NEXT", "DUE", "PROJECT"]
    )
    good = f"{NOW - timedelta(days=2.1):%Y-%m-%d %H:%M}"
    assert re.fullmatch(rf"healthy +5 h ago  complete  {good}  2 d +\S+ kB +in 18 h  argo-cd", lines[1])
    assert re.fullmatch(r"GONE +5 h ago  refused .* 4 d +\S+ kB +now  kubesphere", lines[2])
    kept = snapshot_id(NOW - timedelta(days=4))
    assert lines[3] == f"    docs: degraded since {_ago(days=3)[:10]}: {REASON}; kept as of {kept}"
    assert lines[4].startswith("    images: gone since ")
    assert lines[5] == "    3 things could not be had: the newest report in snapshots/ lists them"
    assert re.fullmatch(r"NEVER GOOD +5 h ago  failures .* now  never", lines[6])
    assert lines[8].endswith("python")
    assert lines[9] == "    the last run, 5 h ago, ended with: No space left on device [store.full]"
    assert lines[10].startswith("    the run begun 5 h ago is not finished: ")
    assert re.fullmatch(r"4 projects, \S+ kB; \S+ [GT]B free", lines[-1])
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits_its_terminal(archive: Console, columns: int) -> None:
    """No line is wider than the terminal; what there is no room for is said; colours show what is bad."""
    code, shown = archive.on_terminal("status", columns=columns)
    assert code == 0
    assert "\x1b[31mGONE" in shown
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r", "").splitlines()
    assert max(map(len, lines)) <= columns
    assert any(line.startswith("(no room for ") for line in lines) == (columns == 80)


def test_colours_can_be_declined(archive: Console) -> None:
    """NO_COLOR is heeded."""
    archive.environment["NO_COLOR"] = "1"
    _, shown = archive.on_terminal("status")
    assert "\x1b" not in shown


def test_one_project_in_detail(archive: Console) -> None:
    """Source by source: verdict, when it was asked and healthy, how much upstream has; the reason with its examples."""
    text = archive.succeed("status", "kubesphere").out
    assert text.startswith("kubesphere: The kubesphere project\n")
    assert re.search(r"^  health +GONE$", text, re.MULTILINE)
    assert re.search(r"^  last run .*, 5 h ago: refused \(exit code 4\), took 2 min$", text, re.MULTILINE)
    assert re.search(r"^  handed over  snapshot \S+, of 1 snapshot$", text, re.MULTILINE)
    assert re.search(
        r"^  size .*: WARC files .*, indexes and records .*, images and files ", text, re.MULTILINE
    )
    assert re.search(r"^  DEGRADED +5 h ago +4 d ago +316 +530  docs$", text, re.MULTILINE)
    assert "      https://docs.example.org/lost\n" in text
    assert "python" not in text


def test_json_has_the_same(archive: Console) -> None:
    """For programs: the projects in one list, with times as text and the age in seconds, sizes in bytes."""
    document = archive.succeed("status", "--json").json
    by_name = {project["project"]: project for project in document["projects"]}
    assert [by_name[name]["health"] for name in sorted(by_name)] == [
        "healthy",
        "gone",
        "never good",
        "healthy",
    ]
    ill = by_name["kubesphere"]
    assert ill["age"] == pytest.approx(4 * 86_400, abs=600)
    assert [source["verdict"] for source in ill["sources"]] == ["degraded", "gone"]
    assert ill["sources"][0]["examples"] == ["https://docs.example.org/lost"]
    assert ill["last_run"]["exit_code"] == 4
    assert (by_name["never"]["age"], by_name["never"]["last_good"], by_name["never"]["good"]) == (
        None,
        "",
        "",
    )
    assert parse_iso(by_name["argo-cd"]["next_due"]) > NOW
    assert by_name["python"]["unfinished"]
    for project in by_name.values():
        sizes = project["sizes"]
        assert sizes["total"] == sizes["folder"] + sizes["share"]
        assert sizes["share"] <= sizes["blobs"]
    (alone,) = archive.succeed("status", "python", "--json").json["projects"]
    assert alone["sizes"] == by_name["python"]["sizes"]


def test_what_is_overdue_is_told(console: Console) -> None:
    """Where nothing has run for more than a day since something was due, cron may be dead: the table says so."""
    _project(console, "argo-cd", _healthy(days=9), run=_run(due=_ago(days=3)))
    lines = console.succeed("status").out.splitlines()
    assert "3 d late  argo-cd" in lines[1]
    assert lines[2].startswith("    nothing has run since something was due, 3 d ago")


def test_damage_is_told_and_no_error(archive: Console) -> None:
    """A record that cannot be read, blobs that are missing, a note of another version: shown, exit code 0."""
    folder = archive.folder / "archives"
    (folder / "argo-cd/snapshots/20270101T000000Z.json").write_text("{}")
    (folder / "kubesphere/last-run.json").write_text("null")
    shutil.rmtree(folder / "images/blobs")
    text = archive.succeed("status").out
    assert "snapshot 20270101T000000Z is damaged" in text
    assert "cannot tell what docker.io/library/small:1.0 of argo-cd" in text


def test_strange_text_cannot_control_the_terminal(console: Console) -> None:
    """Reasons come from sites: control characters in them are shown, not sent."""
    judgement = replace(_ill(), reason="\x1b[2J\u202egone", examples=("http://x/\x07",))
    _project(console, "sample", judgement, run=_run(7, "", error="a\x1b]0;b", error_code="store.full"))
    for arguments in (("status",), ("status", "sample")):
        text = console.succeed(*arguments).out
        assert r"\x1b[2J\u202egone" in text
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", text)


def test_nothing_archived_yet(console: Console) -> None:
    """No archive is wrong usage with a hint; an archive without a project says so."""
    missing = console.run("status")
    assert (missing.code, "no archive here" in missing.err) == (2, True)
    ArchiveBuilder(console.folder / "archives")
    assert console.succeed("status").out == "no projects yet\n"
    unknown = console.run("status", "argo-cd")
    assert (unknown.code, "projects there are: none" in unknown.err) == (2, True)


def test_it_needs_no_permission_to_write(archive: Console) -> None:
    """It takes no lock and leaves nothing: of a run under way, and of an archive on read-only media."""
    before = sorted((path, path.stat().st_mtime_ns) for path in (archive.folder / "archives").rglob("*"))
    archive.succeed("status")
    archive.succeed("status", "python", "--json")
    assert before == sorted(
        (path, path.stat().st_mtime_ns) for path in (archive.folder / "archives").rglob("*")
    )


def test_the_guides_example_has_the_columns() -> None:
    """What docs/cron.md shows of the table has the program's columns and endings."""
    text = GUIDE.read_text("utf-8")
    assert "    HEALTH     LAST RUN  ENDED     LAST GOOD (UTC)   AGE      SIZE  NEXT DUE  PROJECT\n" in text
    told = re.search(r"^- \*Ended\*: (.*)\.$", text, re.MULTILINE)
    assert told is not None
    endings = {
        "complete",
        "not due",
        "failures",
        "refused",
        "accepted",
        "storage",
        "interrupted",
        "bad spec",
        "damage",
        "a bug",
    }
    assert set(re.findall(r"`([^`]+)`", told[1])) == endings
