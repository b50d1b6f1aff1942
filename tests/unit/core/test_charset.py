from __future__ import annotations

import pytest

from archiver.core.charset import declared_codec, without_mark


@pytest.mark.parametrize(
    ("body", "header", "codec"),
    [
        (b"<p>", "text/html", ""),
        (b"<p>", "text/html; charset=GB2312", "gb18030"),
        (b"<p>", 'text/html; charset="ISO-8859-1"', "cp1252"),
        (b'<meta charset="Shift_JIS">', "text/html", "cp932"),
        (b'<meta http-equiv=Content-Type content="text/html; charset=big5">', "text/html", "big5hkscs"),
        (b'<meta charset="utf-16">', "text/html", "utf-8"),
        (b"\xff\xfe<\0", "text/html; charset=utf-8", "utf-16-le"),
        (b"\xef\xbb\xbf<p>", "text/html; charset=latin1", "utf-8"),
        (b"<p>", "text/html; charset=no-such-thing", ""),
        (b"<p>", "text/html; charset=rot13", ""),
        (b"<p>", "text/html; charset=undefined", ""),
    ],
)
def test_the_encoding_is_found_as_a_browser_finds_it(body: bytes, header: str, codec: str) -> None:
    """Byte order mark before header before <meta>; labels mean what the Encoding standard says."""
    assert declared_codec(body, header) == codec


def test_the_byte_order_mark_is_no_text() -> None:
    """The mark is taken off, and nothing else."""
    assert without_mark(b"\xef\xbb\xbfx") == b"x"
    assert without_mark(b"\xff\xfex\0") == b"x\0"
    assert without_mark(b"x") == b"x"
