"""A blob's bytes on their way: read in pieces, each checked before the last one leaves."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Callable, Iterator

from archiver.core.digest import CHUNK, ContentCheck, Digest
from archiver.core.errors import SizeMismatch, StoreError
from archiver.offline.pushing.answer import Body

if TYPE_CHECKING:
    from types import TracebackType


class CheckedBlob:
    """A blob that is sent, perhaps in parts, and perhaps again from some place on; a context manager.

    Every byte is hashed when it is first read, in order. The last ones are only given out where the whole has the
    digest that it must have: a damaged blob cannot arrive whole.

    Args:
        stream: the bytes, seekable.
        digest: what they must hash to.
        size: how many there must be.
        told: is told of bytes given out for the first time.
    """

    def __init__(self, stream: IO[bytes], digest: Digest, size: int, told: Callable[[int], None]) -> None:
        self.digest, self.size = digest, size
        self._stream, self._told = stream, told
        self._check = ContentCheck(digest, size)

    def __enter__(self) -> CheckedBlob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def given(self) -> int:
        """How many bytes were given out so far, those given out again counted once."""
        return self._check.received

    def body(self, start: int, end: int) -> Body:
        """Return the bytes from ``start`` up to ``end``; what is before ``start`` has been asked for earlier."""
        return Body(end - start, lambda: self._pieces(start, end))

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes.

        Raises:
            DigestMismatch, SizeMismatch: it is not the blob that it should be; its last bytes are not yielded.
            StoreError: it cannot be read.
        """
        if self.size == 0:
            self._check.finish()
        at = start
        while at < end:
            piece = self._read(at, min(CHUNK, end - at))
            fresh = at + len(piece) - self._check.received
            if fresh > 0:
                self._check.update(memoryview(piece)[-fresh:])
                if self._check.received == self.size:
                    self._check.finish()
                self._told(fresh)
            at += len(piece)
            yield piece

    def _read(self, at: int, most: int) -> bytes:
        try:
            self._stream.seek(at)
            piece = self._stream.read(most)
        except OSError as error:
            raise StoreError(f"cannot be read: {error.strerror or error}", place=str(self.digest)) from error
        if not piece:
            raise SizeMismatch(f"got {at} of {self.size} bytes", place=str(self.digest))
        return piece
