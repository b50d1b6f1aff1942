"""Whether images.tar is whole: every blob is what its name says, and all that is pointed to is there.

Source: OCI image-spec v1.1 (image-layout.md, manifest.md, image-index.md); ``docker save``'s manifest.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from archiver.core import jsontext
from archiver.core.descriptor import (
    CONTAINERD_NAME,
    INDEXES,
    MANIFEST_LIMIT,
    MANIFESTS,
    OCI_INDEX,
    REF_NAME,
    Descriptor,
    Platform,
)
from archiver.core.errors import ArchiverError
from archiver.core.manifest import Manifest, parse_manifest
from archiver.core.reference import Reference
from archiver.offline.checks.ranges import Range
from archiver.offline.imagetar import INDEX, LAYOUT, SAVED, ImageTar, blob_name
from archiver.offline.names import IMAGES
from archiver.offline.problems import inside
from archiver.store.imagestar import ARTIFACT_NAME
from archiver.store.layoutindex import ALIAS_OF

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.bundlejson import Contents, ImageEntry
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

_MOST_DOCUMENT = 64 << 20
_MOST_NESTING = 4  # indexes inside indexes; no registry is known to go beyond two


def blob_ranges(tar: ImageTar) -> Iterable[Range]:
    """Return the ranges of the bundle whose checksums ``check_images`` needs."""
    return [
        Range(tar.offset + entry.offset, entry.size, digest.algorithm) for digest, entry in tar.blobs.items()
    ]


def check_images(
    source: RandomAccess,
    tar: ImageTar,
    contents: Contents,
    sums: dict[Range, str],
    report: Report,
) -> None:
    """Check the content of images.tar.

    Args:
        source: images.tar.
        tar: its headers.
        contents: bundle.json.
        sums: the checksums of ``blob_ranges``.
        report: is told of each problem.
    """
    report = inside(report, IMAGES)
    for digest, entry in tar.blobs.items():
        actual = sums[Range(tar.offset + entry.offset, entry.size, digest.algorithm)]
        if actual != digest.hex:
            report("images.digest", entry.name, f"the content hashes to {digest.algorithm}:{actual}")
    documents = _Documents(source, tar, report)
    if documents.read(LAYOUT) != {"imageLayoutVersion": "1.0.0"}:
        report("images.document", LAYOUT, "not the marker of an OCI image layout")
    entries = _entries(documents, report)
    graph = _Graph(source, tar, contents, report)
    for descriptor in entries:
        graph.follow(descriptor, INDEX)
    for digest in sorted(set(tar.blobs) - graph.reached):
        report("images.unreferenced", blob_name(digest), "nothing points to the blob")
    _check_index(entries, contents, graph, report)
    _check_aliases([entry for entry in entries if ALIAS_OF in entry.annotations], contents, graph, report)
    if contents.since is None:
        _check_saved(documents.read(SAVED), contents.images, graph, report)


class _Documents:
    """The JSON documents in front of the blobs."""

    def __init__(self, source: RandomAccess, tar: ImageTar, report: Report) -> None:
        self._source, self._tar, self._report = source, tar, report

    def read(self, name: str) -> Any:
        """Return a document, or None where it is missing (reported with the headers) or malformed."""
        entry = self._tar.document(name)
        if entry is None:
            return None
        try:
            data = self._source.read_at(entry.offset, min(entry.size, _MOST_DOCUMENT + 1))
            return jsontext.load(data, limit=_MOST_DOCUMENT, what=name)
        except ArchiverError as error:
            self._report("images.document", name, error.message)
            return None


def _entries(documents: _Documents, report: Report) -> list[Descriptor]:
    """Return what index.json lists, without what is malformed."""
    document = documents.read(INDEX)
    if document is None:
        return []
    entries = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(entries, list) or (document.get("schemaVersion"), document.get("mediaType")) != (
        2,
        OCI_INDEX,
    ):
        report("images.document", INDEX, "not an OCI image index")
        return []
    found: list[Descriptor] = []
    for number, entry in enumerate(entries):
        try:
            found.append(Descriptor.from_json(entry, what=INDEX))
        except ArchiverError as error:
            report("images.document", INDEX, f"manifests[{number}]: {error.message}")
    return found


def _check_index(entries: list[Descriptor], contents: Contents, graph: _Graph, report: Report) -> None:
    """Compare index.json, aliases aside, with bundle.json."""
    named: dict[str, Descriptor] = {}
    for number, entry in enumerate(entries):
        if ALIAS_OF in entry.annotations:
            continue
        name = entry.annotations.get(REF_NAME) or entry.annotations.get(ARTIFACT_NAME, "")
        if not name or name in named:
            report("images.disagree", INDEX, f"manifests[{number}] has no name of its own")
        named[name or f"#{number}"] = entry
    for image in contents.images:
        found = named.get(image.reference)
        if found is None:
            report("images.missing", INDEX, f"no entry for {image.reference}")
            continue
        if (found.digest, found.media_type) != (image.digest, image.media_type):
            report(
                "images.disagree",
                INDEX,
                f"{image.reference} is {found.digest}, bundle.json says {image.digest}",
            )
        names = (REF_NAME, CONTAINERD_NAME) if graph.runs(image) else (ARTIFACT_NAME,)
        if found.annotations != dict.fromkeys(names, image.reference):
            report(
                "images.disagree", INDEX, f"{image.reference} is not named as what it is, once in each way"
            )
    for name in sorted(set(named) - {image.reference for image in contents.images}):
        report("images.disagree", INDEX, f"bundle.json does not list {name}")


def _check_aliases(aliases: list[Descriptor], contents: Contents, graph: _Graph, report: Report) -> None:
    """Check that each alias stands for one image with Docker's media types, and leads to nothing else."""
    images = {image.reference: image for image in contents.images}
    for alias in aliases:
        image = images.pop(alias.annotations.get(REF_NAME, ""), None)
        if image is None or alias.annotations[ALIAS_OF] != str(image.digest):
            report(
                "images.disagree",
                INDEX,
                f"{alias.digest} stands for no image, or is not the only one that does",
            )
            continue
        if (
            alias.annotations.get(CONTAINERD_NAME)
            != f"{Reference.parse(image.reference).name}@{alias.digest}"
        ):
            report("images.disagree", INDEX, f"{alias.digest} has the name of something else")
        allowed = {image.digest}
        if image.media_type in INDEXES:
            target = graph.manifests.get(image.digest)
            if target is None:  # reported, unless it is in the base of a delta
                continue
            allowed = {child.digest for child in target.manifests}
        document = graph.manifests.get(alias.digest)
        if document is not None and not {child.digest for child in document.manifests} <= allowed:
            report(
                "images.disagree",
                blob_name(alias.digest),
                f"it leads to something else than {image.reference}",
            )


