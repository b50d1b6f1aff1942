from __future__ import annotations

import errno
import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from archiver.bundle import searchindex
from archiver.bundle.rawrecords import RawRecords
from archiver.bundle.searchindex import drop_older_indexes, ensure_search_index, page_titles
from archiver.core.digest import Digest
from archiver.core.errors import NotArchived, SearchUnavailable, StorageFull
from archiver.core.progress import NullProgress
from archiver.offline.search.provenance import loaded_index, side_file
from archiver.offline.search.reading import open_index
from archiver.version import PROGRAM
from servers.small_archive import SITE, SNAPSHOT, ArchiveBuilder, html, small_archive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def builder(tmp_path: Path) -> ArchiveBuilder:
    """The small archive."""
    return small_archive(tmp_path / "archives")


class _Warnings(NullProgress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, message: str) -> None:
        self.said.append(message)


def _rows(path: Path, query: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, values).fetchall()


def _index(builder: ArchiveBuilder) -> Path:
    path = ensure_search_index(builder.paths, SNAPSHOT)
    assert path is not None
    return path


def test_pages_and_sections_are_as_the_format_says(builder: ArchiveBuilder) -> None:
    """HTML pages with status 200 are documents, revisits among them; sections carry heading, anchor and text."""
    path = _index(builder)
    assert path == builder.paths.search(SNAPSHOT)
    assert _rows(path, "SELECT id, source, url, title FROM documents ORDER BY id") == [
        (1, "docs", f"{SITE}/", "Welcome"),
        (2, "docs", f"{SITE}/install.html", "安装"),
        (3, "docs", f"{SITE}/old.html", "Old page"),
    ]
    with open_index(path) as opened:
        _, install, _ = opened.documents()
    assert [(each.anchor, each.heading, each.text) for each in install.sections] == [
        ("", "安装", "在K8s集群上安装软件"),
    ]
    assert _rows(path, "PRAGMA user_version") == [(2,)]
    assert _rows(path, "PRAGMA page_size") == [(4096,)]
    assert _rows(path, "PRAGMA journal_mode") == [("delete",)]
    assert _rows(path, "PRAGMA freelist_count") == [(0,)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("foxes", [1]),  # stemmed
        ('"集群"', [2]),
        ("件", [2]),
        ("安*", [2]),
        ("title : welcome", [1]),
        ("heading : welcome", []),
        ("feb*", [3]),
        ("menu", []),
    ],
)
def test_the_index_finds_words_stems_prefixes_and_cjk(
    builder: ArchiveBuilder, query: str, found: list[int]
) -> None:
    """English is stemmed, CJK found by bigram and by character, titles stand in a page's first section once."""
    rows = _rows(_index(builder), "SELECT rowid FROM sections_fts WHERE sections_fts MATCH ?", query)
    assert [row[0] for row in rows] == found


def test_the_same_captures_give_the_same_bytes(tmp_path: Path) -> None:
    """Two builds in two folders are equal to the last byte."""
    first = _index(small_archive(tmp_path / "one")).read_bytes()
    assert _index(small_archive(tmp_path / "two")).read_bytes() == first


