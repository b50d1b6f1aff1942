"""Reading at any place of something large, by several threads at once, and parts of it as streams."""

from __future__ import annotations

import io
import os
import stat
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Iterator, Protocol

from archiver.core.errors import RecordCorrupt, StoreError
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1 << 18
_BUFFER = 1 << 16


class RandomAccess(Protocol):
    """Bytes that can be read at any offset; safe to use from several threads."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset`` on; fewer only where the end comes first, none from beyond it.

        Raises:
            StoreError: the medium cannot be read.
        """

    def prefetch(self, offset: int, length: int) -> None:
        """Say that a range will be read soon, so that a slow medium can begin; of no other effect, wherever it lies."""

    def close(self) -> None:
        """Release what is held; reading afterwards is an error."""


class FileAccess:
    """A file. Raises StoreError (or a subclass) where it cannot be opened or is no regular file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_errors(path):
            if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for someone to write
                raise StoreError("not a regular file", place=str(path))
            self._stream = path.open("rb", buffering=0)
            self._size = os.fstat(self._stream.fileno()).st_size
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """The file's length in bytes when it was opened."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """See RandomAccess."""
        length = min(length, self._size - offset)  # offsets come from strangers: some are no file's
        if length <= 0:
            return b""
        with storage_errors(self._path):
            data = self._read(offset, length)
            while 0 < len(data) < length:  # the system may return less than asked for
                more = self._read(offset + len(data), length - len(data))
                if not more:
                    break
                data += more
        return data

    def prefetch(self, offset: int, length: int) -> None:
        """See RandomAccess."""
        if hasattr(os, "posix_fadvise") and 0 <= offset < self._size:
            with suppress(OSError):  # it is advice
                os.posix_fadvise(self._stream.fileno(), offset, length, os.POSIX_FADV_WILLNEED)

    def _read(self, offset: int, length: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._stream.fileno(), length, offset)
        with self._lock:  # Windows has one file position for all threads
            self._stream.seek(offset)
            return self._stream.read(length) or b""

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class Part:
    """A range of something else, with offsets of its own. It does not own what it is a part of."""

    def __init__(self, source: RandomAccess, offset: int, size: int) -> None:
        self._source, self._offset, self._size = source, offset, size

    @property
    def size(self) -> int:
        """The range's length in bytes."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """See RandomAccess."""
        return self._source.read_at(self._offset + offset, max(0, min(length, self._size - offset)))

    def prefetch(self, offset: int, length: int) -> None:
        """See RandomAccess."""
        if 0 <= offset < self._size:
            self._source.prefetch(self._offset + offset, length)

    def close(self) -> None:
        """Do nothing: whoever opened the whole closes it."""


class Window(io.RawIOBase):
    """A range as a seekable stream; each window has its own position and belongs to one thread.

    Reading raises RecordCorrupt where the source ends before the range does.
    """

    def __init__(self, source: RandomAccess, offset: int, size: int) -> None:
        super().__init__()
        self._part = Part(source, offset, size)
        self._position = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the position in the range."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position; past the end is allowed, before the beginning is not."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._part.size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12
        """Fill a buffer with the next bytes and return how many there were; 0 at the range's end."""
        wanted = min(len(buffer), self._part.size - self._position)
        if wanted <= 0:
            return 0
        data = self._part.read_at(self._position, wanted)
        if not data:
            raise RecordCorrupt("the file ends inside of what it should hold")
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def open_window(source: RandomAccess, offset: int, size: int) -> IO[bytes]:
    """Open a range as a buffered, seekable stream."""
    return io.BufferedReader(Window(source, offset, size), _BUFFER)


def chunks(source: RandomAccess, offset: int, size: int) -> Iterator[bytes]:
    """Yield a range in chunks of at most CHUNK bytes; fewer bytes in all only where the source ends first."""
    end = offset + size
    while offset < end:
        data = source.read_at(offset, min(CHUNK, end - offset))
        if not data:
            return
        yield data
        offset += len(data)
