"""Which specs are found in files and folders that are named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from archiver.collect.specs import read_specs
from servers.small_archive import FILE_URL

if TYPE_CHECKING:
    from pathlib import Path


def _spec(folder: Path, name: str, project: str = "") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"project": project or path.stem, "files": [{"url": FILE_URL}]}))
    return path


def _names(folder: Path, *named: Path) -> tuple[list[str], list[str]]:
    specs = read_specs(named or [folder], lambda _: None)
    return [loaded.path.name for loaded in specs.good], [bad.path.name for bad in specs.bad]


def test_a_folders_specs_are_found_in_order(tmp_path: Path) -> None:
    """All .yaml and .yml files that are not hidden, by name; folders below are not looked into."""
    for name in ("b.yaml", "a.yml", "c.json", ".d.yaml", "e/f.yaml"):
        _spec(tmp_path, name)
    assert _names(tmp_path) == (["a.yml", "b.yaml"], [])


def test_what_is_named_keeps_its_order_and_counts_once(tmp_path: Path) -> None:
    """A file that is named, and is in a named folder as well, or is linked to, is one spec at its first place."""
    for name in ("a.yaml", "b.yaml"):
        _spec(tmp_path / "specs", name)
    (tmp_path / "link.yaml").symlink_to(tmp_path / "specs/b.yaml")
    found = _names(tmp_path, tmp_path / "link.yaml", tmp_path / "specs", tmp_path / "specs/../specs/a.yaml")
    assert found == (["link.yaml", "a.yaml"], [])


def test_a_file_may_be_called_anything(tmp_path: Path) -> None:
    """What is named itself is a spec, whatever its name ends in."""
    assert _names(tmp_path, _spec(tmp_path, "spec")) == (["spec"], [])


def test_the_bad_are_told_apart(tmp_path: Path) -> None:
    """Missing, malformed, unreadable, a link to itself, an empty folder: each is told, and the good one is there."""
    good = _spec(tmp_path, "good.yaml")
    (tmp_path / "malformed.yaml").write_text("{")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.yaml").mkdir()
    found = _names(tmp_path, tmp_path, tmp_path / "missing", tmp_path / "empty", good)
    assert found == (["good.yaml"], ["folder.yaml", "loop.yaml", "malformed.yaml", "missing", "empty"])


def test_three_specs_of_one_project_are_all_bad(tmp_path: Path) -> None:
    """Each is told with the others' names; a fourth, of another project, is good."""
    for name in ("a", "b", "c"):
        _spec(tmp_path, f"{name}.yaml", "same")
    _spec(tmp_path, "d.yaml")
    assert _names(tmp_path) == (["d.yaml"], ["a.yaml", "b.yaml", "c.yaml"])
    first = read_specs([tmp_path], lambda _: None).bad[0].error
    assert f"{tmp_path / 'b.yaml'}, {tmp_path / 'c.yaml'}" in first.message
