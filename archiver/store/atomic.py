"""Durable writes: temporary file, content, fsync, rename, fsync of the folder.

A crash at any moment leaves the old file or the new one, and at worst a ``.tmp-…`` file that
nothing points to.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Iterator

from archiver.core.errors import NameUnusable, StorageDenied, StorageFull, StoreError

TEMPORARY_PREFIX = ".tmp-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about ``path`` into the error tree's.

    Raises:
        StorageFull, StorageDenied, NameUnusable, StoreError: in place of OSError.
    """
    try:
        yield
    except OSError as error:
        in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
        reason = "a file is where a folder should be" if in_the_way else error.strerror or str(error)
        if error.errno in _FULL:
            raise StorageFull(
                reason, place=str(path), hint="free some space and run the same command again"
            ) from error
        if error.errno in _DENIED:
            raise StorageDenied(reason, place=str(path)) from error
        if error.errno == errno.ENAMETOOLONG:
            raise NameUnusable("the name is too long for this file system", place=str(path)) from error
        raise StoreError(reason, place=str(path)) from error


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    if os.name == "nt":  # Windows cannot open folders; NTFS journals renames itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, so that they outlast a power cut.

    A new folder is durable once its parent is: each new one's parent is synced, outermost first.

    Raises:
        OSError: what the file system refuses; callers stand inside ``storage_errors``.
    """
    missing = []
    while not path.is_dir() and path != path.parent:
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the name ``path`` when the block ends without an error.

    The temporary file stands in the same folder; on an error it is removed and ``path`` is as it was. The
    block must not use the network: every OSError in it is taken for the file system's.

    Raises:
        StoreError: or a subclass, for what the file system refuses.
    """
    with storage_errors(path):
        make_folder(path.parent)
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
        try:
            with os.fdopen(descriptor, "w+b") as stream:
                os.chmod(name, 0o644)  # noqa: PTH101 - mkstemp gives a string; archives are meant to be shared
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, path)  # noqa: PTH105 - see above
        except BaseException:
            with suppress(OSError):  # what stays is garbage that prune removes
                os.unlink(name)  # noqa: PTH108 - see above
            raise
        sync_folder(path.parent)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Make a temporary folder beside ``path``, for files that ``move_durably`` then gives their place; remove it after.

    Raises:
        StoreError: or a subclass, for what the file system refuses.
    """
    with storage_errors(path):
        make_folder(path.parent)
        with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=path.parent) as folder:
            yield Path(folder)


def move_durably(temporary: Path, path: Path) -> None:
    """Give a finished file that another library wrote (SQLite) its final name on the same file system.

    Raises:
        StoreError: or a subclass, for what the file system refuses.
    """
    with storage_errors(path):
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        sync_folder(path.parent)


def sweep_temporaries(folder: Path) -> None:
    """Remove what crashed writers left in a folder; the caller knows that nobody is writing there now."""
    with storage_errors(folder):
        for entry in folder.glob(f"{TEMPORARY_PREFIX}*"):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file durably. Raises StoreError or a subclass."""
    with atomic_file(path) as stream:
        stream.write(data)
