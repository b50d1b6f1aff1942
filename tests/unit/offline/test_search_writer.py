from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from archiver.core.errors import SearchUnavailable, StorageFull
from archiver.offline.search.blocks import BLOCK, LONGEST_TEXT, Section
from archiver.offline.search.directory import Directory
from archiver.offline.search.index import Index
from archiver.offline.search.query import parse_query
from archiver.offline.search.reading import open_index
from archiver.offline.search.schema import open_database
from archiver.offline.search.writer import IndexedDocument, write_index

if TYPE_CHECKING:
    from pathlib import Path

WELCOME = IndexedDocument(
    "docs",
    "https://docs.example.org/",
    "20260301120001",
    "Welcome",
    "en",
    "v1.0",
    (Section("", "", "before"), Section("top", "Welcome", "The quick brown fox")),
)
INSTALL = IndexedDocument(
    "docs",
    "https://docs.example.org/install",
    "20260301120002",
    "安装",
    "zh-cn",
    "",
    (Section("", "", "在K8s集群上安装软件"),),
)
EMPTY = IndexedDocument("other", "https://docs.example.org/", "20260301120001", "", "", "", ())


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


def test_long_texts_are_cut_and_read_again(tmp_path: Path) -> None:
    """A section longer than any that is stored becomes several of one heading; documents share blocks or take many."""
    long = "word " * (3 * LONGEST_TEXT // 5) + "安" * LONGEST_TEXT * 2
    documents = [
        IndexedDocument(
            "docs", f"https://d.example/{number}", "20260301120001", "T", "", "", (Section("a", "H", text),)
        )
        for number, text in enumerate(["short", long, "x " * BLOCK, "last"])
    ]
    write_index(tmp_path / "search.sqlite", documents)
    with open_index(tmp_path / "search.sqlite") as found:
        read = list(found.documents())
        assert found.get(documents[3].key) == documents[3]
    assert [len(document.sections) for document in read] == [1, 6, 1, 1]
    assert all(
        (each.anchor, each.heading) == ("a", "H") and len(each.text) <= LONGEST_TEXT
        for each in read[1].sections
    )
    pieces = [each.text for each in read[1].sections]
    assert "".join(pieces).replace(" ", "") == long.replace(" ", "")


def test_names_of_any_length_are_bounded(tmp_path: Path) -> None:
    """A title of megabytes is cut, an anchor of that length is left out: it would lead nowhere."""
    document = IndexedDocument(
        "docs",
        "https://d.example/",
        "20260301120001",
        "T" * 9999,
        "",
        "",
        (Section("a" * 9999, "H" * 9999, ""),),
    )
    write_index(tmp_path / "search.sqlite", [document])
    with open_index(tmp_path / "search.sqlite") as found:
        (read,) = found.documents()
    assert (len(read.title), len(read.sections[0].heading), read.sections[0].anchor) == (1000, 1000, "")


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE documents; CREATE VIEW documents AS SELECT 1 id, 'a' source, 'b' url, 'c' timestamp, 'd' title;",
        "CREATE TABLE more(x);",
        "DROP TABLE inflected;",
        "CREATE TRIGGER t AFTER INSERT ON documents BEGIN DELETE FROM texts; END;",
        "CREATE INDEX i ON documents(abs(id));",
        "UPDATE documents SET title = x'00ff';",
        "UPDATE documents SET locale = x'00ff';",
        "UPDATE documents SET url = CAST(x'ff' AS TEXT);",
        "UPDATE documents SET sections = 7;",
        "UPDATE documents SET sections = 'many' WHERE id = 2;",
        "UPDATE documents SET id = 9 WHERE id = 2;",
        "UPDATE texts SET content = x'78da00';",
        "UPDATE texts SET content = 'text';",
        "DELETE FROM texts;",
        "PRAGMA user_version = 3;",
    ],
)
def test_an_index_from_strangers_is_refused_where_it_is_none(index: Path, script: str) -> None:
    """A schema that could run code, rows that are no text, and sections that are not there are a typed error."""
    _change(index, script)
    with pytest.raises(SearchUnavailable):
        _read_all(index)


def test_a_block_that_inflates_without_end_is_refused(index: Path) -> None:
    """A bomb of a few bytes is told apart before it takes memory."""
    bomb = zlib.compress(b'[["", "", "' + b"a" * (64 << 20) + b'"]]', 9)
    with closing(sqlite3.connect(index)) as database, database:
        database.execute("UPDATE texts SET content = ?", (bomb,))
    with pytest.raises(SearchUnavailable, match="damaged"):
        _read_all(index)


def test_queries_find_what_was_written(index: Path) -> None:
    """The index that the writer makes is the one that search reads."""
    with closing(open_database(index)) as database:
        opened = Index(database, Directory.of(database))
        assert [found.document for found in opened.rank(parse_query("foxes")).found] == [1]
        assert [found.document for found in opened.rank(parse_query("集群")).found] == [2]
