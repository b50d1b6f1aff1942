"""Taking into an archive what another archive folder has of its projects and this one has not.

First all is found and checked, then bytes are copied, then what points to them is written: a crash leaves garbage at
worst, and calling again goes on. The other archive is only read. Source: docs/merging.md.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.core.descriptor import OCI_MANIFEST, Descriptor
from archiver.core.digest import CHUNK, Digest
from archiver.core.errors import ContentError, RecordCorrupt, UsageError
from archiver.core.progress import NullProgress, Progress
from archiver.store.atomic import atomic_file, storage_errors, sweep_temporaries
from archiver.store.blobcopy import copy_blob
from archiver.store.blobs import BlobReader
from archiver.store.fileartifact import FILE_TYPE
from archiver.store.imagenames import name_for, times_of_names
from archiver.store.images import ImageLayout, undisturbed
from archiver.store.locator import ReadOnlyLocator, catch_up, open_locator
from archiver.store.locks import locked
from archiver.store.mark import mark
from archiver.store.mergeplan import ProjectMerge, choose_new, plan_project
from archiver.store.snapshots import find_good, set_good
from archiver.store.space import check_space
from archiver.store.warccopy import copy_chosen, copy_info, in_batches, next_name

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.progress import Task
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ArchivePaths, ProjectPaths

_HINT = "no snapshot was taken in; archiver verify tells all that is damaged in an archive folder"


@dataclass(frozen=True)
class MergedProject:
    """What was taken in of one project.

    Attributes:
        name: the project's name.
        snapshots: the ids of the snapshots that came, oldest first.
        records: how many response and revisit records came.
        good: the id of the snapshot that is bundled and served now; empty where there is none.
    """

    name: str
    snapshots: tuple[str, ...]
    records: int
    good: str


@dataclass(frozen=True)
class Merged:
    """What was taken in: by project, and how many blobs of images and files came."""

    projects: tuple[MergedProject, ...]
    blobs: int


def merge(other: ArchivePaths, archive: ArchivePaths, progress: Progress | None = None) -> Merged:
    """Take in all snapshots that another archive has and this one has not, with all that they need.

    Args:
        other: the other archive; it may be on read-only media.
        archive: this one, open for writing.
        progress: is told of the bytes copied.

    Raises:
        UsageError: both are the same folder.
        ArchivesCollide: both have something of the same name that is not the same; nothing is written.
        RecordCorrupt: something of the other one is damaged or missing; none of its snapshots is taken in.
        LockHeld: a run works on one of the projects, here.
        StoreError: or a subclass, for what the file system refuses; calling again goes on.
    """
    if other.root.resolve() == archive.root.resolve():
        raise UsageError("an archive cannot be merged with itself", place=str(other.root))
    progress = progress or NullProgress()
    with ExitStack() as held:
        held.enter_context(undisturbed(other.images))
        pairs = [(other.project(name), archive.project(name)) for name in other.projects()]
        for _, target in pairs:
            held.enter_context(locked(target.lock, target.name))
        layout = ImageLayout(archive.images)
        held.enter_context(layout.writing())
        for _, target in pairs:
            _tidy(target)
        try:
            plans = [plan_project(source, target) for source, target in pairs]
            blobs = _blobs(BlobReader(other.images), plans, layout)
        except RecordCorrupt as error:
            error.hint = _HINT
            raise
        size = sum(blobs.values()) + sum(plan.size for plan in plans)
        check_space(archive.root, size, "what is to be copied")
        with closing(progress.task("merging", "B", size)) as task:
            source = BlobReader(other.images)
            for digest, length in blobs.items():
                _copy_blob(source, layout, digest, length, task)
            copied = [_copy_records(plan, task) for plan in plans]
        meant = times_of_names(archive)
        for plan in plans:
            layout.point(_entries(plan.records(), layout, meant))
        return Merged(
            tuple(
                MergedProject(plan.name, plan.snapshots, count, _take_in(plan))
                for plan, count in zip(plans, copied)
            ),
            len(blobs),
        )


def _tidy(target: ProjectPaths) -> None:
    """Remove what a merge that was killed left half written, and note in the locator what it left whole."""
    for folder in (target.root, target.warc, target.snapshots):
        sweep_temporaries(folder)
    if target.warc.is_dir():
        with closing(open_locator(target)) as locator:
            catch_up(target, locator)


def _blobs(source: BlobReader, plans: Iterable[ProjectMerge], layout: ImageLayout) -> dict[Digest, int]:
    """Return the blobs to be copied and their sizes. Raises RecordCorrupt where one of those needed is not there."""
    snapshots = chain.from_iterable(plan.records() for plan in plans)
    refusals = chain.from_iterable(plan.refusals() for plan in plans)
    found = {}
    for digest in sorted(mark(source, snapshots, (), refusals).blobs, key=str):
        size = source.size(digest)
        if size is None:
            raise RecordCorrupt("a blob that a snapshot needs is missing", place=str(digest))
        if layout.blobs.size(digest) != size:
            found[digest] = size
    return found


def _copy_blob(source: BlobReader, layout: ImageLayout, digest: Digest, size: int, task: Task) -> None:
    try:
        copy_blob(layout.blobs, digest, size, lambda: source.open(digest), task)
    except ContentError as error:
        raise RecordCorrupt(
            f"a blob is damaged: {error.message}",
            place=str(source.path(digest)),
            hint=_HINT,
        ) from error


def _copy_records(plan: ProjectMerge, task: Task) -> int:
    """Copy the records that are not here; return how many."""
    count = 0
    for path in plan.warcs:
        with closing(ReadOnlyLocator(plan.target)) as known:
            choice = choose_new(path, plan.target, known)
        target, info = plan.target.warc / path.name, b""
        with storage_errors(path):
            size = path.stat().st_size
        if target.exists() or [(each.start, each.end) for each in choice.ranges] != [(0, size)]:
            target = next_name(target)
            info = copy_info(plan.target, target, f"merged from another archive's {path.name}")
        _, locations = copy_chosen(path, target, choice, info)
        with closing(open_locator(plan.target)) as locator:
            for batch in in_batches(locations):
                locator.add(batch)
        count += len(locations)
        task.advance(size)
    return count


def _entries(
    snapshots: Iterable[Snapshot], layout: ImageLayout, meant: dict[str, str]
) -> Iterator[tuple[str, Descriptor]]:
    """Yield what index.json is to have of images and files."""
    for snapshot in snapshots:
        for image in snapshot.images:
            digest = Digest.parse(image.digest)
            root = Descriptor(
                image.media_type, digest, layout.blobs.size(digest) or 0, artifact_type=image.artifact_type
            )
            yield name_for(image.reference, image.resolved, meant), root
        for file in snapshot.files:
            digest = Digest.parse(file.manifest)
            yield (
                "",
                Descriptor(OCI_MANIFEST, digest, layout.blobs.size(digest) or 0, artifact_type=FILE_TYPE),
            )


def _take_in(plan: ProjectMerge) -> str:
    """Write what points to what was copied, the snapshots' records last; return the project's good snapshot."""
    source, target = plan.source, plan.target
    for run, name in plan.refused:
        _copy_file(source.refused_captures(run, name), target.refused_captures(run, name))
        _copy_file(source.refusal(run, name), target.refusal(run, name))
    for snapshot in plan.snapshots:
        _copy_file(source.captures(snapshot), target.captures(snapshot))
        _copy_file(source.report_page(snapshot), target.report_page(snapshot))
        _copy_file(source.report(snapshot), target.report(snapshot))
        _copy_file(source.record(snapshot), target.record(snapshot))
    good = find_good(target)
    if good < (newest := find_good(source)) and target.record(newest).is_file():
        set_good(target, newest)
        good = newest
    return good


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file durably; does nothing where there is none."""
    with storage_errors(source):
        if not source.is_file():
            return
    with storage_errors(source), source.open("rb") as stream, atomic_file(target) as out:
        while chunk := stream.read(CHUNK):
            out.write(chunk)
