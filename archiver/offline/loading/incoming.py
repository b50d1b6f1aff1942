"""What a bundle says of the snapshot that it brings, checked before anything of it is copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.core.clock import parse_iso
from archiver.core.digest import Digest
from archiver.core.errors import BundleDamaged, InvalidDigest, InvalidDocument, NotArchived, SnapshotDiffers
from archiver.offline.checks.record import check_files, check_report, check_snapshot, read_record
from archiver.offline.names import DELTA_DOCS_SUFFIX, DOCS_SUFFIX, RECORD
from archiver.offline.problems import inside, refuse
from archiver.store.paths import is_project_name
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
    if record is None or not is_project_name(record.project):
        raise BundleDamaged("no project has such a name", place=f"{bundle.path}: {RECORD}")
    check_snapshot(record, bundle.contents, report)
    check_report(record, bundle.structure.sums, report)
    check_files(bundle, record, report)
    for place, fault in _faults(bundle, record):
        raise BundleDamaged(fault, place=f"{bundle.path}: {place}")
    size = bundle.structure.members[RECORD].size
    return Incoming(bundle, record, bundle.read_member(RECORD, size))


def _faults(bundle: OpenBundle, record: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with values that are names of files or go into them: the member, and the fault."""
    digests = [manifest for image in record.images for manifest in image.manifests]
    digests += [file.manifest for file in record.files]
    for text in (*digests, *filter(None, [record.report_digest])):
        try:
            Digest.parse(text)
        except InvalidDigest as error:
            yield RECORD, error.message
    try:
        parse_iso(record.finished)
    except ValueError:
        yield RECORD, f"{record.finished!r:.40} is not a time"
    names = [site.name for site in record.sites]
    if len(set(names)) != len(names):
        yield RECORD, "two doc sites have one name"
    suffix = DELTA_DOCS_SUFFIX if bundle.contents.is_delta else DOCS_SUFFIX
    for site in bundle.contents.docs:
        # A member's name leads nowhere else, and so does then the name of the WARC files that is made of it.
        if site.path != f"docs/{site.name}{suffix}":
            yield site.path, f"it is not named for the doc site {site.name!r:.80}"


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
