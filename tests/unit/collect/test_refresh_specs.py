"""Which specs a refresh finds, and when something of a project is due."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect import refresh
from archiver.collect.asking import DUE, EVERYTHING
from archiver.collect.refresh import NotDue, next_due, read_specs, refresh_project
from archiver.core.clock import iso, snapshot_id, utc_now
from archiver.core.judgement import DEGRADED, HEALTHY, Judgement
from archiver.spec.load import load_spec
from archiver.store.runs import note_begun
from archiver.store.snapshots import write_snapshot
from servers.small_archive import FILE_URL, SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.snapshot import Snapshot
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths

NOW = utc_now()


def _spec(folder: Path, name: str, project: str = "", **keys: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    files = [{"url": FILE_URL}]
    path.write_text(json.dumps({"project": project or path.stem, "files": files, **keys}))
    return path


def _names(folder: Path, *named: Path) -> tuple[list[str], list[str]]:
    specs = read_specs(named or [folder], {})
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
    first = read_specs([tmp_path], {}).bad[0].error
    assert f"{tmp_path / 'b.yaml'}, {tmp_path / 'c.yaml'}" in first.message


def _archived(folder: Path, *judgements: Judgement, **keys: Any) -> tuple[LoadedSpec, ArchivePaths, Snapshot]:
    """Make a project with a doc site and a file, judged so by a snapshot of its spec."""
    docs = [{"name": "docs", "seeds": [f"{SITE}/"]}]
    loaded = load_spec(_spec(folder, "small.yaml", docs=docs, **keys))
    builder = ArchiveBuilder(folder / "archives")
    builder.page(f"{SITE}/", html("Welcome", "words"))
    builder.file(FILE_URL, b"tool")
    snapshot = builder.finish(snapshot_id(NOW - timedelta(hours=2)))
    snapshot = replace(snapshot, spec=loaded.record, judgements=judgements)
    write_snapshot(builder.paths, snapshot)
    return loaded, builder.archive, snapshot


def _healthy(source: str, **ago: float) -> Judgement:
    return Judgement(source, HEALTHY, checked=iso(NOW - timedelta(**ago)), good="20260301T120000Z")


BOTH = (_healthy("docs", hours=2), _healthy("files", hours=5))


def test_the_first_source_that_is_due_makes_the_project_due(tmp_path: Path) -> None:
    """Each source by its own interval; where one is not healthy, or was never judged, at the next refresh."""
    loaded, _, snapshot = _archived(tmp_path, *BOTH, every="1d")
    assert next_due(loaded, snapshot) == NOW + timedelta(hours=24 - 5)
    assert next_due(loaded, replace(snapshot, judgements=BOTH[:1])) is None
    ill = replace(BOTH[1], verdict=DEGRADED)
    assert next_due(loaded, replace(snapshot, judgements=(BOTH[0], ill))) is None


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have runs noted in place of being made."""
    made: list[Any] = []
    monkeypatch.setattr(refresh, "archive_project", lambda *_, **options: made.append(options["asking"]))
    return made


def _refreshed(loaded: LoadedSpec, archive: ArchivePaths, asking: Any = DUE) -> Any:
    return refresh_project(loaded, archive, asking, stop=threading.Event())


def test_nothing_is_done_before_something_is_due(tmp_path: Path, runs: list[Any]) -> None:
    """Where no source is due the answer is until when, with what is missing; --full does not ask."""
    loaded, archive, snapshot = _archived(tmp_path, *BOTH, every="1d")
    assert _refreshed(loaded, archive) == NotDue("small", NOW + timedelta(hours=19), len(snapshot.failures))
    assert runs == []
    _refreshed(loaded, archive, EVERYTHING)
    assert runs == [EVERYTHING]


def test_what_makes_a_project_due(tmp_path: Path, runs: list[Any]) -> None:
    """Its time; another spec; a run that was interrupted; a snapshot that cannot be read."""
    loaded, archive, snapshot = _archived(tmp_path, *BOTH, every="3h")
    _refreshed(loaded, archive)
    assert len(runs) == 1
    loaded, archive, snapshot = _archived(tmp_path / "other", *BOTH, every="1d")
    changed = load_spec(_spec(tmp_path, "small.yaml", files=[{"url": f"{FILE_URL}.sig"}]))
    _refreshed(changed, archive)
    assert len(runs) == 2
    note_begun(archive.project("small"), snapshot_id(NOW))
    _refreshed(loaded, archive)
    assert len(runs) == 3
    archive.project("small").unfinished.unlink()
    archive.project("small").record(snapshot.id).write_text("{")
    _refreshed(loaded, archive)
    assert len(runs) == 4
