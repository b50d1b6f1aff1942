"""A bundle's bytes, in one file or in volumes, read in place: nothing is joined.

Volumes are found by the name of any of them, of their list, or of the file that they would be when joined. Opening
looks at names and sizes; whether their content is right is for ``verify`` to say.

Source: docs/format.md, "Volumes".
"""

from __future__ import annotations

import stat
import threading
from collections import Counter, OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence, Union

from archiver.core.errors import VolumeUnfit
from archiver.offline.volumelist import (
    LIST_SUFFIX,
    list_path,
    present_volumes,
    read_list,
    volume_path,
    whole_of,
)
from archiver.offline.windows import FileAccess
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.digest import Digest

_MOST_OPEN = 32  # files; systems allow a process few hundred, and a server needs sockets too
_REPLACE = "get this one file again from where the bundle is from; the others can stay"


@dataclass(frozen=True)
class Volume:
    """One file of several: where its first byte is in the whole, its length in bytes, and the digest that the list gives.

    ``digest`` is None where there is no list.
    """

    path: Path
    offset: int
    size: int
    digest: Digest | None

    @property
    def end(self) -> int:
        """The offset just past it."""
        return self.offset + self.size


class VolumesAccess:
    """Volumes as one range of bytes; see windows.RandomAccess. Get one from ``open_source``.

    Attributes:
        whole: the name that they have when joined.
        volumes: in order.
        listed: whether there is a list of them.
    """

    def __init__(self, whole: Path, volumes: Sequence[Volume], *, listed: bool) -> None:
        self.whole = whole
        self.volumes = tuple(volumes)
        self.listed = listed
        self._handles = _Handles()

    @property
    def size(self) -> int:
        """The length of all of them in bytes when they were opened."""
        return self.volumes[-1].end

    def read_at(self, offset: int, length: int) -> bytes:
        """See RandomAccess. Where a volume has become shorter, what is read ends there."""
        length = min(length, self.size - offset)  # offsets come from strangers: some are no file's
        if length <= 0 or offset < 0:
            return b""
        parts: list[bytes] = []
        step = self.volumes[0].size  # of all but the last
        for volume in self.volumes[min(offset // step, len(self.volumes) - 1) :]:
            if length <= 0:
                break
            wanted = min(length, volume.end - offset)
            with self._handles.borrowed(volume.path) as access:
                parts.append(access.read_at(offset - volume.offset, wanted))
            if len(parts[-1]) < wanted:
                break
            offset, length = offset + wanted, length - wanted
        return b"".join(parts) if len(parts) != 1 else parts[0]

    def prefetch(self, offset: int, length: int) -> None:
        """See RandomAccess; of what lies in two volumes, the first part only."""
        if 0 <= offset < self.size:
            volume = self.volumes[min(offset // self.volumes[0].size, len(self.volumes) - 1)]
            with self._handles.borrowed(volume.path) as access:
                access.prefetch(offset - volume.offset, length)

    def ends_early(self) -> VolumeUnfit:
        """Return what is to be said where the tar goes on behind the last volume: that one is cut, or is not the last."""
        last = self.volumes[-1]
        if self.listed or last.size < self.volumes[0].size:
            return VolumeUnfit(
                f"this volume is cut short: it has {last.size} bytes", place=str(last.path), hint=_REPLACE
            )
        following = volume_path(self.whole, len(self.volumes) + 1)
        return VolumeUnfit("this volume is missing", place=str(following), hint=_REPLACE)

    def close(self) -> None:
        """Close the files."""
        self._handles.close()


class _Handles:
    """Open files, as many as are in use and a few more; the one that was not needed for longest is closed first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, FileAccess] = OrderedDict()
        self._users: Counter[Path] = Counter()

    @contextmanager
    def borrowed(self, path: Path) -> Iterator[FileAccess]:
        """Give a file that stays open for as long as the block lasts."""
        with self._lock:
            if path not in self._open:
                self._open[path] = FileAccess(path)
            access = self._open[path]
            self._open.move_to_end(path)
            self._users[path] += 1
            self._close_idle()
        try:
            yield access
        finally:
            with self._lock:
                self._users[path] -= 1

    def _close_idle(self) -> None:
        for path in list(self._open)[: max(0, len(self._open) - _MOST_OPEN)]:
            if not self._users[path]:
                self._open.pop(path).close()

    def close(self) -> None:
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()


Source = Union[FileAccess, VolumesAccess]


def open_source(path: Path) -> Source:
    """Open a bundle's bytes.

    Args:
        path: the bundle; or any of its volumes, NAME.tar.001 and so on; or their list, NAME.tar.sha256; or NAME.tar where
            only volumes are there.

    Raises:
        VolumeUnfit: a volume is missing, or too short or too long to be one of these; the error names the file.
        StoreError: it cannot be read.
    """
    if path.name.endswith(LIST_SUFFIX):
        return _open_listed(path)
    whole = whole_of(path)
    with storage_errors(path):
        if whole == path and (path.exists() or not _has_volumes(path)):
            return FileAccess(path)
        has_list = list_path(whole).exists()
    return _open_listed(list_path(whole)) if has_list else _open_unlisted(whole)


def source_exists(path: Path) -> bool:
    """Say whether there is something for ``open_source`` to look at, be it whole or not. Raises StoreError."""
    with storage_errors(path):
        return path.exists() or _has_volumes(whole_of(path))


def distinct_sources(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the paths with each bundle named once, by the first that names it: ``NAME.tar.*`` is one bundle."""
    found: dict[Path, Path] = {}
    for path in paths:
        found.setdefault(whole_of(path), path)
    return tuple(found.values())


def _has_volumes(whole: Path) -> bool:
    return list_path(whole).exists() or volume_path(whole, 1).exists()


def _open_listed(listing: Path) -> Source:
    sums = read_list(listing)
    whole = whole_of(listing)
    if list(sums) == [whole.name]:
        return FileAccess(whole)
    paths = [listing.with_name(name) for name in sums]
    return VolumesAccess(whole, _volumes(paths, list(sums.values())), listed=True)


def _open_unlisted(whole: Path) -> VolumesAccess:
    present = present_volumes(whole)
    paths = [volume_path(whole, number) for number in range(1, max(present, default=1) + 1)]
    return VolumesAccess(whole, _volumes(paths, [None] * len(paths)), listed=False)


def _volumes(paths: Sequence[Path], digests: Sequence[Digest | None]) -> list[Volume]:
    """Return the volumes after a look at their sizes. Raises VolumeUnfit with all that cannot be what they should."""
    problems: list[VolumeUnfit] = []
    sizes: list[int] = []
    for path in paths:
        size = _size(path)
        if isinstance(size, str):
            problems.append(VolumeUnfit(size, place=str(path), hint=_REPLACE))
        else:
            sizes.append(size)
    if not problems:
        problems = [
            VolumeUnfit(fault, place=str(path), hint=_REPLACE)
            for path, fault in zip(paths, _faults(sizes))
            if fault
        ]
    if problems:
        problems[0].more = tuple(problems[1:])
        raise problems[0]
    offsets = [sum(sizes[:number]) for number in range(len(sizes))]
    return [Volume(*facts) for facts in zip(paths, offsets, sizes, digests)]


def _size(path: Path) -> int | str:
    """Return a volume's length in bytes, or what is wrong with it."""
    with storage_errors(path):
        try:
            found = path.stat()
        except FileNotFoundError:
            return "this volume is missing"
    if not stat.S_ISREG(found.st_mode):
        return "this is no file, where a volume should be"
    return found.st_size or "this volume is empty"


def _faults(sizes: Sequence[int]) -> list[str]:
    """Say of each volume why it cannot have its size: all but the last have the same, and the last has no more."""
    *full, last = sizes
    if not full:
        return [""]
    usual = max(full, key=lambda size: (full.count(size), size))
    if len(full) == 1 and last > usual:  # of two, it is the cut one that is smaller
        usual = last
    faults = [
        f"this volume has {size} bytes, not {usual} as the others" if size != usual else "" for size in full
    ]
    return [
        *faults,
        f"this volume has {last} bytes, more than the {usual} of the others" if last > usual else "",
    ]
