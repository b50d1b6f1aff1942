"""Text laid out by the columns that it takes on a terminal, in any script, with colours where those are wanted."""

from __future__ import annotations

import io
import time

import pytest

from archiver.cli.wrapping import GREEN, PLAIN, RED, Terminal, columns

_NARROW = Terminal(width=20)


class _Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Have no descriptor."""
        raise OSError


def test_characters_take_their_columns() -> None:
    """East Asian characters take two, marks above letters none."""
    assert [columns(text) for text in ("abc", "安装", "ｶﾞ", "e\u0301", "")] == [3, 4, 2, 1, 0]


def test_lines_fit_and_begin_below_each_other() -> None:
    """Words go to the next line whole, which is indented as far as the first one."""
    lines = list(_NARROW.lines([("one two three four five six", PLAIN)], first="+ "))
    assert lines == ["+ one two three four", "  five six"]


def test_scripts_without_spaces_are_broken_anywhere() -> None:
    """Chinese breaks between characters; what ends a sentence stays at its last one."""
    lines = list(_NARROW.lines([("请先打开阀门然后等待。再启动水泵并检查。", PLAIN)], first="  "))
    assert lines == ["  请先打开阀门然后等", "  待。再启动水泵并检", "  查。"]
    assert all(columns(line) <= 20 for line in lines)


def test_marks_stay_with_what_they_are_about() -> None:
    """No line ends with the mark that opens a change, and none begins with the one that closes it."""
    for padding in range(1, 12):
        text = "字" * padding
        lines = list(_NARROW.lines([(text, PLAIN), ("[-打开-]", RED), ("{+关闭+}", GREEN), ("阀门", PLAIN)]))
        assert "".join(lines) == f"{text}[-打开-]{{+关闭+}}阀门"
        assert not any(line.endswith(("[-", "{+")) or line.startswith(("-]", "+}")) for line in lines)


def test_what_is_longer_than_a_line_stays_whole() -> None:
    """A URL or a digest is there to be copied."""
    url = "https://docs.example.org/a/long/path.html"
    assert list(_NARROW.lines([(f"see {url} now", PLAIN)])) == ["see", url, "now"]


def test_without_a_terminal_nothing_is_wrapped_or_coloured() -> None:
    """What goes into a file or another program is a line a sentence."""
    plain = Terminal.of(io.StringIO(), {"TERM": "xterm"})
    assert plain == Terminal(None, colours=False)
    assert list(plain.lines([("word " * 100, RED)], first="- ")) == ["- " + ("word " * 100).rstrip()]


@pytest.mark.parametrize(
    ("environment", "colours"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
     ({"TERM": "xterm", "NO_COLOR": ""}, True)],
)  # fmt: skip
def test_colours_are_for_terminals_that_want_them(environment: dict[str, str], colours: bool) -> None:
    """NO_COLOR and terminals that know none are heeded."""
    terminal = Terminal.of(_Screen(), {"COLUMNS": "100", **environment})
    assert terminal == Terminal(100, colours=colours)
    coloured = list(terminal.lines([("old", RED)]))
    assert coloured == (["\x1b[31mold\x1b[0m"] if colours else ["old"])


def test_what_strangers_wrote_controls_nothing() -> None:
    """Escape sequences and what turns the reading order around come out as text."""
    (line,) = Terminal(80, colours=True).lines([("a\x1b[2Jb\u202ec", PLAIN)])
    assert line == "a\\x1b[2Jb\\u202ec"


@pytest.mark.parametrize(
    "text", ["[-" * 50_000, "{+a" * 50_000, "x" * 200_000, "字[-" * 50_000, " " * 200_000]
)
def test_no_text_takes_long(text: str) -> None:
    """Layout is linear, whatever the text is made of."""
    begun = time.process_time()
    list(_NARROW.lines([(text, PLAIN)]))
    assert time.process_time() - begun < 10
