"""The members of a bundle: what is known of each after it was written, and which names they may have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterable

from archiver.core.errors import BundleError, BundleIncomplete, ContentError, NotArchived
from archiver.core.filenames import DistinctNames
from archiver.offline.tarwalk import unsafe_name

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.core.tarstream import Member, Sink


@dataclass(frozen=True)
class Packed:
    """A member after it was written: ``offset`` is where its data begins in the tar, in bytes."""

    path: str
    size: int
    offset: int
    digest: Digest


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


def from_archive(member: Member) -> Member:
    """Return a member of blobs of the archive.

    Writing it raises BundleIncomplete, naming the digest, where the archive's copy of a blob is missing or damaged.
    """

    def write(sink: Sink) -> None:
        try:
            member.write(sink)
        except (ContentError, NotArchived) as error:
            raise BundleIncomplete(
                f"the archive's copy of a blob is damaged: {error.message}",
                place=error.place,
                hint="remove the file from the archive's images/blobs folder and archive again",
            ) from error

    return replace(member, write=write)
