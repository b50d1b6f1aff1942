"""Walking an archived image: from its root down to the manifests that were kept of it.

Source: OCI image-spec v1.1 image-index.md and manifest.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Protocol

from archiver.core.descriptor import INDEXES, MANIFEST_LIMIT, Descriptor
from archiver.core.errors import InvalidDocument
from archiver.core.manifest import Manifest, parse_manifest

if TYPE_CHECKING:
    from archiver.core.digest import Digest

_DEEPEST = 4  # indexes within indexes


class ManifestSource(Protocol):
    """Where manifests are read from: an archive, or bundles."""

    def size(self, digest: Digest) -> int | None:
        """Return a blob's size in bytes, or None where it is not here."""

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return a small blob whole and checked.

        Raises:
            NotArchived: it is not here.
            RecordCorrupt: it is larger than ``limit`` or its content has another digest.
        """


@dataclass(frozen=True)
class StoredManifest:
    """A manifest or index as it is in the store."""

    descriptor: Descriptor
    manifest: Manifest


def read_manifest(store: ManifestSource, at: Descriptor) -> Manifest:
    """Read a manifest or index, checked by its digest.

    Raises:
        NotArchived: it is not here.
        RecordCorrupt, InvalidDocument, InvalidDigest: it is damaged.
    """
    return parse_manifest(store.read(at.digest, MANIFEST_LIMIT), at.media_type, what=str(at.digest))


def walk_image(
    store: ManifestSource, root: Descriptor, is_kept: Callable[[Digest], bool]
) -> tuple[StoredManifest, ...]:
    """Return the manifests that are kept of an image, and the indexes that lead to them, each behind what it points to.

    Args:
        store: where they are.
        root: what the image's reference points to.
        is_kept: says which of the manifests that indexes point to are kept: an index may be sparse.

    Raises:
        NotArchived: one of them is not here.
        RecordCorrupt, InvalidDocument, InvalidDigest: one of them is damaged, or indexes are nested too deeply.
    """
    walk = _Walk(store, is_kept)
    walk.visit(root, 0)
    return tuple(walk.kept)


class _Walk:
    def __init__(self, store: ManifestSource, is_kept: Callable[[Digest], bool]) -> None:
        self._store, self._is_kept = store, is_kept
        self._visited: dict[Digest, bool] = {}
        self.kept: list[StoredManifest] = []

    def visit(self, at: Descriptor, depth: int) -> bool:
        """Collect a manifest or index and what it leads to; say whether anything is kept of it."""
        if at.digest not in self._visited:
            manifest = read_manifest(self._store, at)
            kept = not manifest.is_index or self._visit_children(at, manifest, depth)
            self._visited[at.digest] = kept
            if kept:
                self.kept.append(StoredManifest(at, manifest))
        return self._visited[at.digest]

    def _visit_children(self, at: Descriptor, index: Manifest, depth: int) -> bool:
        if depth == _DEEPEST:
            raise InvalidDocument("indexes are nested too deeply", place=str(at.digest))
        wanted = [child for child in index.manifests if self._is_wanted(child)]
        return any([self.visit(child, depth + 1) for child in wanted])  # noqa: C419 - all of them are to be visited

    def _is_wanted(self, child: Descriptor) -> bool:
        if self._is_kept(child.digest):
            return True
        return child.media_type in INDEXES and self._store.size(child.digest) is not None
