"""Copying a blob into an archive's image layout, checked by its digest on the way."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Callable

from archiver.core.digest import CHUNK

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.core.progress import Task
    from archiver.store.blobs import BlobStore


def copy_blob(
    store: BlobStore, digest: Digest, size: int, opener: Callable[[], IO[bytes]], task: Task
) -> bool:
    """Copy a blob; say whether it was not there. What an earlier attempt copied is not copied again.

    Args:
        store: the archive's blobs.
        digest: what it must hash to.
        size: its length in bytes.
        opener: opens where it is, seekable.
        task: is told of the bytes, also of those that are there.

    Raises:
        ContentError: it is another content; nothing of it stays.
        LockHeld: a run is getting this very blob.
        StoreError: or a subclass, where it cannot be read or the archive not be written.
    """
    with store.resumable(digest, size) as blob:
        if blob.present:
            task.advance(size)
            return False
        task.advance(blob.received)
        with opener() as stream:
            stream.seek(blob.received)
            while chunk := stream.read(CHUNK):
                blob.write(chunk)
                task.advance(len(chunk))
        blob.finish()
        return True
