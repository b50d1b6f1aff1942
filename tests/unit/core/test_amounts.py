from __future__ import annotations

import pytest

from archiver.core.amounts import count_text, parse_duration, parse_size, size_text


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


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("20GiB", 20 << 30),
        ("1.5 MB", 1_500_000),
        ("4.7GB", 4_700_000_000),
        ("2kB", 2000),
        ("2KiB", 2048),
        ("3TiB", 3 << 40),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    """A number and a unit, a space between them or none; the ``i`` tells 1024 from 1000."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("30 min", 1800), ("6h", 21_600), ("1.5d", 129_600)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    """Seconds, minutes, hours and days."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "GiB",
        "20gib",
        "20G",
        "-1GiB",
        "1e9B",
        "1,5GB",
        "20  GiB",
        "0GiB",
        "0.1B",
        "٣GB",
        "6h",
        "1GB\n",
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    """No unit, one that might mean two things, or nothing at all: never a guess."""
    with pytest.raises(ValueError, match=r"is not a number|next to nothing"):
        parse_size(text)


@pytest.mark.parametrize("text", ["6", "6H", "1h30m", "0s", "6 hours", "20GiB"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """As for sizes."""
    with pytest.raises(ValueError, match=r"is not a number|next to nothing"):
        parse_duration(text)
