"""Blobs of images and downloaded files from bundles into an archive's image layout, each checked by its digest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import IO, TYPE_CHECKING, Callable, Iterable, Iterator, Mapping

from archiver.core import jsontext
from archiver.core.descriptor import OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import (
    BundleDamaged,
    ContentError,
    InvalidDigest,
    InvalidDocument,
    NotArchived,
    RecordCorrupt,
)
from archiver.offline.loading.tally import Tally
from archiver.offline.names import FILE_RECORDS
from archiver.store.blobcopy import copy_blob
from archiver.store.fileartifact import FILE_TYPE
from archiver.store.imagenames import name_for
from archiver.store.imagewalk import walk_image

if TYPE_CHECKING:
    from archiver.core.progress import Task
    from archiver.core.snapshot import ImageResult
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.loading.shelf import JoinedImages
    from archiver.store.blobs import BlobReader, BlobStore
    from archiver.store.imagewalk import ManifestSource

_MOST_LINE = 64 << 20  # of record/files.jsonl, bytes


@dataclass(frozen=True)
class Source:
    """Where a blob is: its size in bytes, what opens it, and what to call it in a message."""

    size: int
    open: Callable[[], IO[bytes]]
    place: str

    def copy(self, digest: Digest, store: BlobStore, task: Task) -> bool:
        """Copy the blob to an archive; say whether it was not there.

        What an earlier attempt copied is not copied again.

        Args:
            digest: what it must hash to.
            store: the archive's blobs.
            task: is told of the bytes, also of those that are there.

        Raises:
            BundleDamaged: it is another content; nothing of it stays.
            LockHeld: a run is getting this very blob.
            StoreError: or a subclass, where the bundle cannot be read or the archive not be written.
        """
        try:
            return copy_blob(store, digest, self.size, self.open, task)
        except ContentError as error:
            raise BundleDamaged(
                f"a blob is damaged: {error.message}",
                place=self.place,
                hint="archiver verify lists all that is damaged, and which volumes to get again",
            ) from error


def image_sources(images: JoinedImages, wanted: Iterable[Digest]) -> dict[Digest, Source]:
    """Return where bundles have blobs of images, in the order in which they are wanted; none for what they have not."""
    sizes = {digest: images.size(digest) for digest in wanted}
    return {
        digest: Source(size, partial(images.open, digest), images.place(digest))
        for digest, size in sizes.items()
        if size is not None
    }


def file_sources(bundles: Iterable[OpenBundle]) -> dict[Digest, Source]:
    """Return where bundles have the contents of downloaded files; a delta has only those that are new."""
    return {
        file.digest: Source(file.size, partial(bundle.open_member, file.path), f"{bundle.path}: {file.path}")
        for bundle in bundles
        for file in bundle.contents.files
        if file.path in bundle.structure.members
    }


class JointBlobs:
    """What bundles and an archive have together; a ``ManifestSource``."""

    def __init__(self, images: JoinedImages, store: BlobReader) -> None:
        self._images, self._store = images, store

    def size(self, digest: Digest) -> int | None:
        """Return a blob's size in bytes, or None where neither has it."""
        size = self._images.size(digest)
        return self._store.size(digest) if size is None else size

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return a small blob whole and checked. Raises NotArchived or RecordCorrupt."""
        source = self._store if self._images.size(digest) is None else self._images
        return source.read(digest, limit)


@dataclass(frozen=True)
class WholeImage:
    """An image of which everything is there.

    Attributes:
        reference: what it is asked for by.
        resolved: when that was asked.
        root: what the reference points to.
        blobs: its configs and layers, then its manifests, then the indexes above them.
    """

    reference: str
    resolved: str
    root: Descriptor
    blobs: tuple[Digest, ...]


def whole_image(image: ImageResult, source: ManifestSource) -> WholeImage:
    """Find what an image consists of.

    Raises:
        BundleDamaged: a manifest or blob is missing, or is not what is said of it.
    """
    try:
        kept = {Digest.parse(text) for text in image.manifests}
        digest = Digest.parse(image.digest)
        root = Descriptor(image.media_type, digest, source.size(digest) or 0)
        found = walk_image(source, root, kept.__contains__)
    except (InvalidDocument, InvalidDigest, NotArchived, RecordCorrupt) as error:
        raise BundleDamaged(f"{image.reference} is not whole: {error.message}", place=error.place) from error
    blobs = [blob for each in found for blob in each.manifest.blobs]
    lost = kept.difference(each.descriptor.digest for each in found)
    lost.update(blob.digest for blob in blobs if source.size(blob.digest) != blob.size)
    if lost or not found:
        place = str(min(lost)) if lost else image.digest
        raise BundleDamaged(f"{image.reference} is not whole: this is missing, or is another", place=place)
    return WholeImage(
        image.reference,
        image.resolved,
        replace(root, artifact_type=found[-1].manifest.artifact_type),
        tuple(dict.fromkeys([*(blob.digest for blob in blobs), *(each.descriptor.digest for each in found)])),
    )


def copy_blobs(sources: Mapping[Digest, Source], store: BlobStore, task: Task) -> Tally:
    """Copy blobs to an archive.

    Args:
        sources: where they are, what points to others behind these.
        store: the archive's blobs.
        task: is told of the bytes.

    Raises:
        BundleDamaged, LockHeld, StoreError: see ``Source.copy``.
    """
    copied = [source.copy(digest, store, task) for digest, source in sources.items()]
    return Tally(sum(copied), len(copied) - sum(copied))


def store_artifacts(bundle: OpenBundle, store: BlobStore) -> list[Descriptor]:
    """Store the artifacts that wrap a bundle's files, and return what index.json is to have of them.

    The caller has checked record/files.jsonl.

    Raises:
        StoreError: or a subclass, when the archive cannot be written.
    """
    if FILE_RECORDS not in bundle.structure.members:
        return []
    found: list[Descriptor] = []
    with bundle.open_member(FILE_RECORDS) as lines:
        for _ in bundle.contents.files:
            line = jsontext.load_object(lines.readline(_MOST_LINE), limit=_MOST_LINE, what=FILE_RECORDS)
            store.put(str(line["config"]).encode("utf-8"))
            manifest = str(line["manifest"]).encode("utf-8")
            found.append(
                Descriptor(OCI_MANIFEST, store.put(manifest), len(manifest), artifact_type=FILE_TYPE)
            )
    return found


def image_names(images: Iterable[WholeImage], meant: dict[str, str]) -> Iterator[tuple[str, Descriptor]]:
    """Yield what index.json is to name for images; see ``imagenames.name_for``.

    Args:
        images: those of a snapshot.
        meant: when the archive's snapshots last learned what a reference means, by reference; this one's are added.
    """
    for image in images:
        yield name_for(image.reference, image.resolved, meant), image.root
