"""Which part of a body an answer has."""

from __future__ import annotations

import pytest

from archiver.collect.contentrange import ContentRange


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes 0-0/1", ContentRange(0, 0, 1)),
        ("bytes 42-1233/1234", ContentRange(42, 1233, 1234)),
        ("Bytes  5-9/*", ContentRange(5, 9, None)),
        (" bytes 5-9/10 ", ContentRange(5, 9, 10)),
    ],
)
def test_a_part_is_read(text: str, expected: ContentRange) -> None:
    """First byte, last byte and size, as RFC 9110 writes them."""
    assert ContentRange.of({"Content-Range": text}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "bytes */1234", "bytes 5-4/10", "bytes 5-10/10", "bytes 5-9/5", "bytes -5/10", "bytes 5-/10", "items 1-2/3",
        "bytes 5-9", "bytes 5-9/10, bytes 1-2/10", "bytes \u0665-\u0669/\u0669\u0669", "bytes 1-" + "9" * 30 + "/*",
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_no_part(text: str) -> None:
    """Ends before starts, ends behind the whole, other units, and what is no such header at all."""
    assert ContentRange.of({"Content-Range": text}) is None


def test_several_parts_are_none() -> None:
    """A multipart body has parts of its own headers; nobody asked for several."""
    headers = {"Content-Range": "bytes 0-1/2", "Content-Type": "multipart/byteranges; boundary=x"}
    assert ContentRange.of(headers) is None
