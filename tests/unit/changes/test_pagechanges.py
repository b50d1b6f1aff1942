"""Pages of two snapshots side by side: what came, went, moved, vanished upstream, and says something else."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from archiver.changes.captures import differing
from archiver.changes.compare import choose_snapshots, compare_snapshots
from archiver.changes.model import CONTENT, MARKUP, TEXT, UNREADABLE, Changes
from archiver.core.capture import Capture
from archiver.core.errors import NotArchived, NothingToCompare, RecordCorrupt, UsageError
from archiver.store.snapshots import read_captures, read_snapshot
from servers.changed_pump import AFTER, BEFORE, LATER, changed_pump
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.paths import ProjectPaths


def _compared(paths: ProjectPaths, *names: str, under: str = "") -> Changes:
    earlier, later = choose_snapshots(paths, *names)
    return compare_snapshots(paths, earlier, later, under=under)


class _Twice:
    """An archive of two snapshots, of which a test says what the pages are in each."""

    def __init__(self, root: Path) -> None:
        self.made = ArchiveBuilder(root)
        self.earlier: dict[str, Capture] = {}

    def first(self, **bodies: bytes | tuple[bytes, dict[str, Any]]) -> None:
        for name, body in bodies.items():
            self.earlier[name] = self._page(name, body)
        self.made.finish(BEFORE)
        self.made.captures = []

    def second(self, **bodies: bytes | tuple[bytes, dict[str, Any]]) -> Changes:
        for name, body in bodies.items():
            self._page(name, body, timestamp=LATER)
        self.made.finish(AFTER)
        return _compared(self.made.paths)

    def _page(self, name: str, body: bytes | tuple[bytes, dict[str, Any]], **more: Any) -> Capture:
        content, how = body if isinstance(body, tuple) else (body, {})
        url = f"{SITE}/{name.replace('__', '/')}"
        return self.made.page(
            url if "." in url.rpartition("/")[2] else f"{url}.html", content, **{**how, **more}
        )


@pytest.fixture
def twice(tmp_path: Path) -> _Twice:
    """Return an archive that has no snapshot yet."""
    return _Twice(tmp_path / "archives")


def test_each_page_is_what_became_of_it(tmp_path: Path) -> None:
    """Of a snapshot in which everything changed, each page is told of once and as what it is."""
    pages = _compared(changed_pump(tmp_path / "archives").paths).pages
    names = {
        "added": [each.url for each in pages.added],
        "removed": [each.url for each in pages.removed],
        "gone": [each.url for each in pages.gone],
        "returned": [each.url for each in pages.returned],
        "moved": [each.was.url for each in pages.moved],
        **{what: [each.now.url for each in pages.changed_as(what)] for what in (MARKUP, CONTENT, UNREADABLE)},
    }
    assert {what: [url.removeprefix(SITE) for url in urls] for what, urls in names.items()} == {
        "added": ["/news.html"], "removed": ["/removed.html"], "gone": ["/gone.html"], "returned": [],
        "moved": ["/old/moving.html"], MARKUP: ["/markup.html"], CONTENT: ["/manual.pdf"], UNREADABLE: [],
    }  # fmt: skip
    assert pages.moved[0].now.url == f"{SITE}/new/moving.html"
    assert pages.gone[0].gone == "20260325020000"
    changed = {each.now.url.removeprefix(SITE) for each in pages.changed_as(TEXT)}
    assert changed == {"/install.html", "/zh/install.html", *(f"/v/{n}.html" for n in range(1, 6))}
    assert [len(alike) for alike in pages.differences] == [1, 5, 1], "the chapters changed alike"
    assert (pages.requisites.added, pages.requisites.removed, pages.requisites.changed) == (0, 0, 1)


def test_the_other_way_round_is_the_opposite(tmp_path: Path) -> None:
    """Compared backwards, what was added was removed, and what upstream lost it has again."""
    pages = _compared(changed_pump(tmp_path / "archives").paths, AFTER, BEFORE).pages
    assert [each.url for each in pages.removed] == [f"{SITE}/news.html"]
    assert [each.url for each in pages.added] == [f"{SITE}/removed.html"]
    assert [each.url for each in pages.returned] == [f"{SITE}/gone.html"]
    assert [each.now.url for each in pages.moved] == [f"{SITE}/old/moving.html"]


def test_only_a_part_of_a_site(tmp_path: Path) -> None:
    """With a beginning of URLs nothing else is looked at, images and files included."""
    changes = _compared(changed_pump(tmp_path / "archives").paths, under=f"{SITE}/v/")
    assert {each.now.url for each in changes.pages.changed} == {f"{SITE}/v/{n}.html" for n in range(1, 6)}
    assert not any((changes.pages.added, changes.pages.gone, changes.images.moved, changes.files.replaced))


def test_pages_that_were_asked_for_again_are_not_different(twice: _Twice) -> None:
    """Another time, another record and a revisit are no change."""
    twice.first(a=html("A", "Text of a."), b=html("B", "Text of b."))
    twice.made.revisit(f"{SITE}/b.html", twice.earlier["b"], timestamp=LATER)
    changes = twice.second(a=html("A", "Text of a."))
    assert changes.is_empty
    assert changes.pages.changed == ()


def test_text_is_read_in_whatever_charset(twice: _Twice) -> None:
    """The same words in another encoding are other markup; other words are other text."""
    utf8, gbk = ({"content_type": f"text/html; charset={name}"} for name in ("utf-8", "gbk"))
    source = html("安装", "请先打开阀门。").decode()
    other = source.replace("打开", "关闭")
    twice.first(same=(source.encode(), utf8), other=(source.encode("gbk"), gbk))
    pages = twice.second(same=(source.encode("gbk"), gbk), other=(other.encode("utf-16"), {})).pages
    assert {each.now.url: each.what for each in pages.changed} == {
        f"{SITE}/same.html": MARKUP, f"{SITE}/other.html": TEXT
    }  # fmt: skip
    assert [part.text for part in pages.differences[0][0].diff.changes] == ["打开", "关闭"]  # type: ignore[union-attr]


def test_content_codings_are_undone(twice: _Twice) -> None:
    """A page that came compressed once and plain the other time has the same text."""
    body = html("Page", "The same words.")
    twice.first(page=(body, {"gzipped": True}), strange=(body, {"headers": [("Content-Encoding", "br")]}))
    pages = twice.second(page=body, strange=html("Page", "Plain.")).pages
    told = {each.now.url.rpartition("/")[2]: (each.what, each.problem) for each in pages.changed}
    assert told["page.html"] == (MARKUP, "")
    assert told["strange.html"][0] == UNREADABLE
    assert "'br'" in told["strange.html"][1]


def test_plain_text_is_compared_by_line(twice: _Twice) -> None:
    """A page in plain text, such as a page's source, has lines of its own."""
    kind = {"mime": "text/plain"}
    twice.first(**{"notes.txt": (b"one\ntwo and three\nfour\n", kind)})
    pages = twice.second(**{"notes.txt": (b"one\ntwo and 3\nfour\n", kind)}).pages
    (change,) = pages.changed
    assert change.diff
    assert [line.text for line in change.diff.hunks[0].lines] == ["one", "two and three 3", "four"]


