"""A bundle's bytes as one file, or cut into volumes, each hashed on its way: docs/format.md, "Volumes"."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Protocol

from archiver.bundle.hashing import HashingSink
from archiver.bundle.output.staging import earlier_files, publish
from archiver.core.amounts import size_text
from archiver.core.errors import StorageFull, UsageError
from archiver.offline.sums import sums_text
from archiver.offline.volumelist import MOST_VOLUMES, list_path, volume_path
from archiver.store.atomic import storage_errors
from archiver.store.space import check_space
from archiver.store.writeback import WriteBack

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.digest import Digest

FAT32_MOST = (4 << 30) - 1
"""The largest file that FAT32 can hold, in bytes."""
_LEAST = 1 << 20
_LIST_ENTRY = 64 + 2 + 255 + 1  # bytes of a line, at most


@dataclass(frozen=True)
class Volume:
    """A finished volume: its path, its length in bytes, and its sha256 digest."""

    path: Path
    size: int
    digest: Digest


class Output(Protocol):
    """Takes the bytes of a bundle and makes files of them, in a folder where they wait for their names."""

    @property
    def largest(self) -> int:
        """How many bytes the largest file will have."""

    @property
    def size(self) -> int:
        """How many bytes all files will have, at most."""

    def write(self, data: bytes, /) -> None:
        """Take the next bytes. Raises OSError."""

    def publish(self) -> tuple[Volume, ...]:
        """Finish the files and give them their names; return the volumes, if it is volumes. Raises OSError."""

    def close(self) -> None:
        """Close what is open, finished or not."""


class WholeFile:
    """One file.

    Args:
        folder: where it is written.
        target: where it then goes.
        size: how many bytes will come.
    """

    def __init__(self, folder: Path, target: Path, size: int) -> None:
        self.size = self.largest = size
        self._target = target
        self._file = _File(folder / target.name)

    def write(self, data: bytes, /) -> None:
        """See Output."""
        self._file.write(data)

    def publish(self) -> tuple[Volume, ...]:
        """See Output."""
        self._file.finish()
        publish(self._target, [self._file.path], None)
        return ()

    def close(self) -> None:
        """See Output."""
        self._file.close()


class Volumes:
    """Files of one size, but for the last, and a list of them; one is written at a time.

    Args:
        folder: where they are written.
        target: the name of the whole.
        size: how many bytes will come.
        most: how many bytes a volume has; see ``volume_bytes``.

    Raises:
        UsageError: it would take too many.
    """

    def __init__(self, folder: Path, target: Path, size: int, most: int) -> None:
        self.largest = min(size, most)
        self.size = size + _volumes_needed(size, most) * _LIST_ENTRY
        self._folder, self._target, self._most = folder, target, most
        self._finished: list[Volume] = []
        self._begin()

    def _begin(self) -> None:
        name = volume_path(self._target, len(self._finished) + 1).name
        self._file = _File(self._folder / name)
        self._hashing = HashingSink(self._file)

    def write(self, data: bytes, /) -> None:
        """See Output."""
        room = self._most - self._file.size
        while len(data) > room:
            self._hashing.write(data[:room])
            data, room = data[room:], self._most
            self._end()
            self._begin()
        self._hashing.write(data)

    def _end(self) -> None:
        digest = self._hashing.finish()
        self._file.finish()
        self._finished.append(Volume(self._file.path, self._file.size, digest))

    def publish(self) -> tuple[Volume, ...]:
        """See Output."""
        self._end()
        with closing(_File(self._folder / list_path(self._target).name)) as listing:
            listing.write(sums_text((volume.path.name, volume.digest) for volume in self._finished))
            listing.finish()
        paths = publish(self._target, [volume.path for volume in self._finished], listing.path)
        return tuple(replace(volume, path=path) for volume, path in zip(self._finished, paths))

    def close(self) -> None:
        """See Output."""
        self._file.close()


def volume_bytes(asked: int) -> int:
    """Return how many bytes volumes have that are asked to have ``asked``.

    They have just that; but 4 GiB is the size that people name for FAT32, which holds no file of more than a byte less.

    Raises:
        UsageError: it is less than 1 MiB.
    """
    if asked < _LEAST:
        raise UsageError(f"volumes of {asked} bytes are too small", hint="the least is --volume-size 1MiB")
    return FAT32_MOST if asked == FAT32_MOST + 1 else asked


def check_room(output: Output, target: Path) -> None:
    """Refuse to begin what cannot fit.

    Raises:
        StorageFull: fewer bytes are free than the output takes, or the file system has no files of that size.
        StoreError: it cannot be asked.
    """
    folder = target.absolute().parent
    with storage_errors(target):
        earlier = sum(path.stat().st_size for path in earlier_files(target))
    instead = f", or remove the {size_text(earlier)} of the earlier bundle of this name" if earlier else ""
    hint = f"free some space, or name another place with --output{instead}"
    check_space(folder, output.size, "the bundle", hint=hint)
    with storage_errors(folder), TemporaryFile(dir=folder) as probe:
        try:
            os.lseek(probe.fileno(), output.largest, os.SEEK_SET)  # no further than files can be long
        except OSError as error:
            raise StorageFull(
                f"the bundle needs {output.size} bytes, more than one file can have here",
                place=str(folder),
                hint="make volumes: --volume-size 4GiB is for FAT32",
            ) from error


def _volumes_needed(size: int, most: int) -> int:
    needed = -(-size // most)
    if needed > MOST_VOLUMES:
        least = -(-size // MOST_VOLUMES)
        raise UsageError(
            f"{needed} volumes of {most} bytes would be needed, {MOST_VOLUMES} are possible",
            hint=f"make them larger: --volume-size {-(-least // _LEAST)}MiB",
        )
    return needed


class _File:
    """A file that is being written; ``size`` is how many bytes it has."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._stream: IO[bytes] = path.open("wb")
        self._write_back = WriteBack(self._stream.fileno())

    def write(self, data: bytes, /) -> None:
        self._stream.write(data)
        self.size += len(data)
        self._write_back.grown_to(self.size)

    def finish(self) -> None:
        """Make it durable, and close it."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()

    def close(self) -> None:
        """Close it as it is: a buffer that the disk has no room for is given up."""
        with suppress(OSError):
            self._stream.close()
