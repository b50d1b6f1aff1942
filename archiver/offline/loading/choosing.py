"""Which manifest of an image a container runtime is given, and what that needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Mapping, Protocol, Sequence, TypeVar

from archiver.core.descriptor import (
    FILESYSTEM_LAYERS,
    Descriptor,
    Platform,
    layer_compression,
)
from archiver.core.errors import (
    ArchiverError,
    BundleDamaged,
    BundleError,
    DeltaIncomplete,
    NotArchived,
    UsageError,
)
from archiver.core.reference import Reference
from archiver.store.imagewalk import walk_image

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.core.manifest import Manifest
    from archiver.offline.bundlejson import ImageEntry
    from archiver.offline.loading.shelf import JoinedImages
    from archiver.store.imagewalk import StoredManifest

_MOST_NAMES = 5  # in one message


@dataclass(frozen=True)
class Choice:
    """An image as one runtime gets it.

    Attributes:
        reference: its full reference.
        root: what the reference points to.
        indexes: the indexes that lead from there to the manifest, by digest; empty where it is the root itself.
        descriptor: the chosen manifest's.
        manifest: the chosen manifest.
        platform: what it runs on; None where nobody says so.
    """

    reference: str
    root: Descriptor
    indexes: Mapping[Digest, int]
    descriptor: Descriptor
    manifest: Manifest
    platform: Platform | None

    @property
    def blobs(self) -> dict[Digest, int]:
        """Size of the manifest and of what it points to, by digest; without the indexes."""
        return {each.digest: each.size for each in (self.descriptor, *self.manifest.blobs)}

    @property
    def compressions(self) -> frozenset[str]:
        """How its layers are packed; see ``layer_compression``."""
        kinds = (layer.media_type for layer in self.manifest.layers)
        return frozenset(layer_compression(kind) for kind in kinds if kind.startswith(FILESYSTEM_LAYERS))


class Named(Protocol):
    """What an image is found by: an entry of bundle.json, or an image of a shelf."""

    @property
    def reference(self) -> str:
        """The full reference."""


_Named = TypeVar("_Named", bound=Named)


def selected(entries: Sequence[_Named], references: Sequence[str]) -> tuple[_Named, ...]:
    """Return the entries that are asked for; all of them where none is.

    Args:
        entries: the images that there are.
        references: which ones, as ``docker pull`` would take them.

    Raises:
        InvalidReference: that is no reference.
        UsageError: there is no such image.
    """
    if not references:
        return tuple(entries)
    there = {entry.reference: entry for entry in entries}
    wanted = {str(Reference.parse(text)): text for text in references}
    absent = [text for name, text in wanted.items() if name not in there]
    if absent:
        raise UsageError(
            "there is no such image",
            place=absent[0],
            hint=f"there are: {', '.join(list(there)[: _MOST_NAMES * 4])}"
            if there
            else "there are none at all",
        )
    return tuple(there[name] for name in wanted)


def choices(shelf: JoinedImages, entries: Iterable[ImageEntry], wanted: Platform) -> tuple[Choice, ...]:
    """Choose a manifest of each image: for the platform wanted, else the bundle's default, else the first there is.

    Artifacts, which no runtime can load, are passed over.

    Raises:
        DeltaIncomplete: an image needs blobs that none of the bundles has; ``more`` are the other images.
        BundleDamaged: a manifest is not what it should be, or a full bundle lacks something.
    """
    found: list[Choice] = []
    incomplete: list[BundleError] = []
    for entry in entries:
        try:
            choice = _choice(shelf, entry, wanted)
        except NotArchived:
            incomplete.append(_incomplete(entry.reference, shelf))
            continue
        except ArchiverError as error:
            raise BundleDamaged(
                f"a manifest of {entry.reference} cannot be used: {error.message}", place=error.place
            ) from error
        if choice is None:
            continue
        if any(shelf.size(digest) is None for digest in choice.blobs):
            incomplete.append(_incomplete(entry.reference, shelf))
        found.append(choice)
    if incomplete:
        first, *more = incomplete
        first.more = tuple(more)
        raise first
    return tuple(found)


def _incomplete(reference: str, shelf: JoinedImages) -> BundleError:
    if not shelf.lacking:
        return BundleDamaged(
            "the image is not whole, and no delta builds on what is missing", place=reference
        )
    bases = " and ".join(shelf.bases)
    return DeltaIncomplete(
        "the image is not whole in what was given: a delta has only what is new in it",
        place=reference,
        hint=f"give the bundle that the delta builds on as well: {bases}"
        if bases
        else "give the earlier bundles as well",
    )


def _choice(shelf: JoinedImages, entry: ImageEntry, wanted: Platform) -> Choice | None:
    root = Descriptor(entry.media_type, entry.digest, shelf.size(entry.digest) or 0)
    walked = walk_image(shelf, root, lambda digest: shelf.size(digest) is not None)
    if any(child.digest in shelf.lacking for each in walked for child in each.manifest.manifests):
        raise NotArchived("a manifest of the image is not here", place=entry.reference)
    runnable = [(each, _platform(each, entry)) for each in walked if each.manifest.is_image]
    if not runnable:
        if entry.default_platform:  # its index is here, and its image is not
            raise NotArchived("no manifest of the image is here", place=entry.reference)
        return None
    default = Platform.parse(entry.default_platform) if entry.default_platform else wanted
    for preferred in (wanted, default):
        matching = [pair for pair in runnable if pair[1] is not None and pair[1].matches(preferred)]
        if matching:
            break
    stored, platform = (matching or runnable)[0]
    indexes: dict[Digest, int] = {}
    for each in walked:  # an index stands behind what it points to
        if any(child.digest in {stored.descriptor.digest, *indexes} for child in each.manifest.manifests):
            indexes[each.descriptor.digest] = each.descriptor.size
    return Choice(entry.reference, root, indexes, stored.descriptor, stored.manifest, platform)


def _platform(stored: StoredManifest, entry: ImageEntry) -> Platform | None:
    """What a manifest runs on: as its index says, or, where there is none, bundle.json."""
    if stored.descriptor.platform is not None:
        return stored.descriptor.platform
    return Platform.parse(entry.platforms[0]) if len(entry.platforms) == 1 and entry.platforms[0] else None
