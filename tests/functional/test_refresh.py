"""``archiver refresh``: what it asks for, what it says to whom, and the exit code for each way to fail."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.cli import main, refresh
from archiver.core.clock import is_snapshot_id
from archiver.store.locks import locked
from servers.console import Console
from servers.halting import halting
from servers.processes import wait_until
from servers.site import Site, put, serving

if TYPE_CHECKING:
    from pathlib import Path

PAGES = 8
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO   |WARNING|ERROR  ) .+")


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of nine pages with ETags."""
    with serving({}) as served:
        fill(served)
        yield served


def fill(site: Site) -> None:
    """Give a site its pages."""
    links = "".join(f"<a href=p{number}.html>{number}</a>" for number in range(PAGES))
    put(
        site,
        "index.html",
        f"<!doctype html><title>Start</title><h1>Start</h1><p>{_words('start')}</p>{links}",
    )
    for number in range(PAGES):
        put(
            site, f"p{number}.html", f"<!doctype html><title>{number}</title><p>{_words(f'page{number}')}</p>"
        )


def _words(word: str) -> str:
    return f"{word} has words of its own. " * 20


def _spec(console: Console, site: Site, project: str = "sample", **keys: Any) -> Path:
    docs = [{"seeds": [f"{site.origin}/index.html"]}]
    return console.write(f"specs/{project}.yaml", json.dumps({"project": project, "docs": docs, **keys}))


def _snapshots(console: Console, project: str = "sample") -> list[str]:
    names = [path.stem for path in (console.folder / "archives" / project / "snapshots").glob("*.json")]
    return sorted(name for name in names if is_snapshot_id(name))


def _last_run(console: Console, project: str = "sample") -> Any:
    return json.loads((console.folder / "archives" / project / "last-run.json").read_bytes())


def test_nothing_is_said_where_nothing_is_wrong(console: Console, site: Site) -> None:
    """Without a terminal and with exit code 0 both outputs stay empty, so that cron sends no mail; -v gives a line each."""
    _spec(console, site)
    assert console.succeed("refresh").said == ""
    (snapshot,) = _snapshots(console)
    outcome = console.succeed("refresh", "--full", "-v")
    assert outcome.err == ""
    (line,) = outcome.out.splitlines()
    assert line.startswith("sample: healthy; snapshot ")
    assert _snapshots(console)[0] == snapshot


def test_what_is_not_due_is_not_asked_for(console: Console, site: Site) -> None:
    """Before ``every`` has passed nobody is asked, no snapshot is made, and the note of the last run says until when."""
    _spec(console, site, every="7d")
    console.succeed("refresh")
    site.forget()
    outcome = console.succeed("refresh", "-v")
    assert (site.targets(), site.probes(), len(_snapshots(console))) == ([], [], 1)
    assert re.fullmatch(r"sample: not due before \d{4}-\d\d-\d\d \d\d:\d\d UTC\n", outcome.out)
    document = console.succeed("refresh", "--json").json
    (project,) = document["projects"]
    assert (document["exit_code"], project["state"], project["exit_code"]) == (0, "not due", 0)
    note = _last_run(console)
    assert (note["exit_code"], note["snapshot"], note["due"]) == (0, "", project["due"])


def test_full_asks_for_everything_conditionally(console: Console, site: Site) -> None:
    """--full asks for what is not due; servers say that nothing changed, and nothing is sent again."""
    _spec(console, site)
    console.succeed("refresh")
    site.forget()
    (project,) = console.succeed("refresh", "--full", "--json").json["projects"]
    asked = {asked.target: asked.headers for asked in site.asked if asked.target.endswith(".html")}
    assert len([target for target in asked if "if-none-match" in asked[target]]) == 1 + PAGES
    assert (project["state"], project["unchanged"]) == ("archived", 1 + PAGES)


