"""The command that is called when a source is not healthy: what it gets, and every way in which it fails."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect import hook
from archiver.collect.hook import call_hook, hook_problems
from archiver.core.errors import HookFailed
from archiver.core.judgement import DEGRADED, GONE, HEALTHY, Judgement
from archiver.spec.load import load_spec
from archiver.store.paths import ProjectPaths
from archiver.store.snapshots import write_snapshot
from servers.records import run_record

if TYPE_CHECKING:
    from archiver.core.snapshot import Snapshot
    from archiver.spec.load import LoadedSpec

LOST = Judgement(
    source="docs",
    verdict=DEGRADED,
    reason="45 of 60 pages are lost",
    examples=("https://docs.example.org/a",),
    checked="2026-11-23T04:17:00Z",
    since="2026-11-23T04:17:00Z",
    good="20261122T041700Z",
    alive=15,
    peak=60,
)
WELL = Judgement(source="images", verdict=HEALTHY, checked="2026-11-23T04:17:00Z", good="20261123T041700Z")
SNAPSHOT = run_record(LOST, WELL)
ENVIRONMENT = {"PATH": os.environ["PATH"]}


def _spec(folder: Path, *words: str) -> LoadedSpec:
    path = folder / "sample.yaml"
    keys: dict[str, Any] = {"project": "sample", "files": [{"url": "https://example.org/a.zip"}]}
    path.write_text(json.dumps({**keys, **({"on_degraded": words} if words else {})}), "utf-8")
    return load_spec(path)


def _python(folder: Path, code: str) -> LoadedSpec:
    return _spec(folder, sys.executable, "-c", code)


def _call(loaded: LoadedSpec, snapshot: Snapshot = SNAPSHOT, **options: Any) -> str:
    paths = ProjectPaths(loaded.folder / "archives" / "sample")
    return call_hook(loaded, paths, snapshot, environment=ENVIRONMENT, **options)


def test_the_command_gets_what_was_found(tmp_path: Path) -> None:
    """On standard input: the verdict, a text for people, and each source that is not healthy with all of its judgement."""
    loaded = _python(tmp_path, "import sys; print(sys.stdin.read())")
    told = json.loads(_call(loaded))
    assert told["text"] == "sample: docs is degraded: 45 of 60 pages are lost"
    assert (told["format"], told["project"], told["snapshot"]) == (
        "archiver-degraded/1",
        "sample",
        "20261123T041700Z",
    )
    assert (told["verdict"], told["new"]) == ("degraded", True)
    (source,) = told["sources"]
    assert (source["source"], source["examples"], source["good"]) == (
        "docs",
        ["https://docs.example.org/a"],
        "20261122T041700Z",
    )
    assert Path(told["report"]).is_absolute()


def test_what_goes_on_is_not_news(tmp_path: Path) -> None:
    """A source that was not healthy before this run is told again, as not new; whatever the clock said then."""
    loaded = _python(tmp_path, "import sys; print(sys.stdin.read())")
    paths = ProjectPaths(tmp_path / "archives" / "sample")
    paths.snapshots.mkdir(parents=True)
    gone = replace(LOST, verdict=GONE, since="2027-01-01T00:00:00Z")
    write_snapshot(paths, run_record(gone, WELL, id="20261122T041700Z"))
    told = json.loads(_call(loaded, replace(SNAPSHOT, judgements=(gone, replace(WELL, verdict=DEGRADED)))))
    assert (told["new"], told["verdict"]) == (True, "gone")
    assert [source["new"] for source in told["sources"]] == [False, True]


def test_nothing_is_called_for_good_news(tmp_path: Path) -> None:
    """Where all sources are healthy, and where the spec names no command, nothing happens."""
    assert _call(_spec(tmp_path, "/no/such/program"), replace(SNAPSHOT, judgements=(WELL,))) == ""
    assert _call(_spec(tmp_path)) == ""


def test_it_runs_in_the_specs_folder_with_variables(tmp_path: Path) -> None:
    """A relative path is the spec's; ${NAME} is filled in; shells find what they need most in their environment."""
    script = tmp_path / "tell.sh"
    script.write_text('#!/bin/sh\necho "$1 $ARCHIVER_PROJECT $ARCHIVER_VERDICT $ARCHIVER_SNAPSHOT $(pwd)"\n')
    script.chmod(0o755)
    loaded = _spec(tmp_path, "./tell.sh", "to ${TEAM}")
    environment = {**ENVIRONMENT, "TEAM": "us; rm -rf"}
    said = call_hook(loaded, ProjectPaths(tmp_path / "sample"), SNAPSHOT, environment=environment)
    assert said == f"to us; rm -rf sample degraded 20261123T041700Z {tmp_path.resolve()}"


