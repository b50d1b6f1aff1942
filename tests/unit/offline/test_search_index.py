import io
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator, cast

import pytest

from archiver.core.digest import Digest
from archiver.core.errors import SearchUnavailable
from archiver.offline.holdings import SearchIndex
from archiver.offline.search import files, index
from archiver.offline.search.blocks import Section
from archiver.offline.search.directory import Directory, Facet, Filters, merged_facets
from archiver.offline.search.files import SearchFile, SearchResults, facets_of, search_all
from archiver.offline.search.index import Hit, Index
from archiver.offline.search.query import parse_query
from archiver.offline.search.schema import open_database, prepare
from archiver.offline.search.writer import IndexedDocument, write_index

SITE = "https://k.example/"
PAGES = [
    ("docs", "install/", "Installing", "en", "v3.4", [
        ("", "", ""), ("linux", "On Linux", "Run the installer on every node of the cluster."),
        ("win", "On Windows", "Not supported; use Linux."),
    ]),
    ("docs", "v3.3/install/", "Installing the old one", "en", "v3.3", [
        ("", "", ""), ("linux", "On Linux", "Run it by hand."),
    ]),
    ("docs", "faq/", "Questions", "en", "v3.4", [
        ("", "", "The installer asks for a cluster name. Linux is fine.")]),
    ("docs", "upgrade/", "Upgrading", "", "", [("", "", "Configuration is migrated. The generic driver is gone.")]),
    ("zh", "zh/", "在 Linux 上安装", "zh-cn", "v3.4", [("", "", "您可以在任何集群上安装软件。云平台也可以。")]),
    ("zh", "zh/storage/", "存储", "zh-tw", "v3.4", [("", "", "安装多节点集群之前,先准备存储服务器。")]),
    ("ja", "ja/", "クラスターの作成", "ja", "", [("", "", "クラスターを作成します。ファイルを開くには、メニューを使います。")]),
    ("ko", "ko/", "클러스터 설치", "ko", "", [("", "", "클러스터를 설치합니다. 노드는 세 개입니다.")]),
]  # fmt: skip


def make_index(path: Path) -> bytes:
    """Write an index of the pages above, and return its bytes."""
    write_index(
        path,
        [
            IndexedDocument(
                source,
                SITE + url,
                "20260301120000",
                title,
                locale,
                version,
                tuple(Section(*each) for each in sections),
            )
            for source, url, title, locale, version, sections in PAGES
        ],
    )
    return path.read_bytes()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Index]:
    """An open index of a few pages."""
    make_index(tmp_path / "search.sqlite")
    with closing(open_database(tmp_path / "search.sqlite")) as database:
        yield Index(database, Directory.of(database))


def _hits(opened: Index, text: str, filters: Filters = Filters(), *, typing: bool = False) -> list[Hit]:  # noqa: B008 - frozen
    query = parse_query(text, as_you_type=typing)
    return list(opened.hits(opened.rank(query, filters).found, query.terms))


def _targets(hits: list[Hit]) -> list[str]:
    return [hit.target.removeprefix(SITE) for hit in hits]


def _found(results: SearchResults) -> list[str]:
    return [hit.target.removeprefix(SITE) for hit in results.hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("installing linux cluster", {"install/#linux", "faq/"}),
        ("installation", {"install/", "v3.3/install/", "faq/"}),
        ('"cluster name"', {"faq/"}),
        ("安装", {"zh/", "zh/storage/"}),
        ("集群", {"zh/", "zh/storage/"}),
        ("云", {"zh/"}),
        ("台", {"zh/"}),
        ("件", {"zh/"}),
        ("安装集群", {"zh/", "zh/storage/"}),
        ("安装软件", {"zh/"}),
        ("クラスター", {"ja/"}),
        ("クラスタ", {"ja/"}),
        ("クラスターの作成", {"ja/"}),
        ("クラスター作成", {"ja/"}),
        ("ファイルを開く", {"ja/"}),
        ("ﾌｧｲﾙ", {"ja/"}),
        ("설치", {"ko/"}),
        ("클러스터", {"ko/"}),
        ("클러스터에서", {"ko/"}),
        ("클러스터의 설치", {"ko/"}),
        ("linux 安装", {"zh/"}),
        ("xyzzy", set()),
        ("", set()),
    ],
)
def test_words_and_scripts_are_found(opened: Index, text: str, expected: set[str]) -> None:
    """English by its stem, CJK by any piece of it, by its words where a phrase has several, all words required."""
    assert set(_targets(_hits(opened, text))) == expected
    assert not opened.rank(parse_query(text)).loose


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux xyzzy", {"install/#win", "v3.3/install/#linux", "faq/", "zh/"}),
        ("集群云安装", {"zh/", "zh/storage/"}),
    ],
)
def test_where_nothing_has_all_of_it_some_of_it_is_found(
    opened: Index, text: str, expected: set[str]
) -> None:
    """A search that asks for too much gives what has most of it, and says so."""
    assert opened.rank(parse_query(text)).loose
    assert set(_targets(_hits(opened, text))) >= {"zh/"}
    assert set(_targets(_hits(opened, text))) <= expected | {"install/#linux"}


