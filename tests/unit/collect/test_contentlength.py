"""How many bytes a server says that it sends."""

from __future__ import annotations

import pytest
from requests.structures import CaseInsensitiveDict

from archiver.collect.contentlength import content_length


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), (" 12 ", 12), ("", None), ("-1", None), ("1, 1", None), ("²", None), ("9" * 5000, None)],
)
def test_only_a_number_is_a_length(text: str, expected: int | None) -> None:
    """Digits of other scripts, which Python takes for some, are none, and nothing has so many bytes."""
    assert content_length(CaseInsensitiveDict({"content-length": text})) == expected


def test_none_may_be_said() -> None:
    """A body that is sent in chunks has none."""
    assert content_length({}) is None
