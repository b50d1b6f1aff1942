"""The answer to one request: the status line, the fields, and a body that is made while it is sent.

Source: PEP 3333, for what the application is called with; RFC 9110 sections 6.6.1 (Date), 6.4.1 and 8.6 (which answers
have a body, and its length); RFC 9112 sections 7.1 (chunks) and 9.3 (connections that persist).
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Protocol

from waitress.utilities import build_http_date

from archiver.offline.wsgi import plain, send

if TYPE_CHECKING:
    from archiver.offline.engine.parser import Parser
    from archiver.offline.wsgi import Environ, Reply, StartResponse

_QUANTUM = 1 << 20  # bytes; after so many, others have their turn
_BODILESS = ("204", "304")
_SERVER = "archiver"


class Application(Protocol):
    """What answers requests (PEP 3333)."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one."""


class Connection(Protocol):
    """What an answer is written to."""

    def put(self, *pieces: bytes) -> bool:
        """Send bytes, or keep them until there is room; say whether there is room for more."""


class _Broken(Exception):
    """The body ended too early, or making it failed."""


class Answer:
    """An answer, from calling the application to the last byte.

    Args:
        request: what came in.
        environ: the same for the application.
        application: what answers.

    Attributes:
        persists: whether the connection can take another request afterwards; known at the end.
    """

    def __init__(self, request: Parser, environ: Environ, application: Application) -> None:
        self._request = request
        self._is_head = request.command == "HEAD"
        self._version = "1.0" if request.version == "1.0" else "1.1"
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._announced: int | None = None  # bytes of body
        self._sent = 0
        self._chunked = False
        self._begun = False
        self.persists = _wants_to_persist(request)
        self._body: Iterable[bytes] = ()
        self._pieces: Iterator[bytes] = iter(())
        if request.error is None:
            self._body = application(environ, self._start)
            self._pieces = iter(self._body)
        else:
            self.persists = False
            self._say(plain(request.error.code, request.error.body))

    def proceed(self, connection: Connection) -> bool:
        """Send more; return whether that was all.

        Where it was not, either there was no room for more or it is somebody else's turn. An answer that cannot come
        to its end as it began ends here, and its connection does not persist: so the client sees that.
        """
        try:
            return self._proceed(connection)
        except _Broken:
            self.persists = False
            return True

    def close(self) -> None:
        """Release what the body holds; closing twice is closing once."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def _proceed(self, connection: Connection) -> bool:
        given = 0
        while True:
            piece = self._next()
            if piece is None:
                self._finish(connection)
                return True
            if not piece:
                continue
            room = connection.put(*self._framed(piece))
            given += len(piece)
            if self._sent == self._announced and not self._is_head:
                continue  # the end of the body is near: what remains are checks
            if not room or given >= _QUANTUM:
                return False

    def _say(self, reply: Reply) -> None:
        self._body = send(reply, self._request.command, self._start)
        self._pieces = iter(self._body)

    def _start(self, status: str, headers: Iterable[tuple[str, str]], _error: Any = None) -> None:
        self._status, self._headers, self._announced = status, list(headers), None
        for name, value in self._headers:
            if name.lower() == "content-length" and value.isdigit():
                self._announced = int(value)

    def _next(self) -> bytes | None:
        try:
            return next(self._pieces, None)
        except Exception as error:
            if self._begun:
                raise _Broken from error
        self.close()
        self.persists = False
        self._say(plain(500, "internal error"))
        return next(self._pieces, None)

    def _framed(self, piece: bytes) -> tuple[bytes, ...]:
        """Return what goes out with a piece of the body, the head before it where it is the first."""
        head = b"" if self._begun else self._head()
        self._begun = True
        if self._is_head or self._status.startswith(_BODILESS):
            return (head,)
        if self._chunked:
            return b"%b%x\r\n" % (head, len(piece)), piece, b"\r\n"
        self._sent += len(piece)
        if self._announced is not None and self._sent > self._announced:
            raise _Broken
        return head, piece

    def _finish(self, connection: Connection) -> None:
        if not self._begun:
            self._begun = True
            connection.put(self._head())
        if self._chunked:
            connection.put(b"0\r\n\r\n")
        bodiless = self._is_head or self._status.startswith(_BODILESS)
        if not bodiless and self._announced is not None and self._sent < self._announced:
            raise _Broken

    def _head(self) -> bytes:
        fields = self._headers
        if self._announced is None and not self._is_head and not self._status.startswith(_BODILESS):
            if self._version == "1.1":
                self._chunked = True
                fields.append(("Transfer-Encoding", "chunked"))
            else:
                self.persists = False  # its end is the end of the connection
        if not self.persists:
            fields.append(("Connection", "close"))
        elif self._version == "1.0":
            fields.append(("Connection", "keep-alive"))
        fields += (("Server", _SERVER), ("Date", _date(int(time.time()))))
        lines = "".join([f"{name}: {value}\r\n" for name, value in fields])
        return f"HTTP/{self._version} {self._status}\r\n{lines}\r\n".encode("latin-1")


def _wants_to_persist(request: Parser) -> bool:
    tokens = [token.strip() for token in request.headers.get("CONNECTION", "").lower().split(",")]
    return "close" not in tokens if request.version == "1.1" else "keep-alive" in tokens


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return str(build_http_date(second))
