"""The files of rustdoc's search index, from a real one: of the crate in tests/generators/rustdoc, by rustdoc 1.95.

``rustdoc_index.json`` maps the paths of all its files to the texts of those that may lead to others.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.collect.web.documents.stringdex import index_files

HERE = Path(__file__).parent
INDEX: dict[str, str] = json.loads((HERE / "rustdoc_index.json").read_text("utf-8"))
ROOT = INDEX["root.js"]


def follow(files: dict[str, str]) -> set[str]:
    """Return what is reached from the root by following files."""
    reached, waiting = {"root.js"}, ["root.js"]
    while waiting:
        for name in index_files(files.get(waiting.pop(), "")):
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached


def test_all_files_are_found_and_no_other() -> None:
    """From the root, every file of the index is reached, and nothing that does not exist is named."""
    assert len(INDEX) > 30
    assert follow(INDEX) == set(INDEX)


def test_a_node_leads_on_as_the_root_does() -> None:
    """A file of the tree has the same form as the tree in the root: its children in other files are found."""
    tree = json.loads(ROOT[ROOT.index("'") + 1 : ROOT.rindex("'")])["normalizedName"]["I"]
    nodes = {name for name in INDEX if "/" not in name and name != "root.js"}
    assert set(index_files(f'rn_("{tree}")')) == nodes


def test_an_index_made_here_is_followed_too(tmp_path: Path) -> None:
    """What the rustdoc of this machine writes is reached whole, where it is of this format at all."""
    rustdoc = shutil.which("rustdoc")
    source = HERE.parents[3] / "generators" / "rustdoc" / "src" / "lib.rs"
    if rustdoc is None:
        pytest.skip("rustdoc is not installed")
    command = [rustdoc, source, "--crate-name", "lantern", "--edition", "2021", "-o", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    folder = tmp_path / "search.index"
    if not folder.is_dir():
        assert (tmp_path / "search-index.js").is_file(), "rustdoc has changed how it names its search index"
        return
    files = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.js")}
    assert follow(files) == set(files)


@pytest.mark.parametrize(
    "script",
    [
        "",
        "rr_('')",
        "rr_('",
        "rr_('[]')",
        'rr_(\'{"../up":{"H":"AAAAAAAA"}}\')',
        "rr_('" + "[" * 100_000,
        'rn_("")',
        'rn_("AAAA")',
        'rn_("////////")',
        "console.log(\"rr_('{}')\")",
    ],
)
def test_other_scripts_lead_nowhere(script: str) -> None:
    """A script that is no index, or a damaged one, or one whose columns would leave the folder, names no file."""
    assert index_files(script) == []


@settings(deadline=None)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=8))
def test_damage_is_survived(position: int, noise: bytes) -> None:
    """Whatever happens to an index, what is named is a file in its folder."""
    damaged = ROOT[:position] + noise.decode("latin-1") + ROOT[position + 3 :]
    for name in index_files(damaged):
        assert re.fullmatch(r"(?:\w+/)?[0-9a-f]{12}\.js", name)
