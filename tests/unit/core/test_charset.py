from __future__ import annotations

from encodings.aliases import aliases

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
        (b"<p>", "text/html; charset=idna", ""),
        (b"<p>", "text/html; charset=punycode", ""),
        (b"<p>", "text/html; charset=unicode_escape", ""),
        (b"<p>", "text/html; charset=raw-unicode-escape", ""),
        (b"<p>", "text/html; charset=utf-7", ""),
        (b"<p>", "text/html; charset=mbcs", ""),
        (b"<p>", "text/html; charset=ISO_8859-1:1987", "cp1252"),
        (b"<p>", "text/html; charset=utf-16", "utf-16-le"),
        (b'<meta charset="idna">', "text/html", ""),
        (b"<?xml version='1.0' encoding='GBK'?><p>", "text/html", "gb18030"),
        (b'<?xml version="1.0" encoding="UTF-16"?><p>', "application/xml", "utf-8"),
        (b'<?xml version="1.0" encoding="idna"?><p>', "application/xml", ""),
        (b'<?xml version="1.0" encoding="gbk"?><p>', "text/xml; charset=utf-8", "utf-8"),
        (b'<?xml version="1.0" encoding="gbk"?><meta charset="big5">', "text/html", "big5hkscs"),
        ("<?xml version='1.0'?>".encode("utf-16-be"), "application/xml", "utf-16-be"),
    ],
)
def test_the_encoding_is_found_as_a_browser_finds_it(body: bytes, header: str, codec: str) -> None:
    """Byte order mark before header before <meta> before XML declaration; labels mean what the Encoding standard says."""
    assert declared_codec(body, header) == codec


def test_the_byte_order_mark_is_no_text() -> None:
    """The mark is taken off, and nothing else."""
    assert without_mark(b"\xef\xbb\xbfx") == b"x"
    assert without_mark(b"\xff\xfex\0") == b"x\0"
    assert without_mark(b"x") == b"x"


def test_no_declared_encoding_can_raise_at_any_bytes() -> None:
    """Whatever Python codec a page names, decoding and encoding replace what they cannot do, and give text."""
    everything = bytes(range(256)) * 2 + b"\x1b$B\xff\x81"
    names = {*aliases, *aliases.values(), *(name.replace("_", "-") for name in (*aliases, *aliases.values()))}
    found = {codec for name in names if (codec := declared_codec(b"", f"text/html; charset={name}"))}
    assert {"utf-8", "cp1252", "gb18030", "cp932", "iso2022_jp", "koi8-r"} <= found
    for codec in found:
        assert isinstance(everything.decode(codec, "replace"), str)
        assert isinstance("a\ud800\U0001f600\u4e2d".encode(codec, "xmlcharrefreplace"), bytes)
