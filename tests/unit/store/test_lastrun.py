"""The note of how a project's last run ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from archiver.core.errors import StoreError
from archiver.store.lastrun import LastRun, note_last_run, read_last_run
from archiver.store.locks import locked
from archiver.store.paths import ProjectPaths

if TYPE_CHECKING:
    from pathlib import Path

RUN = LastRun(
    started="2026-11-23T04:17:00Z",
    finished="2026-11-23T04:18:30Z",
    seconds=90,
    exit_code=7,
    program="archiver 0.1",
    error="no space left on device",
    error_code="store.full",
)


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    """A project of which there is nothing yet."""
    return ProjectPaths(tmp_path / "sample")


def test_what_was_noted_is_read_back(paths: ProjectPaths) -> None:
    """A note comes back as it was written, also for a project that had no folder."""
    assert read_last_run(paths) is None
    note_last_run(paths, RUN)
    assert read_last_run(paths) == RUN
    assert json.loads(paths.last_run.read_text("utf-8"))["format"] == "archiver-last-run/1"


def test_nothing_is_noted_while_another_run_works(paths: ProjectPaths) -> None:
    """Whoever holds the project's lock says how it ended later; a note now would be of a run that is past."""
    with locked(paths.lock, paths.name):
        note_last_run(paths, RUN)
    assert read_last_run(paths) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"format": "archiver-last-run/2"}', b'{"format": "archiver-last-run/1"}', b"\xff"],
)
def test_a_note_that_cannot_be_read_tells_nothing(paths: ProjectPaths, content: bytes) -> None:
    """A damaged note, or one of another version, is no reason to fail: the next run replaces it."""
    paths.root.mkdir()
    paths.last_run.write_bytes(content)
    assert read_last_run(paths) is None


def test_a_folder_that_cannot_be_written_is_told(paths: ProjectPaths) -> None:
    """What the file system refuses is an error of the store."""
    paths.root.parent.joinpath("sample").write_text("a file is where the folder should be")
    with pytest.raises(StoreError):
        note_last_run(paths, RUN)
