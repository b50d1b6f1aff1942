"""Asking for room before the work begins that would fail for want of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from archiver.core.errors import StorageFull
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path


def check_space(
    folder: Path, size: int, what: str, *, hint: str = "free some space, or name another folder"
) -> None:
    """Refuse to begin what cannot fit.

    Args:
        folder: where it is to go; must be there.
        size: how many bytes it takes.
        what: names it in the message.
        hint: what else the user can do.

    Raises:
        StorageFull: fewer bytes are free.
        StoreError: the folder cannot be asked.
    """
    with storage_errors(folder):
        free = shutil.disk_usage(folder).free
    if free < size:
        raise StorageFull(f"{what} needs {size} bytes, {free} are free", place=str(folder), hint=hint)
