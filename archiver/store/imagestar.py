"""images.tar: an OCI image layout and a ``docker save`` archive in one uncompressed tar.

Source: OCI image-spec v1.1 image-layout.md; Docker Image Specification v1.2, "Combined Image JSON +
Filesystem Changeset Format" (manifest.json); docs/format.md, "images/images.tar". Measured: ``ctr images import`` 1.6
takes ``io.containerd.image.name`` before ``ref.name``, unpacks whatever has either, fails at what is no image, and at the
first of two entries with one name; skopeo 1.9 knows ``ref.name`` only, and media types of OCI's only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Container, Mapping, Protocol, Sequence

from archiver.core import jsontext
from archiver.core.descriptor import CONTAINERD_NAME, OCI_INDEX, REF_NAME, Descriptor
from archiver.core.digest import Digest, verified_chunks
from archiver.core.reference import Reference
from archiver.core.tarstream import Member, Sink, TarWriter, data_offsets, small_member, tar_size
from archiver.store.blobs import blob_path
from archiver.store.images import LAYOUT
from archiver.store.layoutindex import ALIAS_OF

if TYPE_CHECKING:
    from archiver.core.manifest import Manifest

ARTIFACT_NAME = "io.archiver.artifact.name"
"""The annotation that names what is no image: runtimes would take any other name for one of an image to unpack."""


class BlobSource(Protocol):
    """Where blobs are read from: an archive, or bundles."""

    def open(self, digest: Digest) -> IO[bytes]:
        """Open a blob. Raises NotArchived where it is not here."""


@dataclass(frozen=True)
class TarImage:
    """An image or artifact to be put into a tar.

    Attributes:
        reference: its full reference.
        root: the manifest or index that the reference points to.
        blobs: size in bytes of everything it needs, by digest: indexes, manifests, configs, layers.
        default: the manifest that ``docker load`` gets; None for what is no image.
        alias: the OCI index that stands for an image with Docker's media types (see ``layoutindex.alias_document``),
            None where none is needed.
    """

    reference: str
    root: Descriptor
    blobs: Mapping[Digest, int]
    default: Manifest | None
    alias: bytes | None = None


class ImagesTar:
    """The tar of some images, planned: its size and where each blob will be are known.

    Args:
        images: what it holds, in the order that it lists them.
        source: where the blobs are.
        without: blobs that its readers have. With None the tar is whole; else it is a part that ``docker load``
            could not take, and has no manifest.json, even if it leaves out nothing.

    Attributes:
        size: the length of the tar in bytes.
        blobs: digest, size and offset of the data within this tar of everything under ``blobs/``, in order.
    """

    def __init__(
        self, images: Sequence[TarImage], source: BlobSource, without: Container[Digest] | None = None
    ) -> None:
        left_out: Container[Digest] = () if without is None else without
        sizes = {
            digest: size for image in images for digest, size in image.blobs.items() if digest not in left_out
        }
        blobs = {
            digest: blob_member(blob_path(digest), digest, size, source) for digest, size in sizes.items()
        }
        for image in images:
            if image.alias is not None:
                digest = Digest.of(image.alias)
                blobs[digest] = small_member(blob_path(digest), image.alias)
        members = [small_member("oci-layout", LAYOUT), small_member("index.json", index_document(images))]
        if without is None:
            members.append(small_member("manifest.json", jsontext.dump(_docker_manifest(images))))
        skipped, digests = len(members), sorted(blobs)
        members += [blobs[digest] for digest in digests]
        layout = [(member.path, member.size) for member in members]
        offsets = data_offsets(layout)[skipped:]
        self._members = members
        self.size = tar_size(layout)
        self.blobs = tuple((digest, blobs[digest].size, offset) for digest, offset in zip(digests, offsets))

    def member(self, path: str) -> Member:
        """Return the tar as a member of another; writing it raises what ``write`` raises."""
        return Member(path, self.size, self.write)

    def write(self, sink: Sink) -> None:
        """Write the tar in one pass, each blob hashed again on its way.

        Raises:
            ContentError: a blob is not the one that its digest names; its ``place`` is the digest.
            NotArchived: a blob is not in the source.
        """
        tar = TarWriter(sink)
        for member in self._members:
            tar.add(member)
        tar.finish()


def blob_member(path: str, digest: Digest, size: int, source: BlobSource) -> Member:
    """Return a member whose content is a blob, hashed again on its way.

    Writing it raises ContentError or NotArchived, naming the digest, where the source's copy is damaged or missing.
    """

    def write(sink: Sink) -> None:
        with source.open(digest) as stream:
            for chunk in verified_chunks(stream, digest, size):
                sink.write(chunk)

    return Member(path, size, write, digest)


def index_document(images: Sequence[TarImage]) -> bytes:
    """Return index.json for some images: in their order, and behind all of them the aliases in that order.

    An alias is last because ctr gives up at it on a machine of another platform than the image's own.
    """
    entries = [_entry(image) for image in images]
    entries += [_alias_entry(image, image.alias) for image in images if image.alias is not None]
    manifests = [entry.to_json() for entry in entries]
    return jsontext.dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})


def _entry(image: TarImage) -> Descriptor:
    name, root = image.reference, image.root
    names = {ARTIFACT_NAME: name} if image.default is None else {REF_NAME: name, CONTAINERD_NAME: name}
    return Descriptor(root.media_type, root.digest, root.size, names)


def _alias_entry(image: TarImage, alias: bytes) -> Descriptor:
    digest = Digest.of(alias)
    own_name = f"{Reference.parse(image.reference).name}@{digest}"
    names = {REF_NAME: image.reference, CONTAINERD_NAME: own_name, ALIAS_OF: str(image.root.digest)}
    return Descriptor(OCI_INDEX, digest, len(alias), names)


def _docker_manifest(images: Sequence[TarImage]) -> list[dict[str, Any]]:
    entries = []
    for image in images:
        if image.default is None or image.default.config is None:
            continue
        reference = Reference.parse(image.reference)
        entries.append(
            {
                "Config": blob_path(image.default.config.digest),
                # Docker takes no digest for a tag: what is pinned by digest must not take a tag's place.
                "RepoTags": [f"{reference.name}:{reference.named_tag}"] if reference.named_tag else [],
                "Layers": [blob_path(layer.digest) for layer in image.default.layers],
            }
        )
    return entries
