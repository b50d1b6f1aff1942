"""What an image is, and what is told where it cannot be had: the same for what pulls it and for what only plans that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.errors import ManifestUnknown, MirrorDiffers, TagGone
from archiver.core.snapshot import Failure

if TYPE_CHECKING:
    from archiver.collect.images.reading import ManifestReader
    from archiver.collect.images.registry import Document
    from archiver.core.descriptor import Platform
    from archiver.core.errors import ArchiverError
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


def meaning(reader: ManifestReader, reference: Reference, earlier: ImageResult | None) -> Document:
    """Ask what a tag means today; what its registry itself once told is not overruled by a mirror.

    A mirror may lag behind: where the registry does not have the tag, it would hide that it was deleted, and where the
    registry cannot be asked, it would bring back what the tag meant before. What only a mirror ever told is
    still to be had from there.

    Args:
        reader: of the reference's repository.
        reference: the image.
        earlier: what the last good snapshot has of it.

    Raises:
        TagGone: the registry does not have it, and had it before.
        MirrorDiffers: a mirror says something else than the registry, which cannot be asked, said before.
        ManifestUnknown: there is no such image.
        FetchError, ContentError, InvalidDocument, InvalidDigest: it cannot be had.
    """
    told = earlier is not None and earlier.registry in ("", reference.registry)
    try:
        root = reader.root(reference, final=told)
    except ManifestUnknown as error:
        if earlier is None:
            raise
        raise TagGone(
            f"{reference.registry} has it no longer; the copy of {earlier.resolved} is kept"
        ) from error
    mirror = root.location not in ("", reference.registry)
    if earlier is not None and told and mirror and str(root.descriptor.digest) != earlier.digest:
        raise MirrorDiffers(
            f"{reference.registry} cannot be asked, and its mirror {root.location} says that it is {root.descriptor.digest}; "
            f"the copy of {earlier.resolved}, which {reference.registry} told itself, is kept",
            hint=f"to take that mirror's word, name the image there: {root.location}/…",
        )
    return root