def test_a_title_counts_for_all_sections_of_its_page(opened: Index) -> None:
    """A section is found by its page's title and its own words, though it does not repeat the title."""
    assert _targets(_hits(opened, "installing windows")) == ["install/#win"]


@pytest.mark.parametrize(
    "text", ["conf", "configu", "configurati", "configuration", "generi", "gen", "upgra", "upgradi", "migrat"]
)
def test_half_typed_words_are_found(opened: Index, text: str) -> None:
    """At every letter, also where the stem is shorter than what is typed, or has other letters."""
    assert _targets(_hits(opened, text, typing=True)) == ["upgrade/"]


def test_a_page_is_one_hit_with_its_other_sections(opened: Index) -> None:
    """Sections of one page do not fill the list: the best is shown, the others are named under it."""
    found = _hits(opened, "linux installing")
    assert len({hit.url for hit in found}) == len(found)
    (hit,) = (hit for hit in found if hit.url == f"{SITE}install/")
    assert {hit.target, *(hit.place(other.anchor) for other in hit.others)} == {
        f"{SITE}install/#linux",
        f"{SITE}install/#win",
    }


def test_of_one_page_in_several_versions_the_newest_comes_first(tmp_path: Path) -> None:
    """Pages that match alike are in the order of their versions."""
    pages = [
        IndexedDocument(
            "docs",
            f"{SITE}{version}/",
            "20260301120000",
            "Nodes",
            "",
            version,
            (Section("", "", "Add nodes."),),
        )
        for version in ("v3.3", "v3.10", "latest", "v3.9")
    ]
    write_index(tmp_path / "search.sqlite", pages)
    with closing(open_database(tmp_path / "search.sqlite")) as database:
        found = _hits(Index(database, Directory.of(database)), "nodes")
    assert _targets(found) == ["latest/", "v3.10/", "v3.9/", "v3.3/"]


def test_a_title_outranks_a_mention(opened: Index) -> None:
    """The page that is about something comes before the page that mentions it."""
    assert _targets(_hits(opened, "install"))[0] == "install/"


def test_words_side_by_side_rank_higher(tmp_path: Path) -> None:
    """Of two sections that have all words the one that has them as typed comes first."""
    texts = [
        "node pools, and other words of some length, of a worker",
        "pools of a worker node are sized so or so",
    ]
    pages = [
        IndexedDocument("docs", f"{SITE}{number}", "20260301120000", "T", "", "", (Section("", "", text),))
        for number, text in enumerate(texts)
    ]
    write_index(tmp_path / "search.sqlite", pages)
    with closing(open_database(tmp_path / "search.sqlite")) as database:
        assert _targets(_hits(Index(database, Directory.of(database)), "worker node"))[0] == "1"


def test_a_title_without_text_shows_what_is_below_it(opened: Index) -> None:
    """A page whose first section is empty is shown with its first text."""
    assert _hits(opened, "installing")[0].snippet.text.startswith("Run the installer")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(source="zh"), {"zh/"}),
        (Filters(version="v3.3"), {"v3.3/install/#linux"}),
        (Filters(version="3.3"), {"v3.3/install/#linux"}),
        (Filters(locale="zh"), {"zh/"}),
        (Filters(locale="zh-TW"), set()),
        (Filters(locale="en", version="v3.4"), {"install/#linux", "faq/"}),
        (Filters(source="none"), set()),
    ],
)
def test_filters_leave_what_fits(opened: Index, filters: Filters, expected: set[str]) -> None:
    """A search is limited to a doc site, a version, a language; documents that lie apart are found as well."""
    assert set(_targets(_hits(opened, "linux", filters))) == expected


