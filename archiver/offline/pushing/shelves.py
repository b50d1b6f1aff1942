"""Several shelves of images as one."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Sequence

from archiver.core.errors import NotArchived

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.holdings import Image, ImageShelf


class AllShelves:
    """The images of several projects, the newest last; see holdings.ImageShelf. What a later one has counts."""

    def __init__(self, shelves: Sequence[ImageShelf]) -> None:
        found = {image.reference: image for shelf in shelves for image in shelf.images}
        self.images: tuple[Image, ...] = tuple(found.values())
        self._shelves = shelves

    def size(self, digest: Digest) -> int | None:
        """See holdings.ImageShelf."""
        sizes = (shelf.size(digest) for shelf in self._shelves)
        return next((size for size in sizes if size is not None), None)

    def open(self, digest: Digest) -> IO[bytes]:
        """See holdings.ImageShelf."""
        for shelf in self._shelves:
            if shelf.size(digest) is not None:
                return shelf.open(digest)
        raise NotArchived("no such blob", place=str(digest))