def test_an_index_that_is_there_is_kept(builder: ArchiveBuilder) -> None:
    """A second call reads no page: the index is a cache."""
    path = _index(builder)
    before = path.stat().st_mtime_ns
    for warc in builder.paths.warc.iterdir():
        warc.unlink()
    assert _index(builder) == path
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("name", "value"), [("PROGRAM", "archiver 0.0.1"), ("EXTRACTION", 0), ("VERSION", 0), ("sqlite", "3.1.4")]
)
def test_another_builder_s_index_is_built_again(
    builder: ArchiveBuilder, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    """What an older program, extraction, format or SQLite left would make other bytes of the same bundle."""
    path = _index(builder)
    good = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE documents SET title = 'as the other builder saw it'")
    with monkeypatch.context() as other:
        other.setattr(*(sqlite3, "sqlite_version") if name == "sqlite" else (searchindex, name), value)
        path.with_suffix(".json").write_bytes(searchindex._provenance(searchindex.index_digest(path)))
    assert path.read_bytes() != good
    assert _index(builder).read_bytes() == good


def test_the_side_file_names_the_builder_and_the_bytes(builder: ArchiveBuilder) -> None:
    """A half-written pair is noticed: the side file is only right beside the very index it was made with."""
    path = _index(builder)
    said = json.loads(path.with_suffix(".json").read_bytes())
    assert said["digest"] == str(Digest.of(path.read_bytes()))
    assert (said["program"], said["sqlite"]) == (PROGRAM, sqlite3.sqlite_version)
    path.with_suffix(".json").unlink()
    assert _index(builder) == path
    assert path.with_suffix(".json").is_file()


@pytest.mark.parametrize("damage", ["version", "truncated", "nonsense"])
def test_an_index_of_no_use_is_built_again(builder: ArchiveBuilder, damage: str) -> None:
    """Another format, a damaged file, or something else under the name: the index is made anew."""
    path = _index(builder)
    good = path.read_bytes()
    if damage == "version":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 7")
    else:
        path.write_bytes(good[:8192] if damage == "truncated" else b"nonsense")
    assert _index(builder).read_bytes() == good


def test_the_indexes_of_older_snapshots_are_dropped(builder: ArchiveBuilder) -> None:
    """Those of the newest two stay, and what came with a bundle; another one that is asked for is made again, the same."""
    ids = [SNAPSHOT, *(f"202704{day:02}T000000Z" for day in range(1, 5))]
    built = {}
    for name in ids:
        builder.finish(name)
        path = ensure_search_index(builder.paths, name)
        assert path is not None
        built[name] = path.read_bytes()
    loaded = builder.paths.search(ids[1])
    side_file(loaded).write_bytes(loaded_index(Digest.of(built[ids[1]]), "archiver of somebody"))
    builder.paths.search(ids[2]).unlink()  # as where removing was cut short
    drop_older_indexes(builder.paths)
    left = {path.name for path in builder.paths.indexes.iterdir()}
    assert left == {f"{name}{end}" for name in (ids[1], *ids[-2:]) for end in (".sqlite", ".json")}
    assert _index(builder).read_bytes() == built[SNAPSHOT]


def test_a_snapshot_without_captures_has_no_index(tmp_path: Path) -> None:
    """Where no doc site gave anything there is nothing to search, and no file."""
    builder = ArchiveBuilder(tmp_path / "archives")
    builder.verdicts["docs"] = "gone"
    builder.finish()
    assert ensure_search_index(builder.paths, SNAPSHOT) is None
    assert not builder.paths.search(SNAPSHOT).parent.exists()


def test_captures_without_pages_have_an_empty_index(tmp_path: Path) -> None:
    """A bundle with docs always has an index; style sheets alone leave it empty."""
    builder = ArchiveBuilder(tmp_path / "archives")
    builder.page(f"{SITE}/a.css", b"body {}", mime="text/css")
    builder.finish()
    assert _rows(_index(builder), "SELECT count(*) FROM documents") == [(0,)]


def test_an_unknown_snapshot_is_an_error(builder: ArchiveBuilder) -> None:
    """There is nothing to index of a snapshot that does not exist."""
    with pytest.raises(NotArchived):
        ensure_search_index(builder.paths, "20200101T000000Z")


def test_a_page_that_cannot_be_read_is_warned_of(builder: ArchiveBuilder) -> None:
    """A damaged record, or an unknown content coding, costs its own text only."""
    builder.page(f"{SITE}/brotli.html", b"?", headers=[("Content-Encoding", "br")])
    builder.finish()
    at = RawRecords(builder.paths).find(builder.captures[0].record)
    warc = builder.paths.warc / at.file
    data = bytearray(warc.read_bytes())
    data[at.offset + at.length - 20] ^= 0xFF
    warc.write_bytes(data)
    progress = _Warnings()
    path = ensure_search_index(builder.paths, SNAPSHOT, progress)
    assert path is not None
    assert len(progress.said) == 2
    assert any(f"{SITE}/brotli.html" in said for said in progress.said)
    assert len(_rows(path, "SELECT * FROM documents")) == 4


def test_titles_are_found_by_site_url_and_time(builder: ArchiveBuilder) -> None:
    """Two sites may have one URL: titles are kept apart."""
    builder.page(f"{SITE}/", html("Elsewhere", "other"), source="other", timestamp="20260301120003")
    builder.finish()
    titles = page_titles(_index(builder))
    assert titles["docs"][f"{SITE}/", "20260301120001"] == "Welcome"
    assert titles["other"] == {(f"{SITE}/", "20260301120003"): "Elsewhere"}


def test_a_full_disk_leaves_nothing_behind(builder: ArchiveBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file cannot be made durable, there is a StorageFull, no index and no temporary folder."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        ensure_search_index(builder.paths, SNAPSHOT)
    assert list(builder.paths.search(SNAPSHOT).parent.iterdir()) == []


def test_titles_of_what_is_no_index_cannot_be_had(builder: ArchiveBuilder) -> None:
    """A file that is no database is told apart from the program's own mistakes; it may have come with a bundle."""
    path = builder.paths.root / "nonsense"
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(SearchUnavailable):
        page_titles(path)
