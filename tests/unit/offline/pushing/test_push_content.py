"""A blob's bytes on their way."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.core.digest import CHUNK, Digest
from archiver.core.errors import DigestMismatch, SizeMismatch
from archiver.offline.pushing.content import CheckedBlob

DATA = bytes(range(256)) * (3 * CHUNK // 256) + b"the end"


def opened(data: bytes, expected: bytes = b"", size: int | None = None) -> tuple[CheckedBlob, list[int]]:
    """Return a blob that should be ``expected``, and what it tells."""
    told: list[int] = []
    wanted = expected or data
    length = len(wanted) if size is None else size
    return CheckedBlob(io.BytesIO(data), Digest.of(wanted), length, told.append), told


def sent(blob: CheckedBlob, start: int, end: int) -> bytes:
    """Return what a request would carry."""
    return b"".join(blob.body(start, end).pieces())


@given(st.lists(st.integers(1, len(DATA) - 1), max_size=5))
def test_parts_make_the_whole_also_where_some_are_sent_again(cuts: list[int]) -> None:
    """From any place up to what was given out; each byte is told of once."""
    blob, told = opened(DATA)
    at = 0
    for cut in cuts:
        assert sent(blob, min(at, cut), cut) == DATA[min(at, cut) : cut]
        at = max(at, cut)
    assert sent(blob, at, len(DATA)) == DATA[at:]
    assert sum(told) == blob.given == len(DATA)


def test_a_part_that_was_broken_off_is_told_of_once() -> None:
    """Whoever stops in the middle and begins again ends with the blob's size."""
    blob, told = opened(DATA)
    next(iter(blob.body(0, len(DATA)).pieces()))
    assert sent(blob, 0, len(DATA)) == DATA
    assert sum(told) == len(DATA)


def test_the_last_bytes_of_a_damaged_blob_are_kept_back() -> None:
    """What has another digest never leaves whole, wherever the damage is."""
    damaged = b"X" + DATA[1:]
    blob, _ = opened(damaged, DATA)
    given_out: list[bytes] = []
    with pytest.raises(DigestMismatch):
        given_out.extend(blob.body(0, len(DATA)).pieces())
    assert sum(map(len, given_out)) < len(DATA)


def test_a_blob_that_ends_early_is_damaged() -> None:
    """The file is shorter than what was promised."""
    blob, _ = opened(DATA[:-10], DATA)
    with pytest.raises(SizeMismatch):
        sent(blob, 0, len(DATA))


def test_an_empty_blob_is_checked() -> None:
    """Nothing is right for nothing alone."""
    blob, _ = opened(b"", size=0)
    assert sent(blob, 0, 0) == b""
    blob, _ = opened(b"", b"something", size=0)
    with pytest.raises(DigestMismatch):
        sent(blob, 0, 0)
