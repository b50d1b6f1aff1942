"""What a bundle is made of: members whose name and size are known before their bytes flow."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable, Protocol

from archiver.core.errors import BundleError

if TYPE_CHECKING:
    from archiver.core.digest import Digest


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
        write: sends the content to a sink, in one pass; may be called once only.
    """

    path: str
    size: int
    write: Callable[[Sink], None]


@dataclass(frozen=True)
class Packed:
    """A member after it was written: ``offset`` is where its data begins in the tar, in bytes."""

    path: str
    size: int
    offset: int
    digest: Digest


def small_member(path: str, data: bytes) -> Member:
    """Return a member whose content is in memory."""

    def write(sink: Sink) -> None:
        sink.write(data)

    return Member(path, len(data), write)


def check_names(paths: Iterable[str]) -> None:
    """Refuse names that a reader could not unpack side by side on any system, or not safely.

    Raises:
        BundleError: a name is absolute, climbs, holds a backslash or a control character, occurs twice, or
            differs from another only in case or in how its accents are encoded, or is the folder of another.
    """
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\\" in path or not path.isprintable():
            raise BundleError("this cannot be the name of a bundle's member", place=f"{path!r:.200}")
        folded = unicodedata.normalize("NFC", path).casefold()
        above = [folded[: match.start()] for match in re.finditer("/", folded)]
        other = seen.get(folded) or folders.get(folded) or next(filter(None, map(seen.get, above)), None)
        if other:
            raise BundleError(f"its name collides with that of {other!r:.200}", place=f"{path!r:.200}")
        seen[folded] = path
        folders.update(dict.fromkeys(above, path))
