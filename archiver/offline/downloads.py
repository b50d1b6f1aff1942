"""``/files/<host>/<path>``: the downloaded files, by range and checked as they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Sequence
from urllib.parse import quote, unquote

from archiver.core.errors import ArchiverError
from archiver.offline.content import content_reply
from archiver.offline.wsgi import SANDBOX, Headers, Reply, method_not_allowed, plain

if TYPE_CHECKING:
    from archiver.offline.holdings import File, FileShelf
    from archiver.offline.wsgi import Request

PREFIX = "/files/"


class Downloads:
    """Answers requests for files; where two shelves have a path, the first one's file is meant."""

    def __init__(self, shelves: Sequence[FileShelf], log: Callable[[str], None]) -> None:
        self._files: dict[str, tuple[FileShelf, File]] = {}
        for shelf in shelves:
            for file in shelf.files:
                self._files.setdefault(file.path, (shelf, file))
        self._log = log

    def answer(self, request: Request) -> Reply:
        """Answer a request whose path begins with ``/files/``."""
        if not request.is_read:
            return method_not_allowed()
        found = self._files.get(unquote(request.path[len(PREFIX) :]))
        if found is None:
            return plain(404, "no such file in this archive")
        shelf, file = found
        try:
            return content_reply(request, lambda: shelf.open(file), file.digest, file.size, _headers(file))
        except ArchiverError as error:
            self._log(f"files/{file.path}: {error}")
            return plain(502, "the archive's copy of this file is damaged")


def _headers(file: File) -> Headers:
    """Return headers that make a browser save the file: shown, it would speak for the landing page."""
    name = file.path.rsplit("/", 1)[-1]
    return (
        ("Content-Type", file.media_type or "application/octet-stream"),
        ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}"),
        *SANDBOX,
        ("Cache-Control", "no-cache"),
    )
