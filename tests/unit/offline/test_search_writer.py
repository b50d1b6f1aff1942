from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from archiver.core.errors import SearchUnavailable, StorageFull
from archiver.offline.search.query import parse_query
from archiver.offline.search.reading import open_index
from archiver.offline.search.writer import IndexedDocument, Section, write_index

if TYPE_CHECKING:
    from pathlib import Path

WELCOME = IndexedDocument(
    "docs",
    "https://docs.example.org/",
    "20260301120001",
    "Welcome",
    (Section("", "", "before"), Section("top", "Welcome", "The quick brown fox")),
)
INSTALL = IndexedDocument(
    "docs",
    "https://docs.example.org/install",
    "20260301120002",
    "安装",
    (Section("", "", "在K8s集群上安装软件"),),
)
EMPTY = IndexedDocument("other", "https://docs.example.org/", "20260301120001", "", ())


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of three documents, one of them without text."""
    path = tmp_path / "search.sqlite"
    write_index(path, [WELCOME, INSTALL, EMPTY])
    return path


def _change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)


def _read_all(path: Path) -> None:
    with open_index(path) as found:
        list(found.titles())
        list(found.documents())


def test_what_was_written_is_read_again(index: Path) -> None:
    """Documents come back in their order, whole, and each can be had by its capture."""
    with open_index(index) as found:
        assert list(found.documents()) == [WELCOME, INSTALL, EMPTY]
        assert [title for _, title in found.titles()] == ["Welcome", "安装", ""]
        assert found.get(INSTALL.key) == INSTALL
        assert EMPTY.key in found
        assert len(found) == 3
        assert found.get(("docs", "https://docs.example.org/", "20260301120009")) is None


def test_an_index_made_of_an_index_has_the_same_bytes(index: Path, tmp_path: Path) -> None:
    """What an index says of its documents is all that it is made of: nothing is lost by reading and writing it."""
    with open_index(index) as found:
        write_index(tmp_path / "again.sqlite", found.documents())
    assert (tmp_path / "again.sqlite").read_bytes() == index.read_bytes()


def test_an_index_put_together_from_two_has_the_bytes_of_one(index: Path, tmp_path: Path) -> None:
    """Only the documents and their order count, not which index they were taken from."""
    write_index(tmp_path / "first.sqlite", [EMPTY, INSTALL])
    write_index(tmp_path / "second.sqlite", [WELCOME])
    with open_index(tmp_path / "first.sqlite") as first, open_index(tmp_path / "second.sqlite") as second:
        wanted = [second.get(WELCOME.key), first.get(INSTALL.key), first.get(EMPTY.key)]
        write_index(tmp_path / "both.sqlite", [document for document in wanted if document])
    assert (tmp_path / "both.sqlite").read_bytes() == index.read_bytes()


def test_a_writer_whose_documents_fail_leaves_the_index_that_was_there(index: Path) -> None:
    """The new index takes the name only when it is whole; no temporary folder stays."""
    before = index.read_bytes()

    def documents() -> object:
        yield WELCOME
        raise StorageFull("no space left on device")

    with pytest.raises(StorageFull):
        write_index(index, documents())  # type: ignore[arg-type]  # a generator of documents that ends badly
    assert index.read_bytes() == before
    assert list(index.parent.iterdir()) == [index]


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE documents; CREATE VIEW documents AS SELECT 1 id, 'a' source, 'b' url, 'c' timestamp, 'd' title;",
        "CREATE TABLE more(x);",
        "CREATE TRIGGER t AFTER INSERT ON documents BEGIN DELETE FROM sections; END;",
        "UPDATE documents SET title = x'00ff';",
        "UPDATE sections SET text = CAST(x'ff' AS TEXT);",
        "UPDATE sections SET document = 2 WHERE id = 2; UPDATE sections SET document = 1 WHERE id = 3;",
        "PRAGMA user_version = 2;",
    ],
    ids=["view", "table", "trigger", "blob", "no-unicode", "scattered", "version"],
)
def test_an_index_from_strangers_is_refused_where_it_is_none(index: Path, script: str) -> None:
    """A schema that could run code, rows that are no text, and sections out of order are a typed error."""
    _change(index, script)
    with pytest.raises(SearchUnavailable):
        _read_all(index)


def test_queries_find_what_was_written(index: Path) -> None:
    """The index that the writer makes is the one that search reads."""
    from archiver.offline.search.index import open_database, search  # noqa: PLC0415 - only here

    with closing(open_database(index)) as database:
        assert [hit.url for hit in search(database, parse_query("foxes")).hits] == [WELCOME.url]
        assert [hit.url for hit in search(database, parse_query("集群")).hits] == [INSTALL.url]
