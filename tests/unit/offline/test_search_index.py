import io
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import pytest

from archiver.core.digest import Digest
from archiver.core.errors import SearchUnavailable
from archiver.offline.holdings import SearchIndex
from archiver.offline.search import files
from archiver.offline.search.files import SearchFile, search_all
from archiver.offline.search.index import SearchResults, open_database, prepare, search
from archiver.offline.search.query import parse_query
from archiver.offline.search.segment import characters, index_text

PAGES = [
    ("docs", "https://k.example/install/", "Installing", [
        ("", "", ""), ("linux", "On Linux", "Run the installer on every node of the cluster."),
        ("win", "On Windows", "Not supported; use Linux."),
    ]),
    ("docs", "https://k.example/faq/", "Questions", [("", "", "The installer asks for a cluster name. Linux is fine.")]),
    ("docs", "https://k.example/answers/", "Answers", [("", "", ""), ("top", "Answers", "All of them.")]),
    ("zh", "https://k.example/zh/", "在 Linux 上安装", [("", "", "您可以在任何集群上安装软件。云平台也可以。")]),
    ("ja", "https://k.example/ja/", "クラスターの作成", [("", "", "クラスターを作成します。")]),
    ("ko", "https://k.example/ko/", "클러스터 설치", [("", "", "클러스터를 설치합니다.")]),
]  # fmt: skip


def make_index(path: Path, version: int = 1) -> bytes:
    """Write a search.sqlite as docs/format.md says, and return its bytes."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            f"""PRAGMA user_version = {version};
            CREATE TABLE documents(id INTEGER PRIMARY KEY, source, url, timestamp, title);
            CREATE TABLE sections(id INTEGER PRIMARY KEY, document, anchor, heading, text);
            CREATE VIRTUAL TABLE sections_fts USING fts5(title, heading, body, characters, content='',
                tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3');"""
        )
        for document, (source, url, title, sections) in enumerate(PAGES, start=1):
            db.execute(
                "INSERT INTO documents VALUES (?, ?, ?, '20260301120000', ?)", (document, source, url, title)
            )
            for number, (anchor, heading, text) in enumerate(sections):
                row = db.execute(
                    "INSERT INTO sections(document, anchor, heading, text) VALUES (?, ?, ?, ?)",
                    (document, anchor, heading, text),
                ).lastrowid
                first = title if number == 0 else ""
                db.execute(
                    "INSERT INTO sections_fts(rowid, title, heading, body, characters) VALUES (?, ?, ?, ?, ?)",
                    (row, *map(index_text, (first, heading, text)), characters(f"{first} {heading} {text}")),
                )
    return path.read_bytes()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An open index of a few pages."""
    make_index(tmp_path / "search.sqlite")
    with closing(open_database(tmp_path / "search.sqlite")) as opened:
        yield opened


def _found(results: SearchResults) -> list[str]:
    return [hit.target.removeprefix("https://k.example/") for hit in results.hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("installers", {"install/", "install/#linux", "faq/"}),
        ("linux node", {"install/#linux"}),
        ('"cluster name"', {"faq/"}),
        ("安装", {"zh/"}),
        ("集群", {"zh/"}),
        ("云", {"zh/"}),
        ("クラスター", {"ja/"}),
        ("설치", {"ko/"}),
        ("linux 安装", {"zh/"}),
        ("xyzzy", set()),
        ("", set()),
    ],
)
def test_words_and_scripts_are_found(database: sqlite3.Connection, text: str, expected: set[str]) -> None:
    """English by its stem, CJK by any piece of it, all words required."""
    results = search(database, parse_query(text))
    assert set(_found(results)) == expected
    assert results.total == len(results.hits)


def test_a_title_outranks_a_mention(database: sqlite3.Connection) -> None:
    """The page that is about something comes before the page that mentions it."""
    assert _found(search(database, parse_query("install")))[0] == "install/"


def test_a_title_without_text_shows_what_is_below_it(database: sqlite3.Connection) -> None:
    """A page whose first section is empty is shown with its first text."""
    found = search(database, parse_query("installing"))
    assert found.hits[0].snippet.text.startswith("Run the installer")


def test_a_heading_that_repeats_the_title_is_one_hit(database: sqlite3.Connection) -> None:
    """The title and the heading below it, both found, are shown once."""
    assert _found(search(database, parse_query("answers"))) == ["answers/"]


def test_results_come_in_pages_and_by_source(database: sqlite3.Connection) -> None:
    """Limit and offset cut pages out of one order; a source leaves the others out."""
    whole = _found(search(database, parse_query("linux")))
    paged = [
        name
        for at in range(len(whole))
        for name in _found(search(database, parse_query("linux"), limit=1, offset=at))
    ]
    assert paged == whole
    assert _found(search(database, parse_query("linux"), source="zh")) == ["zh/"]


def test_the_index_cannot_be_written(database: sqlite3.Connection) -> None:
    """A connection to an index only reads."""
    with pytest.raises(sqlite3.OperationalError):
        database.execute("DELETE FROM documents")


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0" + bytes(4080)])
def test_what_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    """Anything but an index is told apart when it is opened."""
    (tmp_path / "search.sqlite").write_bytes(content)
    with pytest.raises(SearchUnavailable):
        open_database(tmp_path / "search.sqlite")


def test_another_version_is_refused(tmp_path: Path) -> None:
    """An index of a later format is not searched in the hope that it fits."""
    make_index(tmp_path / "search.sqlite", version=2)
    with pytest.raises(SearchUnavailable, match="version 2"):
        open_database(tmp_path / "search.sqlite")


class _Holding:
    """As much of a holding as search asks for."""

    def __init__(self, data: bytes, digest: Digest, project: str = "p") -> None:
        self.project = project
        self.search = SearchIndex(project, digest, len(data))
        self._data = data
        self.opened = 0

    def open_search(self) -> io.BytesIO:
        self.opened += 1
        return io.BytesIO(self._data)


def _holding(tmp_path: Path, **changes: Any) -> Any:
    data = make_index(tmp_path / "original.sqlite")
    return _Holding(changes.get("data", data), Digest.of(data), changes.get("project", "p"))


def _search(file: SearchFile) -> list[str]:
    return _found(file.search(parse_query("安装"), limit=5))


def test_the_index_is_copied_once_to_a_cache_named_by_digest(tmp_path: Path) -> None:
    """A second reader of the same bundle uses the copy of the first."""
    holding = _holding(tmp_path)
    for _ in range(2):
        file = SearchFile(holding, tmp_path / "cache")
        assert _search(file) == ["zh/"]
        file.close()
    assert holding.opened == 1
    assert [path.name for path in (tmp_path / "cache/search").iterdir()] == [
        f"{holding.search.digest.hex}.sqlite"
    ]


def test_a_spoilt_copy_is_made_again(tmp_path: Path) -> None:
    """What stands in the cache under the right name with other content is not believed."""
    holding = _holding(tmp_path)
    spoilt = tmp_path / "cache/search" / f"{holding.search.digest.hex}.sqlite"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(b"x" * holding.search.size)
    assert _search(SearchFile(holding, tmp_path / "cache")) == ["zh/"]


def test_without_a_writable_place_the_index_is_searched_in_memory(tmp_path: Path) -> None:
    """A cache that cannot be made does not turn search off where Python can load the index."""
    (tmp_path / "file").write_text("in the way")
    file = SearchFile(_holding(tmp_path), tmp_path / "file" / "cache")
    if hasattr(sqlite3.Connection, "deserialize"):
        assert _search(file) == ["zh/"]
    else:
        with pytest.raises(SearchUnavailable, match="memory"):
            _search(file)


def test_a_large_index_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit search is off, with the advice to name a folder."""
    monkeypatch.setattr(files, "MEMORY_LIMIT", 100)
    with pytest.raises(SearchUnavailable) as refused:
        _search(SearchFile(_holding(tmp_path), None))
    assert "--cache-dir" in (refused.value.hint or "")


