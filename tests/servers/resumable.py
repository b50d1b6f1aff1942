"""A file on a Site, sent as RFC 9110 wants it: whole, in part, or not at all; and what goes wrong with that, as planned."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable

from servers.site import Reply

if TYPE_CHECKING:
    from servers.site import Asked

_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass
class Resumable:
    """An answer for a Site that honours Range, If-Range and the conditional headers. May be changed between requests.

    Attributes:
        content: of the file.
        etag: its entity tag, weak or strong; empty sends none.
        modified, date: headers; empty sends none.
        type: its Content-Type.
        headers: further headers.
        cuts: for each of the next requests after how many bytes of the body the connection is dropped; None: it is not.
        bend: changes an answer before it is sent.
        asked: the requests so far.
        sent: how many bytes of bodies were sent so far.
    """

    content: bytes
    etag: str = '"v1"'
    modified: str = ""
    date: str = ""
    type: str = "application/octet-stream"
    headers: tuple[tuple[str, str], ...] = ()
    cuts: list[int | None] = field(default_factory=list)
    bend: Callable[[Asked, Reply], Reply] = lambda _, reply: reply
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0

    @property
    def ranges(self) -> list[str]:
        """The Range headers of the requests so far; empty ones for those that asked for everything."""
        return [asked.headers.get("range", "") for asked in self.asked]

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        self.asked.append(asked)
        reply = self.bend(asked, self._rightful(asked))
        cut = self.cuts.pop(0) if self.cuts else None
        if cut is not None:
            reply = replace(reply, cut=cut)
        self.sent += len(reply.body[: reply.cut])
        return reply

    def _rightful(self, asked: Asked) -> Reply:
        said = (("Last-Modified", self.modified), ("Date", self.date), ("ETag", self.etag))
        headers = (*((name, value) for name, value in said if value), *self.headers)
        if self._unchanged(asked):
            return Reply(status=304, type="", headers=headers)
        match = _RANGE.fullmatch(asked.headers.get("range", ""))
        condition = asked.headers.get("if-range", "")
        fits = condition in ("", self.modified) or (condition == self.etag and not condition.startswith("W/"))
        if match is None or not fits:
            return Reply(self.content, type=self.type, headers=headers)
        start, size = int(match[1]), len(self.content)
        if start >= size:
            return Reply(status=416, type="", headers=(*headers, ("Content-Range", f"bytes */{size}")))
        told = ("Content-Range", f"bytes {start}-{size - 1}/{size}")
        return Reply(self.content[start:], 206, self.type, (*headers, told))

    def _unchanged(self, asked: Asked) -> bool:
        if "if-none-match" in asked.headers:
            return asked.headers["if-none-match"] == self.etag
        return bool(self.modified) and asked.headers.get("if-modified-since") == self.modified
