from __future__ import annotations

import pytest

from archiver.core import jsontext
from archiver.core.errors import InvalidDocument


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":1}' + b" " * 100_000,
        b'{"a":["\\ud800"]}',
        b'{"\\udc00":1}',
    ],
    ids=["empty", "cut", "not UTF-8", "double key", "NaN", "deep", "large", "half a pair", "half a key"],
)
def test_what_is_not_plain_json_is_a_typed_error(data):
    """Cut, undecodable, ambiguous, deep and large documents are refused with the name they were given."""
    with pytest.raises(InvalidDocument) as caught:
        jsontext.load(data, limit=50_000 if b" " * 9 in data else 1 << 20, what="here")
    assert caught.value.place == "here"


def test_escapes_of_whole_characters_are_read():
    """A surrogate pair is one character, and an escaped backslash in front of ``ud800`` is no escape of a half."""
    assert jsontext.load(rb'["\ud83d\ude00", "\\ud800"]', limit=100, what="here") == ["\U0001f600", "\\ud800"]


def test_only_objects_where_an_object_is_wanted():
    """A list at the top is not an object."""
    with pytest.raises(InvalidDocument):
        jsontext.load_object(b"[]", limit=10, what="here")


def test_dump_is_deterministic():
    """The order in which a mapping was filled does not show."""
    assert (
        jsontext.dump({"b": 1, "a": "é"})
        == jsontext.dump({"a": "é", "b": 1})
        == '{\n "a": "é",\n "b": 1\n}\n'.encode()
    )
