"""The main text of pages that are archived, read back from their records: for comparing, so only as far as that takes."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from archiver.collect.web.documents.read import read_main_text
from archiver.collect.web.payloads import PayloadReader
from archiver.core.capture import HTML_TYPES
from archiver.core.errors import ContentError, NotArchived, StoreError
from archiver.store.locator import open_locator

if TYPE_CHECKING:
    from types import TracebackType

    from archiver.core.capture import Capture
    from archiver.store.paths import ProjectPaths

_LONGEST = 8 << 20  # bytes of a record, its content coding not undone
MOST_TEXT = 16_000
"""Characters of a text. Longer beginnings told no better, of the manuals of ``make bench-alarms``."""


class StoredTexts:
    """Reads texts for as long as a block lasts. Nothing is opened before something is read.

    Args:
        paths: the project's files.
    """

    def __init__(self, paths: ProjectPaths) -> None:
        self._paths = paths
        self._opened = ExitStack()
        self._payloads: PayloadReader | None = None

    def __enter__(self) -> StoredTexts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def text_of(self, capture: Capture) -> str | None:
        """Return the beginning of a page's main text.

        None where it is no HTML, or its record is missing, damaged, cut short, not what the capture says or unreasonably long.
        """
        if capture.mime not in HTML_TYPES:
            return None
        try:
            stored = self._reader().read(capture.payload_record, _LONGEST)
        except (NotArchived, StoreError, ContentError):
            return None
        if stored.type != "response" or stored.digest != capture.digest or stored.truncated:
            return None
        return read_main_text(
            stored.body, stored.header("Content-Type"), stored.header("Content-Encoding"), MOST_TEXT
        )

    def _reader(self) -> PayloadReader:
        if self._payloads is None:
            locator = self._opened.enter_context(closing(open_locator(self._paths)))
            self._payloads = PayloadReader(self._paths.warc, locator)
        return self._payloads