def test_it_need_not_read(tmp_path: Path) -> None:
    """A command that closes its standard input at once succeeds."""
    reason = "x" * (1 << 20)
    snapshot = replace(SNAPSHOT, judgements=(replace(LOST, reason=reason),))
    assert _call(_python(tmp_path, "import os; os.close(0); print('done')"), snapshot) == "done"


def test_its_failure_says_what_it_printed_last(tmp_path: Path) -> None:
    """Another exit code than 0 is an error that ends with the last line."""
    loaded = _python(tmp_path, "print('trying'); print('no route'); raise SystemExit(3)")
    with pytest.raises(HookFailed, match="ended with exit code 3: no route"):
        _call(loaded)


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    """After its time it is killed, its children as well: none keeps the file open that says it lives."""
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    read = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    os.close(os.open(alive, os.O_WRONLY))  # so its end is told even if the command never comes to open it
    loaded = _spec(tmp_path, "sh", "-c", f"exec 3>{alive}; sleep 1000 & wait")
    with pytest.raises(HookFailed, match="took longer than"):
        _call(loaded, time_limit=0.3)
    assert select.select([read], [], [], 60)[0], "one of them lives"
    assert os.read(read, 1) == b""
    os.close(read)


def test_what_stays_in_the_background_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that leaves something running with its output open is over when it ends itself."""
    monkeypatch.setattr(hook, "_LEAST_WAIT", 0.1)
    marker = tmp_path / "stop"
    os.mkfifo(marker)
    loaded = _spec(tmp_path, "sh", "-c", f"cat {marker} & echo told")
    assert _call(loaded) == "told"
    marker.open("w").close()


def test_what_it_prints_is_bounded(tmp_path: Path) -> None:
    """Of what it prints, 64 KiB are kept; the rest is read and forgotten, so that it can end."""
    assert len(_call(_python(tmp_path, "print('x' * 1_000_000)"))) == 1 << 16


@pytest.mark.parametrize("word", ["/no/such/program", "no-such-program", "./sample.yaml"])
def test_a_command_that_cannot_be_started_is_told(tmp_path: Path, word: str) -> None:
    """A missing program, or one that may not be run, is an error; and it can be known beforehand."""
    loaded = _spec(tmp_path, word)
    with pytest.raises(HookFailed, match="cannot be started"):
        _call(loaded)
    (problem,) = hook_problems(loaded, ENVIRONMENT)
    assert problem.place == f"{loaded.path}:1"


def test_a_missing_variable_is_told(tmp_path: Path) -> None:
    """A word whose variable is not set keeps the command from being called; and it can be known beforehand."""
    loaded = _spec(tmp_path, "true", "${NOBODY_SETS_THIS}")
    with pytest.raises(HookFailed, match="NOBODY_SETS_THIS is not set"):
        _call(loaded)
    (problem,) = hook_problems(loaded, ENVIRONMENT)
    assert "NOBODY_SETS_THIS" in problem.message


def test_a_good_command_has_no_problems(tmp_path: Path) -> None:
    """What can be run is not complained of, and neither is a spec without a command."""
    assert list(hook_problems(_spec(tmp_path, "true"), ENVIRONMENT)) == []
    assert list(hook_problems(_spec(tmp_path), ENVIRONMENT)) == []


def test_stopping_the_run_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while it runs kills it and goes on its way."""
    began = threading.Event()

    class Interrupted(hook.subprocess.Popen):  # type: ignore[name-defined,misc]
        def wait(self, timeout: float | None = None) -> int:
            if not began.is_set():
                began.set()
                raise KeyboardInterrupt
            return int(super().wait(timeout))

    monkeypatch.setattr(hook.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        _call(_spec(tmp_path, "sleep", "1000"))
