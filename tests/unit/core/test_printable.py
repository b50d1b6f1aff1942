from __future__ import annotations

import pytest

from archiver.core.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nicht gefunden: größe, 页面", "Nicht gefunden: größe, 页面"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\r\nlines", "two\\r\\nlines"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("\u2066a\u2069", "\\u2066a\\u2069"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_would_control_a_terminal_is_escaped_visibly(text: str, shown: str) -> None:
    """Letters of any script stay; controls, bidi controls, line separators and lone surrogates are escaped."""
    assert printable(text) == shown


def test_a_long_text_is_cut() -> None:
    """No more characters come out than asked for, escapes counted, and the cut is visible."""
    assert printable("x" * 500) == "x" * 399 + "…"
    assert printable("\x00" * 10, 12) == "\\x00\\x00\\x0…"
    assert printable("x" * 12, 12) == "x" * 12
