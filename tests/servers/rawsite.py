"""A site on loopback that says exactly the bytes that a test gives it, and then does what no server should."""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, Sequence, Union

from servers.site import Asked

if TYPE_CHECKING:
    import ssl

_PAUSE = 0.005  # seconds between two drops
_MOST_REQUEST = 1 << 20


class Then(Enum):
    """What follows the bytes."""

    KEEP = "wait for the next request on the connection"
    CLOSE = "close the connection"
    RESET = "reset the connection"
    DRIP = "go on with `more`, again and again, a few times in a blink"
    FLOOD = "go on with `more`, again and again, as fast as it is taken"


@dataclass(frozen=True)
class Raw:
    """An answer as bytes on the wire, status line and all, and what follows it."""

    data: bytes
    then: Then = Then.CLOSE
    more: bytes = b"x"


Saying = Union[Raw, Sequence[Raw], Callable[[Asked], Raw]]


def reply(body: bytes = b"", *headers: str, status: str = "200 OK", type_: str = "text/html") -> Raw:
    """Return a faultless answer on a kept connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {type_}", f"Content-Length: {len(body)}", *headers]
    return Raw("\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body, Then.KEEP)


def wire(*lines: str | bytes, body: bytes = b"", then: Then = Then.CLOSE, more: bytes = b"x") -> Raw:
    """Return an answer of header lines as they are, the status line first, and a body."""
    head = b"\r\n".join(line.encode("utf-8") if isinstance(line, str) else line for line in lines)
    return Raw(head + b"\r\n\r\n" + body, then, more)


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return parts in chunked coding, and how it ends."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


class RawSite:
    """A running one. A list of answers is used up one by one, its last one staying; the rest gets 404.

    Args:
        answers: what each request target gets.
        tls: makes it an https site.
    """

    def __init__(self, answers: Mapping[str, Saying], tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Saying] = dict(answers)
        self._tls, self._asked, self._lock = tls, list[Asked](), threading.Lock()
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def url(self, target: str) -> str:
        """Return the absolute URL of a target."""
        return self.origin + target

    def asked(self) -> list[Asked]:
        """Return the requests so far, in order of arrival."""
        with self._lock:
            return list(self._asked)

    def targets(self) -> list[str]:
        """Return the targets asked for so far, in order of arrival."""
        return [asked.target for asked in self.asked()]

    def close(self) -> None:
        """Stop serving."""
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # shut down: the site is being closed
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client goes when it likes
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                while (asked := _request(connection)) and self._answer(connection, self._saying(asked)):
                    pass

    def _saying(self, asked: Asked) -> Raw:
        with self._lock:
            self._asked.append(asked)
            saying = self.answers.get(asked.target, reply(b"nothing here", status="404 Not Found"))
            if isinstance(saying, list):
                saying = saying.pop(0) if len(saying) > 1 else saying[0]
        return saying(asked) if callable(saying) else saying  # type: ignore[return-value]  # a list was resolved

    def _answer(self, connection: socket.socket, raw: Raw) -> bool:
        """Say it, and say whether the connection goes on."""
        connection.sendall(raw.data)
        if raw.then is Then.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        while raw.then in (Then.DRIP, Then.FLOOD) and not self._over.is_set():
            connection.sendall(raw.more)
            if raw.then is Then.DRIP:
                self._over.wait(_PAUSE)
        return raw.then is Then.KEEP


def _request(connection: socket.socket) -> Asked | None:
    """Read a request without a body; None where the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(1 << 16)
        if not more or len(data) > _MOST_REQUEST:
            return None
        data += more
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = dict(re.split(r":\s*", line, maxsplit=1) for line in lines)
    return Asked(first.split(" ")[1], {name.lower(): value for name, value in headers.items()})


@contextmanager
def raw_serving(answers: Mapping[str, Saying], tls: ssl.SSLContext | None = None) -> Iterator[RawSite]:
    """Serve a site for as long as the block lasts."""
    site = RawSite(answers, tls)
    try:
        yield site
    finally:
        site.close()


@contextmanager
def resetting() -> Iterator[str]:
    """Accept connections and reset each at once, for as long as the block lasts; gives the origin."""

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
