"""What is told of images that cannot be had: the same by what pulls them and by what only plans it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.errors import TagGone
from archiver.core.snapshot import Failure

if TYPE_CHECKING:
    from archiver.core.descriptor import Platform
    from archiver.core.errors import ArchiverError, ManifestUnknown
    from archiver.core.reference import Reference
    from archiver.core.snapshot import ImageResult

SOURCE = "images"


def image_failure(reference: Reference, error: ArchiverError, platform: Platform | None = None) -> Failure:
    """Return the failure of an image, or of one of its platforms."""
    message = f"{platform}: {error}" if platform is not None else str(error)
    return Failure(SOURCE, str(reference), error.code, message)


def extra_failure(reference: Reference, error: ArchiverError) -> Failure:
    """Return the failure of something that refers to an image; the reference is the image's."""
    message = f"of what refers to it (signatures, SBOMs, attestations): {error}"
    return Failure(SOURCE, str(reference), error.code, message)


def is_final(reference: Reference, earlier: ImageResult | None) -> bool:
    """Say whether a registry that does not have a tag settles that it is gone.

    It does where the archived copy was told by the registry itself: a mirror that lags behind would hide that the tag
    was deleted, or bring back what it meant before. What only a mirror ever had is still to be had from there.
    """
    return earlier is not None and earlier.registry in ("", reference.registry)


def unknown(error: ManifestUnknown, earlier: ImageResult | None) -> ManifestUnknown:
    """Return what it means that upstream does not have an image: it is gone where an earlier snapshot has it."""
    if earlier is None:
        return error
    return TagGone(
        f"upstream has it no longer ({error.message}); the copy of {earlier.resolved} is kept",
        place=error.place,
    )
