"""What a bundle says of the snapshot that it brings, checked before anything of it is copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.core.digest import Digest
from archiver.core.errors import BundleDamaged, InvalidDigest, InvalidDocument, NotArchived, SnapshotDiffers
from archiver.offline.checks.record import check_files, check_report, check_snapshot, read_record
from archiver.offline.names import RECORD
from archiver.offline.problems import inside, refuse
from archiver.store.snapshots import read_snapshot

if TYPE_CHECKING:
    from archiver.core.snapshot import Snapshot
    from archiver.offline.bundle import OpenBundle
    from archiver.store.paths import ArchivePaths


@dataclass(frozen=True, eq=False)
class Incoming:
    """A bundle, and the snapshot that it brings: ``record`` is its record, ``data`` that record's bytes."""

    bundle: OpenBundle
    record: Snapshot
    data: bytes

    @property
    def project(self) -> str:
        """The project that the snapshot is of."""
        return self.record.project


def examined(bundle: OpenBundle) -> Incoming:
    """Read what a bundle says of its snapshot.

    Raises:
        BundleDamaged: it is malformed, contradicts bundle.json, or has names that lead elsewhere.
    """
    report = inside(refuse, str(bundle.path))
    record = read_record(bundle, report)
    if record is None:
        raise BundleDamaged("it cannot be read", place=f"{bundle.path}: {RECORD}")
    check_snapshot(record, bundle.contents, report)
    check_report(record, bundle.structure.sums, report)
    check_files(bundle, record, report)
    for fault in _faults(record):
        raise BundleDamaged(fault, place=f"{bundle.path}: {RECORD}")
    size = bundle.structure.members[RECORD].size
    return Incoming(bundle, record, bundle.read_member(RECORD, size))


def _faults(record: Snapshot) -> Iterator[str]:
    """Yield what is wrong with values that become names, or stand where an archive expects others."""
    digests = [manifest for image in record.images for manifest in image.manifests]
    digests += [file.manifest for file in record.files]
    for text in (*digests, *filter(None, [record.report_digest])):
        try:
            Digest.parse(text)
        except InvalidDigest as error:
            yield error.message
    names = [site.name for site in record.sites]
    if len(set(names)) != len(names):
        yield "two doc sites have one name"


def check_same(archive: ArchivePaths, incoming: Sequence[Incoming]) -> None:
    """Check that a snapshot is the same wherever it is: in the archive, and in each bundle that brings it.

    Raises:
        SnapshotDiffers: it is not.
        StoreError: the archive cannot be read.
    """
    seen: dict[tuple[str, str], Snapshot] = {}
    for each in incoming:
        paths = archive.project(each.project)
        key = each.project, each.record.id
        if key not in seen:
            try:
                seen[key] = read_snapshot(paths, each.record.id)
            except (NotArchived, InvalidDocument):  # what is damaged is replaced
                seen[key] = each.record
        if seen[key] != each.record:
            raise SnapshotDiffers(
                f"snapshot {each.record.id} of {each.project} is there already, and is another",
                place=str(each.bundle.path),
                hint="perhaps it was bundled for other platforms: load it into another folder",
            )
