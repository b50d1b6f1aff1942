"""A file that content is appended to until it is whole, by one writer at a time, across runs and crashes.

The lock (flock) is on the file itself, so whoever has the file open may find that its name stands for another
file, or for none, once the lock is theirs: the earlier holder gave the content its final name, or dropped it. Who
opens therefore looks again under the lock.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Iterator

from archiver.core.errors import LockHeld
from archiver.store.atomic import make_folder, storage_errors, sync_folder
from archiver.store.locks import try_exclusive
from archiver.store.writeback import WriteBack

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20


@contextmanager
def partial_file(path: Path, what: str) -> Iterator[PartialFile]:
    """Open a partial file alone, with what earlier attempts left in it; made where it does not exist.

    What it holds at the end of the block stays for a later attempt; an empty one is removed.

    Args:
        path: where it is.
        what: what it is of, for the message.

    Raises:
        LockHeld: another process or thread has it, at once.
        StoreError: or a subclass, for what the file system refuses.
    """
    descriptor = _opened_alone(path, what)
    file = PartialFile(path, descriptor)
    try:
        yield file
    finally:
        file.close()


class PartialFile:
    """A partial file that is open and locked. Get one from ``partial_file``.

    Attributes:
        size: how many bytes it holds.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        self._named = True
        with storage_errors(path):
            self.size = os.fstat(descriptor).st_size
        self._write_back = WriteBack(descriptor, self.size)

    def append(self, chunk: bytes | memoryview) -> None:
        """Write the next bytes, without copying them; after a StoreError nothing more must be appended."""
        rest = memoryview(chunk)
        with storage_errors(self._path):
            while rest:
                count = os.pwrite(self._descriptor, rest, self.size)
                self.size += count
                rest = rest[count:]
        self._write_back.grown_to(self.size)

    def chunks(self) -> Iterator[bytes]:
        """Yield what it holds, from the beginning."""
        at = 0
        while at < self.size:
            with storage_errors(self._path):
                chunk = os.pread(self._descriptor, min(_CHUNK, self.size - at), at)
            if not chunk:
                return
            yield chunk
            at += len(chunk)

    def head(self, count: int) -> bytes:
        """Return its first ``count`` bytes, or all where there are fewer."""
        with storage_errors(self._path):
            return os.pread(self._descriptor, min(count, self.size), 0)

    def truncate(self, size: int = 0) -> None:
        """Drop everything behind the first ``size`` bytes."""
        with storage_errors(self._path):
            os.ftruncate(self._descriptor, size)
        self.size, self._write_back = size, WriteBack(self._descriptor, size)

    def sync(self) -> None:
        """Return once what it holds is on the disk."""
        with storage_errors(self._path):
            os.fsync(self._descriptor)

    def move_to(self, target: Path) -> None:
        """Give the file its final name on the same file system, durably: content, then name."""
        self.sync()
        with storage_errors(target):
            os.fchmod(self._descriptor, 0o644)
            make_folder(target.parent)
            self._path.replace(target)
            self._named = False
            sync_folder(target.parent)

    def close(self) -> None:
        """Let others have the file; an empty one goes."""
        if self._named and not self.size:
            with suppress(OSError):  # what stays is garbage that prune removes
                self._path.unlink()
        os.close(self._descriptor)


def _opened_alone(path: Path, what: str) -> int:
    while True:
        with storage_errors(path):
            make_folder(path.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with ExitStack() as held:
            held.callback(os.close, descriptor)
            if not try_exclusive(descriptor):
                raise LockHeld(f"another run is fetching {what}", place=str(path))
            if _is_at(path, descriptor):
                held.pop_all()
                return descriptor


def _is_at(path: Path, descriptor: int) -> bool:
    with storage_errors(path):
        try:
            return os.path.samestat(os.fstat(descriptor), path.stat())
        except FileNotFoundError:
            return False
