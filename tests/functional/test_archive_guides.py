"""docs/pruning.md and docs/merging.md tell the truth: their commands are typed, and what comes is what stands below them."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers.history import History

if TYPE_CHECKING:
    from servers.console import Console

DOCS = Path(__file__).parents[2] / "docs"
_SHOWN = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SIZE = re.compile(r"\b[0-9.]+ (?:bytes|[kM]B)")  # how well zlib packs depends on its version


@pytest.fixture
def apart(tmp_path: Path) -> None:
    """An archive of 70 nights, and another one that went on from there by itself."""
    made = History(tmp_path / "archives", keep={"last": 3, "monthly": 12}, size=4000)
    made.days(70)
    shutil.copytree(tmp_path / "archives", tmp_path / "other")
    other = History(tmp_path / "other", keep={"last": 3, "monthly": 12}, size=4000)
    other.go_on(made, day=75)
    other.days(3)


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("guide", ["pruning.md", "merging.md"])
def test_what_the_guide_shows_happens(console: Console, guide: str) -> None:
    """Every command prints what stands below it, sizes aside, and ends with exit code 0."""
    (block,) = _SHOWN.findall((DOCS / guide).read_text("utf-8"))
    commands = [part.partition("\n")[::2] for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert len(commands) >= 2
    for command, expected in commands:
        program, *words = shlex.split(command)
        assert program == "archiver"
        done = console.succeed(*words)
        assert _SIZE.sub("SIZE", done.out).strip() == _SIZE.sub("SIZE", expected).strip(), command


@pytest.mark.usefixtures("apart")
def test_what_the_guide_says_of_json_is_there(console: Console) -> None:
    """The names that docs/pruning.md gives for the members of the report are those that it has."""
    told = console.succeed("prune", "--json").json
    text = (DOCS / "pruning.md").read_text("utf-8")
    said = text[text.index("`--json` has the numbers") :]
    for name in (*told, *told["projects"]["sample"]):
        assert f"`{name}`" in said, name