def test_refetch_asks_for_everything_unconditionally(console: Console, site: Site) -> None:
    """--refetch has everything sent again, and keeps what is the same as a revisit."""
    _spec(console, site)
    console.succeed("refresh")
    site.forget()
    (project,) = console.succeed("refresh", "--refetch", "--json").json["projects"]
    assert not [asked for asked in site.asked if "if-none-match" in asked.headers]
    assert project["unchanged"] == 1 + PAGES


def test_full_and_refetch_exclude_each_other(console: Console, site: Site) -> None:
    """Asking for both is wrong usage."""
    _spec(console, site)
    assert console.run("refresh", "--full", "--refetch").code == 2


def test_a_changed_spec_is_due_at_once(console: Console, site: Site) -> None:
    """What a spec asks for since the last snapshot does not wait for ``every``."""
    _spec(console, site, every="7d")
    console.succeed("refresh")
    put(site, "tool.txt", "a file")
    _spec(console, site, every="7d", files=[{"url": f"{site.origin}/tool.txt"}])
    (project,) = console.succeed("refresh", "--json").json["projects"]
    assert (project["state"], project["files"]) == ("archived", 1)


def test_a_bad_spec_does_not_stop_the_good_ones(console: Console, site: Site) -> None:
    """All specs are checked first; a bad one is told with file and line, the others are refreshed, and it ends with 2."""
    _spec(console, site)
    console.write("specs/bad.yaml", "project: bad\nsources: []\n")
    console.write("specs/.hidden.yaml", "{")
    console.write("specs/notes.txt", "{")
    outcome = console.run("refresh", "--json")
    assert outcome.code == 2
    assert "specs/bad.yaml:2" in outcome.err
    (problem,) = outcome.json["problems"]
    assert (problem["spec"], problem["code"]) == ("specs/bad.yaml", "spec.invalid")
    assert [project["project"] for project in outcome.json["projects"]] == ["sample"]
    assert len(_snapshots(console)) == 1


def test_a_missing_credential_stops_its_own_project_alone(console: Console, site: Site) -> None:
    """A variable that cron does not have is told before anything is asked, and the other projects go on."""
    docs = [{"seeds": [f"{site.origin}/index.html"], "cookies": {"session": "${NOT_IN_CRONTAB}"}}]
    console.write("specs/needy.yaml", json.dumps({"project": "needy", "docs": docs}))
    _spec(console, site)
    outcome = console.run("refresh")
    assert outcome.code == 2
    assert "NOT_IN_CRONTAB" in outcome.err
    assert len(_snapshots(console)) == 1


def test_two_specs_of_one_project_are_both_refused(console: Console, site: Site) -> None:
    """Each would undo what the other asks for, and nobody knows which one is meant; one spec named twice is one."""
    spec = _spec(console, site)
    console.succeed("refresh", spec, console.folder / "specs", "specs")
    console.write("specs/sample-old.yaml", spec.read_text())
    site.forget()
    outcome = console.run("refresh", "--full")
    assert (outcome.code, site.targets()) == (2, [])
    assert "specs/sample.yaml:1: the project sample is also that of specs/sample-old.yaml" in outcome.err
    assert "specs/sample-old.yaml:1" in outcome.err


@pytest.mark.parametrize("prepare", ["nothing", "empty", "unreadable"])
def test_no_specs_are_wrong_usage(console: Console, prepare: str) -> None:
    """No folder, an empty one, and one with nothing but links that lead nowhere: exit code 2, and no archive is made."""
    folder = console.folder / "specs"
    if prepare != "nothing":
        folder.mkdir()
    if prepare == "unreadable":
        (folder / "loop.yaml").symlink_to("loop.yaml")
    outcome = console.run("refresh")
    assert outcome.code == 2
    assert "specs" in outcome.err
    assert not (console.folder / "archives").exists()


def test_a_locked_project_lets_the_others_go_on(console: Console, site: Site) -> None:
    """Another run works on one of three projects: that is told at once, the others are refreshed, and it ends with 6."""
    for name in ("a", "b", "c"):
        _spec(console, site, name)
    held = console.folder / "archives" / "b" / ".lock"
    held.parent.mkdir(parents=True)
    with locked(held, "b"):
        outcome = console.run("refresh")
    assert outcome.code == 6
    (line,) = outcome.out.splitlines()
    assert line.startswith("b: LOCKED: ")
    assert line.endswith("[store.locked]")
    assert (len(_snapshots(console, "a")), len(_snapshots(console, "c"))) == (1, 1)
    assert not (console.folder / "archives" / "b" / "last-run.json").exists()


