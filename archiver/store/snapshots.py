"""Snapshot records and their capture indexes on disk.

A snapshot's record is written last: whatever it names is durable before it exists.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Iterable, Iterator, Sequence

from archiver.core.clock import is_snapshot_id, parse_snapshot_id, snapshot_id, utc_now
from archiver.core.digest import Digest
from archiver.core.errors import NotArchived, RecordCorrupt, UsageError
from archiver.core.snapshot import Snapshot
from archiver.store.atomic import atomic_file, storage_errors, write_atomically
from archiver.store.blockindex import write_lines
from archiver.store.captureindex import capture_lines, parsed

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.store.paths import ProjectPaths

_MOST_NAMED = 400  # characters of snapshot ids in a hint


def write_captures(paths: ProjectPaths, snapshot: str, captures: Iterable[Capture]) -> tuple[int, str]:
    """Write a snapshot's capture index, sorted; return how many entries it has and its digest.

    The digest is of the compressed file. Same captures, same bytes.
    """
    return write_index(paths.captures(snapshot), captures)


def write_index(path: Path, captures: Iterable[Capture]) -> tuple[int, str]:
    """Write a capture index wherever it is to be; see ``write_captures``."""
    lines = sorted((capture.to_cdxj() + "\n").encode("ascii") for capture in captures)
    with atomic_file(path) as stream:
        write_lines(lines, stream)
        stream.seek(0)
        digest, _ = Digest.of_stream(stream)
    return len(lines), str(digest)


def read_captures(paths: ProjectPaths, snapshot: Snapshot) -> Iterator[Capture]:
    """Yield a snapshot's captures in index order, after checking the index against the record.

    Raises:
        RecordCorrupt: the index is missing, has another digest than the record says, or is malformed.
    """
    return parsed(read_capture_lines(paths, snapshot), str(paths.captures(snapshot.id)))


def read_capture_lines(paths: ProjectPaths, snapshot: Snapshot) -> Iterator[bytes]:
    """Yield the lines of a snapshot's capture index, without their newlines, as ``read_captures`` yields captures.

    Raises:
        RecordCorrupt: the index is missing, has another digest than the record says, or cannot be unpacked.
    """
    return read_index_lines(paths.captures(snapshot.id), snapshot.captures_digest)


def read_index_lines(path: Path, expected: str) -> Iterator[bytes]:
    """Yield the lines of a capture index, without their newlines, after checking its digest.

    Raises:
        RecordCorrupt: the index is missing, has another digest, or cannot be unpacked.
    """
    with storage_errors(path):
        if not path.is_file():
            raise RecordCorrupt("the capture index is missing", place=str(path))
        with path.open("rb") as stream:
            digest, _ = Digest.of_stream(stream)
            if str(digest) != expected:
                raise RecordCorrupt("the capture index is not the one that its record names", place=str(path))
            stream.seek(0)
            yield from capture_lines(stream, str(path))


def write_report(paths: ProjectPaths, snapshot: str, document: bytes, page: bytes) -> str:
    """Write a run's report as JSON and as a page; return the digest of the JSON."""
    write_atomically(paths.report_page(snapshot), page)
    write_atomically(paths.report(snapshot), document)
    return str(Digest.of(document))


def write_snapshot(paths: ProjectPaths, snapshot: Snapshot) -> None:
    """Write a snapshot's record; everything it names must be durable already."""
    write_atomically(paths.record(snapshot.id), snapshot.to_json())


def list_snapshots(paths: ProjectPaths) -> tuple[str, ...]:
    """Return the ids of a project's snapshots, oldest first."""
    with storage_errors(paths.snapshots):
        if not paths.snapshots.is_dir():
            return ()
        found = (entry.stem for entry in paths.snapshots.iterdir() if entry.suffix == ".json")
        return tuple(sorted(stem for stem in found if is_snapshot_id(stem)))


def next_snapshot_id(paths: ProjectPaths) -> str:
    """Return the id of a snapshot that is begun now: ids order snapshots, also where the clock went back."""
    moment, known = utc_now(), list_snapshots(paths)
    if known:
        moment = max(moment, parse_snapshot_id(known[-1]) + timedelta(seconds=1))
    return snapshot_id(moment)


def read_snapshot(paths: ProjectPaths, snapshot: str) -> Snapshot:
    """Read a snapshot's record.

    Raises:
        NotArchived: the project has no such snapshot.
        InvalidDocument: the record is damaged.
    """
    path = paths.record(snapshot)
    with storage_errors(path):
        if not is_snapshot_id(snapshot) or not path.is_file():
            raise _not_archived(paths, snapshot, list_snapshots(paths))
        return Snapshot.from_json(path.read_bytes(), what=str(path))


def resolve_snapshot(
    paths: ProjectPaths, text: str, known: Sequence[str], *, named: str = "snapshots there are"
) -> str:
    """Return the one snapshot whose id is a text, or begins with it.

    Args:
        paths: the project's files.
        text: what the keeper wrote.
        known: the ids of those that may be meant.
        named: what these are, for a hint.

    Raises:
        NotArchived: there is none.
        UsageError: several begin so.
    """
    found = [each for each in known if text and each.startswith(text)]
    if len(found) > 1 and text not in found:
        raise UsageError(
            f"several snapshots of {paths.name} begin with {text!r:.60}",
            hint=f"they are: {snapshot_names(found)}",
        )
    if not found:
        raise _not_archived(paths, text, known, named)
    return text if text in found else found[0]


def snapshot_names(ids: Iterable[str]) -> str:
    """Return the ids of snapshots for a hint, which does not get long."""
    return f"{', '.join(ids) or 'none':.{_MOST_NAMED}}"


def _not_archived(
    paths: ProjectPaths, text: str, known: Sequence[str], named: str = "snapshots there are"
) -> NotArchived:
    return NotArchived(f"no snapshot {text!r:.60} of {paths.name}", hint=f"{named}: {snapshot_names(known)}")


def good_snapshot(paths: ProjectPaths) -> str:
    """Return the id of the newest snapshot fit to hand over.

    Raises:
        NotArchived: there is none.
    """
    with storage_errors(paths.good):
        if paths.good.is_file():
            name = paths.good.read_text("ascii", "replace").strip()
            if is_snapshot_id(name) and paths.record(name).is_file():
                return name
    raise NotArchived(
        f"{paths.name} has no good snapshot", place=str(paths.root), hint="run: archiver archive SPEC"
    )


def find_good(paths: ProjectPaths) -> str:
    """Return the same id; empty where there is none. Raises StoreError or a subclass."""
    try:
        return good_snapshot(paths)
    except NotArchived:
        return ""


def set_good(paths: ProjectPaths, snapshot: str) -> None:
    """Make a snapshot the one that bundle and serve use."""
    write_atomically(paths.good, f"{snapshot}\n".encode())
