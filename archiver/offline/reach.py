"""What belongs to a repository: all that its images' manifests point to, and nothing else.

An archive folder has the blobs of every project in one place; a registry must not hand out by one name what
belongs to another, nor as a manifest what no manifest is.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable

from archiver.core.descriptor import INDEXES, MANIFEST_LIMIT, MANIFESTS
from archiver.core.digest import ContentCheck
from archiver.core.errors import ArchiverError, InvalidDocument, NotArchived
from archiver.core.manifest import Manifest, parse_manifest

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.holdings import Image, ImageShelf

Shelved = tuple["Image", "ImageShelf"]
"""An image, and where it is."""


@dataclass(frozen=True)
class Held:
    """Something that can be read: its digest, where it is, and its size in bytes."""

    digest: Digest
    shelf: ImageShelf
    size: int


@dataclass(frozen=True)
class HeldManifest(Held):
    """A manifest or index; ``media_type`` is what the image or the index above it says, one of the known ones."""

    media_type: str

    def read(self) -> bytes:
        """Return the whole of it.

        Raises:
            InvalidDocument: it is larger than any manifest may be.
            ContentError: it is not what its digest says.
        """
        if self.size > MANIFEST_LIMIT:
            raise InvalidDocument(f"{self.size} bytes are no manifest", place=str(self.digest))
        check = ContentCheck(self.digest, self.size)
        with self.shelf.open(self.digest) as stream:
            data = stream.read(self.size + 1)
        check.update(data)
        check.finish()
        return data


@dataclass(frozen=True)
class Referrer:
    """A manifest or index with a ``subject``, and what kind of artifact it says it is; empty for none."""

    held: HeldManifest
    kind: str


class Reach:
    """Finds things among what the images of one repository point to. May be used by several threads at once.

    Manifests are read when something is looked for that those read so far do not point to.

    Args:
        images: those of the repository.
        earlier: gives what earlier snapshots have of it; asked once, when all else was looked through.
    """

    def __init__(self, images: Iterable[Shelved], earlier: Callable[[], Iterable[Shelved]] = tuple) -> None:
        self._manifests: dict[Digest, HeldManifest] = {}
        self._blobs: dict[Digest, Held] = {}
        self._referrers: defaultdict[Digest, dict[Digest, Referrer]] = defaultdict(dict)
        self._unread: list[HeldManifest] = []
        self._earlier: Callable[[], Iterable[Shelved]] | None = earlier
        self._turn = threading.Lock()
        for image, shelf in images:
            self._take(image.digest, image.media_type, shelf)

    def manifest(self, digest: Digest) -> HeldManifest | None:
        """Return a manifest or index of the repository, or None where it has no such one.

        Raises:
            ArchiverError: that cannot be told, because a manifest that might point to it is damaged.
        """
        with self._turn:
            self._read_until(lambda: digest in self._manifests)
            return self._manifests.get(digest)

    def content(self, digest: Digest) -> Held | None:
        """Return a blob, manifest or index of the repository, or None where it has no such one.

        Raises:
            ArchiverError: as ``manifest`` does.
        """
        with self._turn:
            self._read_until(lambda: digest in self._blobs or digest in self._manifests)
            return self._blobs.get(digest) or self._manifests.get(digest)

    def referrers(self, subject: Digest) -> tuple[Referrer, ...]:
        """Return the manifests and indexes of the repository whose ``subject`` is a digest, by their own digests.

        The first call reads every manifest of the repository.

        Raises:
            ArchiverError: a manifest is damaged, so that nobody knows what it refers to.
        """
        with self._turn:
            self._read_until(lambda: False)
            found = self._referrers.get(subject, {})
            return tuple(found[digest] for digest in sorted(found))

    def _read_until(self, is_known: Callable[[], bool]) -> None:
        damaged: list[HeldManifest] = []
        failure: ArchiverError | None = None
        while not is_known() and (self._unread or self._has_earlier()):
            manifest = self._unread.pop()
            try:
                self._read(manifest)
            except NotArchived:  # it was here a moment ago: pruned while it was served
                self._manifests.pop(manifest.digest, None)
            except ArchiverError as error:
                damaged.append(manifest)
                failure = failure or error
        self._unread += damaged
        if failure is not None and not is_known():
            raise failure

    def _has_earlier(self) -> bool:
        """Take up what earlier snapshots have, the first time; say whether there is anything to read then."""
        if self._earlier is not None:
            earlier, self._earlier = self._earlier, None
            for image, shelf in earlier():
                self._take(image.digest, image.media_type, shelf)
        return bool(self._unread)

    def _read(self, held: HeldManifest) -> None:
        manifest = parse_manifest(held.read(), held.media_type, what=str(held.digest))
        for pointer in manifest.pointers:
            self._take(pointer.digest, pointer.media_type if manifest.is_index else "", held.shelf)
        if manifest.subject is not None:
            self._referrers[manifest.subject.digest][held.digest] = Referrer(held, _kind(manifest))

    def _take(self, digest: Digest, media_type: str, shelf: ImageShelf) -> None:
        """Remember what a digest stands for, where it is here: an index may list more than was archived."""
        known = self._manifests if media_type in MANIFESTS | INDEXES else self._blobs
        size = shelf.size(digest) if digest not in known else None
        if size is None:
            return
        if known is self._blobs:
            self._blobs[digest] = Held(digest, shelf, size)
            return
        manifest = HeldManifest(digest, shelf, size, media_type)
        self._manifests[digest] = manifest
        self._unread.append(manifest)


def _kind(manifest: Manifest) -> str:
    """Return the artifact type as the referrers API has it: a manifest that names none has that of its config."""
    return manifest.artifact_type or (manifest.config.media_type if manifest.config else "")
