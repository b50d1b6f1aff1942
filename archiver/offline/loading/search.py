"""The search index of a loaded snapshot: a full bundle's own, or made of a delta's and its base's.

It is put where an archive keeps such indexes, with a note of the program that made the bundle: for that version of the
program it is as good as one that it built itself. One that was made of parts has that note where it is the very index
that the delta speaks of, or where one version made both parts.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from itertools import chain
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.core.capture import distinct_pages
from archiver.core.digest import Digest, verified_chunks
from archiver.core.errors import BundleDamaged, ContentError, SearchUnavailable
from archiver.offline.names import SEARCH
from archiver.offline.search.provenance import loaded_index, program_of, side_file
from archiver.offline.search.reading import open_index
from archiver.offline.search.writer import write_index
from archiver.store.atomic import (
    atomic_file,
    move_durably,
    storage_errors,
    sweep_temporaries,
    temporary_folder,
    write_atomically,
)
from archiver.store.locks import waiting_lock
from archiver.store.snapshots import read_captures

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Snapshot
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.search.reading import IndexReader, Key
    from archiver.offline.search.writer import IndexedDocument
    from archiver.store.paths import ProjectPaths


def load_search(paths: ProjectPaths, bundle: OpenBundle, snapshot: Snapshot, progress: Progress) -> None:
    """Put a snapshot's search index in place, unless one is there.

    Where it cannot be made, that is warned of: whoever bundles or serves the archive with the keeper's program
    builds it anew.

    Args:
        paths: the project's files; the snapshot's captures are there.
        bundle: the bundle.
        snapshot: its record.
        progress: is told of the pages merged.

    Raises:
        BundleDamaged: the bundle's index is not what its checksum says.
        StoreError: or a subclass, when the archive cannot be written.
    """
    if SEARCH not in bundle.structure.members:
        return
    path, side = paths.search(snapshot.id), side_file(paths.search(snapshot.id))
    with waiting_lock(paths.search_lock):
        sweep_temporaries(paths.indexes)
        with storage_errors(path):
            if path.is_file() and side.is_file():
                return
        try:
            complete = _make(paths, bundle, snapshot, progress)
        except SearchUnavailable as error:
            progress.warn(f"search is off for {paths.name}: {error}")
            return
        with storage_errors(path), path.open("rb") as stream:
            digest, _ = Digest.of_stream(stream)
        if complete and (digest == bundle.contents.search_digest or _is_of_one_program(paths, bundle)):
            write_atomically(side, loaded_index(digest, bundle.contents.program))


def _make(paths: ProjectPaths, bundle: OpenBundle, snapshot: Snapshot, progress: Progress) -> bool:
    """Make the index; say whether it has every page."""
    target, since = paths.search(snapshot.id), bundle.contents.since
    readable = _readable(paths, snapshot)
    with temporary_folder(target) as folder, ExitStack() as opened:
        brought = folder / "brought"
        _copy_out(bundle, brought)
        indexes = [opened.enter_context(open_index(brought))]
        if since is None:
            there = {_key(page) for found in readable for page in found}
            if any(key not in there for key, _ in indexes[0].titles()):
                raise SearchUnavailable("the bundle's index has pages that the snapshot has not")
            opened.close()
            move_durably(brought, target)
            return True
        base = paths.search(since.snapshot)
        if base.is_file():
            indexes.append(opened.enter_context(open_index(base)))
        lost: list[Key] = []
        wanted = [_key(page) for found in readable for page in distinct_pages(found)]
        write_index(target, _merged(wanted, indexes, lost, progress))
    if lost:
        progress.warn(
            f"{len(lost)} pages of {paths.name} are not in the search index: the base's index has them not"
        )
    return not lost


def _is_of_one_program(paths: ProjectPaths, bundle: OpenBundle) -> bool:
    """Say whether a delta and its base were made by one version of the program, though another SQLite put them together."""
    since = bundle.contents.since
    return since is None or program_of(paths.search(since.snapshot)) == bundle.contents.program


def _readable(paths: ProjectPaths, snapshot: Snapshot) -> list[list[Capture]]:
    """The captures of HTML pages, doc site by doc site, as they are in the capture index."""
    found: dict[str, list[Capture]] = {site.name: [] for site in snapshot.sites}
    for capture in read_captures(paths, snapshot):
        if capture.is_readable:
            found[capture.source].append(capture)
    return list(found.values())


def _key(capture: Capture) -> Key:
    return capture.source, capture.url, capture.timestamp


def _merged(
    wanted: Sequence[Key], indexes: Sequence[IndexReader], lost: list[Key], progress: Progress
) -> Iterator[IndexedDocument]:
    """Yield the documents wanted, the keys of those that none of the indexes has go to ``lost``.

    Each comes from the first index that has it, else from the first that has one of the page at another time: a delta leaves
    out what is as it was.
    """
    with closing(progress.task("search index", "pages", len(wanted))) as task:
        for key in wanted:
            lookups = chain((index.get for index in indexes), (index.elsewhen for index in indexes[1:]))
            document = next((found for look in lookups if (found := look(key))), None)
            if document is None:
                lost.append(key)
            else:
                yield document
            task.advance()


def _copy_out(bundle: OpenBundle, target: Path) -> None:
    """Copy a bundle's index to where SQLite can open it."""
    place = f"{bundle.path}: {SEARCH}"
    size = bundle.structure.members[SEARCH].size
    try:
        with bundle.open_member(SEARCH) as source, atomic_file(target) as copy:
            for chunk in verified_chunks(source, bundle.structure.sums[SEARCH], size):
                copy.write(chunk)
    except ContentError as error:
        raise BundleDamaged(error.message, place=place) from error
