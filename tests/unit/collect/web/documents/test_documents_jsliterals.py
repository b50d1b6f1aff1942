from __future__ import annotations

import pytest

from archiver.collect.web.documents.jsliterals import literals


def _strings(text: str) -> list[str]:
    return [text[start:end] for start, end in literals(text)]


@pytest.mark.parametrize(
    ("script", "strings"),
    [
        ("""a = "b" + 'c'""", ["b", "c"]),
        (r"""a = "b\"c" + 'd\'e\\'""", [r"b\"c", r"d\'e\\"]),
        ('a = "b\\\nc"', ["b\\\nc"]),
        ("""a = "b' c" + 'd" e'""", ["b' c", 'd" e']),
        ("""a // "no" \n + "b" /* 'no' */ + 'c' /**/ + 'd' """, ["b", "c", "d"]),
        ('"http://x.org/" // "no"', ["http://x.org/"]),
        ('"/*" + a + "*/"', ["/*", "*/"]),
        ('a = b / c; d = "e" / 2', ["e"]),
        ('a = /"/.test("b")', ["b"]),
        ("""a.replace(/["'`]/g, "b")""", ["b"]),
        (r'a = /[/"]\/"/, "b"', ["b"]),
        ('return /"/, "b"', ["b"]),
        ('if (a) /"/.exec("b")', ["b"]),
        ('(a) / 2 + "b" / c', ["b"]),
        ('a[0] / 2 + "b" / c', ["b"]),
        ('() => /"/ ; "b"', ["b"]),
        ('x = a /\n"b"', ["b"]),
        ("`a`", ["a"]),
        ("`a${b}c`", ["a", "c"]),
        ("`a${ {b: `c${d}e`} }f` + 'g'", ["a", "c", "e", "f", "g"]),
        ("`${a}${b}`", ["", "", ""]),
        ("`a${'}'}b`", ["a", "}", "b"]),
        (r"`a\`b\${c}$d`", [r"a\`b\${c}$d"]),
        ("function f(){ '}' } `a`", ["}", "a"]),
        ("'' + \"\"", ["", ""]),
    ],
)
def test_the_strings_of_a_script_are_found(script: str, strings: list[str]) -> None:
    """Quotes in comments, regular expressions and other strings begin nothing; templates come in pieces."""
    assert _strings(script) == strings


@pytest.mark.parametrize(
    ("script", "strings"),
    [
        ("a = \"b\nc = 'd'", ["d"]),
        ("a = 'b", []),
        ("`a", []),
        ("`a${b", ["a"]),
        ("`a${`b${`c", ["a", "b"]),
        ("/* 'a'", []),
        ("a = /b\n'c'", ["c"]),
        ("'a\\", []),
        ("}}}} 'a'", ["a"]),
    ],
)
def test_what_is_never_closed_ends_at_the_line_or_the_script(script: str, strings: list[str]) -> None:
    """A script that is cut off or wrong gives what stands before, and what stands on later lines."""
    assert _strings(script) == strings


@pytest.mark.parametrize(
    "piece",
    [
        '"',
        "'\\",
        "`",
        "`${",
        "/",
        "(/",
        ")/",
        "=/[",
        ")/[",
        "/*",
        "*/(/[\\",
        "//",
        '"\\"',
        "}",
        "`${{",
        "=/a/ ",
        ")/a/",
    ],
)
def test_hostile_scripts_take_no_more_than_linear_time(piece: str) -> None:
    """A megabyte of beginnings without an end is looked through at once."""
    for _ in literals(piece * (1_000_000 // len(piece))):
        pass
