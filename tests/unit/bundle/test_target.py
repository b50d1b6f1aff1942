"""Where a bundle may be made: what is there, names that no file system has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from archiver.bundle.output.target import target_path
from archiver.core.errors import NameUnusable, UsageError
from archiver.store.paths import ArchivePaths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> ArchivePaths:
    """An archive without projects."""
    (tmp_path / "archives").mkdir()
    return ArchivePaths(tmp_path / "archives")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, archive: ArchivePaths) -> None:
    """A named pipe, or /dev/stdout where that is one, is no bundle: opening it would wait for a writer for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is no bundle"):
        target_path(tmp_path / "pipe", "name.tar", archive)


def test_a_name_that_is_too_long_is_told(tmp_path: Path, archive: ArchivePaths) -> None:
    """A name longer than the file system takes is an error of ours, with its exit code, and no traceback."""
    with pytest.raises(NameUnusable, match="too long"):
        target_path(tmp_path / ("x" * 300 + ".tar"), "name.tar", archive)
