"""When something of a project is due."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect import refresh
from archiver.collect.asking import DUE, EVERYTHING
from archiver.collect.refresh import NotDue, next_due, refresh_project
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