def test_two_refreshes_at_once(console: Console, site: Site) -> None:
    """While one works on the first project, the second ends with 6 for that one, having refreshed the other."""
    with halting() as registry:
        images = {"refs": [f"{registry.host}/silent/app:1"]}
        console.write("specs/a.yaml", json.dumps({"project": "a", "images": images}))
        _spec(console, site, "b")
        with console.started("refresh") as first:
            wait_until(registry.silent.is_set, first, what="the first one's request")
            second = console.run("refresh")
            assert second.code == 6
            assert second.out == "a: LOCKED: archives/a/.lock: another run is working on a [store.locked]\n"
            assert len(_snapshots(console, "b")) == 1
            first.send_signal(signal.SIGTERM)
            assert first.wait(60) == 130


def test_a_stopped_refresh_goes_on_the_next_time(console: Console, site: Site) -> None:
    """SIGTERM, as systemd and cron's users send it: exit code 130, a note of it, and the next one continues."""
    docs = [{"seeds": [f"{site.origin}/index.html"], "delay": 1, "connections": 1}]
    _spec(console, site, docs=docs)
    for number in (signal.SIGTERM, signal.SIGINT):
        seen = len(site.targets())
        with console.started("refresh", "--json", "--metrics", "m.prom", "--log", "log") as process:
            wait_until(lambda seen=seen: len(site.targets()) > seen + 1, process, what="requests")
            process.send_signal(number)
            assert process.wait(60) == 130
        assert "Traceback" not in (console.folder / "console.log").read_text()
        note = _last_run(console)
        assert (note["exit_code"], note["error_code"], note["snapshot"]) == (130, "stopped", "")
        assert 'archiver_refresh_exit_code{specs="specs"} 130' in (console.folder / "m.prom").read_text()
    (project,) = console.succeed("status", "--json").json["projects"]
    assert project["unfinished"]
    _spec(console, site, docs=[{**docs[0], "delay": 0}])
    (project,) = console.succeed("refresh", "--json").json["projects"]
    assert (project["resumed"], project["pages"]) == (True, 1 + PAGES)


def _lost(site: Site) -> None:
    """Take all of a site's pages away but the first."""
    for number in range(PAGES):
        del site.answers[f"/p{number}.html"]


def _hook(console: Console, code: str) -> list[str]:
    path = console.write("specs/hook.py", f"import json, os, sys\ndocument = json.load(sys.stdin)\n{code}\n")
    return [sys.executable, path.name]


def test_bad_news_are_told_and_the_command_is_called(console: Console, site: Site) -> None:
    """A site that loses most of its pages: exit code 4, one line that says why, the spec's command with the same as JSON."""
    hook = _hook(console, "open('told.json', 'w').write(json.dumps(document)); print('mail sent')")
    _spec(console, site, on_degraded=hook)
    assert console.succeed("refresh").said == ""
    assert not (console.folder / "specs" / "told.json").exists()
    (good,) = _snapshots(console)
    _lost(site)
    outcome = console.run("refresh", "--full", "--log", "log")
    assert (outcome.code, outcome.err) == (4, "")
    (line,) = outcome.out.splitlines()
    assert re.match(r"sample: docs (DEGRADED|GONE): ", line)
    assert f"kept as of {good}" in line
    told = json.loads((console.folder / "specs" / "told.json").read_text())
    assert (told["project"], told["snapshot"], told["new"]) == ("sample", _snapshots(console)[-1], True)
    assert told["sources"][0]["good"] == good
    assert (console.folder / told["report"]).is_file()
    assert "INFO    mail sent" in (console.folder / "log").read_text()
    assert _last_run(console)["exit_code"] == 4


