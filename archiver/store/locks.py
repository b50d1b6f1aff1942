"""Locks between processes, released by the operating system however a process ends."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from archiver.core.errors import LockHeld
from archiver.store.atomic import make_folder, storage_errors

if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock that nobody else may hold, or fail at once.

    Args:
        path: the lock file; it stays, empty, after use.
        what: what is locked, for the message.

    Raises:
        LockHeld: another process holds it.
    """
    descriptor = _open(path)
    try:
        if not try_exclusive(descriptor):
            raise LockHeld(f"another run is working on {what}", place=str(path))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold a lock that nobody else may hold, waiting for it; for critical sections of milliseconds."""
    import fcntl  # noqa: PLC0415 - readers on Windows import this module but never lock

    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold a lock together with others of this kind, waiting while someone holds it alone."""
    import fcntl  # noqa: PLC0415 - see waiting_lock

    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shared_lock_if_there(path: Path) -> Iterator[None]:
    """Hold a lock as ``shared_lock`` does, without making its file; where there is none, nobody can hold it alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    import fcntl  # noqa: PLC0415 - see waiting_lock

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def try_exclusive(descriptor: int) -> bool:
    """Lock an open file alone for as long as it is open, and say whether nobody else has it locked."""
    import fcntl  # noqa: PLC0415 - see waiting_lock

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: Path) -> int:
    with storage_errors(path):
        make_folder(path.parent)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
