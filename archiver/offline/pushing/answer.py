"""What requests carry and what comes back.

Source: RFC 9110; OCI distribution-spec v1.1, "Error Codes".
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, Iterator
from urllib.parse import urljoin, urlsplit

from archiver.core.complaint import Complaint, read_complaint
from archiver.core.errors import (
    AuthenticationFailed,
    FetchError,
    InvalidURL,
    RateLimited,
    RegistryError,
    ServerBusy,
    StatusRefused,
    TlsMissing,
)
from archiver.core.printable import printable
from archiver.core.retryafter import retry_after
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from email.message import Message

_MOST_WORDS = 200  # characters of a server's own that go into a message
_ALWAYS = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})
_READING = frozenset({HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER})
_BUSY = frozenset({408, 425, 500, 502, 503, 504})


@dataclass(frozen=True)
class Body:
    """What a request carries; ``pieces`` may be asked for anew where it has to be sent again."""

    length: int
    pieces: Callable[[], Iterator[bytes]]

    @classmethod
    def of(cls, data: bytes) -> Body:
        """Return bytes in memory."""
        return cls(len(data), lambda: iter((data,) if data else ()))


NOTHING = Body.of(b"")


@dataclass(frozen=True)
class Answer:
    """What came back; ``url`` is what gave it, behind all redirects."""

    method: str
    url: str
    status: int
    reason: str
    headers: Message
    body: bytes

    @property
    def place(self) -> str:
        """What gave it, for messages."""
        return shown_url(self.url)

    def header(self, name: str) -> str:
        """Return a header's value, several joined by commas; empty where there is none."""
        return ", ".join(str(value) for value in self.headers.get_all(name, []))

    @property
    def redirect(self) -> str:
        """Where an answer sends us to; empty where it is the answer itself."""
        follows = self.status in _ALWAYS or (self.status in _READING and self.method in ("GET", "HEAD"))
        location = self.header("Location")
        return joined(self.url, location) if follows and location else ""

    def complaint(self, secret: str = "") -> Complaint:
        """Return what a registry says went wrong, unless it repeats the secret."""
        return read_complaint(self.body, self.header("Content-Type"), secret)

    def refusal(self, secret: str = "") -> FetchError:
        """Return the error that an answer's status means; nothing is shown of a body that repeats the secret."""
        words = self.complaint(secret).words
        message = f"HTTP {self.status} {printable(self.reason, _MOST_WORDS)}".rstrip() + (
            f": {words}" if words else ""
        )
        wait = retry_after(self.header("Retry-After"))
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimited(message, place=self.place, wait=wait)
        if self.status in _BUSY:
            return ServerBusy(message, place=self.place, wait=wait)
        if self.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return AuthenticationFailed(f"the registry denies access ({message})", place=self.place)
        if self.status == HTTPStatus.BAD_REQUEST and "HTTPS" in words and urlsplit(self.url).scheme == "http":
            return TlsMissing(
                f"speaks TLS, and was spoken to in plain HTTP ({message})",
                place=self.place,
                hint="give --ca FILE, or --skip-tls-verify: a registry on this machine is spoken to in plain HTTP else",
            )
        return StatusRefused(message, place=self.place)


def shown_url(url: str) -> str:
    """Return a URL as messages have it, without its query: those of uploads may hold a signature that lets anybody upload."""
    return url.partition("?")[0]


def joined(url: str, location: str) -> str:
    """Return where a Location header leads, from the URL that gave it.

    A registry behind a proxy that ends TLS may call itself ``http://`` in its answers: at the host that is
    spoken to by https that is taken for https.

    Raises:
        RegistryError: it is no address, or leads from https to another host in plain HTTP.
    """
    target = urljoin(url, location)
    try:
        origin, home = Origin.of(target), Origin.of(url)
        text = urlsplit(target)
    except (InvalidURL, ValueError) as error:
        raise RegistryError(
            f"leads to {shown_url(location)!r:.120}, which is no address", place=shown_url(url)
        ) from error
    if not target.isascii() or not target.isprintable() or " " in target:
        raise RegistryError(
            f"leads to {shown_url(location)!r:.120}, which is no address", place=shown_url(url)
        )
    if home.scheme == "https" and origin.scheme == "http":
        if urlsplit(url).netloc != text.netloc and origin.host != home.host:
            raise RegistryError(f"leads from https to {shown_url(location)!r:.120}", place=shown_url(url))
        return text._replace(scheme="https", netloc=urlsplit(url).netloc).geturl()
    return target
