"""The images of bundles that belong together: a base and its deltas, or bundles of several projects, as one shelf."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Iterable, Sequence

from archiver.core.errors import NotArchived, RecordCorrupt
from archiver.offline.bundle import image_of
from archiver.offline.windows import open_window

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.bundlejson import BlobEntry, ImageEntry


class JoinedImages:
    """Images of each project's newest snapshot, and the blobs of all bundles; see holdings.ImageShelf.

    Attributes:
        entries: what bundle.json says of the images: one a reference, that of the newest snapshot.
        images: the same, as other shelves have it.
        lacking: blobs that deltas build on and that none of the bundles has.
        bases: names of the bundles that deltas build on and that were not given.
    """

    def __init__(self, bundles: Sequence[OpenBundle]) -> None:
        newest: dict[str, OpenBundle] = {}
        for bundle in sorted(bundles, key=lambda each: each.contents.snapshot):
            newest[bundle.contents.project] = bundle
        found = {
            entry.reference: (bundle.contents.project, entry)
            for bundle in sorted(newest.values(), key=lambda each: each.contents.snapshot)
            for entry in bundle.contents.images
        }
        self.entries: tuple[ImageEntry, ...] = tuple(entry for _, entry in found.values())
        self.images = tuple(image_of(project, entry) for project, entry in found.values())
        self._blobs: dict[Digest, tuple[OpenBundle, BlobEntry]] = {
            blob.digest: (bundle, blob) for bundle in bundles for blob in bundle.contents.blobs
        }
        required = {digest for bundle in bundles for digest in bundle.contents.requires}
        self.lacking: frozenset[Digest] = frozenset(required - set(self._blobs))
        self.bases = absent_bases(bundles, bundles)

    def size(self, digest: Digest) -> int | None:
        """See holdings.ImageShelf."""
        return self._blobs[digest][1].size if digest in self._blobs else None

    def open(self, digest: Digest) -> IO[bytes]:
        """See holdings.ImageShelf."""
        if digest not in self._blobs:
            raise NotArchived("none of the bundles has the blob", place=str(digest))
        bundle, blob = self._blobs[digest]
        return open_window(bundle.source, blob.offset, blob.size)

    def read(self, digest: Digest, limit: int) -> bytes:
        """See imagewalk.ManifestSource."""
        with self.open(digest) as stream:
            data = stream.read(limit + 1)
        hasher = digest.hasher()
        hasher.update(data)
        if len(data) > limit or hasher.hexdigest() != digest.hex:
            raise RecordCorrupt("the blob's content is not what its digest says", place=self.place(digest))
        return data

    def place(self, digest: Digest) -> str:
        """Return what to call a blob in a message: which bundle it is in, and its digest."""
        return f"{self._blobs[digest][0].path}: {digest}" if digest in self._blobs else str(digest)


def joined_images(bundles: Sequence[OpenBundle]) -> JoinedImages:
    """Return the images of bundles, in any order, as one shelf.

    What deltas among them need of bundles that are not is missing from it: ``size`` is None for that.
    """
    return JoinedImages(bundles)


def absent_bases(deltas: Iterable[OpenBundle], given: Iterable[OpenBundle]) -> tuple[str, ...]:
    """Return the names, of the default form, of the bundles that deltas build on and that were not given.

    Args:
        deltas: bundles of either kind; full ones build on nothing.
        given: all bundles that there are.
    """
    there = {(bundle.contents.project, bundle.contents.snapshot) for bundle in given}
    bases = {
        (delta.contents.project, delta.contents.since.snapshot) for delta in deltas if delta.contents.since
    }
    return tuple(f"{project}-{snapshot}.tar" for project, snapshot in sorted(bases - there))
