"""Where many pages are compared, their text comes out of the search indexes, and is the same as out of the records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.bundle.searchindex import ensure_search_index
from archiver.changes import texts as module
from archiver.changes.compare import choose_snapshots, compare_snapshots
from archiver.changes.model import TEXT, UNREADABLE
from servers.changed_pump import AFTER, BEFORE, LATER, changed_pump
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from archiver.changes.model import Changes
    from archiver.store.paths import ProjectPaths


def _compared(paths: ProjectPaths) -> Changes:
    return compare_snapshots(paths, *choose_snapshots(paths))


def _counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    original = module.read_document
    monkeypatch.setattr(module, "read_document", lambda text: read.append(text) or original(text))
    return read


def test_indexes_and_records_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is different is told alike whether a page is read out of its record or out of an index."""
    paths = changed_pump(tmp_path / "archives").paths
    expected = _compared(paths)
    for snapshot in (BEFORE, AFTER):
        ensure_search_index(paths, snapshot)
    monkeypatch.setattr(module, "MANY", 0)
    read = _counting(monkeypatch)
    assert _compared(paths) == expected
    assert read == []


def test_long_sections_are_put_together_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A section that an index has in pieces is compared as the one that it is on the page."""
    made = ArchiveBuilder(tmp_path / "archives")
    for text in ("A sentence with words. " * 4000, "一个句子有一些字" * 9000):
        made.page(f"{SITE}/{len(text)}.html", html("Long", f"First of all old. {text} The end is near."))
    made.finish(BEFORE)
    made.captures = []
    for text in ("A sentence with words. " * 4000, "一个句子有一些字" * 9000):
        made.page(
            f"{SITE}/{len(text)}.html",
            html("Long", f"First of all new, longer. {text} The end is near."),
            timestamp=LATER,
        )
    made.finish(AFTER)
    expected = _compared(made.paths)
    assert [(page.what, page.removed, page.added) for page in expected.pages.changed] == [(TEXT, 1, 2)] * 2
    for snapshot in (BEFORE, AFTER):
        ensure_search_index(made.paths, snapshot)
    monkeypatch.setattr(module, "MANY", 0)
    assert _compared(made.paths) == expected


def test_an_index_of_another_builder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version extracted could differ for no other reason: then records are read. So where an index is damaged."""
    paths = changed_pump(tmp_path / "archives").paths
    expected = _compared(paths)
    for snapshot in (BEFORE, AFTER):
        ensure_search_index(paths, snapshot)
    paths.search(AFTER).write_bytes(b"no database")
    side = paths.search(BEFORE).with_suffix(".json")
    side.write_bytes(side.read_bytes().replace(b"extraction", b"something"))
    monkeypatch.setattr(module, "MANY", 0)
    read = _counting(monkeypatch)
    assert _compared(paths) == expected
    assert len(read) >= 2 * 8


def test_a_page_that_no_index_could_read_is_still_told_to_be_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index has nothing of a page whose record is damaged; that is no empty page."""
    made = ArchiveBuilder(tmp_path / "archives")
    made.page(f"{SITE}/a.html", html("A", "One."), headers=[("Content-Encoding", "br")])
    made.finish(BEFORE)
    made.captures = []
    made.page(f"{SITE}/a.html", html("A", "Two."), timestamp=LATER)
    made.finish(AFTER)
    for snapshot in (BEFORE, AFTER):
        ensure_search_index(made.paths, snapshot)
    monkeypatch.setattr(module, "MANY", 0)
    assert [page.what for page in _compared(made.paths).pages.changed] == [UNREADABLE]
