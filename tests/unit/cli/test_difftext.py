"""What is different, in words: lines that fit a terminal in any script, and colours that add to the signs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.changes.compare import choose_snapshots, compare_snapshots
from archiver.changes.model import FileChanges, ImageChanges
from archiver.cli.difftext import DiffText
from archiver.cli.wrapping import Terminal, columns
from servers.changed_pump import LATER, changed_pump
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.changes.model import Changes

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CHINESE = "云原生应用的分布式操作系统完全开源\uff0c支持多云与多集群管理\uff0c提供全栈的自动化运维能力\uff0c简化企业的{}工作流\uff0c并且可以非常方便地使第三方应用与组件进行集成。"


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> Changes:
    """What is different where everything changed."""
    paths = changed_pump(tmp_path_factory.mktemp("pump") / "archives").paths
    return compare_snapshots(paths, *choose_snapshots(paths))


@pytest.fixture
def chinese(tmp_path: Path) -> Changes:
    """What is different about a long Chinese sentence and a long English one."""
    made = ArchiveBuilder(tmp_path / "archives")
    for snapshot, word in (("20260301T120000Z", "开发"), ("20260401T120000Z", "运维与开发")):
        made.captures = []
        time = LATER if snapshot.startswith("202604") else "20260301120001"
        made.page(f"{SITE}/zh.html", html("介绍", _CHINESE.format(word)), timestamp=time)
        made.page(
            f"{SITE}/en.html",
            html("Intro", f"A sentence that goes on {'and on ' * 20}with {len(word)} in it."),
            timestamp=time,
        )
        made.finish(snapshot)
    return compare_snapshots(made.paths, *choose_snapshots(made.paths))


@pytest.mark.parametrize("width", [80, 60])
def test_lines_fit_a_terminal_in_any_script(changes: Changes, chinese: Changes, width: int) -> None:
    """No line is wider than the terminal, but for names and digests that are longer than it."""
    for each in (changes, chinese):
        text = DiffText(each, Terminal(width))
        for line in (*text.summary(), *text.texts()):
            assert columns(line) <= width or len(line.split()) <= 3, line


def test_all_of_a_sentence_is_there_however_it_is_wrapped(chinese: Changes) -> None:
    """Lines joined without their indent give the sentence with its marks."""
    lines = list(DiffText(chinese, Terminal(60)).texts())
    at = next(n for n, line in enumerate(lines) if line.startswith("~ 云"))
    rest = [line for line in lines[at + 1 :] if line.startswith("  ")]
    assert "".join([lines[at][2:], *(line[2:] for line in rest)]) == _CHINESE.format("{+运维与+}开发")


def test_colours_add_to_the_signs(changes: Changes) -> None:
    """Without its colours the text is the same; removed and added have signs as well."""
    plain, coloured = (DiffText(changes, Terminal(80, colours=colours)) for colours in (False, True))
    for one, other in ((plain.summary(), coloured.summary()), (plain.texts(), coloured.texts())):
        with_colours = list(other)
        assert [_COLOUR.sub("", line).rstrip() for line in with_colours] == list(one)
        assert any("\x1b[" in line for line in with_colours)
    assert not any("\x1b" in line for line in plain.texts())


def test_what_changed_alike_is_shown_once(changes: Changes) -> None:
    """Five chapters whose version changed are one difference with four more names."""
    lines = list(DiffText(changes, Terminal()).texts())
    assert sum(line.startswith("=== ") for line in lines) == 3
    assert "    the same on 4 more pages:" in lines
    assert sum("v/" in line for line in lines) == 5


def test_nothing_different_says_so(changes: Changes) -> None:
    """A comparison without a difference is a line about that, and no empty headings."""
    pages = replace(changes.pages, added=(), removed=(), gone=(), returned=(), moved=(), changed=())
    none = replace(changes, files=FileChanges(2, 2), images=ImageChanges(3, 3), pages=pages)
    assert none.is_empty
    assert list(DiffText(none, Terminal()).summary())[1:] == [
        "requisites: 1 changed, 0 added, 0 removed",
        "  nothing that people read, run or install is different",
    ]
    assert list(DiffText(none, Terminal()).texts()) == []
