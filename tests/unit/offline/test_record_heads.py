"""Reading the heads of WARC records and of the responses in them."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archiver.core.errors import RecordCorrupt
from archiver.offline import records

_MOST = 120
_PIECES = (
    "WARC/1.1",
    "Name: value",
    "Name : \té",
    "é: \udce9",
    ":",
    "no colon",
    " folded",
    "\tfolded",
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\v",
    "\f",
)
HEADS = st.lists(st.sampled_from(_PIECES), max_size=12).map(
    lambda parts: "".join(parts).encode("utf-8", "surrogateescape") + b"\r\n\r\nbody\r\n\r\n"
)


def _read(stream: io.BytesIO) -> object:
    """Return what a head holds and what is left of the stream then; of one that is refused, that."""
    try:
        return records._read_head(stream, _MOST, "here"), stream.read()
    except RecordCorrupt as error:
        return error.message


@given(HEADS)
@example(b"\r\nWARC/1.1\r\n\r\n")
@example(b"WARC/1.1 \r\n\r\n")
def test_small_records_have_the_heads_that_large_ones_have(data: bytes) -> None:
    """Read at once or line by line, a head is the same, ends at the same byte, and is refused for the same reason."""
    assert _read(records._SmallMember(data, 0)) == _read(io.BytesIO(data))


@pytest.mark.parametrize("value", ["é".encode(), b"\xe9", b"\xe9 \xc3\xa9"])
def test_each_line_is_in_a_charset_of_its_own(value: bytes) -> None:
    """UTF-8 where it is that, else Latin-1: one header in Latin-1 does not spoil the others."""
    head, _ = _read(records._SmallMember(b"HTTP/1.1 200 OK\r\nX: \xc3\xa9\r\nY: " + value + b"\r\n\r\n", 0))  # type: ignore[misc]
    text = value.decode() if value == "é".encode() else value.decode("latin-1")
    assert head.fields == (("X", "é"), ("Y", text))
