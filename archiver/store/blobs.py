"""Content-addressed blobs: ``blobs/<algorithm>/<hex>`` of an OCI image layout.

No byte gets a final name before the whole has the digest and size that were promised. Reading and
writing are two classes, so that what may not write has no method for it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Iterator

from archiver.core.digest import ContentCheck, Digest
from archiver.core.errors import NotArchived, RecordCorrupt
from archiver.store.atomic import storage_errors, write_atomically
from archiver.store.partialfile import partial_file
from archiver.store.partials import (
    BegunDownload,
    ResumableBlob,
    ResumableDownload,
    partial_blob_path,
    partial_download_path,
)

if TYPE_CHECKING:
    from pathlib import Path


def blob_path(digest: Digest) -> str:
    """Return a blob's path within an OCI image layout."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


class BlobReader:
    """Reads the blobs below ``root/blobs``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, digest: Digest) -> Path:
        """Return where a blob is, or would be."""
        return self._root / blob_path(digest)

    def size(self, digest: Digest) -> int | None:
        """Return a blob's size in bytes, or None where it is not here."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def begun(self, digest: Digest) -> int:
        """Return how many bytes of a blob under way are here; 0 where there are none."""
        path = self._root / partial_blob_path(digest)
        with storage_errors(path):
            try:
                return path.stat().st_size
            except FileNotFoundError:
                return 0

    def begun_download(self, url: str) -> BegunDownload:
        """Return what is here of a download under way whose digest nobody knows."""
        return BegunDownload.at(self._root / partial_download_path(url), url)

    def open(self, digest: Digest) -> IO[bytes]:
        """Open a blob. Raises NotArchived where it is not here."""
        path = self.path(digest)
        with storage_errors(path):
            try:
                return path.open("rb")
            except FileNotFoundError as error:
                raise NotArchived("no such blob", place=str(digest)) from error

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return a small blob whole and checked.

        Raises:
            NotArchived: it is not here.
            RecordCorrupt: it is larger than ``limit`` or its content has another digest.
        """
        with self.open(digest) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise RecordCorrupt(f"blob is larger than {limit} bytes", place=str(digest))
        hasher = digest.hasher()
        hasher.update(data)
        if hasher.hexdigest() != digest.hex:
            raise RecordCorrupt("blob's content has another digest", place=str(digest))
        return data


class BlobStore(BlobReader):
    """Reads and writes blobs."""

    def put(self, data: bytes) -> Digest:
        """Store bytes under their sha256 digest, unless they are here, and return it.

        Raises:
            StoreError: or a subclass, for what the file system refuses.
        """
        digest = Digest.of(data)
        try:
            self.read(digest, len(data))
        except (NotArchived, RecordCorrupt):
            write_atomically(self.path(digest), data)
        return digest

    def replace(self, digest: Digest, data: bytes) -> None:
        """Store bytes under the digest that they must have, whatever is there under it.

        Raises:
            DigestMismatch: it is other content; nothing is changed.
            StoreError: or a subclass, for what the file system refuses.
        """
        check = ContentCheck(digest)
        check.update(data)
        check.finish()
        write_atomically(self.path(digest), data)

    @contextmanager
    def resumable(self, digest: Digest, size: int | None) -> Iterator[ResumableBlob]:
        """Open a blob for writing, alone, with what earlier attempts left of it.

        Whoever leaves the block without ``finish`` keeps what came for a later attempt, and so does who is killed.
        Where the blob is ``present``, another run has finished it meanwhile, and there is nothing to do, unless
        the caller knows it to be damaged.

        Args:
            digest: what the content must hash to.
            size: its length in bytes, where known.

        Raises:
            LockHeld: another process or thread is writing this blob; at once.
            StoreError: or a subclass, for what the file system refuses.
        """
        with partial_file(self._root / partial_blob_path(digest), str(digest)) as file:
            yield ResumableBlob(file, self.path(digest), digest, size)

    @contextmanager
    def resumable_download(self, url: str) -> Iterator[ResumableDownload]:
        """Open content for writing, alone, whose digest is not known, with what earlier attempts got from its URL.

        Whoever leaves the block without ``finish`` keeps what came for a later attempt, and so does who is killed.
        Others wait for the end of the block, also after ``finish``: there is time to note whose content it is.

        Raises:
            LockHeld: another process or thread is downloading this URL; at once.
            StoreError: or a subclass, for what the file system refuses.
        """
        path = self._root / partial_download_path(url)
        with partial_file(path.with_name(f"{path.name}.lock"), url), partial_file(path, url) as file:
            download = ResumableDownload(file, path, url, self.path)
            try:
                yield download
            finally:
                download.close()
