"""The files of a folder that another process may be changing, and those of them that nothing needs."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    import os
    from pathlib import Path


@dataclass(frozen=True)
class Stale:
    """A file that nothing needs, and its size in bytes."""

    path: Path
    size: int


def entries_in(folder: Path) -> list[Path]:
    """Return what a folder has, sorted; nothing where it does not exist. Raises StoreError or a subclass."""
    with storage_errors(folder):
        try:
            return sorted(folder.iterdir())
        except FileNotFoundError:
            return []


def files_in(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the regular files of a folder, sorted; none where it does not exist. Raises StoreError or a subclass."""
    for path in entries_in(folder):
        with storage_errors(path):
            try:
                status = path.lstat()
            except FileNotFoundError:  # a run under way has just removed it
                continue
        if stat.S_ISREG(status.st_mode):
            yield path, status


def remove(path: Path) -> None:
    """Remove a file that may be gone already. Raises StoreError or a subclass."""
    with storage_errors(path):
        path.unlink(missing_ok=True)
