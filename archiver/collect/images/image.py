"""Pulling one image: from its reference down to the last layer, and up again with what points to it.

The way down reads every manifest from the store where it is here already, so an unchanged image
costs one HEAD request. The way up writes: blobs, manifests, indexes. Names come last and together (pull.py).

Sources: OCI image-spec v1.1 image-index.md and manifest.md; Docker schema 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterator, Mapping, Sequence

from archiver.collect.images.registry import Document, parsed
from archiver.core import jsontext
from archiver.core.clock import iso, utc_now
from archiver.core.descriptor import (
    INDEXES,
    MANIFEST_LIMIT,
    MANIFESTS,
    Descriptor,
    Platform,
)
from archiver.core.errors import (
    ArchiverError,
    ContentError,
    FetchError,
    InternalError,
    InvalidDigest,
    InvalidDocument,
    ManifestUnsupported,
    NotArchived,
    PlatformMissing,
    RecordCorrupt,
    Stopped,
    StoreError,
)
from archiver.core.snapshot import Failure, ImageResult

if TYPE_CHECKING:
    from archiver.collect.images.blobs import BlobFetcher, Fetch
    from archiver.collect.images.registries import Registries
    from archiver.collect.meter import Meter
    from archiver.core.digest import Digest
    from archiver.core.reference import Reference
    from archiver.store.images import ImageLayout

SOURCE = "images"
_CONFIG_LIMIT = 8 << 20  # bytes
_MOST_DEPTH = 2  # an index, and an index in it
_MOST_MANIFESTS = 256  # of one image; each costs a request
_WORD = re.compile(r"\A[A-Za-z0-9._+-]{0,64}\Z")
_UNUSABLE = (FetchError, ContentError, InvalidDocument, InvalidDigest)  # what ends an image and not the run


@dataclass(frozen=True)
class Pulled:
    """What came of one reference.

    Attributes:
        result: what is here of it now, if anything is.
        named: what the layout is to point to for it, as ``ImageLayout.point`` takes it.
        failures: what went wrong.
        failed: the platforms that could not be got though upstream has them; None where it is not known which.
    """

    result: ImageResult | None
    named: tuple[tuple[str, Descriptor], ...]
    failures: tuple[Failure, ...]
    failed: tuple[Platform | None, ...]


@dataclass(frozen=True)
class _Leaf:
    """A manifest to keep, the indexes above it (outermost first), and the platform, if the index says it."""

    descriptor: Descriptor
    parents: tuple[Document, ...]
    platform: Platform | None


@dataclass(frozen=True)
class _Begun:
    """A leaf whose blobs are under way. What has no ``platform`` runs nowhere: an artifact."""

    leaf: _Leaf
    document: Document
    platform: Platform | None
    fetches: tuple[Fetch, ...]


@dataclass(frozen=True)
class PullTools:
    """What the pulls of one run share; used by several threads.

    Attributes:
        layout: where images go.
        known: the entries that the layout's index had when the run began.
        platforms: which platforms of a multi-platform image to keep.
        registries: where images come from.
        fetcher: gets blobs.
        meter: is told of bytes.
    """

    layout: ImageLayout
    known: Mapping[Digest, Descriptor]
    platforms: tuple[Platform, ...]
    registries: Registries
    fetcher: BlobFetcher
    meter: Meter


class ImagePull:
    """The pull of one image; used once."""

    def __init__(self, tools: PullTools, reference: Reference) -> None:
        self._tools, self._reference = tools, reference
        self._repository = tools.registries.repository(reference)
        self._failures: list[Failure] = []
        self._failed: list[Platform | None] = []
        self._examined = 0

    def run(self) -> Pulled:
        """Get the image: store its blobs, then its manifests, then its indexes; what names it is the caller's.

        A platform that cannot be had is a failure beside the ones that can, and so is a defect of this
        program that only one image brings out.

        Raises:
            StoreError: the archive cannot be written.
            Stopped: the run is to end.
        """
        result: ImageResult | None = None
        named: tuple[tuple[str, Descriptor], ...] = ()
        try:
            root = self._root()
            resolved = iso(utc_now())
            begun = self._begin_index(root) if root.manifest.is_index else [self._begin_single(root)]
            kept = [each for each in begun if self._finish(each)]
            if kept:
                result = self._stored(root, kept, resolved)
                named = (self._name_of(root),)
        except _UNUSABLE as error:
            self._fail(error)
        except (StoreError, Stopped):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other images are not to suffer
            self._fail(InternalError.of(error))
        return Pulled(result, named, tuple(self._failures), tuple(self._failed))

    # ---- down: what there is

    def _root(self) -> Document:
        digest = self._reference.digest
        if digest is not None:
            descriptor = self._tools.known.get(digest)
        else:
            descriptor = self._repository.resolve(self._reference.tag).descriptor
        if descriptor is None:
            return self._counted(self._repository.get_manifest(self._reference.selector))
        return self._document(descriptor)

    def _document(self, descriptor: Descriptor) -> Document:
        """Read a manifest from the store, or get it."""
        blobs = self._tools.layout.blobs
        if blobs.size(descriptor.digest) == descriptor.size:
            try:
                data = blobs.read(descriptor.digest, MANIFEST_LIMIT)
                return parsed(data, descriptor.digest, descriptor.media_type, str(descriptor.digest))
            except RecordCorrupt:  # then get it anew
                pass
        return self._counted(self._repository.get_manifest(str(descriptor.digest), descriptor))

    def _counted(self, document: Document) -> Document:
        self._tools.meter.expect(len(document.data))
        self._tools.meter.received(len(document.data))
        return document

    def _begin_index(self, root: Document) -> list[_Begun]:
        leaves = list(self._leaves(root, ()))
        covered = [leaf.platform for leaf in leaves if leaf.platform is not None]
        begun = []
        for leaf in leaves:
            try:
                started = self._begin(leaf)
            except _UNUSABLE as error:
                self._fail(error, leaf.platform)
                continue
            if started.platform is None or self._is_wanted(started.platform):
                begun.append(started)
        covered.extend(each.platform for each in begun if each.platform is not None)
        if covered or not begun:  # a collection of artifacts is for no platform
            self._report_missing(root, covered)
        return sorted(begun, key=lambda each: self._rank(each.platform))

    def _leaves(self, index: Document, above: tuple[Document, ...]) -> Iterator[_Leaf]:
        """Yield what may be wanted of an index; what has no platform there can be told only by its config."""
        parents = (*above, index)
        for child in {each.digest: each for each in index.manifest.manifests}.values():
            if child.platform is not None and not self._is_wanted(child.platform):
                continue
            try:
                self._examine(child)
                _check_platform(child.platform, child.digest)
                if child.media_type in MANIFESTS:
                    yield _Leaf(child, parents, child.platform)
                elif child.media_type in INDEXES:
                    if len(parents) == _MOST_DEPTH:
                        raise ManifestUnsupported("indexes are nested too deeply", place=str(child.digest))
                    yield from self._leaves(self._document(child), parents)
                elif child.platform is not None:
                    raise ManifestUnsupported(
                        f"{child.media_type!r:.120} is not a manifest", place=str(child.digest)
                    )
            except _UNUSABLE as error:
                self._fail(error, child.platform)

    def _examine(self, child: Descriptor) -> None:
        self._examined += 1
        if self._examined > _MOST_MANIFESTS:
            raise ManifestUnsupported(
                f"more than {_MOST_MANIFESTS} manifests to look at", place=str(child.digest)
            )

    def _begin_single(self, root: Document) -> _Begun:
        begun = self._begin(_Leaf(root.descriptor, (), None), root)
        if begun.platform is not None and not self._is_wanted(begun.platform):
            wanted = ", ".join(map(str, self._tools.platforms))
            raise PlatformMissing(f"the image is for {begun.platform} only, not for {wanted}")
        return begun

    def _begin(self, leaf: _Leaf, document: Document | None = None) -> _Begun:
        """Begin fetching a manifest's blobs; the config first, where only it can tell the platform."""
        document = document or self._document(leaf.descriptor)
        platform = leaf.platform or self._platform_in_config(document)
        if platform is not None and not self._is_wanted(platform):
            return _Begun(leaf, document, platform, ())
        fetches = self._tools.fetcher.begin(self._repository, document.manifest.blobs)
        return _Begun(leaf, document, platform, fetches)

    def _platform_in_config(self, document: Document) -> Platform | None:
        """Return an image's platform by its config; None for an artifact, which signatures are, too."""
        config = document.manifest.config
        if config is None or not document.manifest.is_image:
            return None
        if config.size > _CONFIG_LIMIT:
            raise ManifestUnsupported(f"the config has {config.size} bytes", place=str(config.digest))
        fetcher, blobs = self._tools.fetcher, self._tools.layout.blobs
        fetcher.wait(self._repository, fetcher.begin(self._repository, [config]))
        try:
            data = blobs.read(config.digest, _CONFIG_LIMIT)
        except RecordCorrupt:
            fetcher.renew(self._repository, config)
            data = blobs.read(config.digest, _CONFIG_LIMIT)
        what = str(config.digest)
        platform = Platform.from_json(jsontext.load_object(data, limit=_CONFIG_LIMIT, what=what))
        _check_platform(platform, config.digest)
        return platform if platform.os and platform.architecture else None

    # ---- up: what is kept

    def _finish(self, begun: _Begun) -> bool:
        """Wait for a manifest's blobs and store it; say whether it is whole."""
        try:
            self._tools.fetcher.wait(self._repository, begun.fetches)
        except _UNUSABLE as error:
            self._fail(error, begun.platform)
            return False
        self._store(begun.document)
        return True

    def _name_of(self, root: Document) -> tuple[str, Descriptor]:
        target = replace(root.descriptor, artifact_type=root.manifest.artifact_type)
        # a digest says nothing about what a tag points to, so it names nothing
        return (str(self._reference) if self._reference.named_tag else "", target)

    def _stored(self, root: Document, kept: Sequence[_Begun], resolved: str) -> ImageResult:
        nested = {each.descriptor.digest: each for begun in kept for each in begun.leaf.parents[1:]}
        indexes = [*nested.values(), root] if root.manifest.is_index else []
        for document in indexes:
            self._store(document)
        documents = [*indexes, *(begun.document for begun in kept)]
        sizes = {each.descriptor.digest: each.descriptor.size for each in documents}
        sizes.update((blob.digest, blob.size) for each in documents for blob in each.manifest.blobs)
        return ImageResult(
            reference=str(self._reference),
            digest=str(root.descriptor.digest),
            media_type=root.descriptor.media_type,
            size=sum(sizes.values()),
            platforms=tuple(str(begun.platform or "") for begun in kept),
            manifests=tuple(str(begun.document.descriptor.digest) for begun in kept),
            resolved=resolved,
            registry=self._reference.registry,
        )

    def _store(self, document: Document) -> None:
        descriptor, blobs = document.descriptor, self._tools.layout.blobs
        try:
            blobs.read(descriptor.digest, MANIFEST_LIMIT)
        except (NotArchived, RecordCorrupt):
            with blobs.writer(descriptor.digest, descriptor.size) as writer:
                writer.write(document.data)

    # ---- platforms and failures

    def _is_wanted(self, platform: Platform) -> bool:
        return any(platform.matches(wanted) for wanted in self._tools.platforms)

    def _rank(self, platform: Platform | None) -> int:
        """Order manifests as the spec orders platforms, artifacts last."""
        wanted = self._tools.platforms
        if platform is None:
            return len(wanted)
        return next(i for i, each in enumerate(wanted) if platform.matches(each))

    def _report_missing(self, root: Document, covered: Sequence[Platform]) -> None:
        offered = {str(each.platform) for each in root.manifest.manifests if each.platform is not None}
        for wanted in self._tools.platforms:
            if not any(platform.matches(wanted) for platform in covered):
                has = ", ".join(sorted(offered - {"unknown/unknown"})) or "none"
                self._fail(PlatformMissing(f"there is no image for {wanted}; there is: {has:.300}"))

    def _fail(self, error: ArchiverError, platform: Platform | None = None) -> None:
        if not isinstance(error, PlatformMissing):
            self._failed.append(platform)
        message = f"{platform}: {error}" if platform is not None else str(error)
        self._failures.append(Failure(SOURCE, str(self._reference), error.code, message))


def _check_platform(platform: Platform | None, digest: Digest) -> None:
    """Refuse a platform that cannot be written as ``os/architecture/variant``."""
    if platform is not None and not all(
        map(_WORD.match, (platform.os, platform.architecture, platform.variant))
    ):
        raise InvalidDocument("its platform is malformed", place=str(digest))