def test_what_is_not_healthy_is_asked_again_each_time(console: Console, site: Site) -> None:
    """A source that was refused is due at every refresh, is no news the second time, and healthy when it is back."""
    hook = _hook(console, "print('new' if document['new'] else 'as before')")
    _spec(console, site, every="30d", on_degraded=hook)
    console.succeed("refresh")
    _lost(site)
    assert console.run("refresh", "--full", "--log", "first").code == 4
    assert console.run("refresh", "--log", "second").code == 4
    assert "INFO    new" in (console.folder / "first").read_text()
    assert "INFO    as before" in (console.folder / "second").read_text()
    fill(site)
    assert console.succeed("refresh").said == ""
    site.forget()
    console.succeed("refresh")
    assert site.targets() == []


def test_archive_does_not_call_the_command(console: Console, site: Site) -> None:
    """Who archives by hand sees what is wrong; only ``refresh`` runs what a spec names."""
    spec = _spec(console, site, on_degraded=_hook(console, "open('told', 'w')"))
    console.succeed("archive", spec)
    _lost(site)
    assert console.run("archive", spec).code == 4
    assert not (console.folder / "specs" / "told").exists()


def test_a_command_that_fails_changes_nothing(console: Console, site: Site) -> None:
    """What it printed last is told on standard error; the snapshot is there, and the exit code stays 4."""
    _spec(console, site, on_degraded=_hook(console, "sys.exit('no route to the mail server')"))
    console.succeed("refresh")
    _lost(site)
    outcome = console.run("refresh", "--full", "--json")
    assert outcome.code == 4
    assert "ended with exit code 1: no route to the mail server" in outcome.err
    (project,) = outcome.json["projects"]
    assert (project["exit_code"], project["hook"]["code"]) == (4, "hook.failed")
    assert len(_snapshots(console)) == 2


def test_stopping_while_the_command_runs(console: Console, site: Site) -> None:
    """SIGTERM during the command ends it too; the snapshot is written already, and its verdict is noted."""
    began = console.folder / "specs" / "began"
    _spec(console, site, on_degraded=["sh", "-c", "echo $$ >began.tmp; mv began.tmp began; exec sleep 1000"])
    console.succeed("refresh")
    _lost(site)
    with console.started("refresh", "--full") as process:
        wait_until(began.exists, process, what="the command")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(began.read_text()), 0)
    assert len(_snapshots(console)) == 2
    assert _last_run(console)["exit_code"] == 4


def test_a_command_that_cannot_be_run_is_told_on_good_days(console: Console, site: Site) -> None:
    """A misspelt command is told at every refresh, and by check, not on the day when it is needed."""
    spec = _spec(console, site, on_degraded=["no-such-mail"])
    outcome = console.succeed("refresh")
    assert (
        "specs/sample.yaml:1: on_degraded: there is no program 'no-such-mail' that can be run" in outcome.err
    )
    assert "no-such-mail" in console.succeed("check", spec).err


def test_failures_are_one_line(console: Console, site: Site) -> None:
    """One of two files cannot be had: exit code 3 and a line with its URL and the report's place."""
    _spec(console, site, files=[{"url": f"{site.origin}/{name}"} for name in ("gone.zip", "p0.html")])
    outcome = console.run("refresh")
    assert outcome.code == 3
    (line,) = outcome.out.splitlines()
    assert "1 FAILED: files: " in line
    assert f"{site.origin}/gone.zip" in line
    assert line.endswith("report.html")
    assert _last_run(console)["failures"] == 1
    assert console.run("refresh").code == 0  # not due
    assert _last_run(console)["failures"] == 1


def test_a_replaced_file_is_told_though_all_is_well(console: Console, site: Site) -> None:
    """Another content under a release's name may be an attack: a line is printed, exit code 0."""
    put(site, "tool-1.0.txt", "a release")
    _spec(console, site, files=[{"url": f"{site.origin}/tool-1.0.txt"}])
    console.succeed("refresh")
    put(site, "tool-1.0.txt", "another content")
    outcome = console.succeed("refresh", "--full")
    assert f"1 file REPLACED under the same name, such as {site.origin}/tool-1.0.txt" in outcome.out