def test_another_type_is_other_content(twice: _Twice) -> None:
    """A page that is a PDF now cannot be compared word by word."""
    twice.first(page=html("Page", "Words."))
    (change,) = twice.second(page=(b"%PDF-1.4", {"mime": "application/pdf"})).pages.changed
    assert (change.what, change.was.mime, change.now.mime) == (CONTENT, "text/html", "application/pdf")


def test_a_damaged_record_is_told_and_ends_nothing(twice: _Twice) -> None:
    """A page that cannot be read is named with the reason; the other pages are compared all the same."""
    twice.first(a=html("A", "One."), b=html("B", "Two."))
    record = twice.earlier["a"].record
    assert twice.second(a=html("A", "Three."), b=html("B", "Four.")).pages.changed_as(TEXT)
    snapshot = read_snapshot(twice.made.paths, AFTER)
    captures = [replace(each, record=record[:-8] + "0000000>") if each.url.endswith("/a.html") else each for each in read_captures(twice.made.paths, snapshot)]  # fmt: skip
    twice.made.captures = captures
    twice.made.finish(AFTER)
    pages = _compared(twice.made.paths).pages
    assert {each.now.url: each.what for each in pages.changed} == {
        f"{SITE}/a.html": UNREADABLE, f"{SITE}/b.html": TEXT
    }  # fmt: skip
    assert "no WARC file has this record" in pages.changed_as(UNREADABLE)[0].problem


