"""The text of pages, out of their records or, where many are read, out of the search indexes that have it already."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Sequence

from archiver.bundle.documents import Document, read_document
from archiver.bundle.pagetext import page_text
from archiver.bundle.searchindex import current_index
from archiver.changes.passages import document_passages, limited, plain_passages
from archiver.core.capture import HTML_TYPES
from archiver.core.errors import ArchiverError
from archiver.offline.archive import ArchiveRecords
from archiver.offline.search.reading import open_index

if TYPE_CHECKING:
    from types import TracebackType

    from archiver.changes.passages import Passage
    from archiver.core.capture import Capture
    from archiver.offline.search.reading import IndexReader
    from archiver.store.paths import ProjectPaths

MANY = 100
"""Pages that are read out of their records before indexes are opened: that takes as long as reading some dozens."""


class PageTexts:
    """Reads the pages of some snapshots, for as long as a block lasts.

    Args:
        paths: the project's files.
        snapshots: the ids of the snapshots whose search indexes may be used.
    """

    def __init__(self, paths: ProjectPaths, snapshots: Sequence[str]) -> None:
        self._paths, self._snapshots = paths, snapshots
        self._opened = ExitStack()
        self._records = ArchiveRecords(paths)
        self._opened.callback(self._records.close)
        self._indexes: list[IndexReader] | None = None
        self._read = 0

    def __enter__(self) -> PageTexts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def passages(self, capture: Capture) -> tuple[Passage, ...] | None:
        """Return the lines of a page's text; None for what is no text.

        Raises:
            ContentError, RecordCorrupt: the page is not what was captured.
        """
        if capture.mime in HTML_TYPES:
            return limited(document_passages(self._indexed(capture) or self._document(capture)))
        if capture.mime.startswith("text/"):
            return limited(plain_passages(page_text(self._records.response(capture))))
        return None

    def _document(self, capture: Capture) -> Document:
        self._read += 1
        return read_document(page_text(self._records.response(capture)))

    def _indexed(self, capture: Capture) -> Document | None:
        """Return what an index has of a page; None where none has it."""
        if self._read < MANY:
            return None
        if self._indexes is None:
            self._indexes = self._open_indexes()
        for index in self._indexes:
            try:
                found = index.get((capture.source, capture.url, capture.timestamp))
            except ArchiverError:
                continue  # a cache: the records have it
            if found is not None and found.sections:
                return Document(found.title, found.sections, found.locale)
        return None

    def _open_indexes(self) -> list[IndexReader]:
        opened: list[IndexReader] = []
        for snapshot in self._snapshots:
            try:
                path = current_index(self._paths, snapshot)
                if path is not None:
                    opened.append(self._opened.enter_context(open_index(path)))
            except ArchiverError:
                continue
        return opened
