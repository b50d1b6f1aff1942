"""images.tar: an OCI image layout and a ``docker save`` archive in one uncompressed tar.

Source: OCI image-spec v1.1 image-layout.md; Docker Image Specification v1.2, "Combined Image JSON +
Filesystem Changeset Format" (manifest.json); docs/format.md, "images/images.tar".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from archiver.core import jsontext
from archiver.core.descriptor import CONTAINERD_NAME, OCI_INDEX, REF_NAME, Descriptor
from archiver.core.digest import Digest, verified_chunks
from archiver.core.errors import BundleIncomplete, ContentError, NotArchived
from archiver.core.reference import Reference
from archiver.core.tarstream import Member, Sink, TarWriter, data_offsets, small_member, tar_size
from archiver.offline import names
from archiver.store.blobs import blob_path
from archiver.store.images import LAYOUT

if TYPE_CHECKING:
    from archiver.bundle.imageclosure import ImageContent
    from archiver.store.blobs import BlobReader


class ImagesTar:
    """The tar of some images, planned: its size and where each blob will be are known.

    Attributes:
        size: the length of the tar in bytes.
        blobs: digest, size and offset of the data within this tar of everything under ``blobs/``, in order.
    """

    def __init__(self, images: Sequence[ImageContent], store: BlobReader) -> None:
        sizes = {digest: size for image in images for digest, size in image.blobs.items()}
        digests = sorted(sizes)
        members = [
            small_member("oci-layout", LAYOUT),
            small_member("index.json", jsontext.dump(_index(images))),
            small_member("manifest.json", jsontext.dump(_docker_manifest(images))),
        ]
        skipped = len(members)
        members += [blob_member(blob_path(digest), digest, sizes[digest], store) for digest in digests]
        layout = [(member.path, member.size) for member in members]
        offsets = data_offsets(layout)[skipped:]
        self._members = members
        self.size = tar_size(layout)
        self.blobs = tuple((digest, sizes[digest], offset) for digest, offset in zip(digests, offsets))

    def member(self) -> Member:
        """Return the tar as a member of a bundle."""
        return Member(names.IMAGES, self.size, self._write)

    def _write(self, sink: Sink) -> None:
        tar = TarWriter(sink)
        for member in self._members:
            tar.add(member)
        tar.finish()


def blob_member(path: str, digest: Digest, size: int, store: BlobReader) -> Member:
    """Return a member whose content is a blob, hashed again on its way.

    Writing it raises BundleIncomplete, naming the digest, where the archive's copy is missing or damaged.
    """

    def write(sink: Sink) -> None:
        try:
            with store.open(digest) as stream:
                for chunk in verified_chunks(stream, digest, size):
                    sink.write(chunk)
        except (ContentError, NotArchived) as error:
            raise BundleIncomplete(
                f"the archive's copy of a blob is damaged: {error.message}",
                place=str(digest),
                hint="remove the file from the archive's images/blobs folder and archive again",
            ) from error

    return Member(path, size, write)


def _index(images: Sequence[ImageContent]) -> dict[str, Any]:
    entries = []
    for image in images:
        name = image.result.reference
        names = {REF_NAME: name, CONTAINERD_NAME: name}
        root = Descriptor(image.root.media_type, image.root.digest, image.root.size, names)
        entries.append(root.to_json())
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}


def _docker_manifest(images: Sequence[ImageContent]) -> list[dict[str, Any]]:
    entries = []
    for image in images:
        if image.default is None or image.default.config is None:
            continue
        reference = Reference.parse(image.result.reference)
        entries.append(
            {
                "Config": blob_path(image.default.config.digest),
                # Docker takes no digest for a tag: what is pinned by digest must not take a tag's place.
                "RepoTags": [f"{reference.name}:{reference.named_tag}"] if reference.named_tag else [],
                "Layers": [blob_path(layer.digest) for layer in image.default.layers],
            }
        )
    return entries
