"""Which blobs the images of a snapshot need, for the platforms that are packed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Container, Iterable, Mapping, Sequence

from archiver.core.descriptor import Descriptor, Platform
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError, BundleIncomplete
from archiver.core.manifest import layer_compressions
from archiver.core.snapshot import Failure
from archiver.store.imagestar import TarImage
from archiver.store.imagewalk import walk_image
from archiver.store.layoutindex import alias_document

if TYPE_CHECKING:
    from archiver.core.manifest import Manifest
    from archiver.core.snapshot import ImageResult, Snapshot
    from archiver.store.blobs import BlobReader
    from archiver.store.imagewalk import StoredManifest

_PREFERRED = Platform("linux", "amd64")


@dataclass(frozen=True)
class ImageContent:
    """One image or artifact to pack.

    Attributes:
        result: what the snapshot says of it; ``platforms``, ``manifests`` and ``size`` narrowed to what is packed.
        root: the manifest or index that the reference points to.
        blobs: size in bytes of everything it needs, by digest: indexes, manifests, configs, layers.
        default: the manifest that ``docker load`` gets; None for what is no image.
        default_platform: the platform of ``default``, as text; empty where there is none.
        compressions: how its layers that are file systems are packed; see ``layer_compressions``.
        children: what each index and manifest of it points to, of what is packed; each behind those that it points to.
        alias: the OCI index that stands for it where it has Docker's media types; else None.
    """

    result: ImageResult
    root: Descriptor
    blobs: Mapping[Digest, int]
    default: Manifest | None
    default_platform: str
    compressions: tuple[str, ...]
    children: Mapping[Digest, tuple[Digest, ...]]
    alias: bytes | None = None

    def needed_beside(self, held: Container[Digest]) -> frozenset[Digest]:
        """Return the blobs that a reader of others needs, and the indexes and manifests that lead to them.

        The latter are needed even where the reader has them, as he may of an index of which he has other platforms: nothing
        in a tar is without something that points to it.
        """
        needed = {digest for digest in self.blobs if digest not in held}
        for parent, children in self.children.items():
            if needed.intersection(children):
                needed.add(parent)
        return frozenset(needed)

    @property
    def tar_image(self) -> TarImage:
        """What images.tar is made of."""
        return TarImage(self.result.reference, self.root, self.blobs, self.default, self.alias)


def image_contents(
    snapshot: Snapshot, store: BlobReader, platforms: Sequence[Platform]
) -> tuple[tuple[ImageContent, ...], tuple[Failure, ...]]:
    """Return the images to pack in the snapshot's order, and those that have no platform asked for.

    What refers to an image, such as a signature, is packed with the manifest that it is about, or not at all.

    Args:
        snapshot: the record of the run.
        store: the archive's blobs.
        platforms: which platforms to pack; empty for all that the archive has.

    Raises:
        BundleIncomplete: a blob is missing, has another size than its descriptor says, or a manifest is
            not the one that the snapshot names.
    """
    chosen: dict[str, ImageResult] = {}
    left_out: list[Failure] = []
    for result in snapshot.images:
        narrowed = _narrowed(result, platforms)
        if narrowed is None:
            wanted = ", ".join(map(str, platforms))
            left_out.append(
                Failure("images", result.reference, "bundle.platform", f"not archived for {wanted}")
            )
        else:
            chosen.setdefault(result.reference, narrowed)
    packed = _without_strays(chosen.values()) if platforms else chosen.values()
    return tuple(_content(each, store, _preference(snapshot)) for each in packed), tuple(left_out)


def _without_strays(results: Iterable[ImageResult]) -> Sequence[ImageResult]:
    """Leave out what refers to a manifest that is not packed, and what refers to that in turn."""
    kept = list(results)
    while True:
        here = {digest for each in kept for digest in (each.digest, *each.manifests)}
        related = [each for each in kept if not each.refers_to or each.refers_to in here]
        if len(related) == len(kept):
            return kept
        kept = related


def _narrowed(result: ImageResult, wanted: Sequence[Platform]) -> ImageResult | None:
    """The result with only the platforms wanted; None where an image has none of them."""
    if len(result.platforms) != len(result.manifests):
        raise BundleIncomplete("the snapshot has not one manifest a platform", place=result.reference)
    pairs = list(zip(result.platforms, result.manifests))
    if not wanted or not any(result.platforms):  # an artifact runs nowhere and everywhere
        return result
    kept = [(name, digest) for name, digest in pairs if _matches(name, wanted)]
    if not any(name for name, _ in kept):
        return None
    return replace(
        result,
        platforms=tuple(name for name, _ in kept),
        manifests=tuple(digest for _, digest in kept),
    )


def _matches(name: str, wanted: Sequence[Platform]) -> bool:
    """Say whether a manifest is packed: one of a platform wanted, or of none, as a signature within an index is."""
    return not name or any(Platform.parse(name).matches(platform) for platform in wanted)


def _preference(snapshot: Snapshot) -> tuple[Platform, ...]:
    """linux/amd64, then the platforms in the order of the spec."""
    return (_PREFERRED, *snapshot.platforms)


def _content(result: ImageResult, store: BlobReader, preference: Sequence[Platform]) -> ImageContent:
    root_digest = Digest.parse(result.digest)
    size = store.size(root_digest)
    if size is None:
        raise BundleIncomplete(
            f"{result.reference} points to a manifest that is not here", place=result.digest
        )
    root = Descriptor(result.media_type, root_digest, size)
    found = _walked(result, store, root)
    manifests = {each.descriptor.digest: each.manifest for each in found if not each.manifest.is_index}
    missing = {Digest.parse(text) for text in result.manifests} - set(manifests)
    if missing:
        raise BundleIncomplete(
            f"{result.reference} does not list this manifest, though the snapshot says so",
            place=str(min(missing)),
        )
    blobs: dict[Digest, int] = {}
    for each in found:
        for pointer in (*each.manifest.blobs, each.descriptor):
            blobs[pointer.digest] = _checked_size(result, store, pointer)
    default, platform = _default(result, manifests, preference)
    packed = replace(result, size=sum(blobs.values()))
    alias = alias_document(store, root, blobs.__contains__) if default is not None else None
    children = {
        each.descriptor.digest: tuple(
            pointer.digest for pointer in each.manifest.pointers if pointer.digest in blobs
        )
        for each in found
    }
    return ImageContent(
        packed, root, blobs, default, platform, layer_compressions(manifests.values()), children, alias
    )


def _walked(result: ImageResult, store: BlobReader, root: Descriptor) -> tuple[StoredManifest, ...]:
    kept = {Digest.parse(text) for text in result.manifests}
    try:
        return walk_image(store, root, kept.__contains__)
    except ArchiverError as error:
        raise BundleIncomplete(
            f"a manifest of {result.reference} cannot be used: {error.message}", place=error.place
        ) from error


def _checked_size(result: ImageResult, store: BlobReader, pointer: Descriptor) -> int:
    size = store.size(pointer.digest)
    if size != pointer.size:
        problem = "is not here" if size is None else f"has {size} bytes instead of {pointer.size}"
        raise BundleIncomplete(f"a blob of {result.reference} {problem}", place=str(pointer.digest))
    return size


def _default(
    result: ImageResult, manifests: Mapping[Digest, Manifest], preference: Sequence[Platform]
) -> tuple[Manifest | None, str]:
    """Choose the one platform that a ``docker save`` archive can carry for a tag."""
    named = dict(zip(result.manifests, result.platforms))
    runnable = [
        (named.get(str(digest), ""), manifest) for digest, manifest in manifests.items() if manifest.is_image
    ]
    for wanted in preference:
        for name, manifest in runnable:
            if name and Platform.parse(name).matches(wanted):
                return manifest, name
    if not runnable:
        return None, ""
    name, manifest = runnable[0]
    return manifest, name
