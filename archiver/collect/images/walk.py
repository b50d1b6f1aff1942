"""The way down an image: which of its manifests are wanted, without a layer being fetched.

``pull`` and ``plan`` go the same way. They differ in where manifests and configs come from, which the
``Reader`` that they hand in knows.

Sources: OCI image-spec v1.1 image-index.md, manifest.md and annotations.md; BuildKit's "Image Attestation
Storage" (the annotations of attestations in an index).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Iterable, Iterator, Protocol, Sequence

from archiver.core import jsontext
from archiver.core.descriptor import INDEXES, MANIFESTS, TITLE, Descriptor, Platform
from archiver.core.digest import Digest
from archiver.core.errors import (
    ArchiverError,
    ContentError,
    FetchError,
    InvalidDigest,
    InvalidDocument,
    ManifestUnsupported,
    PlatformMissing,
    SizeMismatch,
    TitleUnsafe,
)

if TYPE_CHECKING:
    from archiver.collect.images.registry import Document
    from archiver.core.manifest import Manifest

CONFIG_LIMIT = 8 << 20  # bytes
UNUSABLE = (FetchError, ContentError, InvalidDocument, InvalidDigest)
"""What ends an image, or a part of one, and not the run."""

_MOST_DEPTH = 2  # an index, and an index in it
_MOST_MANIFESTS = 256  # of one image; each costs a request
_MOST_BYTES = 32 << 20  # of one image's manifests; they are held in memory until its blobs are here
_MOST_BLOB = 1 << 40  # bytes
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORD = re.compile(r"\A[A-Za-z0-9._+-]{0,64}\Z")
_NOWHERE = Platform("unknown", "unknown")  # what BuildKit writes for what runs nowhere
_REFERENCE_TYPE = "vnd.docker.reference.type"
_REFERENCE_DIGEST = "vnd.docker.reference.digest"
_ATTESTATION = "attestation-manifest"


class Reader(Protocol):
    """Where manifests and configs are read from."""

    def manifest(self, descriptor: Descriptor) -> Document:
        """Return a manifest or index, its size and digest checked. Raises one of ``UNUSABLE``."""

    def config(self, descriptor: Descriptor) -> bytes:
        """Return an image's config of at most ``CONFIG_LIMIT`` bytes, checked. Raises one of ``UNUSABLE``."""


@dataclass(frozen=True)
class Leaf:
    """A manifest that is wanted.

    Attributes:
        document: the manifest.
        nested: the indexes between it and the root, outermost first.
        platform: what it runs on, for an attestation what that which it is about runs on; None for an artifact.
        attests: the digest of the manifest that it is about, for an attestation.
    """

    document: Document
    nested: tuple[Document, ...] = ()
    platform: Platform | None = None
    attests: Digest | None = None

    @property
    def digest(self) -> Digest:
        """The manifest's digest."""
        return self.document.descriptor.digest


@dataclass(frozen=True)
class Miss:
    """A part of an image that cannot be had, or that upstream does not have (``PlatformMissing``).

    Attributes:
        error: why.
        platform: which part; None where it is not known.
    """

    error: ArchiverError
    platform: Platform | None = None


@dataclass(frozen=True)
class Tree:
    """What is wanted of an image.

    Attributes:
        root: what the reference means: an index, or the one manifest.
        leaves: the manifests wanted: images in the order of the platforms asked for, then their attestations,
            then artifacts; each digest once.
        misses: what is missing.
    """

    root: Document
    leaves: tuple[Leaf, ...]
    misses: tuple[Miss, ...]

    @property
    def indexes(self) -> tuple[Document, ...]:
        """The indexes that lead to the leaves, the root last; empty where the root is a manifest."""
        return indexes(self.root, self.leaves)


def indexes(root: Document, leaves: Iterable[Leaf]) -> tuple[Document, ...]:
    """Return the indexes that lead from a root to some of its leaves, each behind those that it points to."""
    if not root.manifest.is_index:
        return ()
    nested = {each.descriptor.digest: each for leaf in leaves for each in reversed(leaf.nested)}
    return (*nested.values(), root)


def walk(root: Document, reader: Reader, platforms: Sequence[Platform]) -> Tree:
    """Find out which manifests of an image are wanted.

    An image without a platform of its own in the index is told by its config. Artifacts, which run nowhere, are
    wanted whatever the platforms; attestations (BuildKit's) together with what they are about. What cannot be had
    is a miss beside what can.

    Args:
        root: what the reference means.
        reader: reads what is below it.
        platforms: which platforms to keep; empty for all.

    Raises:
        FetchError, ContentError, InvalidDocument, InvalidDigest: the root is a manifest, and cannot be used or is
            for another platform.
    """
    seeker = _Walk(reader, tuple(platforms))
    if root.manifest.is_index:
        return seeker.index(root)
    return Tree(root, (seeker.single(root),), ())