def test_one_page_under_two_urls_changed_once(twice: _Twice) -> None:
    """A folder and its index.html with the same content are one page, named by the folder's URL."""
    twice.first(**{"x/index.html": html("X", "Old words."), "x/.": html("X", "Old words.")})
    for spelling in ("index.html", ""):
        twice.made.page(f"{SITE}/y/{spelling}", html("Y", "New words here, of page y."), timestamp=LATER)
    pages = twice.second(**{"x/index.html": html("X", "New words.")}).pages
    assert [each.url for each in pages.added] == [f"{SITE}/y/"]


def test_a_page_that_redirects_now_was_removed(twice: _Twice) -> None:
    """What leads elsewhere is a page no longer; where the text came with it, it moved."""
    words = "Eight words and more, the same at either of the two places."
    twice.first(
        old=html("Old", words), other=html("Other", "These words are nowhere else at all, now or ever.")
    )
    pages = twice.second(
        old=(b"", {"status": "301 Moved Permanently"}),
        other=(b"", {"status": "302 Found"}),
        new=html("Old", words),
    ).pages
    assert [(each.was.url, each.now.url) for each in pages.moved] == [
        (f"{SITE}/old.html", f"{SITE}/new.html")
    ]
    assert [each.url for each in pages.removed] == [f"{SITE}/other.html"]


def test_pages_with_the_same_text_are_paired_by_name(twice: _Twice) -> None:
    """Where several pages have one text, those of the same file name belong together; what remains is left as it is."""
    words = html("Same", "A text of some words that stands on more than one page of this site.")
    twice.first(old__a=words, old__b=words, old__c=words, old__short=html("S", "Short."))
    pages = twice.second(
        new__a=words, new__b=words, new__x=words, new__y=words, new__short=html("S", "Short.", "<br>")
    ).pages
    moved = {(each.was.url.removeprefix(SITE), each.now.url.removeprefix(SITE)) for each in pages.moved}
    assert moved == {("/old/a.html", "/new/a.html"), ("/old/b.html", "/new/b.html")}
    assert {each.url.removeprefix(SITE) for each in pages.removed} == {"/old/c.html", "/old/short.html"}


