"""Pulling one image: from its reference down to the last layer, and up again with what points to it.

The way down (walk.py) reads every manifest from the store where it is here already, so an unchanged image costs HEAD
requests only. The way up writes: blobs, manifests, indexes. Names come last and together (pull.py).

Sources: OCI image-spec v1.1 image-index.md and manifest.md; Docker schema 2.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Iterable, Mapping

from archiver.collect.images.failures import extra_failure, image_failure, meaning
from archiver.collect.images.reading import ManifestReader, Memo
from archiver.collect.images.referrers import Referrers, subjects_of
from archiver.collect.images.walk import CONFIG_LIMIT, UNUSABLE, Leaf, Miss, Tree, indexes, walk
from archiver.collect.view import falls_short
from archiver.core.clock import iso, utc_now
from archiver.core.descriptor import MANIFEST_LIMIT, Descriptor
from archiver.core.errors import (
    ArchiverError,
    InternalError,
    NotArchived,
    PlatformMissing,
    RecordCorrupt,
    Stopped,
    StoreError,
)
from archiver.core.snapshot import ImageResult

if TYPE_CHECKING:
    from archiver.collect.images.blobs import BlobFetcher
    from archiver.collect.images.registries import Registries
    from archiver.collect.images.registry import Document
    from archiver.collect.meter import Meter
    from archiver.core.descriptor import Platform
    from archiver.core.digest import Digest
    from archiver.core.progress import Progress
    from archiver.core.reference import Reference
    from archiver.core.snapshot import Failure
    from archiver.store.images import ImageLayout

Named = tuple[str, Descriptor]
"""A name, or none, and what it is to point to, as ``ImageLayout.point`` takes it."""


@dataclass(frozen=True)
class Pulled:
    """What came of one reference.

    Attributes:
        results: what is here of it now, if anything is, and behind it what refers to it.
        named: what the layout is to point to for it.
        failures: what went wrong.
    """

    results: tuple[ImageResult, ...] = ()
    named: tuple[Named, ...] = ()
    failures: tuple[Failure, ...] = ()


class Claims:
    """What is being looked for already: tags that mean one digest have one set of signatures."""

    def __init__(self) -> None:
        self._claimed: set[tuple[str, Digest]] = set()
        self._lock = threading.Lock()

    def claim(self, repository: str, subject: Digest) -> bool:
        """Say whether the caller is the first to look for what refers to a manifest."""
        with self._lock:
            first = (repository, subject) not in self._claimed
            self._claimed.add((repository, subject))
            return first


@dataclass(frozen=True)
class PullTools:
    """What the pulls of one run share; used by several threads.

    Attributes:
        layout: where images go.
        known: the entries that the layout's index had when the run began.
        platforms: which platforms of a multi-platform image to keep; empty for all.
        registries: where images come from.
        fetcher: gets blobs.
        meter: is told of bytes.
        progress: is told of tags that moved.
        earlier: the images of the last good snapshot, by reference.
        asked: the references that the run is about.
        referrers: whether to look for signatures, SBOMs and attestations.
    """

    layout: ImageLayout
    known: Mapping[Digest, Descriptor]
    platforms: tuple[Platform, ...]
    registries: Registries
    fetcher: BlobFetcher
    meter: Meter
    progress: Progress
    earlier: Mapping[str, ImageResult]
    asked: frozenset[Reference]
    referrers: bool
    memo: Memo = field(default_factory=Memo)
    claims: Claims = field(default_factory=Claims)


@dataclass(frozen=True)
class _Kept:
    """What is whole of a tree now, and what is missing of it."""

    root: Document
    leaves: tuple[Leaf, ...]
    misses: tuple[Miss, ...]


class ImagePull:
    """The pull of one image; used once.

    Args:
        tools: what the pulls of the run share.
        reference: the image.
        pinned: what its tag is to mean, whatever upstream says.
    """

    def __init__(self, tools: PullTools, reference: Reference, pinned: Digest | None = None) -> None:
        self._tools, self._reference, self._pinned = tools, reference, pinned
        self._repository = tools.registries.repository(reference)
        self._reader = ManifestReader(
            self._repository,
            tools.layout.blobs,
            tools.known,
            tools.memo,
            fetch_config=self._config,
            came=self._count,
        )
        self._failures: dict[Failure, None] = {}

    def run(self) -> Pulled:
        """Get the image: store its blobs, then its manifests, then its indexes; what names it is the caller's.

        A platform that cannot be had is a failure beside the ones that can, and so is what refers to the image, or a
        defect of this program that only one image brings out. An image of which a platform failed that its earlier
        copy has is no result.

        Raises:
            StoreError: the archive cannot be written.
            Stopped: the run is to end, before the image itself is whole.
        """
        results: list[ImageResult] = []
        named: list[Named] = []
        try:
            self._pull(results, named)
        except UNUSABLE as error:
            self._fail(error)
        except (StoreError, Stopped):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other images are not to suffer
            self._fail(InternalError.of(error))
        return Pulled(tuple(results), tuple(named), tuple(self._failures))

    def _pull(self, results: list[ImageResult], named: list[Named]) -> None:
        root = self._root()
        resolved = iso(utc_now())
        tree = walk(root, self._reader, self._tools.platforms)
        kept = self._kept(tree)
        for miss in kept.misses:
            self._fail(miss.error, miss.platform)
        result = self._result(self._reference, kept, resolved)
        if result is None:
            return
        self._tell_of_move(result)
        results.append(result)
        named.append(_named(self._reference, kept.root))
        if self._tools.referrers:
            try:
                self._pull_extras(subjects_of(Tree(root, kept.leaves, ())), resolved, results, named)
            except Stopped:  # the image itself is whole
                return

    def _root(self) -> Document:
        if self._pinned is not None:
            return self._reader.root(self._reference, self._pinned)
        return meaning(self._reader, self._reference, self._tools.earlier.get(str(self._reference)))

    # ---- what is kept

    def _kept(self, tree: Tree) -> _Kept:
        """Get the blobs of a tree, then store the manifests that are whole, then the indexes above these."""
        fetcher, misses = self._tools.fetcher, list(tree.misses)
        begun = [
            (leaf, fetcher.begin(self._repository, leaf.document.manifest.blobs)) for leaf in tree.leaves
        ]
        kept: dict[Digest, Leaf] = {}
        for leaf, fetches in begun:
            try:
                fetcher.wait(self._repository, fetches)
            except UNUSABLE as error:
                misses.append(Miss(error, None if leaf.attests else leaf.platform))
                continue
            if leaf.attests is None or leaf.attests in kept:
                self._store(leaf.document)
                kept[leaf.digest] = leaf
        leaves = tuple(kept.values())
        for document in indexes(tree.root, leaves) if leaves else ():
            self._store(document)
        return _Kept(tree.root, leaves, tuple(misses))

    def _store(self, document: Document) -> None:
        descriptor, blobs = document.descriptor, self._tools.layout.blobs
        try:
            blobs.read(descriptor.digest, MANIFEST_LIMIT)
        except (NotArchived, RecordCorrupt):
            blobs.replace(descriptor.digest, document.data)

    def _result(
        self, reference: Reference, kept: _Kept, resolved: str, refers_to: Digest | None = None
    ) -> ImageResult | None:
        """Return what to say of a tree; None where nothing is kept of it, or less than an earlier copy has."""
        if not kept.leaves:
            return None
        descriptor, earlier = kept.root.descriptor, self._tools.earlier.get(str(reference))
        documents = [*indexes(kept.root, kept.leaves), *(leaf.document for leaf in kept.leaves)]
        sizes = {each.descriptor.digest: each.descriptor.size for each in documents}
        sizes.update((blob.digest, blob.size) for each in documents for blob in each.manifest.blobs)
        told = earlier.registry if earlier is not None and earlier.digest == str(descriptor.digest) else ""
        result = ImageResult(
            reference=str(reference),
            digest=str(descriptor.digest),
            media_type=descriptor.media_type,
            size=sum(sizes.values()),
            platforms=tuple(str(leaf.platform or "") if leaf.attests is None else "" for leaf in kept.leaves),
            manifests=tuple(str(leaf.digest) for leaf in kept.leaves),
            resolved=resolved,
            registry=kept.root.location or told or reference.registry,
            refers_to=str(refers_to or ""),
            artifact_type=kept.root.manifest.artifact_kind,
        )
        failed = [miss.platform for miss in kept.misses if not isinstance(miss.error, PlatformMissing)]
        wanted = self._tools.platforms if refers_to is None else ()
        short = earlier is not None and falls_short(result, earlier, wanted, failed)
        return None if short else result

    # ---- what refers to it

    def _pull_extras(
        self, subjects: Iterable[Digest], resolved: str, results: list[ImageResult], named: list[Named]
    ) -> None:
        tools = self._tools
        unclaimed = [each for each in subjects if tools.claims.claim(self._repository.name, each)]
        for found in Referrers(self._repository, self._reader, self._reference).of(unclaimed):
            if isinstance(found, Miss):
                self._fail_extra(found.error)
            elif found.reference not in tools.asked:
                kept = self._kept(found.tree)
                for miss in kept.misses:
                    self._fail_extra(miss.error)
                result = self._result(found.reference, kept, resolved, found.refers_to)
                if result is not None:
                    results.append(result)
                    named.append(_named(found.reference, kept.root))

    # ---- what is told

    def _tell_of_move(self, result: ImageResult) -> None:
        earlier = self._tools.earlier.get(result.reference)
        if earlier is not None and earlier.digest != result.digest:
            self._tools.progress.note(
                f"{result.reference} was {earlier.digest}, and is {result.digest} now; the earlier one is kept"
            )

    def _fail(self, error: ArchiverError, platform: Platform | None = None) -> None:
        self._failures[image_failure(self._reference, error, platform)] = None

    def _fail_extra(self, error: ArchiverError) -> None:
        self._failures[extra_failure(self._reference, error)] = None

    # ---- for the reader

    def _config(self, descriptor: Descriptor) -> bytes:
        self._tools.fetcher.renew(self._repository, descriptor)
        return self._tools.layout.blobs.read(descriptor.digest, CONFIG_LIMIT)

    def _count(self, document: Document) -> None:
        self._tools.meter.expect(len(document.data))
        self._tools.meter.received(len(document.data))


def _named(reference: Reference, root: Document) -> Named:
    target = replace(root.descriptor, artifact_type=root.manifest.artifact_type)
    # a digest says nothing about what a tag points to, so it names nothing
    return (str(reference) if reference.named_tag else "", target)