class _Walk:
    """One walk; used once."""

    def __init__(self, reader: Reader, platforms: tuple[Platform, ...]) -> None:
        self._reader, self._platforms = reader, platforms
        self._examined = self._read = 0
        self._is_over = False
        self._leaves: dict[Digest, Leaf] = {}
        self._attestations: list[tuple[Descriptor, Digest, tuple[Document, ...]]] = []
        self._misses: list[Miss] = []
        self._covered: set[Platform] = set()  # tried; which of them can be had is another question

    def single(self, root: Document) -> Leaf:
        leaf = self._leaf(root, (), None)
        if leaf.platform is not None and not self._is_wanted(leaf.platform):
            wanted = ", ".join(map(str, self._platforms))
            raise PlatformMissing(f"the image is for {leaf.platform} only, not for {wanted}")
        return leaf

    def index(self, root: Document) -> Tree:
        for child, parents in self._children(root, ()):
            self._visit(child, parents)
        self._report_missing(root)
        for child, subject, parents in self._attestations:
            self._visit_attestation(child, subject, parents)
        leaves = sorted(self._leaves.values(), key=self._rank)
        return Tree(root, tuple(leaves), tuple(self._misses))

    # ---- down

    def _children(
        self, index: Document, above: tuple[Document, ...]
    ) -> Iterator[tuple[Descriptor, tuple[Document, ...]]]:
        """Yield the manifests that may be wanted, with the indexes above each; attestations are put by."""
        parents = (*above, index)
        for child in index.manifest.manifests:
            if self._is_over:
                return
            platform = _said(child.platform)
            try:
                subject = _attested(child)
                if subject is not None:
                    self._attestations.append((child, subject, parents))
                    continue
                if platform is not None and not self._is_wanted(platform):
                    continue
                _check_platform(platform, child.digest)
                if platform is not None:
                    self._covered.add(platform)
                if child.media_type in MANIFESTS:
                    yield child, parents
                elif child.media_type in INDEXES:
                    yield from self._children(self._nested(child, parents), parents)
                elif platform is not None:
                    raise ManifestUnsupported(
                        f"{child.media_type!r:.120} is not a manifest", place=str(child.digest)
                    )
            except UNUSABLE as error:
                self._miss(error, platform)

    def _nested(self, child: Descriptor, parents: tuple[Document, ...]) -> Document:
        if any(child.digest == each.descriptor.digest for each in parents):
            raise ManifestUnsupported("an index lists itself", place=str(child.digest))
        if len(parents) == _MOST_DEPTH:
            raise ManifestUnsupported("indexes are nested too deeply", place=str(child.digest))
        return self._document(child)

    def _visit(self, child: Descriptor, parents: tuple[Document, ...]) -> None:
        platform = _said(child.platform)
        try:
            known = self._leaves.get(child.digest)
            if known is not None:  # reached by another way, which is to be kept, too
                check_size(known.document, child)
                here = {each.descriptor.digest for each in known.nested}
                new = [each for each in parents[1:] if each.descriptor.digest not in here]
                if new:  # an index may list it again and again
                    self._leaves[child.digest] = replace(known, nested=(*known.nested, *new))
                return
            leaf = self._leaf(self._document(child), parents[1:], platform)
            if leaf.platform is None or self._is_wanted(leaf.platform):
                self._leaves[child.digest] = leaf
        except UNUSABLE as error:
            self._miss(error, platform)

    def _visit_attestation(self, child: Descriptor, subject: Digest, parents: tuple[Document, ...]) -> None:
        about = self._leaves.get(subject)
        if about is None or child.digest in self._leaves or self._is_over:
            return
        try:
            document = self._document(child)
            _check_blobs(document.manifest, child.digest)
            self._leaves[child.digest] = Leaf(document, parents[1:], about.platform, subject)
        except UNUSABLE as error:
            self._miss(error)

    def _leaf(self, document: Document, nested: tuple[Document, ...], platform: Platform | None) -> Leaf:
        _check_blobs(document.manifest, document.descriptor.digest)
        if platform is None or platform == _NOWHERE:
            platform = self._platform_in_config(document.manifest)
        return Leaf(document, nested, platform)

    def _platform_in_config(self, manifest: Manifest) -> Platform | None:
        """Return an image's platform by its config; None for an artifact, which signatures are, too."""
        config = manifest.config
        if config is None or not manifest.is_image:
            return None
        what = str(config.digest)
        if config.size > CONFIG_LIMIT:
            raise ManifestUnsupported(f"the config has {config.size} bytes", place=what)
        document = jsontext.load_object(self._reader.config(config), limit=CONFIG_LIMIT, what=what)
        platform = Platform.from_json(document)
        _check_platform(platform, config.digest)
        if not platform.os or not platform.architecture or platform == _NOWHERE:
            return None
        self._covered.add(platform)
        return platform

    def _document(self, child: Descriptor) -> Document:
        """Read a manifest. One that is beyond the bounds of an image ends the walk."""
        self._examined += 1
        self._read += child.size
        if self._examined > _MOST_MANIFESTS or self._read > _MOST_BYTES:
            self._is_over = True
            raise ManifestUnsupported(
                f"more than {_MOST_MANIFESTS} manifests, or {_MOST_BYTES} bytes of them, to look at; "
                "the others are left out",
                place=str(child.digest),
            )
        return self._reader.manifest(child)

    # ---- platforms and misses

    def _is_wanted(self, platform: Platform) -> bool:
        return not self._platforms or any(platform.matches(wanted) for wanted in self._platforms)

    def _rank(self, leaf: Leaf) -> tuple[int, int]:
        """Order images as the spec orders platforms (else as the index does), then attestations, then artifacts."""
        kind = 2 if leaf.platform is None else 1 if leaf.attests is not None else 0
        matching = (
            i for i, each in enumerate(self._platforms) if leaf.platform and leaf.platform.matches(each)
        )
        return kind, next(matching, 0)

    def _report_missing(self, root: Document) -> None:
        if any(miss.platform is None for miss in self._misses):  # whatever is missing may be in that
            return
        if not (self._platforms or self._leaves or self._misses):
            self._miss(
                ManifestUnsupported("the index lists nothing to keep", place=str(root.descriptor.digest))
            )
        if self._leaves and not self._covered:  # a collection of artifacts is for no platform
            return
        offered = {str(each.platform) for each in root.manifest.manifests if each.platform is not None}
        has = ", ".join(sorted(offered - {str(_NOWHERE), ""})) or "none"
        for wanted in self._platforms:
            if not any(platform.matches(wanted) for platform in self._covered):
                self._miss(PlatformMissing(f"there is no image for {wanted}; there is: {has:.300}"))

    def _miss(self, error: ArchiverError, platform: Platform | None = None) -> None:
        # Where the walk is over, nobody knows what was not looked at.
        self._misses.append(Miss(error, None if self._is_over else platform))


