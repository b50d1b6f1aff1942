"""JSON objects into dataclasses: types are checked, and errors say where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument
from archiver.core.shape import read_record


@dataclass(frozen=True)
class Thing:
    """Has a field of each kind that records use."""

    name: str
    count: int
    good: bool
    tags: tuple[str, ...]
    digest: Digest
    note: str = ""


SOUND: dict[str, Any] = {"name": "n", "count": 3, "good": True, "tags": ["a"], "digest": "sha256:" + "0" * 64}


def test_sound_object_is_read() -> None:
    """Members become fields, lists tuples, digests Digests; unknown members are ignored."""
    expected = Thing("n", 3, True, ("a",), Digest("sha256", "0" * 64))
    assert read_record(Thing, {**SOUND, "more": 1}, what="x") == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 1),
        ("name", None),
        ("count", "3"),
        ("count", True),
        ("count", 3.0),
        ("good", 1),
        ("tags", "a"),
        ("tags", [1]),
        ("digest", "sha256:0"),
        ("digest", None),
    ],
)
def test_wrong_types_are_named(name: str, value: object) -> None:
    """A member of the wrong type is an error that names the member and the document."""
    with pytest.raises(InvalidDocument, match=f"Thing.{name}") as caught:
        read_record(Thing, {**SOUND, name: value}, what="the document")
    assert caught.value.place == "the document"


def test_a_member_with_a_default_may_be_missing_but_not_wrong() -> None:
    """So records of earlier versions can be read, and damaged ones cannot."""
    assert read_record(Thing, SOUND, what="x").note == ""
    assert read_record(Thing, {**SOUND, "note": "n"}, what="x").note == "n"
    with pytest.raises(InvalidDocument, match=r"Thing\.note"):
        read_record(Thing, {**SOUND, "note": None}, what="x")


def test_missing_members_and_other_values_are_refused() -> None:
    """What has no default must be there, and only objects have members."""
    for document in ({}, {key: value for key, value in SOUND.items() if key != "count"}, [], None, "x"):
        with pytest.raises(InvalidDocument):
            read_record(Thing, document, what="x")