def test_the_log_has_a_line_an_event(console: Console, site: Site) -> None:
    """Every line has a time and a level; runs are added to it; what a server sends can begin no line of its own."""
    title = "<title>x\n2026-01-01T00:00:00Z INFO    forged\x1b[31m</title>"
    put(site, "p0.html", title)
    _spec(console, site, files=[{"url": f"{site.origin}/{name}"} for name in ("nothing.zip", "p1.html")])
    (console.folder / "log").mkdir()
    assert console.run("refresh", "--log", "log/refresh.log").code == 3
    console.run("refresh", "--log", "log/refresh.log")
    lines = (console.folder / "log" / "refresh.log").read_text().splitlines()
    assert not [line for line in lines if not LINE.fullmatch(line)]
    assert [line for line in lines if "WARNING sample: 1 FAILED" in line]
    assert len([line for line in lines if "refresh begins" in line]) == 2
    assert lines[-1].endswith("refresh ends with exit code 0")


@pytest.mark.parametrize("option", ["--log", "--metrics"])
def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(
    console: Console, site: Site, option: str
) -> None:
    """A mistyped folder is not made; a file that has no folder in front of its name is where refresh is called."""
    _spec(console, site)
    outcome = console.run("refresh", option, "lgo/refresh.txt")
    assert (outcome.code, outcome.out) == (2, "")
    assert "lgo: there is no such folder" in outcome.err
    assert not (console.folder / "lgo").exists()
    assert site.targets() == []
    assert console.run("refresh", option, "refresh.txt").code == 0


def test_a_log_that_cannot_be_opened_costs_the_log(console: Console, site: Site) -> None:
    """The archive matters more: it is refreshed all the same, and the exit code is 7."""
    _spec(console, site)
    console.write("file", "")
    outcome = console.run("refresh", "--log", "file/refresh.log")
    assert outcome.code == 7
    assert "file" in outcome.err
    assert len(_snapshots(console)) == 1


def test_a_log_on_a_full_disk_costs_the_log(console: Console, site: Site) -> None:
    """No space for a line: told once, the archive is refreshed, exit code 7."""
    _spec(console, site)
    outcome = console.run("refresh", "--log", "/dev/full")
    assert (outcome.code, outcome.err.count("/dev/full")) == (7, 1)
    assert len(_snapshots(console)) == 1


def test_output_that_nobody_takes_costs_the_output(console: Console, site: Site) -> None:
    """Standard output on a full disk, and a pipe that is shut: all projects are refreshed, and no traceback is left."""
    for name in ("a", "b"):
        _spec(console, site, name)
    for turn, target in enumerate(("> /dev/full", "| exec 0<&-; true"), 1):
        line = f'"$@" {target}; exit "${{PIPESTATUS[0]}}"'
        shell = Console(console.folder, ("bash", "-c", line, "bash", *console.program))
        shell.environment.update(console.environment)
        outcome = shell.run("refresh", "-v", "--full")
        assert (outcome.code, outcome.err) == (0, "")
        assert [len(_snapshots(console, name)) for name in ("a", "b")] == [turn, turn]


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(console: Console, site: Site, closed: str) -> None:
    """Some daemons close the standard streams: no file of the archive gets their numbers, and what is written is sound."""
    _spec(console, site)
    shell = Console(console.folder, ("sh", "-c", f'exec "$@" -v {closed}', "sh", *console.program))
    shell.environment.update(console.environment)
    assert shell.run("refresh").code == 0
    console.succeed("verify", console.folder / "archives")


