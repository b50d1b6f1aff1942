"""Writes a tar in one pass, in the dialect of ``core/tarheader.py``: names and sizes are known before the bytes flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable, Protocol

from archiver.core import tarheader
from archiver.core.errors import SizeMismatch

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
        digest: what the content hashes to, where ``write`` makes sure of that.
    """

    path: str
    size: int
    write: Callable[[Sink], None]
    digest: Digest | None = None


def small_member(path: str, data: bytes) -> Member:
    """Return a member whose content is in memory."""

    def write(sink: Sink) -> None:
        sink.write(data)

    return Member(path, len(data), write)


class TarWriter:
    """Appends members to a sink that need not be seekable.

    ``offset`` is how many bytes have been written.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.offset = 0

    def add(self, member: Member) -> int:
        """Write a member: headers, data, padding. Return where its data begins.

        Raises:
            SizeMismatch: the member sent more or fewer bytes than it announced; the tar is unusable then.
        """
        self._put(tarheader.header(member.path, member.size))
        start = self.offset
        counted = _Counted(self._sink, member)
        member.write(counted)
        counted.finish()
        self.offset += member.size
        self._put(tarheader.padding(member.size))
        return start

    def finish(self) -> None:
        """Write the end of the tar."""
        self._put(tarheader.END)

    def _put(self, data: bytes) -> None:
        self._sink.write(data)
        self.offset += len(data)


def tar_size(members: Iterable[tuple[str, int]]) -> int:
    """Return the length in bytes of a tar of members given by path and size."""
    return sum(tarheader.span(path, size) for path, size in members) + len(tarheader.END)


def data_offsets(members: Iterable[tuple[str, int]]) -> list[int]:
    """Return where the data of each member will begin in a tar of members given by path and size."""
    offsets: list[int] = []
    end = 0
    for path, size in members:
        offsets.append(end + len(tarheader.header(path, size)))
        end += tarheader.span(path, size)
    return offsets


class _Counted:
    """Holds a member to the size that its header announced."""

    def __init__(self, sink: Sink, member: Member) -> None:
        self._sink, self._member, self._sent = sink, member, 0

    def write(self, data: bytes) -> None:
        self._sent += len(data)
        if self._sent > self._member.size:
            raise SizeMismatch(f"more than the {self._member.size} bytes planned", place=self._member.path)
        self._sink.write(data)

    def finish(self) -> None:
        if self._sent != self._member.size:
            raise SizeMismatch(
                f"{self._sent} of the {self._member.size} bytes planned", place=self._member.path
            )
