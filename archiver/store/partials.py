"""Content under way: ``.partial/`` of the image layout holds what came so far, until it is whole and right.

A blob is kept by its digest. Its earlier bytes are hashed again, so it does not matter what a crash or a power cut
did to them. A download whose digest nobody knows is kept by its URL, beside a note of the validators that say
which content the bytes belong to (RFC 9110, section 13.1.5) and of how many of them are certainly on the disk.

Source: docs/format.md, "What is under way".
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from archiver.core import jsontext
from archiver.core.digest import ContentCheck, Digest
from archiver.core.errors import DigestMismatch, InvalidDocument, SizeMismatch, StoreError
from archiver.core.shape import read_record
from archiver.store.atomic import storage_errors, write_atomically

if TYPE_CHECKING:
    from hashlib import _Hash

    from archiver.store.partialfile import PartialFile

PARTIALS = ".partial"
_NOTE_LIMIT = 64 << 10
_CHECKPOINT = 64 << 20  # bytes; what a power cut may cost of a download
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def partial_blob_path(digest: Digest) -> str:
    """Return where in a layout what came of a blob is kept."""
    return f"{PARTIALS}/{digest.algorithm}-{digest.hex}"


def partial_download_path(url: str) -> str:
    """Return where in a layout what came of a URL's content is kept; its note has ``.json`` behind."""
    return f"{PARTIALS}/url-{Digest.of(url.encode()).hex}"


class ResumableBlob:
    """What there is of a blob, open for more. Get one from ``BlobStore.resumable``.

    After a SizeMismatch or DigestMismatch it can be written anew from the beginning.

    Attributes:
        present: whether the store has the blob: what another run has just finished need not be fetched again.
    """

    def __init__(self, file: PartialFile, target: Path, digest: Digest, size: int | None) -> None:
        self._file, self._target = file, target
        self._digest, self._size = digest, size
        self._check: ContentCheck | None = None
        self.present = _is_whole(target, size)
        if size is not None and file.size > size:
            file.truncate()

    @property
    def received(self) -> int:
        """How many bytes are here, from earlier attempts too. Where they are all, only ``finish`` is left to do."""
        return self._file.size

    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes.

        Args:
            chunk: what follows on the first ``received`` bytes; a view must be of bytes.

        Raises:
            SizeMismatch: there are more than announced; all of them are dropped.
            StoreError: or a subclass, for what the file system refuses.
        """
        check = self._caught_up()
        try:
            check.update(chunk)
        except SizeMismatch:
            self.restart()
            raise
        self._file.append(chunk)

    def restart(self) -> None:
        """Drop what is here, as for a server that sends everything once more."""
        self._file.truncate()
        self._check = None

    def finish(self) -> None:
        """Check the whole and give it its place among the blobs, durably.

        Raises:
            SizeMismatch: there are fewer bytes than announced; they are kept.
            DigestMismatch: it is other content; it is dropped.
            StoreError: or a subclass, for what the file system refuses.
        """
        check = self._caught_up()
        try:
            check.finish()
        except DigestMismatch:
            self.restart()
            raise
        self._file.move_to(self._target)

    def _caught_up(self) -> ContentCheck:
        if self._check is None:
            self._check = ContentCheck(self._digest, self._size)
            for chunk in self._file.chunks():
                self._check.update(chunk)
        return self._check


@dataclass(frozen=True)
class _Note:
    """What is known of a download's bytes: whose they are, and how many are certainly on the disk.

    As long as the machine runs on (``boot``), the others are right as well: a killed program's writes are not lost.
    """

    url: str
    etag: str = ""
    modified: str = ""
    boot: str = ""
    durable: int = 0

    @classmethod
    def read(cls, path: Path, url: str) -> _Note:
        """Return the note on a URL's content; an empty one where there is none or it is damaged."""
        with storage_errors(path):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return cls(url)
        try:
            note = read_record(cls, jsontext.load(data, limit=_NOTE_LIMIT, what=str(path)), what=str(path))
        except InvalidDocument:
            return cls(url)
        return note if note.url == url and note.durable >= 0 else cls(url)

    def to_json(self) -> bytes:
        """Return the file's content."""
        return jsontext.dump(asdict(self))

    @property
    def current(self) -> bool:
        """Whether the machine has run on since."""
        return bool(self.boot) and self.boot == _boot_id()