def test_lengths_that_crawls_counted_spare_reading(twice: _Twice, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page whose text is much longer or shorter than all on the other side is not read to find where it went."""
    read: list[str] = []
    monkeypatch.setattr("archiver.changes.texts.page_text", lambda _: read.append("x") or "")
    twice.first(a=html("A", "Some words."), b=html("B", "More words."))
    snapshot = read_snapshot(twice.made.paths, BEFORE)
    counted = [
        replace(each, text=str(n + 40)) for n, each in enumerate(read_captures(twice.made.paths, snapshot))
    ]
    twice.made.captures = counted
    twice.made.finish(BEFORE)
    twice.made.captures = []
    twice.made.page(f"{SITE}/c.html", html("C", "Other words."), timestamp=LATER)
    twice.made.captures = [replace(twice.made.captures[0], text="99")]
    assert len(twice.second().pages.removed) == 2
    assert read == []


def test_two_doc_sites_may_have_the_same_url(tmp_path: Path) -> None:
    """What a doc site has is compared with what the same doc site had."""
    made = ArchiveBuilder(tmp_path / "archives")
    for source in ("one", "two"):
        made.page(f"{SITE}/page.html", html("Page", f"Of {source}."), source=source)
    made.finish(BEFORE)
    made.captures.pop()
    made.page(f"{SITE}/page.html", html("Page", "Of two, changed."), source="two", timestamp=LATER)
    made.finish(AFTER)
    (change,) = _compared(made.paths).pages.changed
    assert (change.was.source, change.now.source) == ("two", "two")


def test_urls_of_one_key_are_told_apart() -> None:
    """URLs by http and https, and spellings that sort as one, are compared each with its own."""
    one = [_line("http://www.example.org/A", "1"), _line("https://example.org/a", "2")]
    other = [
        _line("http://www.example.org/A", "1"),
        _line("https://example.org/a", "3"),
        _line("https://example.org/a/", "2"),
    ]
    pairs = list(differing(sorted(one), sorted(other), ("one", "other")))
    assert [(was and was.url, now and now.url) for was, now in pairs] == [
        ("https://example.org/a", "https://example.org/a"), (None, "https://example.org/a/")
    ]  # fmt: skip


def test_a_malformed_line_is_damage_of_its_index() -> None:
    """A line that is none names the index that has it."""
    with pytest.raises(RecordCorrupt, match="other"):
        list(
            differing(
                [_line("https://example.org/a", "1")], [b"org,example)/a 20260101000000 {"], ("one", "other")
            )
        )


def test_the_memory_of_the_merge_does_not_grow_with_the_snapshots() -> None:
    """Tens of thousands of pages on both sides, all asked for again, a few different: the merge takes kilobytes."""
    count = 30_000
    different = range(0, count, 3_000)

    def lines(side: str) -> Any:
        for n in range(count):
            digest = side if n in different else "same"
            head = f"org,example)/{n:06} 2026010100000{side} "
            yield (
                head
                + f'{{"url":"https://example.org/{n:06}","mime":"text/html","status":"200","digest":"sha256:{digest}","source":"docs","kind":"page","record":"<urn:uuid:{side}{n}>"}}'
            ).encode()

    tracemalloc.start()
    try:
        found = sum(1 for _ in differing(lines("1"), lines("2"), ("", "")))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == len(different)
    assert peak < 1_000_000


def test_which_two_are_compared(tmp_path: Path) -> None:
    """The newest good one with the one before; a beginning of an id will do where only one begins so."""
    made = changed_pump(tmp_path / "archives")
    ids = [snapshot.id for snapshot in choose_snapshots(made.paths)]
    assert ids == [BEFORE, AFTER]
    assert [snapshot.id for snapshot in choose_snapshots(made.paths, "202603")] == ids
    assert [snapshot.id for snapshot in choose_snapshots(made.paths, "202604", "202603")] == ids[::-1]
    with pytest.raises(UsageError, match="several"):
        choose_snapshots(made.paths, "2026")
    with pytest.raises(NotArchived, match="no snapshot '2025'") as unknown:
        choose_snapshots(made.paths, "2025")
    assert BEFORE in str(unknown.value.hint)
    with pytest.raises(NothingToCompare, match="both sides"):
        choose_snapshots(made.paths, AFTER)


def test_one_snapshot_has_nothing_beside_it(twice: _Twice) -> None:
    """A project that was archived once is told what makes a second snapshot."""
    twice.first(page=html("Page", "Words."))
    with pytest.raises(NothingToCompare) as alone:
        choose_snapshots(twice.made.paths)
    assert "archiver refresh" in str(alone.value.hint)


def _line(url: str, digest: str) -> bytes:
    capture = Capture(
        url, "20260101000000", "text/html", "200", f"sha256:{digest}", "docs", "page", f"<urn:uuid:{url}>"
    )
    return capture.to_cdxj().encode()


def test_only_so_many_differences_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is beyond, it is still told that the text changed and by how many words."""
    paths = changed_pump(tmp_path / "archives").paths
    monkeypatch.setattr("archiver.changes.pages.MOST_KEPT", 5)
    changed = _compared(paths).pages.changed_as(TEXT)
    assert [page.diff is None for page in changed] == [False] + [True] * 6
    assert all(page.removed and page.added for page in changed)


@pytest.mark.parametrize("counts", [("100", "190"), ("", "7"), ("7", ""), ("x", "9" * 40)])
def test_pages_move_whatever_a_crawl_counted(twice: _Twice, counts: tuple[str, str]) -> None:
    """The lengths that crawls estimate in other markup may differ, lack or be nonsense: the text itself decides."""
    words = "Eight words and more, the same at either of the two places."
    captures = []
    for side, name, time in ((0, "old", "20260301120001"), (1, "new", LATER)):
        capture = twice.made.page(
            f"{SITE}/{name}.html", html("Old", words, f"<!-- {name} -->"), timestamp=time, listed=False
        )
        captures.append(replace(capture, text=counts[side]))
    twice.made.captures = [captures[0]]
    twice.first()
    twice.made.captures = [captures[1]]
    assert [each.now.url for each in twice.second().pages.moved] == [f"{SITE}/new.html"]
