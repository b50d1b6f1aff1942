"""images.tar: an OCI image layout and a ``docker save`` archive in one uncompressed tar.

Source: OCI image-spec v1.1 image-layout.md; Docker Image Specification v1.2, "Combined Image JSON +
Filesystem Changeset Format" (manifest.json); docs/format.md, "images/images.tar".
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

if TYPE_CHECKING:
    from archiver.core.manifest import Manifest


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
    """

    reference: str
    root: Descriptor
    blobs: Mapping[Digest, int]
    default: Manifest | None


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
        digests = sorted(sizes)
        members = [
            small_member("oci-layout", LAYOUT),
            small_member("index.json", jsontext.dump(_index(images))),
        ]
        if without is None:
            members.append(small_member("manifest.json", jsontext.dump(_docker_manifest(images))))
        skipped = len(members)
        members += [blob_member(blob_path(digest), digest, sizes[digest], source) for digest in digests]
        layout = [(member.path, member.size) for member in members]
        offsets = data_offsets(layout)[skipped:]
        self._members = members
        self.size = tar_size(layout)
        self.blobs = tuple((digest, sizes[digest], offset) for digest, offset in zip(digests, offsets))

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

    return Member(path, size, write)


def _index(images: Sequence[TarImage]) -> dict[str, Any]:
    entries = []
    for image in images:
        names = {REF_NAME: image.reference, CONTAINERD_NAME: image.reference}
        root = Descriptor(image.root.media_type, image.root.digest, image.root.size, names)
        entries.append(root.to_json())
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}


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
