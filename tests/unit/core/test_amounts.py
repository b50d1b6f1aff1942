from __future__ import annotations

import pytest

from archiver.core.amounts import count_text, size_text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (5 * 10**15, "5000.0 TB")],
)
def test_sizes_are_for_people(number: int, text: str) -> None:
    """Powers of ten, one decimal."""
    assert size_text(number) == text


def test_counts_agree_with_their_noun():
    """One page, but several pages; thousands are set apart."""
    assert [count_text(number, "page") for number in (0, 1, 1234)] == ["0 pages", "1 page", "1,234 pages"]
