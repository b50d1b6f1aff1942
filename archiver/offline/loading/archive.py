"""Taking bundles into an archive folder: full ones, or a base and its deltas, of one project or of several.

The folder is then what the keeper's archive was at those snapshots: it can be served, and bundled again.

Order of writing (docs/format.md, "Order of writing"): blobs and WARC records, what points to them, the snapshot record,
``good`` last. So a load that is killed leaves garbage at worst, and the next one goes on.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Sequence

from archiver.core.errors import UsageError
from archiver.core.progress import NullProgress, Progress
from archiver.offline.loading.incoming import check_same
from archiver.offline.loading.plan import planned
from archiver.offline.loading.project import LoadedArchive, ProjectLoad
from archiver.store.atomic import TEMPORARY_PREFIX, storage_errors, sweep_temporaries
from archiver.store.images import ImageLayout
from archiver.store.locks import locked
from archiver.store.paths import ArchivePaths, create_archive, is_archive, open_archive

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.bundle import OpenBundle


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
        BundleDamaged, RecordCorrupt: a bundle contradicts itself, or its content is not what its checksums say.
        FormatUnsupported: the folder was written in a format that this program does not know.
        LockHeld: a run is working on the project.
        StorageFull: there is not enough room; where that can be told beforehand, nothing is written.
        StoreError: or another subclass, where a bundle cannot be read or the folder not be written.
    """
    archive = _destination(folder)
    plans = planned(bundles, archive)
    create_archive(folder)
    with ExitStack() as held:
        for plan in plans:
            held.enter_context(locked(archive.project(plan.project).lock, plan.project))
        sweep_temporaries(archive.root)  # archive.json is all that is ever written there
        layout = ImageLayout(archive.images)
        layout.sweep()
        held.enter_context(layout.writing())
        for plan in plans:  # a run, or another load, may have been quicker
            check_same(archive, [arrival.incoming for arrival in plan.arrivals])
        return tuple(ProjectLoad(plan, archive, layout, progress or NullProgress()).run() for plan in plans)


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
