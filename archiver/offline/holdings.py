"""What a reader can ask of a bundle or of an archive folder: one interface, two implementations.

``offline/bundle.py`` reads a bundle's tar in place, ``offline/archive.py`` an archive folder. The
server, the registry and search know only what is written here. Everything is read-only and may be
used by several threads at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Iterator, Protocol, Sequence

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.digest import Digest
    from archiver.core.judgement import Judgement
    from archiver.core.report import Report
    from archiver.core.snapshot import BrokenLink, Failure


@dataclass(frozen=True)
class Response:
    """An archived HTTP response.

    ``headers`` are as captured, in order. ``body`` has the payload with content coding kept; reading
    it to its end checks it (ContentError or RecordCorrupt where it is not what was captured).
    The caller closes it.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: IO[bytes]


class Site(Protocol):
    """One archived doc site."""

    project: str
    name: str
    seeds: tuple[str, ...]
    origins: tuple[str, ...]
    requisite_origins: tuple[str, ...]
    pages: int
    gone: int  # captures that upstream has no longer

    @property
    def newest(self) -> str:
        """The timestamp14 of the newest capture; empty where there is none."""

    def captures(self, key: str) -> Sequence[Capture]:
        """Return the captures whose SURT key is ``key``, in index order; empty where there are none."""

    def captures_near(self, key: str, before: int, after: int) -> Sequence[Capture]:
        """Return the captures around the place that a SURT key has in the index, in its order.

        Args:
            key: it need not be one that there is, nor a whole one: a beginning stands before all that begin so.
            before: how many captures to return of those in front of the key, at most.
            after: how many of those at the key and behind it, at most.
        """

    def all_captures(self) -> Iterator[Capture]:
        """Yield every capture in index order."""

    def response(self, capture: Capture) -> Response:
        """Open a capture's response; for a revisit, the original's body.

        Raises:
            RecordCorrupt: the record is missing, or is not the one that the capture names.
        """


@dataclass(frozen=True)
class Image:
    """One image or artifact that can be pulled: its full reference, and what that points to.

    ``refers_to`` is the digest of the manifest that a signature, SBOM or attestation is about; else empty.
    ``resolved`` is when the reference was last asked for, ``gone`` since when upstream is known not to have it any more (ISO times);
    empty where that is not known, or not so.
    ``artifact_type`` is the media type that says what kind of artifact it is; empty for an image.
    """

    project: str
    reference: str
    digest: Digest
    media_type: str
    size: int
    platforms: tuple[str, ...]
    refers_to: str = ""
    resolved: str = ""
    artifact_type: str = ""
    gone: str = ""


class ImageShelf(Protocol):
    """The images of one holding and the blobs behind them."""

    images: tuple[Image, ...]

    def size(self, digest: Digest) -> int | None:
        """Return a blob's (or manifest's) size in bytes, or None where it is not here."""

    def open(self, digest: Digest) -> IO[bytes]:
        """Open a blob or manifest, seekable. Raises NotArchived where it is not here.

        The stream itself checks nothing: whoever sends it on checks what it sends.
        """


@dataclass(frozen=True)
class File:
    """One downloaded file; ``path`` is ``<host>/<path>``, ``fetched`` and ``gone`` are as an image's ``resolved`` and ``gone``."""

    project: str
    path: str
    url: str
    digest: Digest
    size: int
    media_type: str
    fetched: str = ""
    gone: str = ""


class FileShelf(Protocol):
    """The downloaded files of one holding."""

    files: tuple[File, ...]

    def open(self, file: File) -> IO[bytes]:
        """Open a file, seekable."""


@dataclass(frozen=True)
class SearchIndex:
    """A search index that is there but must be copied out, or is a file already.

    ``path`` is a file that SQLite can open in place, or empty; then ``open`` of the holding's
    ``open_search`` gives its bytes, to be checked against ``digest``.
    """

    project: str
    digest: Digest | None
    size: int
    path: str = ""


class Holding(Protocol):
    """One project at one snapshot, as a bundle or an archive folder has it."""

    project: str
    title: str
    snapshot: str
    created: str
    sites: Sequence[Site]
    images: ImageShelf
    files: FileShelf
    failures: tuple[Failure, ...]
    broken_links: tuple[BrokenLink, ...]
    judgements: tuple[Judgement, ...]
    search: SearchIndex | None

    def open_search(self) -> IO[bytes]:
        """Open the bytes of the search index. Raises NotArchived where there is none."""

    def report(self) -> Report | None:
        """Read the report of the run; None where there is none.

        Raises:
            ArchiverError: it is damaged.
        """

    def close(self) -> None:
        """Close what is open."""


class Project(Protocol):
    """One project and the snapshots of it that there are to read.

    What there is may change while it is being read: an archive folder gets new snapshots, and may lose old ones.
    """

    name: str

    def snapshots(self) -> tuple[str, ...]:
        """Return the ids of all snapshots, oldest first; cheap enough to ask every second."""

    def newest(self) -> str:
        """Return the id of the newest snapshot fit to hand over, the one that is read where no other is asked for.

        Raises NotArchived where there is none. Cheap enough to ask every second.
        """

    def open(self, snapshot: str) -> Holding:
        """Open a snapshot; the caller closes it. Raises NotArchived where there is none of this id."""

    def images(self, snapshot: str) -> ImageShelf:
        """Return the images of a snapshot alone, without opening its docs. Raises NotArchived where there is none."""

    def look_up(self, snapshot: str, key: str) -> Sequence[Capture]:
        """Return the captures of a SURT key in a snapshot that need not be open; nothing where it cannot be read."""

    def close(self) -> None:
        """Close what no caller of ``open`` has to close."""
