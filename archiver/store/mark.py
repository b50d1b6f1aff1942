"""What snapshots reach in the image layout: the half of pruning that decides."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping

from archiver.core.descriptor import OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest, InvalidDocument, NotArchived, RecordCorrupt
from archiver.store.imagewalk import walk_image

if TYPE_CHECKING:
    from archiver.core.refusal import Refusal
    from archiver.core.snapshot import ImageResult, Snapshot
    from archiver.store.blobs import BlobReader

_HINT = (
    "nothing is removed as long as it cannot be told what is needed; archiving the project again gets damaged images "
    "anew, and a snapshot that is beyond repair can be moved away"
)


@dataclass(frozen=True)
class Reached:
    """What is needed.

    Attributes:
        snapshots: how many snapshots it was found from.
        blobs: layers, configs, manifests, indexes, and the content of files.
        names: what each reference of an image meant last.
    """

    snapshots: int
    blobs: frozenset[Digest]
    names: Mapping[str, Descriptor]


def mark(
    store: BlobReader,
    snapshots: Iterable[Snapshot],
    entries: Iterable[Descriptor],
    refusals: Iterable[Refusal] = (),
) -> Reached:
    """Find what is reached.

    Args:
        store: the layout's blobs.
        snapshots: the snapshots that are kept.
        entries: entries of the layout's index that are kept whatever snapshots say, with all that is here of them.
        refusals: what was refused and is kept: it is needed, and says nothing about what names mean.

    Raises:
        RecordCorrupt: a manifest is missing or damaged, so that it cannot be told what it reaches.
        StoreError: or a subclass, for what the file system refuses.
    """
    marking = _Marking(store)
    count = 0
    for snapshot in snapshots:
        marking.snapshot(snapshot)
        count += 1
    for refusal in refusals:
        marking.refusal(refusal)
    for entry in entries:
        with readable(f"an entry of the index, {entry.digest}"):
            marking.walk(entry, lambda digest: store.size(digest) is not None)
    names = {name: target for name, (_, target) in marking.names.items()}
    return Reached(count, frozenset(marking.blobs), names)


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn what a missing or damaged document raises into one error that names what cannot be told then.

    Raises:
        RecordCorrupt: in place of NotArchived, InvalidDocument, InvalidDigest and other RecordCorrupt.
    """
    try:
        yield
    except (NotArchived, RecordCorrupt, InvalidDocument, InvalidDigest) as error:
        raise RecordCorrupt(
            f"cannot tell what {what} needs: {error.message}", place=error.place, hint=_HINT
        ) from error


class _Marking:
    def __init__(self, store: BlobReader) -> None:
        self._store = store
        # Snapshots share most of what they have.
        self._images: dict[tuple[str, str, tuple[str, ...]], Descriptor] = {}
        self._files: set[str] = set()
        self.blobs: set[Digest] = set()
        self.names: dict[str, tuple[str, Descriptor]] = {}

    def snapshot(self, snapshot: Snapshot) -> None:
        for image in snapshot.images:
            with readable(f"{image.reference} of {snapshot.project}, snapshot {snapshot.id},"):
                self._image(image)
        for file in snapshot.files:
            with readable(f"{file.url} of {snapshot.project}, snapshot {snapshot.id},"):
                self._file(file.manifest, file.digest)

    def refusal(self, refusal: Refusal) -> None:
        with readable(f"what was refused of {refusal.source} in {refusal.snapshot}"):
            for image in refusal.images:
                self._root(image)
            for file in refusal.files:
                self._file(file.manifest, file.digest)

    def _image(self, image: ImageResult) -> None:
        root = self._root(image)
        resolved, _ = self.names.get(image.reference, ("", None))
        if image.resolved >= resolved:
            self.names[image.reference] = image.resolved, root

    def _root(self, image: ImageResult) -> Descriptor:
        key = (image.digest, image.media_type, image.manifests)
        if key not in self._images:
            root = self._descriptor(image.digest, image.media_type, image.artifact_type)
            kept = {Digest.parse(text) for text in image.manifests}
            self.blobs.update(kept, (root.digest,))
            self.walk(root, kept.__contains__)
            self._images[key] = root
        return self._images[key]

    def _file(self, manifest: str, digest: str) -> None:
        if manifest not in self._files:
            self.blobs.add(Digest.parse(digest))
            self.walk(self._descriptor(manifest, OCI_MANIFEST), lambda _: True)
            self._files.add(manifest)

    def walk(self, root: Descriptor, is_kept: Callable[[Digest], bool]) -> None:
        for each in walk_image(self._store, root, is_kept):
            self.blobs.add(each.descriptor.digest)
            self.blobs.update(pointer.digest for pointer in each.manifest.blobs)

    def _descriptor(self, text: str, media_type: str, artifact_type: str = "") -> Descriptor:
        digest = Digest.parse(text)
        size = self._store.size(digest)
        if size is None:
            raise NotArchived("its manifest is not here", place=text)
        return Descriptor(media_type, digest, size, artifact_type=artifact_type)
