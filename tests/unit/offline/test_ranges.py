"""Checksums of many nested ranges in one pass."""

from __future__ import annotations

import hashlib
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.offline.checks.ranges import CRC32, Range, sum_ranges

CONTENT = bytes(range(256)) * 2500  # several chunks


class Counting:
    """Bytes as a RandomAccess that counts what is read."""

    size = len(CONTENT)

    def __init__(self) -> None:
        self.taken = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes."""
        data = CONTENT[offset : offset + length]
        self.taken += len(data)
        return data

    def close(self) -> None:
        """Do nothing."""


RANGES = st.builds(
    Range,
    st.integers(0, len(CONTENT)),
    st.integers(0, len(CONTENT)),
    st.sampled_from(["sha256", "sha512", CRC32]),
)


@settings(deadline=None)
@given(st.lists(RANGES, max_size=8))
def test_every_range_has_its_checksum_and_every_byte_is_read_once(ranges: list[Range]) -> None:
    """Ranges may nest, touch, overlap, be empty or reach beyond the end; the file is read but once."""
    source, advanced = Counting(), []
    sums = sum_ranges(source, ranges, advanced.append)
    assert set(sums) == set(ranges)
    for item, value in sums.items():
        data = CONTENT[item.offset : item.end]
        expected = (
            f"{zlib.crc32(data):08x}" if item.kind == CRC32 else hashlib.new(item.kind, data).hexdigest()
        )
        assert value == expected
    covered = len(_union(ranges))
    assert source.taken == covered == sum(advanced)


def _union(ranges: list[Range]) -> set[int]:
    places: set[int] = set()
    for item in ranges:
        places.update(range(item.offset, min(item.end, len(CONTENT))))
    return places
