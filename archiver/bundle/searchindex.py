"""Builds the full-text index of a snapshot's pages: docs/format.md, "docs/search.sqlite".

The index is a cache beside the snapshot, built once and packed into every bundle of it. Same captures, same
builder, same bytes: a side file ``<id>.json`` says what built it, and another builder builds it anew.
"""

from __future__ import annotations

import platform
import sqlite3
import zlib
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Iterator, Sequence

import selectolax

from archiver.bundle.documents import EXTRACTION, Document, read_document
from archiver.bundle.earlierindex import earlier_index, pages_of
from archiver.bundle.pagetext import page_text
from archiver.core import jsontext
from archiver.core.digest import Digest
from archiver.core.editions import EditionReader, normal_locale
from archiver.core.errors import ArchiverError, StorageDenied
from archiver.core.progress import NullProgress, Progress
from archiver.offline.archive import open_project
from archiver.offline.search.provenance import loaded_index, side_file, was_built_here
from archiver.offline.search.reading import open_index
from archiver.offline.search.schema import VERSION
from archiver.offline.search.writer import IndexedDocument, renew_index, write_index
from archiver.store.atomic import storage_errors, sweep_temporaries, temporary_folder, write_atomically
from archiver.store.locks import waiting_lock
from archiver.store.snapshots import list_snapshots
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.bundle.earlierindex import EarlierIndex, Page
    from archiver.bundle.since import Base
    from archiver.core.capture import Capture
    from archiver.offline.holdings import Site
    from archiver.store.paths import ProjectPaths

_KEPT = 2  # of the newest snapshot, and of the one before, which somebody may be reading


def ensure_search_index(paths: ProjectPaths, snapshot: str, progress: Progress | None = None) -> Path | None:
    """Return a snapshot's search index, building it where it is missing, damaged, or another builder's.

    Args:
        paths: the project's files.
        snapshot: the snapshot's id.
        progress: is told of pages read; a page that cannot be read is warned of and left out.

    Returns:
        The index, without a document where no capture is an HTML page; None where there is no capture at all.

    Raises:
        NotArchived: there is no such snapshot.
        StoreError: the index cannot be written; StorageFull where there is no space, StorageDenied where the
            archive is on read-only media.
    """
    path = paths.search(snapshot)
    if _is_current(path):
        return path
    with waiting_lock(paths.search_lock):
        sweep_temporaries(paths.indexes)
        if not _is_current(path):  # another process may have built it meanwhile
            if not _build(paths, snapshot, path, progress or NullProgress()):
                return None
            write_atomically(side_file(path), _provenance(index_digest(path)))
    return path


def drop_older_indexes(paths: ProjectPaths) -> None:
    """Remove the search indexes of a project that this program built, but for those of the newest two snapshots.

    Each has the text of all pages, so that one a night would soon outweigh what is archived. Whoever needs another one has
    it made again; what came with a bundle could be another builder's, and stays.

    Raises:
        StoreError: or a subclass, where the file system refuses.
    """
    with waiting_lock(paths.search_lock):
        for snapshot in list_snapshots(paths)[:-_KEPT]:
            index = paths.search(snapshot)
            if was_built_here(index):
                with storage_errors(index):
                    index.unlink(missing_ok=True)
                    side_file(index).unlink()  # last: by it the rest of a removal that was cut short is known


def current_index(paths: ProjectPaths, snapshot: str) -> Path | None:
    """Return a snapshot's search index where it is as this very builder would make it; None where it is not, or not there."""
    path = paths.search(snapshot)
    return path if _is_current(path) else None


@contextmanager
def search_index(
    paths: ProjectPaths, snapshot: str, progress: Progress, output: Path
) -> Iterator[Path | None]:
    """Give a snapshot's search index for as long as the block lasts: the archive's, where that can be had.

    Where the archive cannot be written, the index is built in a temporary folder beside ``output``. See
    ``ensure_search_index`` for the rest.
    """
    with ExitStack() as held:
        index: Path | None
        try:
            index = ensure_search_index(paths, snapshot, progress)
        except StorageDenied:
            index = held.enter_context(temporary_folder(output)) / "search.sqlite"
            if not _build(paths, snapshot, index, progress):
                index = None
        yield index


