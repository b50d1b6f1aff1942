"""The engine behind the server: who is answered when, and what becomes of clients that are slow, gone or too many."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator

import pytest

from archiver.offline.engine import channel as channels
from archiver.offline.engine import loop
from archiver.offline.engine.loop import Engine

_PATIENCE = 20  # seconds after which something that should have happened is a failure
_PIECE = bytes(range(256)) * 256
_PIECES = 400  # together more than any system keeps for a connection
_HEAD = "GET {} HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Site:
    """An application whose paths say how it behaves, and an engine that serves it."""

    port: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    made: list[int] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer by path."""
        status, length, make = {
            "/quick": ("200 OK", 5, lambda: [b"quick"]),
            "/unchanged": ("304 Not Modified", None, list),
            "/unsized": ("200 OK", None, lambda: [b"one ", b"", b"two"]),
            "/large": ("200 OK", len(_PIECE) * _PIECES, self._large),
            "/gated": ("200 OK", 5, self._gated),
            "/fails": ("200 OK", 9, lambda: self._failing(b"")),
            "/breaks": ("200 OK", 9, lambda: self._failing(b"begun")),
            "/short": ("200 OK", 9, lambda: [b"short"]),
            "/long": ("200 OK", 9, lambda: [b"much too long"]),
        }[environ["PATH_INFO"]]
        start_response(status, [] if length is None else [("Content-Length", str(length))])
        return make()

    def _gated(self) -> list[bytes]:
        self.waiting.release()
        self.gate.wait(_PATIENCE)
        return [b"gated"]

    def _large(self) -> Iterator[bytes]:
        number = len(self.made)
        self.made.append(0)
        try:
            for _ in range(_PIECES):
                self.made[number] += 1
                yield _PIECE
        except GeneratorExit:
            self.given_up.set()
            raise

    def _failing(self, begun: bytes) -> Iterator[bytes]:
        yield begun
        raise RuntimeError("content that is not what was captured")

    @contextlib.contextmanager
    def connection(self, window: int = 0) -> Iterator[socket.socket]:
        """Connect; with a window, as one whose system takes in few bytes."""
        with socket.socket() as connection:
            if window:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            connection.settimeout(_PATIENCE)
            connection.connect(("127.0.0.1", self.port))
            yield connection

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask on a connection of its own."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        with contextlib.closing(client):
            client.request("GET", path)
            answer = client.getresponse()
            return answer.status, answer.read()


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    """Serve a site while a block lasts."""
    site = Site()
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    site.port = bound.getsockname()[1]
    engine = Engine([bound], site)
    try:
        yield site
    finally:
        site.gate.set()
        engine.stop()


@pytest.fixture
def site() -> Iterator[Site]:
    """A site that is served."""
    with serving() as served:
        yield served


def everything(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes."""
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def test_requests_sent_ahead_are_answered_in_order(site: Site) -> None:
    """Five on one connection, before the first answer is read."""
    with site.connection() as connection:
        paths = ("/quick", "/unsized", "/unchanged", "/quick", "/unsized")
        connection.sendall("".join(map(_HEAD.format, paths)).encode())
        connection.shutdown(socket.SHUT_WR)
        said = everything(connection)
    assert re.findall(rb"HTTP/1.1 ([0-9]+)", said) == [b"200", b"200", b"304", b"200", b"200"]
    assert said.count(b"quick") == 2
    assert said.count(b"4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n") == 2


@pytest.mark.parametrize("path", ["/quick", "/unchanged", "/unsized"])
def test_a_connection_takes_one_request_after_another(site: Site, path: str) -> None:
    """Whether the answer says its length, comes in chunks, or has no body at all."""
    client = http.client.HTTPConnection("127.0.0.1", site.port, timeout=_PATIENCE)
    with contextlib.closing(client):
        client.connect()
        first = client.sock
        for _ in range(3):
            client.request("GET", path)
            client.getresponse().read()
        assert client.sock is first


@pytest.mark.parametrize(
    ("path", "field", "persists"),
    [("/quick", "", False), ("/quick", "Connection: keep-alive\r\n", True), ("/unsized", "Connection: keep-alive\r\n", False)],
)  # fmt: skip
def test_old_clients_are_told_by_closing(site: Site, path: str, field: str, persists: bool) -> None:
    """HTTP/1.0 knows no chunks, and persists only where it is asked for and the length is known."""
    with site.connection() as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n{field}\r\n".encode() * 2)
        connection.shutdown(socket.SHUT_WR)
        said = everything(connection)
    assert said.count(b"HTTP/1.0 200 OK") == 1 + persists
    assert b"chunked" not in said


def test_head_gets_no_body(site: Site) -> None:
    """The length stays; what follows on the connection is the next answer."""
    with site.connection() as connection:
        connection.sendall(b"HEAD /quick HTTP/1.1\r\nHost: a\r\n\r\n" + _HEAD.format("/unsized").encode())
        connection.shutdown(socket.SHUT_WR)
        first, _, rest = everything(connection).partition(b"\r\n\r\n")
    assert b"Content-Length: 5" in first
    assert rest.startswith(b"HTTP/1.1 200 OK")


def test_an_answer_that_fails_at_once_is_a_500(site: Site) -> None:
    """Nothing of the failure is told to the client."""
    status, body = site.get("/fails")
    assert (status, body) == (500, b"internal error\n")


@pytest.mark.parametrize("path", ["/breaks", "/short", "/long"])
def test_an_answer_that_cannot_be_kept_is_broken_off(site: Site, path: str) -> None:
    """The client sees less than was announced, and the connection's end, and cannot take it for whole."""
    with site.connection() as connection:
        connection.sendall(_HEAD.format(path).encode())
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    announced = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0] or 0)
    assert len(body) < announced or not head


