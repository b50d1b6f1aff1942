"""docs/reading-offline.md tells the truth: its commands are typed, and what comes is what stands below them."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
import urllib.request
from pathlib import Path
from typing import Iterator

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.progress import NullProgress
from servers.console import INSTALLED, Console, parse_only
from servers.processes import need
from servers.pump import a_month_later, pump_archive, renew_home

GUIDE = Path(__file__).resolve().parents[2] / "docs/reading-offline.md"
_SHOWN = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"^    ((?:python3 archiver\.pyz|archiver) .*)$", re.MULTILINE)
_END = "-- end of a command --"


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """The guide's bundle and its archive, served; the folder with both, and the ports that stand for the guide's."""
    need("curl")
    folder = tmp_path_factory.mktemp("reading")
    made = pump_archive(folder / "archives")
    build_bundle(made.archive, "pump", snapshot=None, output=folder, platforms=[], progress=NullProgress())
    renew_home(made)
    a_month_later(made)
    bundle = folder / "pump-20260301T120000Z.tar"
    with Console(folder).serving(bundle) as served, Console(folder).serving(folder / "archives") as other:
        given = {"8080": served, "8090": other}
        yield (
            folder,
            {
                **{said: str(one.port) for said, one in given.items()},
                **{str(int(said) + 1): one.docs("docs").rpartition(":")[2] for said, one in given.items()},
            },
        )


def _renamed(text: str, names: dict[str, str]) -> str:
    return re.sub(r"\b80[89][01]\b", lambda match: names[match[0]], text)


def test_what_the_guide_shows_happens(ports: tuple[Path, dict[str, str]]) -> None:
    """Addresses, search, states and reasons: every command prints what stands below it, on other ports."""
    folder, given = ports
    (folder / "bin").mkdir()
    program = folder / "bin/archiver"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(INSTALLED)} "$@"\n')
    program.chmod(0o755)
    environment = {
        "PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "no_proxy": "*",
    }
    commands = [
        part.partition("\n")[::2]
        for block in _SHOWN.findall(GUIDE.read_text("utf-8"))
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    ]
    assert len(commands) >= 10
    for command, expected in commands:
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", _renamed(command, given)],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout.strip() == _renamed(expected, given).strip(), command


def _typed() -> list[str]:
    """Return the guide's commands of the program that are only shown."""
    return [line.partition("  #")[0] for line in _TYPED.findall(GUIDE.read_text("utf-8"))]


@pytest.mark.parametrize("line", _typed())
def test_what_the_guide_mentions_is_what_the_program_takes(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verbs and options exist: what serves until it is stopped is parsed and not run."""
    code, parsed = parse_only(line, monkeypatch)
    assert code == 0
    assert len(parsed) == 1


@pytest.mark.parametrize("verb", ["serve", "search"])
def test_the_guide_tells_every_option(verb: str) -> None:
    """Each option of the two verbs for readers is somewhere on the page."""
    text = GUIDE.read_text("utf-8")
    told = subprocess.run([*INSTALLED, verb, "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"(--[a-z-]+)", told)) - {"--help", "--quiet"}
    assert not {option for option in options if not re.search(rf"[`, ]{option}\b", text)}


def test_the_settings_in_the_guide_are_those_of_the_landing_page(ports: tuple[Path, dict[str, str]]) -> None:
    """What nodes are set up with is the text that the landing page gives, which the tests of pulling type."""
    _, given = ports
    asked = urllib.request.Request(f"http://127.0.0.1:{given['8080']}/", headers={"Host": "192.0.2.10:8080"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked) as answer:
        page = html.unescape(answer.read().decode())
    blocks = re.findall(r"^```toml\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert block.strip() in page