def test_a_full_disk_ends_one_project_and_is_noted(console: Console, site: Site) -> None:
    """Exit code 7 with the place and a hint; the other project's turn comes; with room again it goes on."""
    put(site, "p0.html", "<title>Large</title>" + os.urandom(3_000_000).hex())
    _spec(console, site, "a")
    docs = [
        {"seeds": [f"{site.origin}/p1.html"], "scope": {"include": [f"{site.origin}/p1.html"], "exclude": []}}
    ]
    console.write("specs/b.yaml", json.dumps({"project": "b", "docs": docs}))
    limited = Console(console.folder, ("sh", "-c", 'ulimit -f 2000; exec "$@"', "sh", *console.program))
    full = limited.run("refresh", "--metrics", "m.prom")
    assert full.code == 7
    assert "a: FAILED: " in full.out
    assert "[store.full]" in full.out
    assert "hint: free some space" in full.err
    assert _last_run(console, "a")["error_code"] == "store.full"
    assert 'archiver_project_last_run_exit_code{project="a"} 7' in (console.folder / "m.prom").read_text()
    assert console.run("refresh").code == 0
    assert len(_snapshots(console, "a")) == 1


def test_an_archive_that_cannot_be_made_is_a_storage_error(console: Console, site: Site) -> None:
    """A file where the archive folder should be: exit code 7 before anything is asked; metrics tell of it."""
    _spec(console, site)
    console.write("file", "")
    outcome = console.run("refresh", "--archives", "file", "--metrics", "m.prom", "--json")
    assert (outcome.code, site.targets()) == (7, [])
    assert 'archiver_refresh_exit_code{specs="specs"} 7' in (console.folder / "m.prom").read_text()
    assert outcome.json["problems"][0]["code"] == "store.failed"


def test_a_defect_costs_one_project(
    console: Console, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception that nobody foresaw ends one project with its traceback and exit code 1; the next one is refreshed."""
    for name in ("a", "b"):
        _spec(console, site, name)
    real = refresh.refresh_project

    def broken(loaded: Any, *rest: Any, **more: Any) -> Any:
        if loaded.spec.project == "a":
            raise ZeroDivisionError("a defect")
        return real(loaded, *rest, **more)

    monkeypatch.setattr(refresh, "refresh_project", broken)
    monkeypatch.chdir(console.folder)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main.main(["refresh"]) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    said = capsys.readouterr()
    assert said.out.startswith("a: FAILED: ")
    assert "ZeroDivisionError: a defect" in said.err
    assert len(_snapshots(console, "b")) == 1
    assert _last_run(console, "a")["error_code"] == "internal"


def test_a_killed_refresh_leaves_a_run_to_go_on_with(console: Console, site: Site) -> None:
    """Being killed leaves no note, but the unfinished run; the next refresh ends it, whatever is due."""
    docs = [{"seeds": [f"{site.origin}/index.html"], "delay": 1, "connections": 1}]
    _spec(console, site, docs=docs, every="7d")
    with console.started("refresh") as process:
        wait_until(lambda: len(site.targets()) > 2, process, what="requests")
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    assert not (console.folder / "archives" / "sample" / "last-run.json").exists()
    _spec(console, site, docs=[{**docs[0], "delay": 0}], every="7d")
    (project,) = console.succeed("refresh", "--json").json["projects"]
    assert (project["state"], project["resumed"]) == ("archived", True)


def test_json_is_one_document_whatever_happens(console: Console, site: Site) -> None:
    """Bad specs, failed and refreshed projects stand in one object, also for a single project."""
    _spec(console, site)
    outcome = console.run("refresh", "specs", "nowhere", "--json", "-v")
    assert set(outcome.json) == {"exit_code", "projects", "problems"}
    assert outcome.json["exit_code"] == outcome.code == 2
    assert outcome.json["problems"][0]["code"] == "usage"
    (project,) = outcome.json["projects"]
    assert {"project", "spec", "state", "exit_code", "snapshot", "judgements", "failures"} <= set(project)


def test_on_a_terminal_progress_and_a_line_are_shown(console: Console, site: Site) -> None:
    """Who watches sees bars on standard error and the line on standard output."""
    _spec(console, site)
    code, shown = console.on_terminal("refresh")
    assert code == 0
    assert "sample: healthy; snapshot " in shown
    assert "\rdocs: " in shown