def check_size(document: Document, descriptor: Descriptor) -> None:
    """Refuse a descriptor that says another size than the manifest has that it points to.

    Raises:
        SizeMismatch: it does.
    """
    if document.descriptor.size != descriptor.size:
        raise SizeMismatch(
            f"{document.descriptor.size} bytes, and what points to it says {descriptor.size}",
            place=str(descriptor.digest),
        )


def _said(platform: Platform | None) -> Platform | None:
    """Return the platform of an index entry; None where it lacks one of its two parts, so that the config decides."""
    return platform if platform is not None and platform.os and platform.architecture else None


def _attested(child: Descriptor) -> Digest | None:
    """Return the digest of the manifest that an index entry attests to; None for all other entries."""
    if child.annotations.get(_REFERENCE_TYPE) != _ATTESTATION:
        return None
    return Digest.parse(child.annotations.get(_REFERENCE_DIGEST, ""))


def _check_platform(platform: Platform | None, digest: Digest) -> None:
    """Refuse a platform that cannot be written as ``os/architecture/variant``."""
    if platform is not None and not all(
        map(_WORD.match, (platform.os, platform.architecture, platform.variant))
    ):
        raise InvalidDocument("its platform is malformed", place=str(digest))


def _check_blobs(manifest: Manifest, digest: Digest) -> None:
    """Refuse sizes that nobody has, which a body without an end would fill the disk for, and unsafe titles.

    Tools take the title of an artifact's file for the path to write it to.
    """
    for blob in manifest.blobs:
        if blob.size > _MOST_BLOB:
            raise ManifestUnsupported(f"a blob of {blob.size} bytes", place=str(digest))
        title = blob.annotations.get(TITLE, "")
        if not _is_safe(title):
            raise TitleUnsafe(f"a file of the artifact is titled {title!r:.120}", place=str(digest))


def _is_safe(title: str) -> bool:
    climbs = ".." in title.split("/")
    rooted = title.startswith("/") or PureWindowsPath(title).drive
    return not (climbs or rooted or "\\" in title or _CONTROL.search(title))
