"""Unpacking a bundle: its members as files below a folder, each one checked by its digest as it is written.

Nothing is trusted, neither the bundle nor what is in the folder already. A member gets its name only once all of it
is there and right; no symbolic link is followed below the folder; what is there already stays as it is: as it should
be it is skipped, so that a second run completes the first, and anything else ends the run before it begins.
"""

from __future__ import annotations

import os
import stat
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.core.digest import Digest, verified_chunks
from archiver.core.errors import (
    ArchiverError,
    BundleDamaged,
    ContentError,
    FileInTheWay,
    InvalidDocument,
    NameUnusable,
    UsageError,
)
from archiver.core.filenames import windows_fault
from archiver.core.progress import NullProgress, Progress
from archiver.offline.names import SIGNATURE, SUMS
from archiver.offline.signature import MOST_BYTES, parse_signature
from archiver.offline.sums import sums_text
from archiver.offline.windows import RandomAccess, open_window
from archiver.store.atomic import atomic_file, make_folder, storage_errors
from archiver.store.space import check_space

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.progress import Task
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.tarwalk import Entry

_ON_WINDOWS = os.name == "nt"


@dataclass(frozen=True)
class Extracted:
    """What came of it: the members ``written`` and ``size``, their bytes; those ``present`` before; what ``failed``, and why."""

    folder: Path
    written: tuple[str, ...]
    size: int
    present: tuple[str, ...]
    failed: tuple[ArchiverError, ...]


def extract_bundle(
    bundle: OpenBundle, folder: Path, names: Sequence[str] = (), progress: Progress | None = None
) -> Extracted:
    """Write a bundle's members as files below a folder.

    Args:
        bundle: a full one, or a delta.
        folder: made where it is not there.
        names: which members: by name, by the name of a folder in the bundle, or by a shell's pattern of either, in
            which ``*`` stands for anything, ``/`` too; empty for all.
        progress: is told of the bytes written.

    Returns:
        What was done. A member whose content is not what its checksum says, and one whose name this system cannot
        have, is among what failed, and not in the folder; the others are.

    Raises:
        BundleDamaged: its signature is none.
        UsageError: a name means no member.
        FileInTheWay: something else has a member's name; nothing is written.
        StorageFull: there is no room; before anything is written, where that can be foreseen.
        StoreError: the bundle cannot be read, or the folder not be written.
    """
    wanted = select(list(bundle.structure.members), names)
    members = [bundle.structure.members[name] for name in wanted]
    return _Extraction(bundle.source, folder, _digests(bundle), progress or NullProgress()).run(members)


