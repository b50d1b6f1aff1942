"""What a bundle is made of: members whose name and size are known before their bytes flow."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Protocol

from archiver.core.digest import Digest
from archiver.core.errors import BundleError

README = "readme"
PROGRAM = "program"
DOCS = "docs"
SEARCH = "search"
IMAGES = "images"
FILE = "file"


class Sink(Protocol):
    """Takes bytes in order; a binary file opened for writing is one."""

    def write(self, data: bytes, /) -> Any:
        """Take the next bytes."""


@dataclass(frozen=True)
class Member:
    """One file inside a tar.

    Attributes:
        path: its name, relative, ``/`` between its parts.
        size: the length of its content in bytes, which ``write`` keeps to.
        role: what it is to a reader; one of this module's constants.
        write: sends the content to a sink, in one pass; may be called once only.
    """

    path: str
    size: int
    role: str
    write: Callable[[Sink], None]


@dataclass(frozen=True)
class Packed:
    """A member after it was written: ``offset`` is where its data begins in the tar, in bytes."""

    path: str
    size: int
    offset: int
    digest: Digest
    role: str


class HashingSink:
    """Passes bytes on and hashes them (sha256)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._hasher = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._hasher.update(data)
        self._sink.write(data)

    @property
    def digest(self) -> Digest:
        """The digest of what has passed so far."""
        return Digest("sha256", self._hasher.hexdigest())


def small_member(path: str, role: str, data: bytes) -> Member:
    """Return a member whose content is in memory."""

    def write(sink: Sink) -> None:
        sink.write(data)

    return Member(path, len(data), role, write)


def check_names(paths: Iterable[str]) -> None:
    """Refuse names that a reader could not unpack side by side on any system, or not safely.

    Raises:
        BundleError: a name is absolute, climbs, holds a backslash or a control character, occurs twice, or
            differs from another only in case or in how its accents are encoded.
    """
    seen: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\\" in path or not path.isprintable():
            raise BundleError("this cannot be the name of a bundle's member", place=f"{path!r:.200}")
        folded = unicodedata.normalize("NFC", path).casefold()
        if folded in seen:
            raise BundleError(f"its name collides with that of {seen[folded]!r:.200}", place=f"{path!r:.200}")
        seen[folded] = path
