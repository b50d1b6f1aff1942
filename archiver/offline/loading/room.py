"""How much room a load needs, told before it begins."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.core.errors import NotArchived
from archiver.offline.loading.blobs import file_blobs, image_blobs
from archiver.offline.names import DOCS_SUFFIX, SEARCH
from archiver.offline.problems import inside, refuse
from archiver.offline.wacz import open_wacz
from archiver.store.blobs import BlobReader
from archiver.store.locator import ReadOnlyLocator
from archiver.store.space import check_space

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.bundle import OpenBundle
    from archiver.offline.bundlejson import DocsEntry
    from archiver.store.paths import ArchivePaths

_INDEXES = 3  # a search index is copied out, written anew, and written without gaps
_SMALL_THINGS = 16 << 20


def check_room(archive: ArchivePaths, bundles: Sequence[OpenBundle]) -> None:
    """Refuse to begin a load that cannot fit; what the archive has already needs no room.

    Raises:
        StorageFull: fewer bytes are free than it needs.
        BundleDamaged: a bundle's docs contradict themselves.
        StoreError: the folder, or a bundle, cannot be read.
    """
    check_space(
        _existing(archive.root),
        sum(_needs(archive, bundles)),
        "what is in the bundle" if len(bundles) == 1 else "what is in the bundles",
    )


def _needs(archive: ArchivePaths, bundles: Sequence[OpenBundle]) -> Iterator[int]:
    yield _SMALL_THINGS
    store = BlobReader(archive.images)
    for digest, source in {**image_blobs(bundles), **file_blobs(bundles)}.items():
        if store.size(digest) != source.size:
            yield source.size - min(store.begun(digest), source.size)
    for bundle in bundles:
        members = bundle.structure.members
        yield sum(entry.size for name, entry in members.items() if name.startswith("record/"))
        if SEARCH in members:
            yield _INDEXES * members[SEARCH].size
        since = bundle.contents.since
        if since is not None:
            yield _INDEXES * _file_size(archive.project(bundle.contents.project).search(since.snapshot))
        with closing(ReadOnlyLocator(archive.project(bundle.contents.project))) as locator:
            for site in bundle.contents.docs:
                yield from _records(bundle, site, locator)


def _records(bundle: OpenBundle, site: DocsEntry, locator: ReadOnlyLocator) -> Iterator[int]:
    """Yield the lengths of a doc site's records, with their requests, that are not in the archive."""
    part = bundle.part(site.path)
    if not site.path.endswith(DOCS_SUFFIX):
        yield part.size
        return
    wacz = open_wacz(part, site.name, inside(refuse, f"{bundle.path}: {site.path}"))
    lines = sorted((line.offset, line.capture.record) for line in wacz.all_lines()) if wacz else []
    ends = [offset for offset, _ in lines[1:]] + [part.size]
    for (offset, record), end in zip(lines, ends):
        try:
            locator.find(record)
        except NotArchived:
            yield end - offset


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _file_size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
