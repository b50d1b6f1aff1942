"""What the search index of an earlier snapshot gives to the next one: pages that are as they were are not read again.

Where nothing but the times of captures is new, the index is copied with the new times: the same bytes as if it were built.
"""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, Sequence

from archiver.core.capture import distinct_pages
from archiver.core.errors import ArchiverError
from archiver.offline.archive import open_project
from archiver.offline.search.reading import open_index
from archiver.store.snapshots import list_snapshots

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.offline.holdings import Site
    from archiver.offline.search.reading import IndexReader, Key
    from archiver.offline.search.writer import IndexedDocument
    from archiver.store.paths import ProjectPaths

Page = tuple["Site", "Capture"]
_Identity = tuple[str, ...]


@dataclass(frozen=True)
class EarlierIndex:
    """An index that the same builder left.

    Attributes:
        path: its file.
        reader: its documents.
        keys: which document each page has, by what it was made of; in the order of the documents.
    """

    path: Path
    reader: IndexReader
    keys: Mapping[_Identity, Key]

    def document(self, page: Page) -> IndexedDocument | None:
        """Return a page's document, where one was made of the same record; None where it has to be read."""
        key = self.keys.get(_identity(page))
        document = self.reader.get(key) if key else None
        if document is None or not document.sections:
            return None  # a page that could not be read then may be readable now
        return replace(document, timestamp=page[1].timestamp)

    def has_exactly(self, pages: Sequence[Page]) -> bool:
        """Say whether it was made of these very pages, in this order, though they may have been captured again."""
        return [_identity(page) for page in pages] == list(self.keys)


@contextmanager
def earlier_index(
    paths: ProjectPaths, snapshot: str, is_current: Callable[[Path], bool]
) -> Iterator[EarlierIndex | None]:
    """Open the newest index of another snapshot, for as long as the block lasts.

    Args:
        paths: the project's files.
        snapshot: the one to be indexed.
        is_current: says whether an index is as the builder that runs now would make it.

    Returns:
        The index; None where there is none that can be built on.
    """
    with ExitStack() as opened:
        yield _newest(paths, snapshot, is_current, opened)


def pages_of(sites: Sequence[Site]) -> list[Page]:
    """Return the pages of a snapshot in the order in which they are indexed."""
    return [(site, capture) for site in sites for capture in distinct_pages(site.all_captures())]


def _newest(
    paths: ProjectPaths, snapshot: str, is_current: Callable[[Path], bool], opened: ExitStack
) -> EarlierIndex | None:
    for earlier in reversed(list_snapshots(paths)):
        path = paths.search(earlier)
        if earlier == snapshot or not path.is_file():
            continue
        try:
            if not is_current(path):
                return None
            with closing(open_project(paths, earlier)) as holding:
                keys = {
                    _identity(page): (page[1].source, page[1].url, page[1].timestamp)
                    for page in pages_of(holding.sites)
                }
            reader = opened.enter_context(open_index(path))
            there = [key for key, _ in reader.titles()]
        except ArchiverError:
            return None  # whatever is wrong with it, the new one is built of captures
        return EarlierIndex(path, reader, keys) if there == list(keys.values()) else None
    return None


def _identity(page: Page) -> _Identity:
    """Return what a document is made of: the record with the content, and all that is taken from URL and spec."""
    site, capture = page
    return (
        *(capture.source, capture.url, capture.digest, capture.payload_record, capture.mime),
        *site.seeds,
    )
