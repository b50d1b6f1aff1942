from __future__ import annotations

import gzip
import zlib

import pytest

from archiver.collect.web.coding import decoded, encoding_of

TEXT = b"<html>" * 100


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("X-GZip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)[2:-4]),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)),
    ],
)
def test_content_codings_are_undone(coding: str, body: bytes) -> None:
    """gzip, zlib and raw deflate are read, and several codings in reverse order."""
    assert decoded(body, coding) == TEXT


@pytest.mark.parametrize(("coding", "body"), [("br", TEXT), ("gzip", TEXT), ("gzip", b"")])
def test_what_cannot_be_decoded_is_nothing(coding: str, body: bytes) -> None:
    """Unknown codings and bytes that are not in the announced one give no text to search for links."""
    assert not decoded(body, coding)


def test_a_gzip_bomb_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much a body unpacks to, only a bounded begin is read."""
    monkeypatch.setattr("archiver.collect.web.coding.READ", 1000)
    assert decoded(gzip.compress(bytes(10_000_000)), "gzip") == bytes(1000)


@pytest.mark.parametrize(
    ("body", "header", "codec"),
    [
        (b"<p>", "text/html", "utf-8"),
        (b"<p>", "text/html; charset=GB2312", "gb18030"),
        (b"<p>", 'text/html; charset="ISO-8859-1"', "cp1252"),
        (b'<meta charset="Shift_JIS">', "text/html", "cp932"),
        (b'<meta http-equiv=Content-Type content="text/html; charset=big5">', "text/html", "big5hkscs"),
        (b'<meta charset="utf-16">', "text/html", "utf-8"),
        (b"\xff\xfe<\0", "text/html; charset=utf-8", "utf-16-le"),
        (b"\xef\xbb\xbf<p>", "text/html; charset=latin1", "utf-8"),
        (b"<p>", "text/html; charset=no-such-thing", "utf-8"),
    ],
)
def test_the_encoding_is_found_as_a_browser_finds_it(body: bytes, header: str, codec: str) -> None:
    """Byte order mark before header before <meta>; labels mean what the Encoding standard says."""
    assert encoding_of(body, header) == codec
