"""What a server says of a file that it sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

from archiver.collect.files.names import name_of
from archiver.collect.web.urls import LONGEST, resolve
from archiver.core.descriptor import is_media_type
from archiver.store.fileartifact import Provenance, StoredFile

if TYPE_CHECKING:
    import requests

    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest

_WITHHELD = frozenset({"set-cookie", "set-cookie2"})  # about us, not about the file
_MOST_HEADERS = 64 << 10  # characters in all
_UNKNOWN_TYPE = "application/octet-stream"
_MOST_VALIDATOR = 1000  # characters; longer ones are not kept


@dataclass(frozen=True)
class Answer:
    """An answer that has a file, or the rest of one.

    Attributes:
        url: what was asked for.
        location: where the answer came from in the end, after redirects; empty where that is unreasonably long.
        name: the file's own name.
        media_type: what the server calls its content.
        etag, modified: its validators; empty where there are none.
        headers: all headers in order, but for cookies; of the rest of a file as they would be of the whole.
    """

    url: str
    location: str
    name: str
    media_type: str
    etag: str
    modified: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, url: str, response: requests.Response, total: int | None) -> Answer:
        """Read an answer; its body is left alone.

        Args:
            url: what was asked for.
            response: the answer.
            total: the size of the whole file, where the answer has only the rest of it and says so.
        """
        headers = response.headers
        location = resolve(url, response.url) or ""  # without a password
        return cls(
            url=url,
            location=location if len(location) <= LONGEST else "",
            name=name_of(url, headers.get("Content-Disposition", "")),
            media_type=_media_type_of(headers.get("Content-Type", "")),
            etag=_validator(headers.get("ETag", "")),
            modified=_validator(headers.get("Last-Modified", "")),
            headers=tuple(_bounded(_as_of_the_whole(response, total))),
        )

    def provenance(self, fetched: str) -> Provenance:
        """Return what is kept of it, given when the last byte came."""
        return Provenance(self.url, self.location, self.name, fetched, self.headers)

    def stored(self, digest: Digest, size: int, config: Descriptor) -> StoredFile:
        """Return the file that came with it."""
        return StoredFile(
            url=self.url,
            title=self.name,
            digest=digest,
            size=size,
            media_type=self.media_type,
            etag=self.etag,
            modified=self.modified,
            config=config,
        )


def _as_of_the_whole(response: requests.Response, total: int | None) -> Iterator[tuple[str, str]]:
    """Yield an answer's headers without those that are about the part that it has (RFC 9110, section 15.3.7.3)."""
    partial = "Content-Range" in response.headers
    for name, value in response.raw.headers.iteritems():  # requests has joined those that come several times
        if partial and name.lower() == "content-length":
            if total is not None:
                yield name, str(total)
        elif not (partial and name.lower() == "content-range"):
            yield name, value


def _bounded(headers: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    left = _MOST_HEADERS
    for name, value in headers:
        if name.lower() not in _WITHHELD and len(name) + len(value) <= left:
            left -= len(name) + len(value)
            yield name, value


def _media_type_of(content_type: str) -> str:
    """Return a Content-Type's media type in lowercase; ``application/octet-stream`` where it has none."""
    name = content_type.partition(";")[0].strip()
    return name.lower() if is_media_type(name) else _UNKNOWN_TYPE


def _validator(value: str) -> str:
    """Return a header's value for keeping, or nothing where it is unreasonably long or not plain text."""
    return value if len(value) <= _MOST_VALIDATOR and value.isascii() and value.isprintable() else ""
