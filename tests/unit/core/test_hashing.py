"""Unit tests for hashing beside the thread that moves the bytes."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from archiver.core.hashing import BackgroundHash

MIB = 1 << 20


@pytest.mark.parametrize("sizes", [(), (5,), (MIB,), (MIB - 1, 1), (300_000,) * 9, (3 * MIB, 7, 3 * MIB)])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_value_is_hashlibs(sizes: tuple[int, ...], algorithm: str) -> None:
    """However the bytes come in pieces, the value is that of all of them in their order."""
    beside, plain = BackgroundHash(algorithm), hashlib.new(algorithm)
    for number, size in enumerate(sizes):
        piece = bytes([number]) * size
        beside.update(piece)
        plain.update(piece)
    assert beside.hexdigest() == plain.hexdigest()


def test_what_is_short_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of small files are hashed without a thread for each."""
    monkeypatch.setattr(ThreadPoolExecutor, "submit", None)
    beside = BackgroundHash()
    beside.update(bytes(1000))
    assert beside.hexdigest() == hashlib.sha256(bytes(1000)).hexdigest()


def test_the_thread_ends_with_the_work() -> None:
    """Once the value is there, no thread is left behind."""
    before = set(threading.enumerate())
    beside = BackgroundHash()
    beside.update(bytes(2 * MIB))
    beside.hexdigest()
    assert set(threading.enumerate()) == before