def test_of_very_many_matches_the_titles_are_ranked(opened: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more sections match than are ranked, titles and headings are looked at all the same, and that is said."""
    monkeypatch.setattr(index, "_MOST_RANKED", 2)
    ranking = opened.rank(parse_query("linux"))
    assert ranking.more
    hits = opened.hits(ranking.found, ("linux",))
    assert [hit.target for hit in hits if hit.source == "zh"] == []
    assert _targets(_hits(opened, "设")) == []
    assert opened.rank(parse_query("存储")).found


def test_the_index_cannot_be_written(tmp_path: Path) -> None:
    """A connection to an index only reads."""
    make_index(tmp_path / "search.sqlite")
    with (
        closing(open_database(tmp_path / "search.sqlite")) as database,
        pytest.raises(sqlite3.OperationalError),
    ):
        database.execute("DELETE FROM documents")


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0" + bytes(4080)])
def test_what_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    """Anything but an index is told apart when it is opened."""
    (tmp_path / "search.sqlite").write_bytes(content)
    with pytest.raises(SearchUnavailable):
        open_database(tmp_path / "search.sqlite")


def test_another_version_is_refused(tmp_path: Path) -> None:
    """An index of a later format is not searched in the hope that it fits."""
    make_index(tmp_path / "search.sqlite")
    with closing(sqlite3.connect(tmp_path / "search.sqlite")) as database:
        database.execute("PRAGMA user_version = 3")
    with pytest.raises(SearchUnavailable, match="version 3"):
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
    return _found(search_all([file], parse_query("安装"), limit=5))


def test_the_index_is_copied_once_to_a_cache_named_by_digest(tmp_path: Path) -> None:
    """A second reader of the same bundle uses the copy of the first."""
    holding = _holding(tmp_path)
    for _ in range(2):
        file = SearchFile(holding, tmp_path / "cache")
        assert _search(file) == ["zh/", "zh/storage/"]
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
    assert _search(SearchFile(holding, tmp_path / "cache")) == ["zh/", "zh/storage/"]


def test_without_a_writable_place_the_index_is_searched_in_memory(tmp_path: Path) -> None:
    """A cache that cannot be made does not turn search off where Python can load the index."""
    (tmp_path / "file").write_text("in the way")
    file = SearchFile(_holding(tmp_path), tmp_path / "file" / "cache")
    if hasattr(sqlite3.Connection, "deserialize"):
        assert _search(file) == ["zh/", "zh/storage/"]
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


def test_an_index_that_would_never_end_is_not_asked(tmp_path: Path) -> None:
    """A stranger's index with a view in a table's place is refused, its digest being right: the view counts for ever."""
    path = tmp_path / "endless.sqlite"
    make_index(path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "DROP TABLE documents;"
            "CREATE VIEW documents(id, source, url, timestamp, title, locale, version, sections) AS"
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT i, 's', 'u', 't', 't', '', '', 1 FROM n;"
        )
    data = path.read_bytes()
    with pytest.raises(SearchUnavailable, match="view documents"):
        _search(SearchFile(cast("Any", _Holding(data, Digest.of(data))), tmp_path / "cache"))


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
    assert [hit.project for hit in found.hits] == ["a", "b", "a", "b"]
    assert found.total == 4
    paged = [
        search_all(good, parse_query("安装"), limit=1, offset=offset).hits[0] for offset in range(found.total)
    ]
    assert tuple(paged) == found.hits
    assert facets_of([*good, bad]).sources == tuple(
        Facet(name, pages) for name, pages in (("docs", 8), ("ja", 2), ("ko", 2), ("zh", 4))
    )
    with pytest.raises(SearchUnavailable):
        search_all([bad], parse_query("安装"), limit=10)


def test_a_version_is_listed_once_however_it_is_written() -> None:
    """What limits a search to the same pages is one entry, as most pages write it; none of its spellings is older."""
    rows = [
        *[("docs", "v1.0", "en", 1)] * 2,
        ("docs", "1.0", "EN", 1),
        ("api", "release-2.0", "zh_CN", 1),
        *[("api", "2.0", "zh-CN", 1)] * 2,
        ("api", "", "", 1),
    ]
    directory = Directory(rows)
    facets = merged_facets([directory, Directory(rows[:1])])
    assert facets.versions == (Facet("2.0", 3), Facet("v1.0", 4))
    assert facets.locales == (Facet("en", 4), Facet("zh-CN", 3))
    assert len({directory.weight_of(document) for document in (1, 2, 3)}) == 1
    assert directory.weight_of(4) == directory.weight_of(5) > directory.weight_of(1)
    assert directory.ranges(Filters(version="v2.0")) == ((4, 6),)


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
        assert found.result(60) == ["zh/", "zh/storage/"]
    with file._database() as database:
        file.close()
        assert database.execute("SELECT 1").fetchone() == (1,)
    file.close()
