"""A connection: requests come in, and answers go out as fast as the client takes them.

An answer that its client does not keep up with is left off, with little of it in memory, and gone on with once there is
room: no thread waits for anybody.
"""

from __future__ import annotations

import socket
import sys
import time
from collections import deque
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from waitress.channel import ClientDisconnected, HTTPChannel

from archiver.offline.engine.answer import Answer
from archiver.offline.engine.parser import Parser, Timeout
from archiver.offline.wsgi import LOCAL_ADDRESS

if TYPE_CHECKING:
    from archiver.offline.wsgi import Environ

ENOUGH = 64 << 10  # bytes waiting for one client before its answer is left off
_MOST_GATHERED = 16  # pieces in one call; systems take that many
_HEAD_PATIENCE = 30  # seconds in which a request has to be complete once it began
_IDLE_PATIENCE = 120  # seconds without any request
_SEND_PATIENCE = 60  # seconds in which a client has to take something of what waits for it
_LINGER = 2  # seconds in which a client that was refused may stop sending, to read why


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no type information
    """One connection, in the loop's thread but for ``service``, ``put`` and what those call.

    ``put`` and the loop share what waits to be sent, under ``outbuf_lock``. After a ``send`` that sent nothing the
    next one begins with the same bytes, as TLS needs it.
    """

    parser_class = Parser
    gathers = hasattr(socket.socket, "sendmsg")  # whether one call sends several pieces; not on Windows
    request: Parser | None
    sendbuf_len: int
    total_outbufs_len: int
    close_when_flushed: bool

    def __init__(self, server: Any, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        self._local_address = ""
        with suppress(OSError):  # where the client is gone already
            self._local_address = sock.getsockname()[0]
        self._answer: Answer | None = None
        self._waiting: deque[memoryview] = deque()
        self._parked = False  # the answer is to be gone on with once there is room
        self._incomplete: Parser | None = None
        self._incomplete_since = 0.0
        self._refused = False
        self._lingers_since = 0.0
        super().__init__(server, sock, *arguments, **options)

    def service(self) -> None:
        """Begin or go on with the answer to the oldest request; one thread at a time does."""
        finished, persists = True, False
        try:
            if self.connected:
                if self._answer is None:
                    request = self.requests[0]
                    environ = {} if request.error else self._environ(request)
                    self._answer = Answer(request, environ, self.server.application)
                finished = self._answer.proceed(self)
                persists = self._answer.persists
        except ClientDisconnected:
            pass
        except Exception:
            self.logger.exception("an answer failed")
        if finished:
            self._end(persists)
        else:
            self._leave_off()
        self.last_activity = time.time()

    def put(self, *pieces: bytes) -> bool:
        """Send bytes, or keep them until there is room; say whether there is room for more.

        A page goes out from where it is in memory, in one call with the head before it.

        Raises:
            ClientDisconnected: nobody takes them any more.
        """
        with self.outbuf_lock:
            if not self.connected:
                raise ClientDisconnected
            for piece in pieces if self.gathers else (b"".join(pieces),):
                if piece:
                    self._waiting.append(memoryview(piece))
                    self.total_outbufs_len += len(piece)
            if self._waiting:
                self._flush()
            return self.total_outbufs_len <= ENOUGH

    def write_soon(self, data: bytes) -> int:
        """See HTTPChannel."""
        self.put(data)
        return len(data)

    def received(self, data: bytes) -> bool:
        """Take what the client sent, and note since when it owes the rest of a request."""
        found = super().received(data)
        if self.request is not self._incomplete:
            self._incomplete, self._incomplete_since = self.request, time.time()
        return bool(found)

    def send(self, data: bytes | memoryview, do_close: bool = True) -> int:  # noqa: ARG002 - whoever calls it closes
        """Send what there is room for and return how much that was.

        Raises:
            OSError: the connection is broken.
        """
        try:
            return int(self.socket.send(data))
        except BlockingIOError:
            return 0

    def send_continue(self) -> None:
        """Ask for the body that the client has announced."""
        assert self.request is not None
        self.request.expect_continue = False
        self.sent_continue = True
        with suppress(ClientDisconnected):
            self.put(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.request.completed = False

    def readable(self) -> bool:
        """Say whether the loop is to read; a client that was refused is heard out."""
        return bool(self._lingers_since or super().readable())

    def handle_read(self) -> None:
        """Read; of a client that was refused, read and forget."""
        if not self._lingers_since:
            super().handle_read()
        else:
            self.recv(self.adj.recv_bytes)

    def handle_write(self) -> None:
        """Send what waits, go on with what was left off, and close where that is due."""
        with self.outbuf_lock:
            self._flush()
            resumed = self._parked and self.total_outbufs_len <= ENOUGH
            self._parked = self._parked and not resumed
        if resumed:
            self.server.add_task(self)
        if self.close_when_flushed and not self.total_outbufs_len:
            self.close_when_flushed = False
            self._begin_to_close()
        if self.will_close:
            self.handle_close()

    def handle_close(self) -> None:
        """Close, and have an answer that was left off given up."""
        with self.outbuf_lock:
            self._waiting.clear()
            self.total_outbufs_len = 0
            self.connected = False
            resumed, self._parked = self._parked, False
        if resumed:
            self.server.add_task(self)
        self.close()

    def expire(self, now: float) -> None:
        """Give up on a client that has taken too long; called once a second or so."""
        if self._lingers_since:
            self.will_close = now - self._lingers_since > _LINGER
        elif self.total_outbufs_len:
            self.will_close = self.will_close or now - self.last_activity > _SEND_PATIENCE
        elif self.requests:
            pass  # whoever answers is at it
        elif self.request is not None:
            if now - self._incomplete_since > _HEAD_PATIENCE:
                self._give_up()
        else:
            self.will_close = self.will_close or now - self.last_activity > _IDLE_PATIENCE

    def cancel(self) -> None:
        """See HTTPChannel."""
        super().cancel()
        if self._answer is not None:
            self._answer.close()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is going on but waiting for a request."""
        return not (self.requests or self.total_outbufs_len)

    def _give_up(self) -> None:
        """Refuse a request that does not become complete."""
        with self.requests_lock:
            request, self.request = self.request, None
            if request is not None:
                request.refuse(Timeout("the request took too long to come"))
                self.requests.append(request)
                self.server.add_task(self)

    def _begin_to_close(self) -> None:
        """Close; where something may still come in, send no more but take it, for a reset would lose the refusal."""
        self.will_close = True
        if self._refused:
            with suppress(OSError):
                self._say_no_more()
                self.will_close, self._lingers_since = False, time.time()

    def _say_no_more(self) -> None:
        """Tell the client that nothing follows. Raises OSError where it is gone."""
        self.socket.shutdown(socket.SHUT_WR)

    def _leave_off(self) -> None:
        """Wait for room, or for others to have had their turn."""
        with self.outbuf_lock:
            self._parked = self.connected and self.total_outbufs_len > ENOUGH
            if self._parked:
                return
        self.server.add_task(self)

    def _end(self, persists: bool) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        with self.requests_lock:
            done = self.requests[: 1 if persists else None]
            self._refused = any(request.error is not None for request in done)
            del self.requests[: len(done)]
            for request in done:
                request.close()
            self.close_when_flushed = self.close_when_flushed or not persists
            if not (self.connected and persists):
                return
            if self.requests:
                self.server.add_task(self)
            elif self.request is not None and self.request.expect_continue and self.request.headers_finished:
                self.send_continue()

    def _flush(self) -> None:
        """Send what there is room for; ``outbuf_lock`` is held."""
        before = self.total_outbufs_len
        try:
            while self._waiting and (sent := self._send_waiting()):
                self.total_outbufs_len -= sent
                while sent:
                    piece = self._waiting.popleft()
                    if sent < len(piece):
                        self._waiting.appendleft(piece[sent:])
                    sent -= min(sent, len(piece))
        except OSError:
            self.will_close = True
        if self.total_outbufs_len < before:
            self.last_activity = time.time()

    def _send_waiting(self) -> int:
        """Send some of what waits and return how much that was, 0 where there is no room. Raises OSError."""
        if len(self._waiting) == 1 or not self.gathers:
            return self.send(self._waiting[0][: self.sendbuf_len], do_close=False)
        try:
            return int(self.socket.sendmsg(list(islice(self._waiting, _MOST_GATHERED))))
        except BlockingIOError:
            return 0

    def _environ(self, request: Parser) -> Environ:
        """Return what the application gets (PEP 3333)."""
        environ: dict[str, Any] = {_environ_name(name): value for name, value in request.headers.items()}
        environ.update(self._connection)
        environ["REQUEST_METHOD"] = request.command
        environ["PATH_INFO"] = request.path
        environ["QUERY_STRING"] = request.query
        environ["REQUEST_URI"] = request.request_uri
        environ["SERVER_PROTOCOL"] = f"HTTP/{request.version}"
        environ["wsgi.input"] = request.get_body_stream()
        return environ

    @cached_property
    def _connection(self) -> Environ:
        """What the application gets with each request of this connection."""
        return {
            LOCAL_ADDRESS: self._local_address,
            "REMOTE_ADDR": self.addr[0],
            "SCRIPT_NAME": "",
            "SERVER_NAME": self.server.server_name,
            "SERVER_PORT": str(self.server.effective_port),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.adj.url_scheme,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }


def _environ_name(field: str) -> str:
    return field if field in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{field}"
