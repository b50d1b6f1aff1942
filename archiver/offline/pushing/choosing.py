"""Which images of a shelf are meant."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Iterable, Sequence

from archiver.core.descriptor import Descriptor
from archiver.core.errors import ArchiverError
from archiver.offline.loading.choosing import selected
from archiver.offline.pushing.plan import ShelfBlobs
from archiver.store.imagewalk import walk_image

if TYPE_CHECKING:
    from archiver.offline.holdings import Image, ImageShelf


def choose_images(shelf: ImageShelf, wanted: Sequence[str]) -> tuple[Image, ...]:
    """Return images by their references, short ones too, and all that refers to them; all images where none is named.

    Raises:
        InvalidReference: a name is none.
        UsageError: there is no such image.
    """
    if not wanted:
        return shelf.images
    chosen = {image.reference: image for image in selected(shelf.images, wanted)}
    referring: dict[str, list[Image]] = defaultdict(list)
    for image in shelf.images:
        referring[image.refers_to].append(image)
    waiting = [digest for image in chosen.values() for digest in _digests(image, shelf)]
    while waiting:  # signatures of SBOMs refer to what refers to an image
        further = referring.pop(waiting.pop(), [])
        waiting += [str(image.digest) for image in further if image.reference not in chosen]
        chosen.update((image.reference, image) for image in further)
    return tuple(image for image in shelf.images if image.reference in chosen)


def _digests(image: Image, shelf: ImageShelf) -> Iterable[str]:
    """Return the digests of an image's manifests, as far as they can be read: pushing tells what is wrong with it."""
    size = shelf.size(image.digest)
    root = Descriptor(image.media_type, image.digest, size or 0)
    try:
        manifests = walk_image(ShelfBlobs(shelf), root, lambda digest: shelf.size(digest) is not None)
    except ArchiverError:
        manifests = ()
    return {str(image.digest), *(str(stored.descriptor.digest) for stored in manifests)}
