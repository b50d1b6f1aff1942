"""What a load will do, and whether it can: all that is checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.offline.loading.blobs import JointBlobs, WholeImage, file_sources, image_sources, whole_image
from archiver.offline.loading.held import ArchiveHeld
from archiver.offline.loading.incoming import Incoming, check_same, examined
from archiver.offline.loading.records import Docs
from archiver.offline.loading.room import check_room
from archiver.offline.loading.shelf import joined_images
from archiver.offline.requirements import require_all

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.loading.blobs import Source
    from archiver.store.paths import ArchivePaths


@dataclass(frozen=True)
class Arrival:
    """A snapshot that is taken in: the bundle that brings it, its images, and where its records are."""

    incoming: Incoming
    images: tuple[WholeImage, ...]
    docs: tuple[Docs, ...]


@dataclass(frozen=True)
class ProjectPlan:
    """What is taken in for one project.

    Attributes:
        project: its name.
        arrivals: the snapshots, oldest first.
        blobs: the images' blobs that bundles have, what points to others behind these.
        files: the downloaded files that bundles have, by the digest of their content.
    """

    project: str
    arrivals: tuple[Arrival, ...]
    blobs: Mapping[Digest, Source]
    files: Mapping[Digest, Source]

    @property
    def size(self) -> int:
        """How many bytes are to be read."""
        docs = sum(docs.member.size for arrival in self.arrivals for docs in arrival.docs)
        return docs + sum(source.size for source in (*self.blobs.values(), *self.files.values()))


def planned(bundles: Sequence[OpenBundle], archive: ArchivePaths) -> tuple[ProjectPlan, ...]:
    """Find out what a load will do, a project each, by name. Nothing is written.

    Args:
        bundles: in any order.
        archive: the folder to load into, which need not exist.

    Raises:
        SnapshotDiffers: the folder has the snapshot of a bundle otherwise.
        DeltaIncomplete: a delta needs what neither the bundles nor the folder have.
        BundleDamaged, RecordCorrupt: a bundle contradicts itself, or is not what its checksums say.
        StorageFull: there is not enough room.
        StoreError: a bundle or the folder cannot be read.
    """
    incoming = sorted(map(examined, bundles), key=lambda each: (each.project, each.record.id))
    check_same(archive, incoming)
    shelf = joined_images(bundles)
    with ArchiveHeld(archive, sorted({each.project for each in incoming})) as held:
        require_all(bundles, held)
        joint = JointBlobs(shelf, held.blobs)
        plans: list[ProjectPlan] = []
        for project, group in groupby(incoming, key=lambda each: each.project):
            arrivals = tuple(_arrival(each, joint) for each in group)
            wanted = (digest for each in arrivals for image in each.images for digest in image.blobs)
            files = file_sources(each.incoming.bundle for each in arrivals)
            plans.append(ProjectPlan(project, arrivals, image_sources(shelf, wanted), files))
        check_room(archive, plans, held)
    return tuple(plans)


def _arrival(incoming: Incoming, joint: JointBlobs) -> Arrival:
    return Arrival(
        incoming,
        tuple(whole_image(image, joint) for image in incoming.record.images),
        tuple(Docs.of(incoming.bundle, site) for site in incoming.bundle.contents.docs),
    )