def select(members: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the members that names mean, see ``extract_bundle``. Raises UsageError where one means none."""
    if not names:
        return list(members)
    chosen: set[str] = set()
    for name in names:
        asked = name.rstrip("/")
        found = [member for member in members if _means(asked, member)]
        if not found:
            tops = sorted({member.partition("/")[0] for member in members})
            raise UsageError(
                "nothing in the bundle has this name", place=name, hint=f"it has: {', '.join(tops)}"
            )
        chosen.update(found)
    return [member for member in members if member in chosen]


def _means(asked: str, member: str) -> bool:
    return member.startswith(f"{asked}/") or fnmatchcase(member, asked) or fnmatchcase(member, f"{asked}/*")


def _digests(bundle: OpenBundle) -> Mapping[str, Digest]:
    """Return what every member must hash to: SHA256SUMS and the signature, which no list has, to what was checked."""
    digests = dict(bundle.structure.sums)
    digests[SUMS] = Digest.of(sums_text(bundle.structure.sums.items()))
    if SIGNATURE in bundle.structure.members:
        signature = bundle.part(SIGNATURE).read_at(0, MOST_BYTES + 1)
        try:
            parse_signature(signature)
        except InvalidDocument as error:
            raise BundleDamaged(error.message, place=f"{bundle.path}: {SIGNATURE}") from error
        digests[SIGNATURE] = Digest.of(signature)
    return digests


class _Extraction:
    """One run: looks at all that is in the way first, then writes what is not there."""

    def __init__(
        self, source: RandomAccess, folder: Path, digests: Mapping[str, Digest], progress: Progress
    ) -> None:
        self._source, self._folder = source, folder
        self._digests, self._progress = digests, progress
        self._failed: list[ArchiverError] = []

    def run(self, members: Sequence[Entry]) -> Extracted:
        if self._folder.exists() and not self._folder.is_dir():
            raise FileInTheWay("not a folder", place=str(self._folder), hint=_HINT)
        present, missing = self._look(members)
        total = sum(entry.size for entry in missing)
        with storage_errors(self._folder):
            make_folder(self._folder)
        check_space(self._folder, total, "what is to be extracted")
        written: list[Entry] = []
        with closing(self._progress.task("extracting", "B", total)) as task:
            for entry in missing:
                task.describe(entry.name)
                try:
                    self._write(entry, task)
                    written.append(entry)
                except (ContentError, NameUnusable) as error:
                    self._fail(entry, error)
        return Extracted(
            self._folder,
            tuple(entry.name for entry in written),
            sum(entry.size for entry in written),
            tuple(entry.name for entry in present),
            tuple(self._failed),
        )

    def _look(self, members: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Return the members that are there already, and those that are to be written."""
        present: list[Entry] = []
        missing: list[Entry] = []
        in_the_way: list[FileInTheWay] = []
        for entry in members:
            try:
                (present if self._is_present(entry) else missing).append(entry)
            except FileInTheWay as error:
                in_the_way.append(error)
            except NameUnusable as error:
                self._fail(entry, error)
        if in_the_way:
            first, *more = in_the_way
            first.more = tuple(more)
            raise first
        return present, missing

    def _fail(self, entry: Entry, error: ArchiverError) -> None:
        error.place = entry.name
        self._failed.append(error)

    def _is_present(self, entry: Entry) -> bool:
        """Say whether a member's file is there and right.

        Raises:
            FileInTheWay: something else has its name, or that of a folder above it.
            NameUnusable: no file here can have its name.
        """
        fault = windows_fault(entry.name) if _ON_WINDOWS else None
        if fault:
            raise NameUnusable(fault, place=entry.name)
        path = self._folder
        *above, last = entry.name.split("/")
        for part in above:
            path /= part
            found = _kind(path)
            if found is None:
                return False
            if not stat.S_ISDIR(found):
                raise _blocked(path, found, "a folder is to be")
        path /= last
        found = _kind(path)
        if found is None:
            return False
        if not stat.S_ISREG(found):
            raise _blocked(path, found, "a file is to be")
        if not self._is_same(path, entry):
            raise FileInTheWay("another file has this name already", place=str(path), hint=_HINT)
        return True

    def _is_same(self, path: Path, entry: Entry) -> bool:
        digest = self._digests[entry.name]
        with storage_errors(path), path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size != entry.size:
                return False
            try:
                for _ in verified_chunks(stream, digest, entry.size):
                    pass
            except ContentError:
                return False
        return True

    def _write(self, entry: Entry, task: Task) -> None:
        self._is_present(entry)  # looks again at what is in the way: it may be long since the first look
        content = open_window(self._source, entry.offset, entry.size)
        with closing(content), atomic_file(self._folder.joinpath(*entry.name.split("/"))) as file:
            for chunk in verified_chunks(content, self._digests[entry.name], entry.size):
                file.write(chunk)
                task.advance(len(chunk))


_HINT = "move it away, or name another folder; nothing is ever overwritten"
_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: a link to a folder that Windows shows as a folder
_KINDS = ((stat.S_ISLNK, "a symbolic link"), (stat.S_ISDIR, "a folder"), (stat.S_ISREG, "a file"))


def _kind(path: Path) -> int | None:
    """Return the mode of what is there, links not followed, or None."""
    with storage_errors(path):
        try:
            found = path.lstat()
        except FileNotFoundError:
            return None
    return stat.S_IFLNK if getattr(found, "st_reparse_tag", 0) == _JUNCTION else found.st_mode


def _blocked(path: Path, mode: int, wanted: str) -> FileInTheWay:
    found = next((name for is_kind, name in _KINDS if is_kind(mode)), "a special file")
    return FileInTheWay(f"{found} is where {wanted}", place=str(path), hint=_HINT)
