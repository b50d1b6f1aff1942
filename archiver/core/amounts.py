"""Numbers for people, in one way everywhere."""

from __future__ import annotations


def size_text(size: float) -> str:
    """Return a size in bytes: ``17.3 MB`` (powers of ten, as disks and downloads are sold)."""
    value, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{size:.0f} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def count_text(count: int, noun: str) -> str:
    """Return ``1 page``, ``1,234 pages``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
