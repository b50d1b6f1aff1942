"""docs/handing-over.md tells the truth: what it shows is typed, in its order, and compared with what comes."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from servers.console import INSTALLED, parse_only
from servers.processes import need
from servers.pump import a_month_later, pump_archive

GUIDE = Path(__file__).resolve().parents[2] / "docs/handing-over.md"
_SHOWN = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "-- end of a command --"


def _commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a block, with what it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def _comparable(text: str) -> str:
    """Return what was printed without what is another thing each time: sizes and the key."""
    text = re.sub(r"[0-9.]+ (?:bytes|[kM]B)\b", "SIZE", text)
    return re.sub(r"SHA256:[A-Za-z0-9+/]{43}", "KEY", text).strip()


def test_what_the_guide_shows_happens(tmp_path: Path) -> None:
    """From the first bundle to taking files out of it, every command prints what stands below it."""
    need("ssh-keygen")
    made = pump_archive(tmp_path / "archives")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/archiver").write_text(f'#!/bin/sh\nexec {shlex.join(INSTALLED)} "$@"\n')
    (tmp_path / "bin/archiver").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "SSH_AUTH_SOCK": "",
    }
    blocks = 0
    for section in GUIDE.read_text("utf-8").split("\n## "):
        if section.startswith("Updates"):
            a_month_later(made)
        for block in _SHOWN.findall(section):
            blocks += 1
            commands = list(_commands(block))
            script = "\n".join(f"{command}\necho '{_END}'" for command, _ in commands)
            done = subprocess.run(
                ["bash", "-e", "-c", script],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
            for (command, expected), printed in zip(commands, done.stdout.split(_END), strict=False):
                assert _comparable(printed) == _comparable(expected), command
    assert blocks >= 9


def _typed() -> list[str]:
    """Return the guide's commands of the program that are only shown."""
    lines = re.findall(
        r"^    ((?:sudo )?(?:python3 archiver\.pyz|archiver) .*)$", GUIDE.read_text("utf-8"), re.MULTILINE
    )
    return [line.removeprefix("sudo ").partition("  #")[0] for line in lines]


@pytest.mark.parametrize("line", _typed())
def test_what_the_guide_only_mentions_is_what_the_program_takes(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verbs and options exist: what serves, or needs a runtime or a registry, is parsed and not run."""
    code, parsed = parse_only(line, monkeypatch)
    assert code == 0
    assert len(parsed) == 1


def test_the_guide_tells_every_option() -> None:
    """Each option of bundle and push is somewhere on the page."""
    text = GUIDE.read_text("utf-8")
    for command in ("bundle", "push"):
        told = subprocess.run(
            [*INSTALLED, command, "--help"], capture_output=True, text=True, check=True
        ).stdout
        options = set(re.findall(r"(--[a-z-]+)", told)) - {"--help", "--archives", "--quiet", "--output"}
        assert not {option for option in options if f"`{option}" not in text and f" {option}" not in text}
