"""Taking bundles into an archive folder: full ones, or a base and its deltas, of one project or of several.

The folder is then what the keeper's archive was at those snapshots: it can be served, and bundled again.

Order of writing (docs/format.md, "Order of writing"): blobs and WARC records, what points to them, the snapshot record,
``good`` last. So a load that is killed leaves garbage at worst, and the next one goes on.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.core.digest import Digest, verified_chunks
from archiver.core.errors import BundleDamaged, ContentError, NotArchived, UsageError
from archiver.core.progress import NullProgress, Progress
from archiver.offline.checks.record import CaptureView
from archiver.offline.loading.blobs import (
    JointBlobs,
    copy_blobs,
    file_blobs,
    image_blobs,
    image_names,
    store_artifacts,
    times_of_names,
    whole_image,
)
from archiver.offline.loading.incoming import Incoming, check_same, examined
from archiver.offline.loading.records import Docs, WarcFiles, load_records
from archiver.offline.loading.room import check_room
from archiver.offline.loading.search import load_search
from archiver.offline.loading.tally import Tally
from archiver.offline.names import CAPTURES, REPORT, REPORT_PAGE
from archiver.offline.problems import inside, refuse
from archiver.store.atomic import (
    TEMPORARY_PREFIX,
    atomic_file,
    storage_errors,
    sweep_temporaries,
    write_atomically,
)
from archiver.store.blobs import BlobReader
from archiver.store.images import ImageLayout
from archiver.store.locator import catch_up, open_locator
from archiver.store.locks import locked
from archiver.store.paths import ArchivePaths, create_archive, is_archive, open_archive
from archiver.store.snapshots import good_snapshot, set_good

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.progress import Task
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.loading.blobs import WholeImage
    from archiver.store.locator import Locator


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


def load_archive(
    bundles: Sequence[OpenBundle], folder: Path, progress: Progress | None = None
) -> tuple[LoadedArchive, ...]:
    """Take bundles into an archive folder, which is made where it does not exist.

    Args:
        bundles: in any order; a base that the folder has need not be among them.
        folder: the archive folder.
        progress: is told of the bytes copied.

    Returns:
        What was done, a project each, by name.

    Raises:
        UsageError: the folder is no archive and is not empty.
        SnapshotDiffers: the folder has the snapshot of a bundle otherwise, such as for other platforms.
        DeltaIncomplete: a delta needs what neither the bundles nor the folder have.
        BundleDamaged: a bundle contradicts itself, or its content is not what its checksums say.
        FormatUnsupported: the folder was written in a format that this program does not know.
        LockHeld: a run is working on the project.
        StorageFull: there is not enough room; where that can be told beforehand, nothing is written.
        StoreError: or another subclass, where a bundle cannot be read or the folder not be written.
    """
    archive = _destination(folder)
    incoming = sorted(map(examined, bundles), key=lambda each: (each.project, each.record.id))
    check_same(archive, incoming)
    images = _images(archive, incoming)
    check_room(archive, bundles)
    create_archive(folder)
    with ExitStack() as held:
        for project in sorted({each.project for each in incoming}):
            held.enter_context(locked(archive.project(project).lock, project))
        layout = ImageLayout(archive.images)
        layout.sweep()
        held.enter_context(layout.writing())
        check_same(archive, incoming)  # a run, or another load, may have been quicker
        return tuple(
            _ProjectLoad(archive, layout, tuple(group), images, progress or NullProgress()).run()
            for _, group in groupby(incoming, key=lambda each: each.project)
        )


def _destination(folder: Path) -> ArchivePaths:
    """Return the files of the folder, which need not exist. Raises UsageError where it is something else."""
    if os.name == "nt":
        raise UsageError(
            "archive folders cannot be written on Windows, which has no file locks as they need them",
            place=str(folder),
            hint="a full bundle can be read as it is: archiver serve BUNDLE",
        )
    with storage_errors(folder):
        if not folder.exists():
            return ArchivePaths(folder)
        if not folder.is_dir():
            raise UsageError("this is a file, not a folder", place=str(folder))
        if is_archive(folder):
            return open_archive(folder)
        if not all(entry.name.startswith(TEMPORARY_PREFIX) for entry in folder.iterdir()):
            raise UsageError(
                "this folder is no archive, and has other things in it",
                place=str(folder),
                hint="name a new folder, an empty one, or one that bundles were loaded into before",
            )
    return ArchivePaths(folder)


def _images(archive: ArchivePaths, incoming: Sequence[Incoming]) -> dict[Incoming, tuple[WholeImage, ...]]:
    """Find what the images of each snapshot consist of. Raises BundleDamaged where one is not whole."""
    joint = JointBlobs(image_blobs([each.bundle for each in incoming]), BlobReader(archive.images))
    return {each: tuple(whole_image(image, joint) for image in each.record.images) for each in incoming}


class _ProjectLoad:
    """Takes the bundles of one project in, oldest snapshot first. The caller holds the locks."""

    def __init__(
        self,
        archive: ArchivePaths,
        layout: ImageLayout,
        incoming: tuple[Incoming, ...],
        images: Mapping[Incoming, tuple[WholeImage, ...]],
        progress: Progress,
    ) -> None:
        self._layout, self._progress = layout, progress
        self._incoming, self._images = incoming, images
        self._paths = archive.project(incoming[0].project)
        self._meant = times_of_names(archive)

    def run(self) -> LoadedArchive:
        """Copy what is not there, then write what points to it, snapshot by snapshot."""
        paths = self._paths
        for folder in (paths.root, paths.warc, paths.snapshots):
            sweep_temporaries(folder)
        bundles = [each.bundle for each in self._incoming]
        images, files = image_blobs(bundles), file_blobs(bundles)
        docs = [
            (each, Docs.of(each.bundle, site))
            for each in self._incoming
            for site in each.bundle.contents.docs
        ]
        size = sum(source.size for source in (*images.values(), *files.values()))
        size += sum(found.member.size for _, found in docs)
        store = self._layout.blobs
        with closing(self._progress.task(f"loading {paths.name}", "B", size)) as task:
            wanted = [image.blobs for each in self._incoming for image in self._images[each]]
            blobs = copy_blobs(images, chain.from_iterable(wanted), store, task)
            contents = copy_blobs(files, files, store, task)
            with closing(open_locator(paths)) as locator:
                catch_up(paths, locator)
                records = sum((self._records(each, found, locator, task) for each, found in docs), Tally())
                for each in self._incoming:
                    self._take_in(each, locator)
        newest = self._incoming[-1].record
        return LoadedArchive(
            paths.name,
            newest.id,
            tuple(dict.fromkeys(each.record.id for each in self._incoming)),
            self._good() == newest.id,
            blobs,
            records,
            contents,
        )

    def _records(self, each: Incoming, docs: Docs, locator: Locator, task: Task) -> Tally:
        with WarcFiles(self._paths, each.record, docs.site, locator) as warcs:
            return load_records(docs, warcs, locator, self._paths, task)

    def _take_in(self, each: Incoming, locator: Locator) -> None:
        """Write all that points to what was copied; the snapshot's record last."""
        paths, record, bundle = self._paths, each.record, each.bundle
        self._check_captures(each, locator)
        names = [
            *image_names(self._images[each], self._meant),
            *(("", artifact) for artifact in store_artifacts(bundle, self._layout.blobs)),
        ]
        self._layout.point(names)
        _copy(bundle, CAPTURES, paths.captures(record.id))
        if REPORT in bundle.structure.members:
            _copy(bundle, REPORT_PAGE, paths.report_page(record.id))
            _copy(bundle, REPORT, paths.report(record.id))
        load_search(paths, bundle, record, self._progress)
        if not _has(paths.record(record.id), Digest.of(each.data)):
            write_atomically(paths.record(record.id), each.data)
        if (record.captures or record.images or record.files) and self._good() < record.id:
            set_good(paths, record.id)

    def _check_captures(self, each: Incoming, locator: Locator) -> None:
        """Check that every capture of the view is well formed and that its records are here."""
        report = inside(refuse, str(each.bundle.path))
        most = len(locator)

        def seen(capture: Capture) -> None:
            nonlocal most
            most -= 1
            if most < 0:
                raise BundleDamaged("there are more captures than records")
            for name in filter(None, (capture.record, capture.original)):
                if locator.get(name) is None:
                    raise BundleDamaged(f"{capture.url:.200} needs the record {name:.80}, which is not here")

        with each.bundle.open_member(CAPTURES) as stream:
            view = CaptureView(stream, each.record, report)
            view.run(seen)
        view.compare_docs(each.bundle.contents.docs)

    def _good(self) -> str:
        try:
            return good_snapshot(self._paths)
        except NotArchived:
            return ""


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
