"""Reading requests as they come, in whatever pieces."""

from __future__ import annotations

import pytest
from waitress.adjustments import Adjustments

from archiver.offline.engine.parser import Parser

_HEAD = b"\r\nGET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"


def _read(data: bytes, size: int) -> Parser:
    """Give a parser bytes, so many at a time, until it has what it wants."""
    parser = Parser(Adjustments())
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        while piece and not parser.completed:
            piece = piece[parser.received(piece) :]
    return parser


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_request_may_come_in_pieces(size: int) -> None:
    """A line feed that comes later than its carriage return is no bare one, and in a body there may be any."""
    parser = _read(_HEAD + b"\n\n", size)
    assert parser.completed
    assert parser.error is None
    assert parser.path == "/a"


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("line", [b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: a\n", b"\n", b"\r\n\n"])
def test_a_bare_line_feed_is_refused_at_once(line: bytes, size: int) -> None:
    """The end of such a head never comes: whoever sent it is not kept waiting for the time to run out."""
    parser = _read(line, size)
    assert parser.completed
    assert parser.error is not None
    assert parser.error.code == 400
