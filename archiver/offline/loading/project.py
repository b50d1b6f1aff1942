"""Taking the snapshots of one project in: first what they consist of, then what points to it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from archiver.core.digest import Digest, verified_chunks
from archiver.core.errors import BundleDamaged, ContentError, DeltaIncomplete
from archiver.offline.checks.record import CaptureView
from archiver.offline.loading.blobs import copy_blobs, image_names, store_artifacts
from archiver.offline.loading.records import WarcFiles, load_records
from archiver.offline.loading.search import load_search
from archiver.offline.loading.tally import Tally
from archiver.offline.names import CAPTURES, REPORT, REPORT_PAGE
from archiver.offline.problems import inside, refuse
from archiver.store.atomic import atomic_file, storage_errors, sweep_temporaries, write_atomically
from archiver.store.imagenames import times_of_names
from archiver.store.locator import catch_up, open_locator
from archiver.store.snapshots import find_good, set_good

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.progress import Progress, Task
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.loading.incoming import Incoming
    from archiver.offline.loading.plan import Arrival, ProjectPlan
    from archiver.store.blobs import BlobReader
    from archiver.store.images import ImageLayout
    from archiver.store.locator import Locator
    from archiver.store.paths import ArchivePaths


@dataclass(frozen=True)
class LoadedArchive:
    """What a load did for one project.

    Attributes:
        project: its name.
        snapshot: the newest snapshot that was taken in.
        snapshots: all of them, oldest first.
        good: whether the newest is the one that is served and bundled.
        blobs: counts of the images' blobs.
        records: counts of the docs' response and revisit records.
        files: counts of the downloaded files.
    """

    project: str
    snapshot: str
    snapshots: tuple[str, ...]
    good: bool
    blobs: Tally
    records: Tally
    files: Tally


class ProjectLoad:
    """Takes one project's snapshots in, oldest first.

    Args:
        plan: what there is to do.
        archive: the archive folder.
        layout: its images; the caller holds its ``writing()``, and the project's lock.
        progress: is told of the bytes copied.
    """

    def __init__(
        self, plan: ProjectPlan, archive: ArchivePaths, layout: ImageLayout, progress: Progress
    ) -> None:
        self._plan, self._layout, self._progress = plan, layout, progress
        self._paths = archive.project(plan.project)
        self._meant = times_of_names(archive)

    def run(self) -> LoadedArchive:
        """Copy what is not there, then write what points to it, snapshot by snapshot.

        Raises:
            BundleDamaged: a bundle is not what its checksums say, or contradicts itself.
            DeltaIncomplete: what a delta builds on was pruned meanwhile.
            LockHeld: a run is getting one of the blobs.
            StoreError: or a subclass, where a bundle cannot be read or the archive not be written.
        """
        paths, plan, store = self._paths, self._plan, self._layout.blobs
        for folder in (paths.root, paths.warc, paths.snapshots):
            sweep_temporaries(folder)
        with closing(open_locator(paths)) as locator:
            with closing(self._progress.task(f"loading {plan.project}", "B", plan.size)) as task:
                blobs, files = copy_blobs(plan.blobs, store, task), copy_blobs(plan.files, store, task)
                catch_up(paths, locator)
                records = Tally()
                for arrival in plan.arrivals:
                    records += self._copy_records(arrival, locator, task)
            for arrival in plan.arrivals:
                self._take_in(arrival, locator)
        ids = tuple(dict.fromkeys(arrival.incoming.record.id for arrival in plan.arrivals))
        return LoadedArchive(
            plan.project, ids[-1], ids, find_good(self._paths) == ids[-1], blobs, records, files
        )

    def _copy_records(self, arrival: Arrival, locator: Locator, task: Task) -> Tally:
        copied = Tally()
        for docs in arrival.docs:
            with WarcFiles(self._paths, arrival.incoming.record, docs.site, locator) as warcs:
                copied += load_records(docs, warcs, locator, self._paths, task)
        return copied

    def _take_in(self, arrival: Arrival, locator: Locator) -> None:
        """Write all that points to what was copied; the snapshot's record last."""
        paths, incoming = self._paths, arrival.incoming
        record, bundle = incoming.record, incoming.bundle
        _check_captures(incoming, locator)
        _check_blobs(arrival, self._layout.blobs)
        artifacts = store_artifacts(bundle, self._layout.blobs)
        self._layout.point(
            [*image_names(arrival.images, self._meant), *(("", artifact) for artifact in artifacts)]
        )
        _copy(bundle, CAPTURES, paths.captures(record.id))
        if REPORT in bundle.structure.members:
            _copy(bundle, REPORT_PAGE, paths.report_page(record.id))
            _copy(bundle, REPORT, paths.report(record.id))
        load_search(paths, bundle, record, self._progress)
        if not _has(paths.record(record.id), Digest.of(incoming.data)):
            write_atomically(paths.record(record.id), incoming.data)
        if record.has_anything and find_good(self._paths) < record.id:
            set_good(paths, record.id)


def _check_captures(incoming: Incoming, locator: Locator) -> None:
    """Check that every capture of a view is well formed, and that its records are here."""
    report = inside(refuse, str(incoming.bundle.path))
    left = len(locator)

    def seen(capture: Capture) -> None:
        nonlocal left
        left -= 1
        if left < 0:  # each has a record of its own
            raise BundleDamaged("there are more captures than records")
        for name in filter(None, (capture.record, capture.original)):
            if locator.get(name) is None:
                raise BundleDamaged(f"{capture.url:.200} needs the record {name:.80}, which is not here")

    with incoming.bundle.open_member(CAPTURES) as stream:
        view = CaptureView(stream, incoming.record, report)
        view.run(seen)
    view.compare_docs(incoming.bundle.contents.docs)


def _check_blobs(arrival: Arrival, store: BlobReader) -> None:
    """Check that all that a snapshot needs is here: what the plan found here may have been pruned before it was locked."""
    bundle = arrival.incoming.bundle
    images = (digest for image in arrival.images for digest in image.blobs)
    for digest in chain(images, (file.digest for file in bundle.contents.files)):
        if store.size(digest) is None:
            raise DeltaIncomplete(
                f"the blob {digest}, which was here when the load began, is gone",
                place=str(bundle.path),
                hint="load it again, together with the bundle that it builds on",
            )


def _copy(bundle: OpenBundle, name: str, path: Path) -> None:
    """Copy a member to where an archive has it, unless it is there."""
    digest, size = bundle.structure.sums[name], bundle.structure.members[name].size
    if _has(path, digest):
        return
    try:
        with bundle.open_member(name) as source, atomic_file(path) as target:
            for chunk in verified_chunks(source, digest, size):
                target.write(chunk)
    except ContentError as error:
        raise BundleDamaged(error.message, place=f"{bundle.path}: {name}") from error


def _has(path: Path, digest: Digest) -> bool:
    """Say whether a file is there and has a digest."""
    with storage_errors(path):
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return Digest.of_stream(stream)[0] == digest