@dataclass(frozen=True)
class BegunDownload:
    """How many bytes of a URL's content are here, and the validators that they came with; empty where there were none."""

    received: int = 0
    etag: str = ""
    modified: str = ""

    @classmethod
    def at(cls, path: Path, url: str) -> BegunDownload:
        """Look at what is kept of a URL at a path; nothing is changed, and nobody kept from writing."""
        with storage_errors(path):
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                return cls()
        note = _Note.read(_note_path(path), url)
        return cls(size if note.current else min(note.durable, size), note.etag, note.modified)


class ResumableDownload:
    """What there is of a URL's content, open for more. Get one from ``BlobStore.resumable_download``.

    ``restart`` comes before the first byte of every content: it notes what the bytes belong to.
    """

    def __init__(self, file: PartialFile, path: Path, url: str, place: Callable[[Digest], Path]) -> None:
        self._file, self._note_path, self._place = file, _note_path(path), place
        self._note = _Note.read(self._note_path, url) if file.size else _Note(url)
        self._hasher: _Hash | None = None
        self._finished = False
        if file.size and not self._note.current:
            file.truncate(min(self._note.durable, file.size))
            self._note = replace(self._note, boot=_boot_id(), durable=file.size)
            self._write_note()

    @property
    def received(self) -> int:
        """How many bytes are here, from earlier attempts too."""
        return self._file.size

    @property
    def etag(self) -> str:
        """The entity tag that the bytes here came with; empty where there was none."""
        return self._note.etag

    @property
    def modified(self) -> str:
        """The Last-Modified date that the bytes here came with, as the server wrote it; empty where there was none."""
        return self._note.modified

    def head(self, count: int) -> bytes:
        """Return the first ``count`` bytes, or all that are here where there are fewer.

        Raises:
            StoreError: or a subclass, for what the file system refuses.
        """
        return self._file.head(count)

    def restart(self, *, etag: str, modified: str) -> None:
        """Drop what is here and note the validators of what comes now.

        Raises:
            StoreError: or a subclass, for what the file system refuses.
        """
        self._file.truncate()
        self._hasher = None
        self._note = _Note(self._note.url, etag, modified, _boot_id())
        with storage_errors(self._note_path):
            is_first = not self._note_path.exists()
            if (
                is_first
            ):  # none of its bytes count before the note is made durable with them, so that can wait
                self._note_path.write_bytes(self._note.to_json())
        if not is_first:  # what was said of other bytes must not come back after a power cut
            self._write_note()

    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes, which follow on the first ``received``; a view must be of bytes.

        Raises:
            StoreError: or a subclass, for what the file system refuses.
        """
        self._caught_up().update(chunk)
        self._file.append(chunk)
        if self._file.size - self._note.durable >= _CHECKPOINT:
            self.keep()

    def keep(self) -> None:
        """Make sure that a power cut takes nothing of what is here.

        Raises:
            StoreError: or a subclass, for what the file system refuses.
        """
        if self._file.size > self._note.durable:
            self._file.sync()
            self._note = replace(self._note, durable=self._file.size)
            self._write_note()

    def finish(self, expected: Digest | None = None) -> tuple[Digest, int]:
        """Give the whole its place among the blobs, durably; return its sha256 digest and its size in bytes.

        Args:
            expected: the sha256 digest that it must have, where one is known.

        Raises:
            DigestMismatch: it is other content; it is dropped.
            StoreError: or a subclass, for what the file system refuses.
        """
        digest, size = Digest("sha256", self._caught_up().hexdigest()), self._file.size
        if expected is not None and digest != expected:
            self.restart(etag="", modified="")
            raise DigestMismatch(f"content hashes to {digest}", place=str(expected))
        self._file.move_to(self._place(digest))
        self._finished = True
        return digest, size

    def close(self) -> None:
        """Leave what a later attempt needs, and no more."""
        with suppress(StoreError):  # at worst the next attempt has less to go on from
            if self._finished or not self._file.size:
                with storage_errors(self._note_path):
                    self._note_path.unlink(missing_ok=True)
            else:
                self.keep()

    def _caught_up(self) -> _Hash:
        if self._hasher is None:
            self._hasher = hashlib.sha256()
            for chunk in self._file.chunks():
                self._hasher.update(chunk)
        return self._hasher

    def _write_note(self) -> None:
        write_atomically(self._note_path, self._note.to_json())


def _note_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _is_whole(target: Path, size: int | None) -> bool:
    with storage_errors(target):
        try:
            found = target.stat().st_size
        except FileNotFoundError:
            return False
    return size is None or found == size


def _boot_id() -> str:
    """Return what the kernel calls the time since the machine was started; empty where it has no name for it."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
