"""A folder beside the target, where files are written before they get their names.

A run that is killed leaves the folder behind; the next one that makes the same bundle takes it over. Nobody else does:
it is locked for as long as somebody writes in it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.core.errors import LockHeld
from archiver.offline.volumelist import list_path, present_volumes
from archiver.store.atomic import TEMPORARY_PREFIX, make_folder, storage_errors, sync_folder
from archiver.store.locks import try_exclusive

if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """Make an empty folder for what will be ``target`` and its volumes, on the same file system; remove it after.

    A link of its name is not followed: what is emptied here must not be somebody's home.

    Raises:
        LockHeld: another run is making the same bundle.
        StoreError: or a subclass, for what the file system refuses. Within the block as well: every OSError in it is
            taken for the file system's.
    """
    folder = target.absolute().with_name(TEMPORARY_PREFIX + target.name)
    with storage_errors(target):
        make_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if not try_exclusive(descriptor) or not _is_folder(descriptor, folder):
                raise LockHeld("another run is making this bundle", place=str(target))
            _empty(folder)  # of what a run that was killed has left
            try:
                yield folder
            finally:
                with suppress(OSError):  # what stays is garbage that the next run removes
                    _empty(folder)
                    folder.rmdir()
        finally:
            os.close(descriptor)


def earlier_files(target: Path) -> tuple[Path, ...]:
    """Return what is there of a bundle of this name: the single tar first, then volumes in their order."""
    return tuple(path for path in (target, *present_volumes(target).values()) if path.is_file())


def publish(target: Path, files: Sequence[Path], listing: Path | None) -> tuple[Path, ...]:
    """Give finished files, all in one folder, their names beside ``target``, in place of what an earlier run made there.

    In this order, so that after a crash no list stands beside files that it is not about, and no volumes of two runs
    are ever side by side: the earlier list goes, the earlier files go, the new ones come, the new list comes.

    Args:
        target: the name of the whole.
        files: the whole alone, or all volumes in order; fsynced.
        listing: the list of them; fsynced.

    Returns:
        Where the files are now.

    Raises:
        OSError: what the file system refuses; callers stand inside ``staging_folder``.
    """
    folder = target.absolute().parent
    earlier = earlier_files(target)
    names = [file.name for file in files]
    list_path(target).unlink(missing_ok=True)
    sync_folder(folder)
    for path in reversed(earlier):
        if names != [path.name]:  # one file alone is replaced in one step
            path.unlink(missing_ok=True)
    sync_folder(folder)
    try:
        for file in files:
            file.replace(folder / file.name)
        sync_folder(folder)
        if listing is not None:
            listing.replace(list_path(target))
            sync_folder(folder)
    except BaseException:
        if listing is not None:  # some of the volumes are of no use
            for name in names:
                (folder / name).unlink(missing_ok=True)
        raise
    return tuple(target.with_name(name) for name in names)


def _is_folder(descriptor: int, folder: Path) -> bool:
    """Say whether an open folder still is the one of this name: whoever held the lock before may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.lstat())
    except FileNotFoundError:
        return False


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