def test_a_damaged_index_is_never_searched(tmp_path: Path) -> None:
    """Content with another digest is refused each time, and leaves nothing in the cache."""
    data = bytearray(make_index(tmp_path / "damaged.sqlite"))
    data[5000] ^= 1
    file = SearchFile(_holding(tmp_path, data=bytes(data)), tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(SearchUnavailable, match="damaged"):
            _search(file)
    assert list((tmp_path / "cache/search").iterdir()) == []


def test_a_holding_without_docs_has_no_search(tmp_path: Path) -> None:
    """No index is a reason like any other."""
    file = SearchFile(SimpleNamespace(project="p", search=None), tmp_path)  # type: ignore[arg-type]  # all it needs
    assert not file.present
    with pytest.raises(SearchUnavailable):
        file.prepare()


def test_several_projects_are_searched_together(tmp_path: Path) -> None:
    """Hits of several indexes are merged by score and say whose they are; one that fails does not hide the rest."""
    good = [
        SearchFile(_holding(tmp_path / name, project=name), tmp_path / "cache") for name in _folders(tmp_path)
    ]
    bad = SearchFile(_holding(tmp_path, data=b"x"), tmp_path / "cache")
    found = search_all([*good, bad], parse_query("安装"), limit=10)
    assert sorted(hit.project for hit in found.hits) == ["a", "b"]
    assert found.total == 2
    with pytest.raises(SearchUnavailable):
        search_all([bad], parse_query("安装"), limit=10)


def _folders(tmp_path: Path) -> list[str]:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return ["a", "b"]


def test_what_is_being_opened_or_searched_is_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ends while an index is being made ready, or searched, leaves that alone: SQLite would crash."""
    monkeypatch.setattr(files, "_PATIENCE", 0.01)
    file = SearchFile(_holding(tmp_path), None)
    begun, closed = threading.Event(), threading.Event()

    def waiting(database: sqlite3.Connection) -> sqlite3.Connection:
        begun.set()
        assert closed.wait(60)
        return prepare(database)

    monkeypatch.setattr(files, "prepare", waiting)
    with ThreadPoolExecutor() as pool:
        found = pool.submit(_search, file)
        assert begun.wait(60)
        file.close()
        closed.set()
        assert found.result(60) == ["zh/"]
    with file._database() as database:
        file.close()
        assert database.execute("SELECT 1").fetchone() == (1,)
    file.close()