def test_readers_who_take_nothing_hold_up_nobody(site: Site) -> None:
    """More of them than there are threads: others are answered, and little is made for those who do not take it."""
    with contextlib.ExitStack() as stack:
        for _ in range(2 * loop._THREADS):
            reader = stack.enter_context(site.connection(window=4096))
            reader.sendall(_HEAD.format("/large").encode())
            reader.recv(1)
        assert site.get("/quick") == (200, b"quick")
        assert max(site.made) < _PIECES / 2


def test_what_was_left_off_is_gone_on_with(site: Site) -> None:
    """A reader who pauses gets everything in the end."""
    with site.connection(window=4096) as reader:
        reader.sendall(_HEAD.format("/large").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
        assert reader.recv(1) == b"H"
        assert site.get("/quick") == (200, b"quick")
        assert everything(reader).partition(b"\r\n\r\n")[2] == _PIECE * _PIECES


def test_a_reader_who_leaves_ends_the_answer(site: Site) -> None:
    """Nothing stays open for somebody who is gone."""
    with site.connection(window=4096) as reader:
        reader.sendall(_HEAD.format("/large").encode())
        reader.recv(1)
    assert site.given_up.wait(_PATIENCE)


def test_answers_that_take_long_hold_up_nobody(site: Site) -> None:
    """While some wait inside of the application, others are answered by other threads."""
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(site.connection()) for _ in range(5)]
        for reader in waiting:
            reader.sendall(
                _HEAD.format("/gated").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode()
            )
        for _ in waiting:
            assert site.waiting.acquire(timeout=_PATIENCE)
        assert site.get("/quick") == (200, b"quick")
        site.gate.set()
        assert all(everything(reader).endswith(b"gated") for reader in waiting)


def test_more_long_answers_than_threads_are_answered_in_the_end(site: Site) -> None:
    """Those for whom there is no thread wait for one."""
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(site.connection()) for _ in range(loop._THREADS + 5)]
        for reader in waiting:
            reader.sendall(
                _HEAD.format("/gated").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode()
            )
        for _ in range(loop._THREADS):
            assert site.waiting.acquire(timeout=_PATIENCE)
        site.gate.set()
        assert all(everything(reader).endswith(b"gated") for reader in waiting)


def test_stopping_ends_what_is_under_way() -> None:
    """An answer that was left off is released, and no client is kept waiting."""
    with serving() as site, site.connection(window=4096) as reader:
        reader.sendall(_HEAD.format("/large").encode())
        reader.recv(1)
    assert site.given_up.wait(_PATIENCE)


@pytest.mark.parametrize(
    "sent", [b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"]
)
def test_a_request_that_does_not_become_complete_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """Within a time that any client keeps, whatever it dribbles meanwhile: 408 and the end."""
    monkeypatch.setattr(channels, "_HEAD_PATIENCE", 0.1)
    with site.connection() as connection:
        connection.sendall(sent)
        assert everything(connection).startswith(b"HTTP/1.0 408 ")


def test_idle_connections_are_closed_in_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word: nothing was asked."""
    monkeypatch.setattr(channels, "_IDLE_PATIENCE", 0.1)
    with site.connection() as connection:
        assert everything(connection) == b""


def test_a_reader_who_takes_nothing_for_long_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is needed for others."""
    monkeypatch.setattr(channels, "_SEND_PATIENCE", 0.1)
    with site.connection(window=4096) as reader:
        reader.sendall(_HEAD.format("/large").encode())
        assert site.given_up.wait(_PATIENCE)


def test_too_much_waiting_for_all_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded for all readers together."""
    monkeypatch.setattr(loop, "_SPARE_ROOM", 0)
    with site.connection(window=4096) as reader:
        reader.sendall(_HEAD.format("/large").encode())
        assert site.given_up.wait(_PATIENCE)


def test_who_has_been_idle_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are kept open keep nobody out."""
    monkeypatch.setattr(loop, "_most_connections", lambda: 4)
    with serving() as site, contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(site.connection())
        assert site.get("/quick") == (200, b"quick")
