"""docs/changes.md tells the truth: its commands are typed, and what comes is what stands below them."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from archiver.changes import history, model, textdiff
from servers.changed_pump import changed_pump
from servers.console import INSTALLED, parse_only
from servers.processes import need

GUIDE = Path(__file__).resolve().parents[2] / "docs/changes.md"
_SHOWN = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"^    (archiver .*)$", re.MULTILINE)
_DIGEST = re.compile(r"\b(?:sha256:[0-9a-f]{64}|[0-9a-f]{12})\b")  # those of images depend on zlib


def test_what_the_guide_shows_happens(tmp_path: Path) -> None:
    """Every command prints what stands below it, digests apart."""
    need("jq")
    changed_pump(tmp_path / "archives")
    program = tmp_path / "bin/archiver"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(INSTALLED)} "$@"\n')
    program.chmod(0o755)
    environment = {
        "PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"
    }  # fmt: skip
    commands = [
        part.partition("\n")[::2]
        for block in _SHOWN.findall(GUIDE.read_text("utf-8"))
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    ]
    assert len(commands) >= 6
    for command, expected in commands:
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert _DIGEST.sub("…", done.stdout.strip()) == _DIGEST.sub("…", expected.strip()), command


@pytest.mark.parametrize("line", _TYPED.findall(GUIDE.read_text("utf-8")))
def test_what_the_guide_mentions_is_what_the_program_takes(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verbs and options exist."""
    code, parsed = parse_only(line.partition("  #")[0].partition(" > ")[0], monkeypatch)
    assert code == 0
    assert len(parsed) == 1


@pytest.mark.parametrize("verb", ["diff", "history"])
def test_the_guide_tells_every_option(verb: str) -> None:
    """Each option of the two verbs is somewhere on the page."""
    text = GUIDE.read_text("utf-8")
    told = subprocess.run([*INSTALLED, verb, "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"(--[a-z-]+)", told)) - {"--help", "--archives"}
    assert not {option for option in options if not re.search(rf"[`, ]{option}\b", text)}


def test_the_guide_tells_every_member_of_the_json() -> None:
    """Each member of the records that the JSON is made of stands in its section."""
    text = GUIDE.read_text("utf-8").partition("## JSON")[2]
    records = (
        model.Changes, model.Endpoint, model.SourceNote, model.FileChanges, model.ImageChanges, model.PageChanges,
        model.Item, model.Page, model.MovedTag, model.PlatformChange, model.ChangedPage, model.Requisites,
        textdiff.TextDiff, textdiff.Hunk, textdiff.Line, textdiff.Part, history.History, history.PageCapture,
    )  # fmt: skip
    names = {field.name for record in records for field in fields(record)}
    assert not {name for name in names if not re.search(rf"`(?:pages\.)?{name}(?:\[\])?`", text)}
