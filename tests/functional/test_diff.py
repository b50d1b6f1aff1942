"""`archiver diff`: what is different between two snapshots, in words, as JSON, as a page, and as an exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from servers.browser import browser
from servers.changed_pump import AFTER, BEFORE, changed_pump
from servers.console import Console
from servers.keeper import keeping
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

REPLACED = "https://dl.example.org/pump-1.0.tar.gz"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """A folder with an archive in which everything changed."""
    console = Console(tmp_path_factory.mktemp("diff"))
    changed_pump(console.folder / "archives")
    return console


def test_what_a_real_archive_says_of_two_runs(tmp_path: Path) -> None:
    """A site, a registry and files that were archived on two days: what changed is told, what did not is not."""
    with keeping(Console(tmp_path)) as keeper:
        first, second = keeper.archive(1), keeper.archive(2)
        told = keeper.console.succeed("diff", "sample", "--json").json
        assert (told["earlier"]["id"], told["later"]["id"]) == (first, second)
        pages, site = told["pages"], keeper.site
        assert [page["url"] for page in pages["added"]] == [site.url("/docs/day2.html")]
        changed = {page["now"]["url"]: page for page in pages["changed"] if page["what"] == "text"}
        assert site.url("/docs/changing.html") in changed
        hunks = changed[site.url("/docs/changing.html")]["diff"]["hunks"]
        parts = [
            (part["kind"], part["text"]) for hunk in hunks for line in hunk["lines"] for part in line["parts"]
        ]
        assert ("removed", "day1") in parts
        assert ("added", "day2") in parts
        assert not [url for url in changed if url.endswith("/5.html")], "pages that never change"
        (moved,) = told["images"]["moved"]
        assert moved["now"]["name"] == f"{keeper.registry.host}/app:1"
        assert {each["what"] for each in moved["platforms"]} == {"changed"}
        assert [each["name"] for each in told["images"]["added"]] == [f"{keeper.registry.host}/app:2"]
        assert [each["now"]["name"] for each in told["files"]["replaced"]] == [site.url("/files/moving.tgz")]


def test_replaced_files_stand_first(console: Console) -> None:
    """The warning comes before all else, with both digests and sizes."""
    lines = console.succeed("diff", "pump").out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("!! SUPPLY CHAIN: 1 file"))
    assert lines[:at] == [f"pump: {BEFORE} -> {AFTER}", ""]
    assert lines[at + 1].strip() == REPLACED
    assert "was sha256:" in lines[at + 2]
    assert "1,200,000 bytes" in lines[at + 2]
    assert "is  sha256:" in lines[at + 3]


def test_the_json_is_whole_and_escapes_nothing_away(console: Console) -> None:
    """Programs get one document with all there is, and nothing else on standard output."""
    outcome = console.succeed("diff", "pump", "--json")
    told = outcome.json
    assert (told["format"], told["different"]) == ("archiver-changes/1", True)
    assert outcome.err == ""
    assert "关闭" in outcome.out
    assert len(told["pages"]["changed"]) == 9


def test_exit_codes_are_for_those_who_ask(console: Console) -> None:
    """Without --exit-code differences are no failure; with it they are told apart from every failure."""
    assert console.run("diff", "pump").code == 0
    assert console.run("diff", "pump", "--exit-code").code == 9
    assert console.run("diff", "pump", "--exit-code", "--under", f"{SITE}/v/").code == 8
    assert console.run("diff", "pump", "--exit-code", "--under", f"{SITE}/nothing/").code == 0


def test_what_cannot_be_compared_says_what_to_do(console: Console, tmp_path: Path) -> None:
    """Unknown projects and ids, an id on both sides, and a project with one snapshot are wrong usage, with a hint."""
    for arguments, said in (
        (("nothing",), "there is no project 'nothing'"),
        (("pump", "2019"), "no snapshot '2019'"),
        (("pump", "2026"), "several snapshots"),
        (("pump", AFTER), "both sides"),
        (("../pump",), "cannot be a project's name"),
    ):
        outcome = console.run("diff", *arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert said in outcome.err
    made = ArchiveBuilder(tmp_path / "archives", project="once")
    made.page(f"{SITE}/", html("Once", "Only."))
    made.finish()
    outcome = Console(tmp_path).run("diff", "once")
    assert outcome.code == 2
    assert "one good snapshot" in outcome.err
    assert "hint:" in outcome.err


def test_long_lists_are_cut_unless_all_is_asked_for(tmp_path: Path) -> None:
    """Of each kind 20 are named, and how many more there are; --all names all, --brief no text."""
    made = ArchiveBuilder(tmp_path / "archives", project="many")
    made.page(f"{SITE}/", html("Home", "Here it begins."))
    for n in range(60):
        made.page(f"{SITE}/{n}.html", html(f"Page {n}", f"Number {n} says old{n} here."))
    made.finish(BEFORE)
    made.captures = [made.captures[0]]
    for n in range(60):
        made.page(
            f"{SITE}/{n}.html", html(f"Page {n}", f"Number {n} says new{n} here."), timestamp="20260401120000"
        )
    made.finish(AFTER)
    console = Console(tmp_path)
    short, whole, brief = (
        console.succeed("diff", "many", *more).out for more in ((), ("--all",), ("--brief",))
    )
    assert short.count("  changed  ") == short.count("=== ") == 20
    assert "40 more" in short
    assert whole.count("  changed  ") == whole.count("=== ") == 60
    assert brief.count("=== ") == 0
    page = tmp_path / "page.html"
    console.succeed("diff", "many", "--brief", "--html", page)
    assert page.read_text("utf-8").count("<details") == 60


def test_a_source_that_was_refused_is_said_to_be(tmp_path: Path) -> None:
    """Where a snapshot carries the last good state of a source, it is told why nothing of it is different."""
    made = changed_pump(tmp_path / "archives")
    record = made.paths.record(AFTER)
    document = json.loads(record.read_bytes())
    document["judgements"] = [{
        "source": "docs", "verdict": "gone", "reason": "none of its seeds answers", "examples": [], "checked": "",
        "since": "", "good": BEFORE, "alive": 0, "peak": 0,
    }]  # fmt: skip
    record.write_text(json.dumps(document), "utf-8")
    console = Console(tmp_path)
    assert (
        f"docs was gone: none of its seeds answers. What is here of it is of {BEFORE} or older."
        in console.succeed("diff", "pump").out
    )
    page = tmp_path / "page.html"
    console.succeed("diff", "pump", "--brief", "--html", page)
    assert "docs was gone" in page.read_text("utf-8")


def test_what_strangers_wrote_is_text(tmp_path: Path) -> None:
    """Markup and escape sequences in URLs and texts control neither terminal nor browser."""
    made = ArchiveBuilder(tmp_path / "archives", project="evil", title="<script>alert(1)</script>")
    url = f"{SITE}/?q=%3Cscript%3E\"'<img src=x onerror=alert(2)>"
    made.page(f"{SITE}/", html("Home", "A page."))
    made.page(url, html("Old", "Old words with &lt;b&gt;markup&lt;/b&gt; in them, and more."))
    made.finish(BEFORE)
    made.captures.pop()
    made.page(
        url,
        html("Old", "Old words with &lt;script&gt;alert(3)&lt;/script&gt; \x1b[2J\u202e in them, and more."),
        timestamp="20260401120000",
    )
    made.finish(AFTER)
    page = tmp_path / "page.html"
    out = Console(tmp_path).succeed("diff", "evil", "--html", page).out
    assert "\x1b" not in out
    assert "\u202e" not in out
    told = Console(tmp_path).succeed("diff", "evil", "--json")
    assert "\u202e" not in told.out
    assert "\u202e" in json.dumps(told.json, ensure_ascii=False)
    markup = page.read_text("utf-8")
    assert "<script" not in markup
    assert "<img" not in markup
    with browser(tmp_path) as chromium, chromium.tab() as tab:
        tab.go(page.as_uri())
        assert tab.visit.requested == [page.as_uri()]
        assert tab.visit.complaints == []


@pytest.fixture(scope="module")
def page(console: Console) -> Path:
    """The page of the archive in which everything changed."""
    path = console.folder / "changes.html"
    console.succeed("diff", "pump", "--brief", "--html", path)
    return path


def test_the_page_needs_nothing_but_itself(page: Path, tmp_path: Path) -> None:
    """A browser shows it from a file without a request, a script or a complaint, on a desk and on a phone."""
    assert "<script" not in page.read_text("utf-8")
    with browser(tmp_path) as chromium:
        for width in (1400, 390):
            with chromium.tab() as tab:
                tab.resize(width, 900)
                tab.go(page.as_uri())
                assert tab.visit.requested == [page.as_uri()]
                assert tab.visit.complaints == []
                assert tab.evaluate("document.documentElement.scrollWidth") <= width, (
                    "nothing to scroll sideways"
                )


def test_the_page_can_be_read_without_colours(page: Path, tmp_path: Path) -> None:
    """What was removed and added is marked up as such, headings are in order, and contrasts suffice in light and dark."""
    with browser(tmp_path) as chromium:
        for scheme in ("light", "dark"):
            with chromium.tab() as tab:
                tab.prefer(scheme)
                tab.go(page.as_uri())
                assert tab.evaluate("document.querySelectorAll('.changed del').length") >= 6
                assert (
                    tab.evaluate(
                        "getComputedStyle(document.querySelector('.changed del')).textDecorationLine"
                    )
                    == "line-through"
                )
                assert (
                    tab.evaluate(
                        "getComputedStyle(document.querySelector('.changed ins')).textDecorationLine"
                    )
                    == "underline"
                )
                signs = tab.evaluate(
                    "['removed', 'added'].map(name => getComputedStyle(document.querySelector('p.' + name), '::before').content)"
                )
                assert [sign[:2] for sign in signs] == ['"\u2212', '"+']
                levels = tab.evaluate(
                    "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(one => +one.tagName[1])"
                )
                assert levels[0] == 1
                assert all(below - above <= 1 for above, below in zip(levels, levels[1:]))
                assert tab.evaluate(_LEAST_CONTRAST) >= 4.5


# The least contrast (WCAG 2.1, 1.4.3) of an element's own text with what is behind it.
_LEAST_CONTRAST = """
(() => {
  const rgb = text => text.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = one => { for (; one; one = one.parentElement) {
    const colour = rgb(getComputedStyle(one).backgroundColor); if (colour.length < 4 || colour[3] > 0) return colour; } };
  return Math.min(...[...document.querySelectorAll('body *')].filter(one =>
      [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim())).map(one => {
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05); }));
})()
"""


def test_a_build_stamp_is_no_difference(tmp_path: Path) -> None:
    """Where only markup and requisites changed, that is told, and scripts are told that nothing did."""
    made = ArchiveBuilder(tmp_path / "archives", project="stamped")
    for month in (3, 4):
        made.captures = []
        time = f"2026{month:02}01120000"
        made.page(
            f"{SITE}/", html("Page", "The same words.", f"<!-- built in month {month} -->"), timestamp=time
        )
        made.requisite(f"{SITE}/style.css", b"p { margin: %dpx }" % month, "text/css", timestamp=time)
        made.finish(f"2026{month:02}01T120000Z")
    console = Console(tmp_path)
    outcome = console.run("diff", "stamped", "--exit-code")
    assert outcome.code == 0
    assert "1 page: 1 with other markup only" in outcome.out
    assert "requisites: 1 changed" in outcome.out
    assert "nothing that people read, run or install is different" in outcome.out
    assert console.succeed("diff", "stamped", "--json").json["different"] is False
    page = tmp_path / "page.html"
    console.succeed("diff", "stamped", "--html", page)
    assert "Nothing is different" in page.read_text("utf-8")
