from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from archiver.core.errors import StorageDenied, StorageFull, StoreError
from archiver.store.databases import database_errors
from archiver.store.locator import Location, Locator


def test_a_full_database_is_a_full_store(tmp_path):
    """SQLite's own limit on a file's size stands in for a full disk."""
    with closing(sqlite3.connect(tmp_path / "a")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA max_page_count = 2")
        with pytest.raises(StorageFull), database_errors(tmp_path / "a"):
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")


def test_a_database_that_may_not_be_written_is_denied(tmp_path):
    """A read-only database is told apart from a broken one."""
    sqlite3.connect(tmp_path / "a").close()
    (tmp_path / "a").write_bytes(b"")
    with closing(sqlite3.connect(f"file:{tmp_path / 'a'}?mode=ro", uri=True)) as connection, pytest.raises(StorageDenied), \
            database_errors(tmp_path / "a"):  # fmt: skip
        connection.execute("CREATE TABLE t (x)")


def test_a_broken_locator_is_a_store_error(tmp_path):
    """What is no database is a typed error with its path, for reading and for adding."""
    (tmp_path / "locator").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(StoreError) as caught:
        Locator(tmp_path / "locator")
    assert caught.value.place == str(tmp_path / "locator")
    with closing(Locator(tmp_path / "new")) as locator:
        locator.add([Location("<urn:uuid:1>", "a", 0, 1, 1)])
        assert locator.get("<urn:uuid:1>").file == "a"
