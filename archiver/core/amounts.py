"""Numbers for people, in one way everywhere: written, and read from specs and command lines."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]+)")
_POWERS = ("k", "M", "G", "T")
_SIZES = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate(_POWERS, 1)},
    **{f"{letter.upper()}iB": 1024**power for power, letter in enumerate(_POWERS, 1)},
}
_DURATIONS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def size_text(size: float) -> str:
    """Return a size in bytes: ``17.3 MB`` (powers of ten, as disks and downloads are sold)."""
    value, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{size:.0f} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def count_text(count: int, noun: str) -> str:
    """Return ``1 page``, ``1,234 pages``, ``2 registries``."""
    if count == 1:
        return f"1 {noun}"
    ends_alone = noun.endswith("y") and noun[-2:-1] not in {"a", "e", "o", "u"}
    return f"{count:,} " + (f"{noun[:-1]}ies" if ends_alone else f"{noun}s")


def span_text(seconds: float) -> str:
    """Return a time span in its two-digit unit, rounded down: ``45 s``, ``12 min``, ``26 h``, ``3 d``."""
    for unit, size, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds < size * most:
            return f"{max(0, int(seconds // size))} {unit}"
    return f"{int(seconds // 86_400):,} d"


def parse_size(text: str) -> int:
    """Return the bytes that ``20GiB`` or ``1.5 MB`` means: powers of 1024 with an ``i``, of 1000 without.

    Raises:
        ValueError: it has no unit, one that is not known (case counts), or is less than a byte.
    """
    return round(_parsed(text, _SIZES))  # 2.3 GB as floating point is a bit less than that


def parse_duration(text: str) -> float:
    """Return the seconds that ``90s``, ``30m``, ``6h`` or ``1.5 d`` means. Raises ValueError as ``parse_size``."""
    return _parsed(text, _DURATIONS)


def _parsed(text: str, units: dict[str, int]) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None or match[2] not in units:
        raise ValueError(f"{text!r:.80} is not a number and one of the units {', '.join(units)}")
    value = float(match[1]) * units[match[2]]
    if value < 1:
        raise ValueError(f"{text!r:.80} is next to nothing")
    return value
