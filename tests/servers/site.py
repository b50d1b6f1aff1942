"""A doc site on loopback that answers what a test tells it to, misbehaviour included."""

from __future__ import annotations

import mimetypes
import sys
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, Sequence, Union

if TYPE_CHECKING:
    import ssl

_PROBE = "archiver-no-such-page-"


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        body: the bytes, content coding applied already.
        status: the HTTP status.
        type: the Content-Type; empty sends none.
        headers: further headers.
        chunked: sends the body in two chunks, without Content-Length.
        cut: sends only so many bytes of the body, then drops the connection.
        etag: answers 304 where the request's If-None-Match is this.
        piece: sends the body so many bytes at a time.
        between: called after each such piece.
    """

    body: bytes = b""
    status: int = 200
    type: str = "text/html"
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False
    cut: int | None = None
    etag: str = ""
    piece: int = 0
    between: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Asked:
    """One request as it came in: the target of the request line, the headers in lowercase, and what was posted."""

    target: str
    headers: Mapping[str, str]
    body: bytes = b""


Answer = Union[bytes, Reply, Sequence[Reply], Callable[[Asked], Reply]]


def html(*links: str, head: str = "", text: str = "") -> bytes:
    """Return a page with an ``<a>`` for each link."""
    anchors = "".join(f'<a href="{link}">x</a>' for link in links)
    return f"<!DOCTYPE html><html><head>{head}</head><body>{text}{anchors}</body></html>".encode()


class Site:
    """A running server. ``answers`` maps request targets to what they get; the rest gets ``otherwise``, a 404.

    A list of replies is used up one by one, its last reply staying. With ``tls`` it speaks HTTPS.
    """

    def __init__(self, answers: Mapping[str, Answer], tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = dict(answers)
        self.otherwise: Answer = Reply(b"nothing here", 404)
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def url(self, target: str) -> str:
        """Return the absolute URL of a target."""
        return self.origin + target

    def targets(self) -> list[str]:
        """Return the targets asked for so far, in order of arrival; without those of ``probes``."""
        with self._lock:
            return [asked.target for asked in self.asked if _PROBE not in asked.target]

    def probes(self) -> list[str]:
        """Return the targets asked for so far to see what the site sends for nothing."""
        with self._lock:
            return [asked.target for asked in self.asked if _PROBE in asked.target]

    def forget(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self.asked.clear()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reply_to(self, asked: Asked) -> Reply:
        """Note a request and choose its reply."""
        with self._lock:
            self.asked.append(asked)
            answer = self.answers.get(asked.target, self.otherwise)
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(asked)
        return answer if isinstance(answer, Reply) else Reply(answer)  # type: ignore[arg-type]  # what is no Reply is a body


@contextmanager
def serving(answers: Mapping[str, Answer], tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Serve a site for as long as the block lasts."""
    site = Site(answers, tls)
    try:
        yield site
    finally:
        site.close()


def put(site: Site, name: str, text: str) -> None:
    """Make a site answer ``/name`` with a text, typed by its name's ending and with an ETag of its own."""
    kind, _ = mimetypes.guess_type(name)
    body = text.encode()
    site.answers[f"/{name}"] = Reply(body, type=kind or "text/html", etag=f'"{zlib.crc32(body):08x}"')


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that went away: tests end them in the middle of a request."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # handed on as it came


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer on a kept connection comes 40 ms late

        def do_GET(self) -> None:
            target = self.requestline.split()[1]  # self.path has leading slashes folded
            posted = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(target, {name.lower(): value for name, value in self.headers.items()}, posted)
            reply = site.reply_to(asked)
            if reply.etag and asked.headers.get("if-none-match") == reply.etag:
                reply = Reply(status=304, type="", etag=reply.etag)
            self.send_response_only(reply.status)
            if reply.type:
                self.send_header("Content-Type", reply.type)
            if reply.etag:
                self.send_header("ETag", reply.etag)
            for name, value in reply.headers:
                self.send_header(name, value)
            self._send_body(reply)

        do_POST = do_GET  # noqa: N815 - http.server's own name

        def _send_body(self, reply: Reply) -> None:
            if reply.status == 304:
                self.end_headers()
            elif reply.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                half = len(reply.body) // 2
                for part in (reply.body[:half], reply.body[half:]):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                body = reply.body[: reply.cut]
                for start in range(0, len(body), reply.piece or len(body) or 1):
                    self.wfile.write(body[start : start + (reply.piece or len(body))])
                    reply.between()
                self.close_connection = reply.cut is not None

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler
