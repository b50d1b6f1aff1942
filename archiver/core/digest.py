"""Content digests as in the OCI image specification, and readers that refuse wrong content.

Source: OCI image-spec v1.1, descriptor.md, "Digests".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Iterator

from archiver.core.errors import DigestMismatch, InvalidDigest, SizeMismatch
from archiver.core.hashing import BackgroundHash

if TYPE_CHECKING:
    from hashlib import _Hash

    from archiver.core.hashing import Hasher

_HEX_LENGTH = {"sha256": 64, "sha512": 128}
_HASHERS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
ALGORITHMS = tuple(_HEX_LENGTH)
"""The algorithms of digests that can be checked."""
_DIGEST = re.compile(r"\A(sha256|sha512):([0-9a-f]+)\Z")
CHUNK = 1 << 18


@dataclass(frozen=True, order=True)
class Digest:
    """An algorithm and its value in lowercase hex; ``str()`` gives ``sha256:…``."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``algorithm:hex``.

        Raises:
            InvalidDigest: unknown algorithm, wrong length, or characters outside lowercase hex.
        """
        match = _DIGEST.match(text) if isinstance(text, str) else None
        if match is None or len(match[2]) != _HEX_LENGTH[match[1]]:
            raise InvalidDigest(f"{text!r:.120} is not a sha256 or sha512 digest")
        return cls(match[1], match[2])

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """Return the sha256 digest of bytes in memory."""
        return cls("sha256", hashlib.sha256(data).hexdigest())

    @classmethod
    def of_stream(cls, stream: IO[bytes]) -> tuple[Digest, int]:
        """Return the sha256 digest and the length in bytes of what is left of a stream."""
        hasher, size = hashlib.sha256(), 0
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            hasher.update(chunk)
            size += len(chunk)
        return cls("sha256", hasher.hexdigest()), size

    def hasher(self) -> _Hash:
        """Return a fresh hash object of this digest's algorithm."""
        return _HASHERS[self.algorithm]()

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class ContentCheck:
    """Accumulates content and says at the end whether it is the content that was promised.

    Args:
        digest: the digest expected.
        size: the length in bytes expected, or None where it is not known.
        hasher: a fresh hash object of the digest's algorithm, where it is not to be hashlib's.
    """

    def __init__(self, digest: Digest, size: int | None = None, hasher: Hasher | None = None) -> None:
        self._digest, self._size = digest, size
        self._hasher: Hasher = hasher or digest.hasher()
        self.received = 0

    def update(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises:
            SizeMismatch: as soon as more has come than was announced.
        """
        self.received += len(chunk)
        if self._size is not None and self.received > self._size:
            raise SizeMismatch(
                f"more than the {self._size} bytes announced were received", place=str(self._digest)
            )
        self._hasher.update(chunk)

    def finish(self) -> None:
        """Check the whole.

        Raises:
            SizeMismatch: fewer bytes came than were announced.
            DigestMismatch: the bytes hash to something else.
        """
        if self._size is not None and self.received != self._size:
            raise SizeMismatch(f"got {self.received} of {self._size} bytes", place=str(self._digest))
        if self._hasher.hexdigest() != self._digest.hex:
            actual = f"{self._digest.algorithm}:{self._hasher.hexdigest()}"
            raise DigestMismatch(f"content hashes to {actual}", place=str(self._digest))


def verified_chunks(stream: IO[bytes], digest: Digest, size: int | None = None) -> Iterator[bytes]:
    """Yield a stream's bytes, failing at the end if they are not the ones promised.

    They are hashed beside the caller, who works with one chunk while those before it are hashed.

    Raises:
        SizeMismatch, DigestMismatch: see ContentCheck; a consumer that stops early learns nothing.
    """
    check = ContentCheck(digest, size, BackgroundHash(digest.algorithm))
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        check.update(chunk)
        yield chunk
    check.finish()
