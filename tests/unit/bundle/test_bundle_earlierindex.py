from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from archiver.bundle import searchindex
from archiver.bundle.searchindex import ensure_search_index
from servers.small_archive import SITE, SNAPSHOT, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture

AGAIN = "20260302T120000Z"
TEXTS = {
    "/": "The quick brown fox",
    "/zh/v3.4/install.html": "在集群上安装软件",
    "/v3.4/guide.html": "Read this. " * 5000,
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs of pages that were read from their records."""
    seen: list[str] = []
    plain = searchindex._document

    def noting(site: object, capture: Capture, progress: object) -> object:
        seen.append(capture.url)
        return plain(site, capture, progress)  # type: ignore[arg-type]  # what the builder gives

    monkeypatch.setattr(searchindex, "_document", noting)
    return seen


def _archive(root: Path) -> ArchiveBuilder:
    """Archive a few pages, and index them."""
    builder = ArchiveBuilder(root)
    for number, (path, text) in enumerate(TEXTS.items()):
        builder.page(f"{SITE}{path}", html(f"Page {number}", text), timestamp=f"2026030112000{number}")
    builder.finish()
    _index(builder, SNAPSHOT)
    return builder


def _again(builder: ArchiveBuilder, *new: tuple[str, str]) -> None:
    """Archive the same pages a day later: unchanged ones as revisits, and those that are new."""
    before = list(builder.captures)
    builder.captures.clear()
    for number, capture in enumerate(before):
        builder.revisit(capture.url, capture, not_modified=True, timestamp=f"2026030212000{number}")
    for path, text in new:
        builder.captures = [each for each in builder.captures if each.url != f"{SITE}{path}"]
        builder.page(f"{SITE}{path}", html("New", text), timestamp="20260302120009")
    builder.captures.sort(key=lambda capture: capture.url)  # the first one is the site's seed
    builder.finish(AGAIN)


def _index(builder: ArchiveBuilder, snapshot: str) -> Path:
    path = ensure_search_index(builder.paths, snapshot)
    assert path is not None
    return path


def _anew(builder: ArchiveBuilder) -> bytes:
    """Return what the index of the second snapshot is where there is none to build on."""
    for path in builder.paths.indexes.iterdir():
        path.unlink()
    return _index(builder, AGAIN).read_bytes()


def test_an_unchanged_run_reads_no_page(tmp_path: Path, read: list[str]) -> None:
    """The index of the run before is taken, with the new times, and has the bytes of one that is built."""
    builder = _archive(tmp_path / "archives")
    _again(builder)
    read.clear()
    index = _index(builder, AGAIN).read_bytes()
    assert read == []
    assert index == _anew(builder)
    with closing(sqlite3.connect(builder.paths.search(AGAIN))) as database:
        rows = database.execute("SELECT timestamp, locale, version FROM documents ORDER BY url").fetchall()
    assert [row[0][:8] for row in rows] == ["20260302"] * 3
    assert sorted((locale, version) for _, locale, version in rows) == [
        ("", ""),
        ("", "v3.4"),
        ("zh", "v3.4"),
    ]


@pytest.mark.parametrize(
    "new",
    [[("/", "Something else")], [("/later.html", "More")], [("/", "Else"), ("/v3.4/guide.html", "Short")]],
)
def test_only_what_is_new_is_read(tmp_path: Path, read: list[str], new: list[tuple[str, str]]) -> None:
    """Pages that did not change come from the index before; the result has the bytes of one that is built."""
    builder = _archive(tmp_path / "archives")
    _again(builder, *new)
    read.clear()
    index = _index(builder, AGAIN).read_bytes()
    assert sorted(read) == sorted(f"{SITE}{path}" for path, _ in new)
    assert index == _anew(builder)


def test_pages_that_went_are_in_the_next_index_no_more(tmp_path: Path) -> None:
    """What the later snapshot has not is left behind."""
    builder = _archive(tmp_path / "archives")
    _again(builder)
    del builder.captures[1]
    builder.finish(AGAIN)
    assert _index(builder, AGAIN).read_bytes() == _anew(builder)


@pytest.mark.parametrize("damage", ["index", "note", "captures"])
def test_what_cannot_be_built_on_is_passed_over(tmp_path: Path, read: list[str], damage: str) -> None:
    """An index that is not as its builder left it, or whose snapshot cannot be read, gives nothing."""
    builder = _archive(tmp_path / "archives")
    _again(builder)
    index = builder.paths.search(SNAPSHOT)
    path = {
        "index": index,
        "note": index.with_suffix(".json"),
        "captures": builder.paths.captures(SNAPSHOT),
    }[damage]
    path.write_bytes(path.read_bytes()[:-9] + b"nonsense\n")
    read.clear()
    made = _index(builder, AGAIN).read_bytes()
    assert len(read) == len(TEXTS)
    assert made == _anew(builder)
