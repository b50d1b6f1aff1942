"""What pushing an image takes: its manifests in their order, its blobs, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Iterable, Iterator, Sequence

from archiver.core.descriptor import Descriptor, Platform
from archiver.core.digest import ContentCheck, Digest
from archiver.core.errors import DigestMismatch, NotArchived, PlatformMissing, SizeMismatch
from archiver.store.imagewalk import StoredManifest, walk_image

if TYPE_CHECKING:
    from archiver.core.manifest import Manifest
    from archiver.offline.holdings import ImageShelf
    from archiver.offline.pushing.names import Placement

_DAMAGED = "this copy is damaged: archiver verify tells what else is"

_DELTA = "a delta is pushed together with the bundle that it builds on"


class ShelfBlobs:
    """The blobs of a shelf, small ones checked as they are read."""

    def __init__(self, shelf: ImageShelf) -> None:
        self._shelf = shelf

    def size(self, digest: Digest) -> int | None:
        """Return a blob's size in bytes, or None where it is not here."""
        return self._shelf.size(digest)

    def open(self, descriptor: Descriptor) -> IO[bytes]:
        """Open a blob, unchecked.

        Raises:
            NotArchived: it is not here.
            SizeMismatch: it has another size than the descriptor says.
        """
        size = self._shelf.size(descriptor.digest)
        if size not in (None, descriptor.size):
            raise SizeMismatch(
                f"has {size} bytes and should have {descriptor.size}",
                place=str(descriptor.digest),
                hint=_DAMAGED,
            )
        try:
            return self._shelf.open(descriptor.digest)
        except NotArchived as error:
            error.hint = _DELTA
            raise

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return a small blob whole.

        Raises:
            NotArchived: it is not here.
            DigestMismatch: it is damaged.
        """
        with self._shelf.open(digest) as stream:
            data = stream.read(limit + 1)
        check = ContentCheck(digest)
        check.update(data)
        try:
            check.finish()
        except DigestMismatch as error:
            error.hint = _DAMAGED
            raise
        return data


@dataclass(frozen=True)
class ImagePlan:
    """One image, ready to be pushed.

    Attributes:
        placement: what it is called.
        manifests: what is put into the repository, each behind what it points to, the root last.
        blobs: what they point to, each once.
        absent: the manifests that its indexes list and that are not here.
        platform: the platform whose manifest stands in for the index; None where nothing stands in.
    """

    placement: Placement
    manifests: tuple[StoredManifest, ...]
    blobs: tuple[Descriptor, ...]
    absent: tuple[Descriptor, ...] = ()
    platform: Platform | None = None

    @property
    def root(self) -> StoredManifest:
        """What the tag will point to."""
        return self.manifests[-1]

    @property
    def repository(self) -> str:
        """The repository that it goes to."""
        return self.placement.target.repository

    @property
    def selector(self) -> str:
        """The tag, or the digest of what is asked for by that."""
        return self.placement.target.tag if self.is_tagged else str(self.root.descriptor.digest)

    @property
    def is_tagged(self) -> bool:
        """Whether a tag is to point to it."""
        return self.placement.target.digest is None


def plan_image(placement: Placement, blobs: ShelfBlobs, flatten: Platform | None) -> ImagePlan:
    """Find out what pushing an image takes.

    Args:
        placement: the image, and what it shall be called.
        blobs: where it is.
        flatten: the platform whose manifest is to stand in for an index that lists what is not here.

    Raises:
        NotArchived: something of it is not here.
        PlatformMissing: it is to be flattened, and does not have that platform.
        ContentError, InvalidDocument, InvalidDigest: it is damaged.
    """
    image = placement.image
    size = blobs.size(image.digest)
    if size is None:
        raise NotArchived("its manifest is not here", place=str(image.digest), hint=_DELTA)
    root = Descriptor(image.media_type, image.digest, size)
    manifests = walk_image(blobs, root, lambda digest: blobs.size(digest) is not None)
    if not manifests:
        raise NotArchived("none of the manifests that it lists is here", place=image.reference, hint=_DELTA)
    kept = {stored.descriptor.digest for stored in manifests}
    absent = tuple(_absent((stored.manifest for stored in manifests), kept))
    platform = None
    if absent and flatten is not None:
        manifests, absent, platform = (_of_platform(manifests, flatten, image.reference),), (), flatten
    return ImagePlan(placement, manifests, tuple(_needed(manifests, blobs)), absent, platform)


def _absent(manifests: Iterable[Manifest], kept: set[Digest]) -> Iterator[Descriptor]:
    listed = {child.digest: child for manifest in manifests for child in manifest.manifests}
    return (child for digest, child in listed.items() if digest not in kept)


def _needed(manifests: Iterable[StoredManifest], blobs: ShelfBlobs) -> Iterator[Descriptor]:
    """Yield the blobs, each once; a layer that its publisher keeps to itself need not be here."""
    needed = {blob.digest: blob for stored in manifests for blob in stored.manifest.blobs}
    return (blob for blob in needed.values() if not blob.urls or blobs.size(blob.digest) is not None)


def _of_platform(manifests: Sequence[StoredManifest], platform: Platform, reference: str) -> StoredManifest:
    for stored in manifests:
        its = stored.descriptor.platform
        if its is not None and not stored.manifest.is_index and its.matches(platform):
            return stored
    its_platforms = ", ".join(str(stored.descriptor.platform) for stored in manifests[:-1])
    raise PlatformMissing(f"has no {platform}, only {its_platforms or 'what names none'}", place=reference)
