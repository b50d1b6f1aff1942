from __future__ import annotations

import pytest

from archiver.core.filenames import DistinctNames


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a/b", "a/b"),
        ("a/README", "a/readme"),
        ("caf\u00e9", "cafe\u0301"),
        ("Stra\u00dfe", "STRASSE"),
        ("a/b/c", "a/b"),
        ("a", "A/b"),
    ],
)
def test_names_that_one_folder_cannot_hold_clash(first: str, second: str) -> None:
    """Equal, equal but for case or composition, or one the folder of the other: the earlier one is named."""
    names = DistinctNames()
    assert names.clash(first) is None
    assert names.clash(second) == first


def test_a_name_that_clashed_is_not_taken() -> None:
    """What is refused stands in nobody's way."""
    names = DistinctNames()
    assert names.clash("a") is None
    assert names.clash("a/b/c") == "a"
    assert names.clash("b") is None
    assert names.clash("c/d") is None
    assert names.clash("c/e") is None
