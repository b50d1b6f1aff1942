"""What a delta can leave out: what the reader of an earlier bundle, its base, has.

Source: docs/format.md, "Deltas".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

from archiver.core.errors import BundleDamaged, FormatUnsupported, NotArchived, UsageError
from archiver.core.progress import NullProgress, Progress
from archiver.offline import bundlejson
from archiver.offline.bundle import read_bundle
from archiver.offline.names import CONTENTS
from archiver.offline.problems import refuse
from archiver.offline.volumes import source_exists
from archiver.store.atomic import storage_errors
from archiver.store.snapshots import read_captures, read_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.digest import Digest
    from archiver.core.snapshot import Snapshot
    from archiver.offline.bundlejson import Contents
    from archiver.store.paths import ProjectPaths


@dataclass(frozen=True)
class Base:
    """The bundle that a delta builds on, and all that its reader has.

    Where the base is itself a delta, its reader has what it requires, too.

    Attributes:
        snapshot: the id of its snapshot.
        captures_digest: the digest of that snapshot's capture index.
        blobs: the digests of its images' blobs and of its files.
        records: the WARC-Record-IDs of its captures and of the originals behind them; empty where the archive
            does not know any more what that snapshot had.
        search_digest: the digest of the search index of its whole view; None where there is none.
        since: the snapshot of its own base where it is a delta itself; else empty.
    """

    snapshot: str
    captures_digest: Digest
    blobs: frozenset[Digest]
    records: frozenset[str]
    search_digest: Digest | None
    since: str = ""


def read_base(path: Path, paths: ProjectPaths, snapshot: Snapshot, progress: Progress | None = None) -> Base:
    """Read what a bundle says of itself, and what the archive knows of its captures.

    Args:
        path: the bundle (full or delta, also in volumes), or its bundle.json alone.
        paths: the files of the project to pack.
        snapshot: the record to pack.
        progress: is warned where all captures have to be packed.

    Raises:
        UsageError: it cannot be the base of such a delta: another project's, or not older.
        NotABundle, BundleDamaged, FormatUnsupported: it is no sound bundle.
        RecordCorrupt: the archive's capture index of that snapshot is damaged.
        StoreError: it cannot be read.
    """
    contents = _contents(path)
    _check_fits(contents, snapshot, path)
    captures = _captures(paths, contents, path, progress or NullProgress())
    return Base(
        contents.snapshot,
        contents.captures_digest,
        frozenset(
            (
                *(blob.digest for blob in contents.blobs),
                *(file.digest for file in contents.files),
                *contents.requires,
            )
        ),
        frozenset(record for capture in captures for record in (capture.record, capture.payload_record)),
        contents.search_digest,
        contents.since.snapshot if contents.since else "",
    )


def _contents(path: Path) -> Contents:
    if not source_exists(path):
        raise UsageError("there is no such bundle", place=str(path))
    with storage_errors(path):
        if path.is_dir():
            raise UsageError(
                "this is a folder, not a bundle",
                place=str(path),
                hint=f"of a bundle that was unpacked there, {CONTENTS} is enough",
            )
        data = _document(path) if path.is_file() else None
    if data is None:
        with read_bundle(path) as bundle:
            return bundle.contents
    try:
        contents = bundlejson.read_contents(data, refuse)
    except (BundleDamaged, FormatUnsupported) as error:
        error.place = str(path)
        error.hint = f"name the bundle itself, or the very {CONTENTS} that is in it"
        raise
    if contents is None:
        raise BundleDamaged(f"it is no {CONTENTS}", place=str(path))
    return contents


def _document(path: Path) -> bytes | None:
    """Return the file where it is JSON; None where it is something else, such as a bundle."""
    with path.open("rb") as stream:
        first = stream.read(1)
        return first + stream.read(bundlejson.LIMIT) if first == b"{" else None


def _check_fits(base: Contents, snapshot: Snapshot, path: Path) -> None:
    if base.project != snapshot.project:
        raise UsageError(
            f"this is a bundle of {base.project:.80}, not of {snapshot.project}",
            place=str(path),
            hint=f"name an earlier bundle of {snapshot.project}",
        )
    if base.snapshot == snapshot.id:
        raise UsageError(
            f"nothing can be new since this bundle: it is of the snapshot {snapshot.id} that is to be packed",
            place=str(path),
            hint="run: archiver archive SPEC, first, or leave out --since",
        )
    if base.snapshot > snapshot.id:
        raise UsageError(
            f"this bundle is of the snapshot {base.snapshot}, newer than {snapshot.id} that is to be packed",
            place=str(path),
            hint="name an earlier bundle, or a newer one with --snapshot",
        )


def _captures(paths: ProjectPaths, base: Contents, path: Path, progress: Progress) -> Iterator[Capture]:
    """The captures of the base's snapshot, as the archive has them; none where it has that snapshot no longer."""
    try:
        snapshot = read_snapshot(paths, base.snapshot)
    except NotArchived:
        if base.docs:
            progress.warn(
                f"the archive has no snapshot {base.snapshot} any more: all pages are packed, whether they changed or not"
            )
        return iter(())
    if snapshot.captures_digest != str(base.captures_digest):
        raise UsageError(
            f"the snapshot {base.snapshot} of this bundle is not the archive's snapshot of that name",
            place=str(path),
            hint="name a bundle that was made from this archive",
        )
    return read_captures(paths, snapshot)