class _Graph:
    """Follows descriptors through manifests, each once, and remembers what it reached."""

    def __init__(self, source: RandomAccess, tar: ImageTar, contents: Contents, report: Report) -> None:
        self._source, self._tar, self._report = source, tar, report
        self._elsewhere = set(contents.requires)
        self.reached: set[Digest] = set()
        self.manifests: dict[Digest, Manifest] = {}

    def follow(self, descriptor: Descriptor, origin: str, depth: int = 0) -> None:
        """Check that a descriptor's target is there, and all that it points to in turn."""
        entry = self._tar.blobs.get(descriptor.digest)
        if entry is None:
            if descriptor.digest not in self._elsewhere:
                self._report("images.missing", blob_name(descriptor.digest), f"{origin} points to it")
            return
        if entry.size != descriptor.size:
            self._report("images.size", entry.name, f"{entry.size} bytes, {origin} says {descriptor.size}")
        seen = descriptor.digest in self.reached
        self.reached.add(descriptor.digest)
        if seen or descriptor.media_type not in MANIFESTS | INDEXES:
            return
        manifest = self._manifest(descriptor, entry.name)
        if manifest is None:
            return
        if depth > _MOST_NESTING:
            self._report("images.document", entry.name, "indexes are nested too deeply")
            return
        for child in self._children(manifest, entry.name):
            self.follow(child, entry.name, depth + 1)
        for blob in manifest.blobs:
            self.follow(blob, entry.name, depth + 1)

    def _children(self, manifest: Manifest, name: str) -> list[Descriptor]:
        """An index may lack platforms that were not asked for, but not all of them."""
        here = [child for child in manifest.manifests if child.digest in self._tar.blobs]
        if manifest.is_index and manifest.manifests and not here:
            delta = any(child.digest in self._elsewhere for child in manifest.manifests)
            if not delta:
                self._report("images.missing", name, "none of the manifests that the index lists is there")
        return here

    def _manifest(self, descriptor: Descriptor, name: str) -> Manifest | None:
        entry = self._tar.blobs[descriptor.digest]
        data = self._source.read_at(entry.offset, min(entry.size, MANIFEST_LIMIT + 1))
        try:
            manifest = parse_manifest(data, descriptor.media_type, what=name)
        except ArchiverError as error:
            self._report("images.document", name, error.message)
            return None
        self.manifests[descriptor.digest] = manifest
        return manifest

    def runs(self, image: ImageEntry) -> bool:
        """Say whether an entry of bundle.json is an image that runtimes load, and no artifact."""
        manifest = self.manifests.get(image.digest)
        return bool(image.default_platform) or (manifest is not None and manifest.is_image)

    def behind(self, digest: Digest, platform: str) -> list[Manifest]:
        """Return the image manifests behind a digest that can be the one for a platform."""
        manifest = self.manifests.get(digest)
        if manifest is None or not manifest.is_index:
            return [manifest] if manifest else []
        found: list[Manifest] = []
        for child in manifest.manifests:
            # An index need not say what its children run on: then only the image itself knows.
            if child.platform is None or child.platform.matches(Platform.parse(platform)):
                found += self.behind(child.digest, platform)
        return found


def _check_saved(document: Any, images: tuple[ImageEntry, ...], graph: _Graph, report: Report) -> None:
    """Compare manifest.json, which docker and podman load by, with the manifests."""
    if document is None:
        return
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        report("images.document", SAVED, "not a list of objects")
        return
    expected = [image for image in images if graph.runs(image)]
    if len(document) != len(expected):
        report("images.disagree", SAVED, f"{len(document)} entries, where {len(expected)} images should be")
    for image, entry in zip(expected, document):
        if entry not in _saved_entries(image, graph):
            report(
                "images.disagree",
                SAVED,
                f"the entry in the place of {image.reference} is not what its manifest gives",
            )


def _saved_entries(image: ImageEntry, graph: _Graph) -> list[dict[str, Any]]:
    """Return the entries that an image can have in manifest.json."""
    try:
        reference = Reference.parse(image.reference)
        manifests = graph.behind(image.digest, image.default_platform)
    except ArchiverError:
        return []
    return [
        {
            "Config": blob_name(manifest.config.digest),
            "RepoTags": [f"{reference.name}:{reference.named_tag}"] if reference.named_tag else [],
            "Layers": [blob_name(layer.digest) for layer in manifest.layers],
        }
        for manifest in manifests
        if manifest.config is not None
    ]
