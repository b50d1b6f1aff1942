"""Checksums of many ranges of one file, some inside others, in a single pass over it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable

from archiver.core.hashing import BackgroundHash, Hasher
from archiver.offline.windows import CHUNK

if TYPE_CHECKING:
    from archiver.offline.windows import RandomAccess

CRC32 = "crc32"


@dataclass(frozen=True, order=True)
class Range:
    """A range in bytes, and which checksum of it is wanted: ``sha256``, ``sha512`` or ``crc32``."""

    offset: int
    size: int
    kind: str = "sha256"

    @property
    def end(self) -> int:
        """The offset just past the range."""
        return self.offset + self.size


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


def sum_ranges(
    source: RandomAccess, ranges: Iterable[Range], advance: Callable[[int], None]
) -> dict[Range, str]:
    """Return the checksum of each range in lowercase hex; every byte is read once, and hashed in a thread for each range.

    Args:
        source: what the ranges are of.
        ranges: may nest and touch each other.
        advance: is told of bytes as they have been read.
    """
    waiting = sorted(set(ranges), reverse=True)
    running: list[tuple[Range, Hasher]] = []
    results: dict[Range, str] = {}
    position = 0
    while waiting or running:
        if not running:
            position = max(position, waiting[-1].offset)
        while waiting and waiting[-1].offset <= position:
            begun = waiting.pop()
            running.append((begun, _Crc32() if begun.kind == CRC32 else BackgroundHash(begun.kind)))
        stops = [item.end for item, _ in running] + [item.offset for item in waiting[-1:]]
        data = source.read_at(position, min(CHUNK, min(stops) - position))
        for _, summing in running:
            summing.update(data)
        # Where the source ends early, what is left is summed as it is: no checksum will match.
        position = position + len(data) if data else min(stops)
        advance(len(data))
        results.update({item: summing.hexdigest() for item, summing in running if item.end <= position})
        running = [(item, summing) for item, summing in running if item.end > position]
    return results
