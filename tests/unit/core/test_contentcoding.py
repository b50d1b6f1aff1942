from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from archiver.core.contentcoding import Beginning, beginning, decoded, decoded_start, is_decodable
from archiver.core.errors import ContentError

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
        ("gzip", gzip.compress(TEXT[:60], mtime=0) + gzip.compress(TEXT[60:], mtime=0)),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"junk"),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)),
    ],
)
def test_content_codings_are_undone(coding: str, body: bytes) -> None:
    """Gzip, zlib and raw deflate are read, and several codings in reverse order."""
    for size in (1, 7, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert b"".join(decoded(pieces, coding)) == TEXT


@pytest.mark.parametrize(
    ("coding", "body"), [("br", TEXT), ("gzip", TEXT), ("deflate", b"\xff" * 9), ("gzip, br", TEXT)]
)
def test_unknown_codings_and_damage_are_typed_errors(coding: str, body: bytes) -> None:
    """What cannot be undone is an error; its readable beginning is empty."""
    with pytest.raises(ContentError):
        b"".join(decoded([body], coding))
    assert decoded_start([body], coding, 100) == b""


def test_what_was_cut_short_comes_as_far_as_it_goes() -> None:
    """A body that a server cut is readable up to there."""
    text = bytes(range(256)) * 4000
    packed = gzip.compress(text, mtime=0)
    start = b"".join(decoded([packed[:-3000]], "gzip"))
    assert start
    assert text.startswith(start)
    assert decoded_start([packed[:-3000]], "gzip", 1 << 30) == start


def test_a_bomb_costs_no_memory() -> None:
    """A quarter of a gigabyte of zeros goes by in pieces, and a bounded beginning is bounded."""
    bomb = gzip.compress(bytes(256 << 20), 9, mtime=0)
    tracemalloc.start()
    size = sum(map(len, decoded([bomb], "gzip")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 256 << 20
    assert peak < 8 << 20
    assert decoded_start([bomb], "gzip", 1000) == bytes(1000)


def test_identity_is_no_coding() -> None:
    """Empty and identity codings are decodable and change nothing; others must be known."""
    assert is_decodable("")
    assert is_decodable("Identity, gzip")
    assert not is_decodable("gzip, zstd")


def test_a_beginning_says_what_keeps_it_from_being_more() -> None:
    """Damage behind a readable beginning, and a coding that is not known, are named; an end is no damage."""
    assert beginning([gzip.compress(TEXT)], "gzip", 1 << 20) == Beginning(TEXT)
    long = TEXT * 10_000
    packer = zlib.compressobj(wbits=31)
    damaged = packer.compress(long) + packer.flush(zlib.Z_FULL_FLUSH) + b"\xff" * 100
    start = beginning([damaged], "gzip", 1 << 30)
    assert start.content
    assert long.startswith(start.content)
    assert "gzip" in start.damage
    assert "br" in beginning([TEXT], "br", 100).damage
