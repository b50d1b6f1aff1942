"""`archiver history URL`: the captures of a page over all projects and snapshots."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.core.judgement import GONE, Judgement
from archiver.core.refusal import Refusal
from archiver.store.quarantine import write_refusal, write_refused_captures
from servers.changed_pump import AFTER, BEFORE, changed_pump
from servers.console import Console
from servers.small_archive import SITE, ArchiveBuilder, html, small_archive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """A folder with an archive of two projects."""
    console = Console(tmp_path_factory.mktemp("history"))
    changed_pump(console.folder / "archives")
    small_archive(console.folder / "archives")
    return console


def test_each_capture_says_whether_its_content_changed(console: Console) -> None:
    """A page that changed has two captures with other digests, each in its snapshot."""
    told = console.succeed("history", f"{SITE}/zh/install.html", "--json").json
    first, second = told["captures"]
    assert (told["format"], told["url"]) == ("archiver-history/1", f"{SITE}/zh/install.html")
    assert [(each["what"], each["captured"], each["snapshots"]) for each in (first, second)] == [
        ("first", "20260301120001", [BEFORE]), ("changed", "20260401120000", [AFTER])
    ]  # fmt: skip
    assert first["digest"] != second["digest"]


def test_all_projects_are_looked_at_unless_some_are_named(console: Console) -> None:
    """A URL that two projects have is told of both; --project narrows it."""
    both = console.succeed("history", f"{SITE}/", "--json").json["captures"]
    assert [(each["project"], each["what"]) for each in both] == [
        ("pump", "first"), ("pump", "unchanged"), ("small", "first")
    ]  # fmt: skip
    one = console.succeed("history", f"{SITE}/", "--project", "small", "--json").json["captures"]
    assert {each["project"] for each in one} == {"small"}


def test_what_is_gone_upstream_says_since_when(console: Console) -> None:
    """A page that the archive keeps is one capture in several snapshots, and that upstream has it no longer is said."""
    (capture,) = console.succeed("history", f"{SITE}/gone.html", "--project", "pump", "--json").json[
        "captures"
    ]
    assert (capture["gone"], capture["snapshots"]) == ("20260325020000", [BEFORE, AFTER])
    out = console.succeed("history", f"{SITE}/gone.html").out
    assert "gone upstream since 2026-03-25; the archive keeps it" in out


@pytest.mark.parametrize(
    "url",
    ["docs.example.org/install.html", "http://docs.example.org/install.html", "https://www.docs.example.org/INSTALL.html#top",
     "https://docs.example.org/install.html/"],
)  # fmt: skip
def test_other_spellings_are_looked_up(console: Console, url: str) -> None:
    """Whoever types a URL need not know how it was captured."""
    captures = console.succeed("history", url, "--json").json["captures"]
    assert {each["url"] for each in captures} == {f"{SITE}/install.html"}


def test_the_folder_and_its_index_are_one(tmp_path: Path) -> None:
    """A URL that nothing has is looked up under the spellings that usually mean the same page; its own goes first."""
    made = ArchiveBuilder(tmp_path / "archives")
    made.page(f"{SITE}/a/index.html", html("A", "Words."))
    made.page(f"{SITE}/b/index.html", html("B", "Words."))
    made.page(f"{SITE}/b/", html("B", "Others."))
    made.finish()
    console = Console(tmp_path)
    for asked, found in (("a/", "a/index.html"), ("b/", "b/"), ("b/index.html", "b/index.html")):
        captures = console.succeed("history", f"{SITE}/{asked}", "--json").json["captures"]
        assert [each["url"] for each in captures] == [f"{SITE}/{found}"]


def test_an_index_that_is_damaged_is_told_and_passed_over(tmp_path: Path) -> None:
    """What the other snapshots have of the page is listed all the same."""
    made = changed_pump(tmp_path / "archives")
    made.paths.captures(BEFORE).write_bytes(b"nothing of the kind")
    outcome = Console(tmp_path).succeed("history", f"{SITE}/install.html")
    assert AFTER in outcome.out
    assert "not looked at" in outcome.err
    told = Console(tmp_path).succeed("history", f"{SITE}/install.html", "--json").json
    assert len(told["problems"]) == 1


def test_what_the_guard_refused_is_told_as_evidence(tmp_path: Path) -> None:
    """A capture that came with a source that was not healthy is in quarantine, and in no snapshot."""
    made = changed_pump(tmp_path / "archives")
    run = "20260501T120000Z"
    parked = made.page(
        f"{SITE}/install.html", html("For sale", "This domain is."), timestamp="20260501120000", listed=False
    )
    old = next(each for each in made.captures if each.url.endswith("/news.html"))
    count, digest = write_refused_captures(made.paths, run, "docs", [parked, old])
    write_refusal(
        made.paths, Refusal(run, Judgement("docs", GONE), {}, captures=count, captures_digest=digest)
    )
    made.finish(run)
    console = Console(tmp_path)
    captures = console.succeed("history", f"{SITE}/install.html", "--json").json["captures"]
    assert [each["what"] for each in captures] == ["first", "changed", "refused"]
    assert (captures[-1]["snapshots"], captures[-1]["refused_by"]) == ([], [run])
    assert f"none; in quarantine of {run}" in console.succeed("history", f"{SITE}/install.html").out
    (news,) = console.succeed("history", f"{SITE}/news.html", "--json").json["captures"]
    assert (news["what"], news["refused_by"]) == ("first", [run])


def test_a_page_that_went_back_has_changed_twice(tmp_path: Path) -> None:
    """What a capture's content is compared with is the capture before it, not the first one."""
    made = ArchiveBuilder(tmp_path / "archives")
    for month, words in enumerate(("One.", "Two.", "One.", "One."), 3):
        made.captures = []
        made.page(f"{SITE}/", html("Page", words), timestamp=f"2026{month:02}01120001")
        made.finish(f"2026{month:02}01T120000Z")
    captures = Console(tmp_path).succeed("history", f"{SITE}/", "--json").json["captures"]
    assert [each["what"] for each in captures] == ["first", "changed", "changed", "unchanged"]


def test_what_is_not_there_says_where_to_look(console: Console) -> None:
    """A URL that nothing has, what is no URL, and a project that there is not are wrong usage, with a hint."""
    for arguments, said in (
        (("https://elsewhere.example/",), "no snapshot has this URL"),
        (("ftp://docs.example.org/",), "not an absolute http or https URL"),
        ((f"{SITE}/", "--project", "nothing"), "there is no project 'nothing'"),
    ):
        outcome = console.run("history", *arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert said in outcome.err


def test_urls_of_strangers_control_no_terminal(tmp_path: Path) -> None:
    """What an index says is printed as text."""
    made = ArchiveBuilder(tmp_path / "archives")
    capture = made.page(f"{SITE}/x", html("X", "Words."))
    made.captures = [replace(capture, mime="text/\x1b[2J")]
    made.finish()
    assert "\x1b" not in Console(tmp_path).succeed("history", f"{SITE}/x").out
