"""The layout's names for what a snapshot has: what was not pulled by this run may have none, or mean something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.core.descriptor import REF_NAME, Descriptor
from archiver.core.digest import Digest
from archiver.core.reference import Reference

if TYPE_CHECKING:
    from archiver.core.snapshot import ImageResult
    from archiver.store.images import ImageLayout


def name_missing(layout: ImageLayout, view: Iterable[ImageResult]) -> None:
    """Name what has no name in the layout: its index may have been lost.

    Args:
        layout: the layout; the caller holds its ``writing()``.
        view: a snapshot's images.
    """
    entries = layout.entries()
    names = {entry.annotations.get(REF_NAME) for entry in entries}
    here = {entry.digest for entry in entries}
    lost = [
        (name, stored)
        for name, stored in _stored(layout, view)
        if (name not in names if name else stored.digest not in here)
    ]
    if lost:
        layout.point(lost)


def name_again(layout: ImageLayout, view: Iterable[ImageResult]) -> None:
    """Have the layout's names mean what they mean in a snapshot, whatever was pulled since; see ``name_missing``."""
    meant = {entry.annotations.get(REF_NAME): entry.digest for entry in layout.entries()}
    others = [
        (name, stored) for name, stored in _stored(layout, view) if name and meant.get(name) != stored.digest
    ]
    if others:
        layout.point(others)


def _stored(layout: ImageLayout, view: Iterable[ImageResult]) -> Iterator[tuple[str, Descriptor]]:
    """Yield name, empty for what is only known by its digest, and descriptor of the images whose manifest is here."""
    for image in view:
        digest = Digest.parse(image.digest)
        size = layout.blobs.size(digest)
        if size is not None:
            name = image.reference if Reference.parse(image.reference).named_tag else ""
            yield name, Descriptor(image.media_type, digest, size)