@contextmanager
def new_documents(
    index: Path, paths: ProjectPaths, base: Base, progress: Progress, output: Path
) -> Iterator[Path]:
    """Give an index of the documents that readers of a base lack, for as long as the block lasts.

    A page that was captured again and has the same text is no such document. Where it cannot be known what index those
    readers have, all documents are.

    Args:
        index: the index of all documents.
        paths: the project's files.
        base: the bundle that those readers have.
        progress: is told of the pages indexed, where the base's index has to be made again.
        output: what the index is made for; it is made in a temporary folder beside that.

    Raises:
        StoreError: there is no room for it.
    """
    with ExitStack() as opened:
        known = opened.enter_context(_index_of(paths, base, progress, output))
        if known is None:
            yield index
            return
        folder = opened.enter_context(temporary_folder(output))
        held, whole = opened.enter_context(open_index(known)), opened.enter_context(open_index(index))
        new = (
            each for each in whole.documents() if each not in (held.get(each.key), held.elsewhen(each.key))
        )
        write_index(folder / "new.sqlite", new)
        yield folder / "new.sqlite"


@contextmanager
def _index_of(paths: ProjectPaths, base: Base, progress: Progress, output: Path) -> Iterator[Path | None]:
    """Give the very index that readers of a base have; None where the archive has another one, or not that snapshot."""
    with ExitStack() as held:
        path: Path | None = paths.search(base.snapshot)
        if base.search_digest is None or not base.records:
            path = None
        elif path is not None and not path.is_file():
            path = held.enter_context(search_index(paths, base.snapshot, progress, output))
        yield path if path is not None and index_digest(path) == base.search_digest else None


def page_titles(index: Path) -> dict[str, dict[tuple[str, str], str]]:
    """Return the titles of an index's pages by URL and timestamp, for each doc site's name."""
    titles: dict[str, dict[tuple[str, str], str]] = {}
    with open_index(index) as found:
        for (source, url, timestamp), title in found.titles():
            titles.setdefault(source, {})[url, timestamp] = title
    return titles


def _build(paths: ProjectPaths, snapshot: str, target: Path, progress: Progress) -> bool:
    """Build an index at ``target``, durably. Say whether there was anything to index."""
    with ExitStack() as opened:
        holding = opened.enter_context(closing(open_project(paths, snapshot)))
        if not any(next(iter(site.all_captures()), None) for site in holding.sites):
            return False
        pages = pages_of(holding.sites)
        earlier = opened.enter_context(earlier_index(paths, snapshot, _is_current))
        if earlier is not None and earlier.has_exactly(pages):
            renew_index(target, earlier.path, [capture.timestamp for _, capture in pages])
        else:
            write_index(target, _documents(pages, earlier, progress))
    return True


def _documents(
    pages: Sequence[Page], earlier: EarlierIndex | None, progress: Progress
) -> Iterator[IndexedDocument]:
    editions: dict[str, EditionReader] = {}
    with closing(progress.task("search index", "pages", len(pages))) as task:
        for page in pages:
            site, capture = page
            if site.name not in editions:
                editions[site.name] = EditionReader.around(seed.partition("://")[2] for seed in site.seeds)
            known = earlier.document(page) if earlier else None
            yield known or _indexed(capture, _document(site, capture, progress), editions[site.name])
            task.advance()


def _indexed(capture: Capture, read: Document, editions: EditionReader) -> IndexedDocument:
    """Put together what an index has of a page; a URL is more to be believed about its language than the page."""
    shown = editions.read(capture.url.partition("://")[2])
    return IndexedDocument(
        source=capture.source,
        url=capture.url,
        timestamp=capture.timestamp,
        title=read.title,
        locale=normal_locale(shown.locale.text) if shown.locale else read.language,
        version=shown.version.text if shown.version else "",
        sections=read.sections,
    )


def _is_current(path: Path) -> bool:
    """Say whether an index is there as this very builder left it, or came with a bundle that this version made."""
    side = side_file(path)
    with storage_errors(path):
        if not (path.is_file() and side.is_file()):
            return False
        said = side.read_bytes()
    digest = index_digest(path)
    return said in (_provenance(digest), loaded_index(digest, PROGRAM))


def index_digest(path: Path) -> Digest:
    """Return the digest of an index. Raises StoreError where it cannot be read."""
    with storage_errors(path), path.open("rb") as stream:
        return Digest.of_stream(stream)[0]


def _provenance(digest: Digest) -> bytes:
    """What an index's bytes depend on beside the captures, and the digest of what came out."""
    return jsontext.dump(
        {
            "digest": str(digest),
            "format": VERSION,
            "program": PROGRAM,
            "extraction": EXTRACTION,
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "zlib": zlib.ZLIB_RUNTIME_VERSION,
            "parsers": [
                f"selectolax {selectolax.__version__}",
                f"beautifulsoup4 {version('beautifulsoup4')}",
            ],
        }
    )


def _document(site: Site, capture: Capture, progress: Progress) -> Document:
    try:
        return read_document(page_text(site.response(capture)))
    except ArchiverError as error:
        progress.warn(f"{capture.url} is left out of the search index: {error}")
        return Document("", ())
