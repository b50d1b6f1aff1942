"""What belongs in a bundle: everything that a snapshot names, found in the archive and measured."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.bundle.imageclosure import ImageContent, image_contents
from archiver.bundle.newrecords import NewRecords
from archiver.bundle.rawrecords import RawRecords
from archiver.bundle.siteclosure import site_contents
from archiver.bundle.wacz import Wacz
from archiver.core.digest import Digest
from archiver.core.errors import BundleIncomplete
from archiver.store.images import blob_reader
from archiver.store.imagestar import ImagesTar
from archiver.store.snapshots import read_captures

if TYPE_CHECKING:
    from archiver.bundle.since import Base
    from archiver.bundle.siteclosure import SiteContent
    from archiver.core.descriptor import Platform
    from archiver.core.snapshot import Failure, FileResult, Snapshot
    from archiver.store.blobs import BlobReader
    from archiver.store.paths import ArchivePaths

Titles = Mapping[
    str, Mapping["tuple[str, str]", str]
]  # a site's name -> URL and timestamp -> the page's title


@dataclass(frozen=True)
class Contents:
    """What is packed, as far as it is known before any byte is.

    Attributes:
        snapshot: the record of the run.
        platforms: the platforms asked for; empty for all.
        docs: the doc sites that have captures.
        images: the images, narrowed to the platforms packed.
        images_tar: the tar that they are in; None where there are none.
        files: the downloaded files, by path; in a delta also those that its readers have.
        failures: the snapshot's failures and what packing adds to them.
        base: the bundle that a delta builds on; None for a full bundle.
        search_digest: of the index of all documents, where not all of it is packed.
    """

    snapshot: Snapshot
    platforms: tuple[Platform, ...]
    docs: tuple[Wacz | NewRecords, ...]
    images: tuple[ImageContent, ...]
    images_tar: ImagesTar | None
    files: tuple[FileResult, ...]
    failures: tuple[Failure, ...]
    base: Base | None = None
    search_digest: Digest | None = None

    @property
    def name(self) -> str:
        """The bundle's file name, where nothing else is asked for."""
        return bundle_name(self.snapshot, self.base)

    @property
    def packed_files(self) -> tuple[FileResult, ...]:
        """The downloaded files that are in the bundle itself."""
        required = frozenset(self.requires)
        return tuple(file for file in self.files if Digest.parse(file.digest) not in required)

    @cached_property
    def requires(self) -> tuple[Digest, ...]:
        """The blobs of images and files that are left out because readers of the base have them, sorted."""
        if self.base is None:
            return ()
        packed = frozenset(digest for digest, *_ in self.images_tar.blobs) if self.images_tar else frozenset()
        needed = {Digest.parse(file.digest) for file in self.files}.union(
            *(image.blobs for image in self.images)
        )
        return tuple(sorted(needed & self.base.blobs - packed))

    @property
    def reader_image(self) -> str:
        """The reference of the image that readers without Python can read with; empty where none is packed."""
        wanted = self.snapshot.reader_image
        return wanted if any(image.result.reference == wanted for image in self.images) else ""


def bundle_name(snapshot: Snapshot, base: Base | None = None) -> str:
    """Return the file name of a snapshot's bundle, or of what is new in it since a base."""
    since = f"-since-{base.snapshot}" if base else ""
    return f"{snapshot.project}-{snapshot.id}{since}.tar"


def closure(
    archive: ArchivePaths,
    snapshot: Snapshot,
    platforms: Sequence[Platform] = (),
    titles: Titles | None = None,
    base: Base | None = None,
) -> Contents:
    """Find all that a snapshot names, and what of it is packed.

    Args:
        archive: the archive folder.
        snapshot: the record of a run.
        platforms: which platforms of multi-platform images to take; empty for all that are archived.
        titles: the pages' titles, as far as they are known.
        base: what readers have, who are to get only what is new; None to pack everything.

    Raises:
        BundleIncomplete: a record, blob or file is missing, or is not as long as it should be.
        RecordCorrupt: the capture index is damaged.
    """
    paths, store = archive.project(snapshot.project), blob_reader(archive.images)
    with closing(RawRecords(paths)) as raw:
        sites = site_contents(snapshot, read_captures(paths, snapshot), raw)
    images, left_out = image_contents(snapshot, store, platforms)
    return Contents(
        snapshot,
        tuple(platforms),
        tuple(_docs(snapshot, site, titles or {}, base, raw) for site in sites if site.captures),
        images,
        _images_tar(images, store, base) if images else None,
        _files(snapshot, store),
        (*snapshot.failures, *left_out),
        base,
    )


def _images_tar(images: Sequence[ImageContent], store: BlobReader, base: Base | None) -> ImagesTar:
    tar_images = [image.tar_image for image in images]
    if base is None:
        return ImagesTar(tar_images, store)
    packed = frozenset[Digest]().union(*(image.needed_beside(base.blobs) for image in images))
    return ImagesTar(tar_images, store, base.blobs - packed)


def _docs(
    snapshot: Snapshot, site: SiteContent, titles: Titles, base: Base | None, raw: RawRecords
) -> Wacz | NewRecords:
    if base is not None:
        return NewRecords(snapshot, site, base.snapshot, base.records, raw)
    return Wacz(snapshot, site, titles.get(site.result.name, {}), raw)


def _files(snapshot: Snapshot, store: BlobReader) -> tuple[FileResult, ...]:
    for file in snapshot.files:
        size = store.size(Digest.parse(file.digest))
        if size != file.size:
            problem = "is not here" if size is None else f"has {size} bytes instead of {file.size}"
            raise BundleIncomplete(f"the blob of {file.url} {problem}", place=file.digest)
    return tuple(sorted(snapshot.files, key=lambda file: file.path))
