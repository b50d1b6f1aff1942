"""SQLite's errors in the terms of the error tree."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from archiver.core.errors import StorageDenied, StorageFull, StoreError

if TYPE_CHECKING:
    from pathlib import Path

# SQLite's primary result codes (sqlite.org/rescode.html); the module names them from Python 3.11 on.
_KINDS = {13: StorageFull, 8: StorageDenied, 3: StorageDenied, 14: StorageDenied}


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file ``path`` into the error tree's.

    Raises:
        StorageFull, StorageDenied, StoreError: in place of sqlite3.Error.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error, path) from error


def translated(error: sqlite3.Error, path: Path) -> StoreError:
    """Return the error of the tree that stands for one of SQLite's about the file ``path``."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _KINDS.get(code, StoreError)(f"SQLite: {error}", place=str(path))
