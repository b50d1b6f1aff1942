"""What a bundle is made of: members whose name and size are known before their bytes flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable, Protocol

from archiver.core.errors import BundleError
from archiver.core.filenames import DistinctNames
from archiver.offline.tarwalk import unsafe_name

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
        BundleError: a reader would refuse a name, or it is equal to another (case and composition aside) or to
            another's folder.
    """
    taken = DistinctNames()
    for path in paths:
        reason = unsafe_name(path)
        if reason:
            raise BundleError(f"this cannot be the name of a member: {reason}", place=f"{path!r:.200}")
        other = taken.clash(path)
        if other:
            raise BundleError(f"its name collides with that of {other!r:.200}", place=f"{path!r:.200}")
