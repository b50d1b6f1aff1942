"""A front before a real registry: it passes requests on, and alters, breaks or withholds answers on demand.

What it passes on is counted by the bytes that were really sent, and what comes by those that really came; a body that
comes is passed on once it is whole. Beside that it knows what Debian's registry
does not: paging through tags, and the referrers API of OCI distribution-spec v1.1.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, BinaryIO, Callable, Iterator, Mapping
from urllib.parse import parse_qs

from servers.content import OCI_INDEX, Filling
from servers.registry import Asked, Reply

if TYPE_CHECKING:
    from servers.real import Registry, Site

_HOPPING = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date"})
_PIECE = 1 << 14  # bytes sent at a time
_BUFFER = 1 << 16  # bytes that the system may hold back: what is counted as sent has mostly arrived

Change = Callable[[Asked, Reply], Reply]


@dataclass
class Passed:
    """One request, and what became of it: the status and bytes sent, and the bytes of its own body that came."""

    asked: Asked
    status: int = 0
    sent: int = 0
    received: int = 0

    @property
    def line(self) -> str:
        """``METHOD target``."""
        return self.asked.line


@dataclass(frozen=True)
class _Paused(Reply):
    """An answer that stops after so many bytes until it is told to go on."""

    at: int = 0


@dataclass(frozen=True)
class _Endless(Reply):
    """An answer that says its body again and again, without telling its length."""


@dataclass
class _Rule:
    pattern: str
    change: Change | None
    hold: Callable[[Asked], object] | None
    times: int
    passed_on: bool = True


@dataclass
class _Cut:
    pattern: str
    at: int
    times: int


@dataclass
class Front:
    """A running one.

    Attributes:
        host: what references begin with.
        registry: what is behind it; a site where no images are meant.
        passed: all requests so far.
        page: how many tags a page of their list has; 0 for all.
        referrers: whether there is the referrers API.
    """

    host: str
    registry: Registry | Site
    passed: list[Passed] = field(default_factory=list)
    page: int = 0
    referrers: bool = False
    _rules: list[_Rule] = field(default_factory=list)
    _cuts: list[_Cut] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _until: int = 0
    _reached: Callable[[], None] | None = None
    _going_on: threading.Event = field(default_factory=threading.Event)

    # ---- what is to be done to answers

    def alter(self, pattern: str, change: Change, *, times: int = -1) -> None:
        """Let answers to requests whose ``METHOD target`` a glob matches be changed; what is said later goes first.

        Args:
            pattern: such as ``GET */blobs/*``.
            change: makes the answer from the registry's.
            times: how often; by default always.
        """
        with self._lock:
            self._rules.insert(0, _Rule(pattern, change, None, times))

    def hold(self, pattern: str, until: Callable[[Asked], object], *, times: int = -1) -> None:
        """Call a function, which may take its time, before requests that a glob matches are passed on."""
        with self._lock:
            self._rules.insert(0, _Rule(pattern, None, until, times))

    def instead(self, pattern: str, reply: Reply, *, times: int = -1) -> None:
        """Answer requests that a glob matches without passing them on."""
        with self._lock:
            self._rules.insert(0, _Rule(pattern, lambda _asked, _reply: reply, None, times, passed_on=False))

    def cut(self, pattern: str, at: int, *, times: int = -1) -> None:
        """Drop the connection of requests that a glob matches after so many bytes of their body; nothing is passed on."""
        with self._lock:
            self._cuts.insert(0, _Cut(pattern, at, times))

    def pause(self, pattern: str, at: int) -> None:
        """Stop the next answer to such a request after so many bytes of its body, until ``go_on``."""
        self._going_on.clear()
        self.alter(pattern, lambda _asked, reply: _Paused(**vars(reply), at=at), times=1)

    def go_on(self) -> None:
        """Go on with what was paused."""
        self._going_on.set()

    def ignoring_range(self, asked: Asked, reply: Reply) -> Reply:
        """Change an answer to that of a server which knows no ranges."""
        headers = {name: value for name, value in asked.headers.items() if name != "range"}
        return self._truth(replace(asked, headers=headers)) if "range" in asked.headers else reply

    def behave(self) -> None:
        """Forget all that is to be done to answers."""
        self.go_on()
        with self._lock:
            self._rules.clear()
            self._cuts.clear()

    def after(self, size: int, action: Callable[[], None]) -> None:
        """Do something, once, as soon as so many bytes of bodies went through from now on, to or fro."""
        with self._lock:
            self._until, self._reached = size, action

    # ---- what was asked

    def lines(self, pattern: str = "*") -> list[str]:
        """Return ``METHOD target`` of the requests so far that a glob matches, oldest first."""
        with self._lock:
            return [passed.line for passed in self.passed if fnmatchcase(passed.line, pattern)]

    def headers(self, pattern: str, name: str) -> list[str]:
        """Return a header of the requests that a glob matches; empty where one had none."""
        with self._lock:
            found = [passed.asked for passed in self.passed if fnmatchcase(passed.line, pattern)]
        return [asked.headers.get(name.lower(), "") for asked in found]

    def sent(self) -> Counter[str]:
        """Return how many bytes of each blob were sent, by its digest."""
        total: Counter[str] = Counter()
        with self._lock:
            for passed in self.passed:
                if "/blobs/" in passed.line:
                    total[passed.line.rpartition("/")[2]] += passed.sent
        return total

    def forget(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self.passed.clear()

    def received(self, pattern: str) -> int:
        """Return how many bytes came as bodies of the requests that a glob matches."""
        with self._lock:
            return sum(passed.received for passed in self.passed if fnmatchcase(passed.line, pattern))

    # ---- answering

    def _reply(self, asked: Asked) -> Reply:
        path, _, query = asked.target.partition("?")
        repository, kind, selector = path.removeprefix("/v2/").rpartition("/referrers/")
        if kind and self.referrers:
            return self._referring(repository, selector)
        truth = self._truth(asked)
        if path.endswith("/tags/list") and self.page and truth.status == 200:
            return self._paged(truth, path, parse_qs(query))
        return truth

    def _truth(self, asked: Asked) -> Reply:
        with closing(http.client.HTTPConnection(self.registry.host, timeout=60)) as connection:
            headers = {
                name: value for name, value in asked.headers.items() if name not in ("host", *_HOPPING)
            }
            connection.request(asked.method, asked.target, asked.body or None, headers)
            response = connection.getresponse()
            body = response.read()
        length = int(response.headers.get("Content-Length", 0)) if asked.method == "HEAD" else None
        kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOPPING}
        if "Location" in kept:  # of an upload: it goes on through here
            kept["Location"] = kept["Location"].replace(self.registry.host, self.host)
        return Reply(body, response.status, kept, length)

    def _referring(self, repository: str, digest: str) -> Reply:
        assert isinstance(self.registry, Filling)
        found = []
        for made, document in self.registry.manifests(repository):
            if document.get("subject", {}).get("digest") == digest:
                kind = document.get("artifactType") or document["config"]["mediaType"]
                found.append({**made.descriptor, "artifactType": kind})
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}
        return Reply(json.dumps(index).encode(), headers={"Content-Type": OCI_INDEX})

    def _paged(self, truth: Reply, path: str, query: Mapping[str, list[str]]) -> Reply:
        document = json.loads(truth.body)
        last = query.get("last", [""])[0]
        left = [tag for tag in sorted(document["tags"]) if tag > last]
        shown, more = left[: self.page], left[self.page :]
        headers = {**truth.headers}
        if more:
            headers["Link"] = f'<{path}?n={self.page}&last={shown[-1]}>; rel="next"'
        return replace(truth, body=json.dumps({**document, "tags": shown}).encode(), headers=headers)

    def _changed(self, asked: Asked) -> Reply:
        with self._lock:
            rule = next((r for r in self._rules if r.times and fnmatchcase(asked.line, r.pattern)), None)
            if rule is not None:
                rule.times -= 1
        if rule is not None and rule.hold is not None:
            rule.hold(asked)
        reply = self._reply(asked) if rule is None or rule.passed_on else Reply()
        return rule.change(asked, reply) if rule is not None and rule.change is not None else reply

    def _cut_at(self, asked: Asked) -> int | None:
        """Return after how many bytes of a request's body its connection is to be dropped, if it is."""
        with self._lock:
            cut = next((c for c in self._cuts if c.times and fnmatchcase(asked.line, c.pattern)), None)
            if cut is None:
                return None
            cut.times -= 1
            return cut.at

    def _count(self, passed: Passed, size: int) -> None:
        passed.sent += size
        self._arrived(size)

    def _arrived(self, size: int) -> None:
        action = None
        with self._lock:
            if self._reached is not None:
                self._until -= size
                if self._until <= 0:
                    action, self._reached = self._reached, None
        if action is not None:
            action()


def status(code: int, **headers: str) -> Change:
    """Answer with an error status; ``Retry_After="1"`` is that header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"errors": [{"code": "TESTED", "message": "as the test wants it"}]}).encode()
    return lambda _asked, _reply: Reply(body, code, {"Content-Type": "application/json", **named})


def broken(at: int) -> Change:
    """Drop the connection after so many bytes of the body."""
    return lambda _asked, reply: replace(reply, cut=at)


def corrupted(asked: Asked, reply: Reply) -> Reply:
    """Flip a bit in the middle of the body."""
    body = bytearray(reply.body)
    if body:
        body[len(body) // 2] ^= 1
    return replace(reply, body=bytes(body))


def endless(_asked: Asked, reply: Reply) -> Reply:
    """Let the body begin again at its end, for ever."""
    return _Endless(reply.body, reply.status, reply.headers)


def with_headers(**headers: str) -> Change:
    """Add headers, or tell others than the true ones; ``Content_Range="…"`` is that header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def change(_asked: Asked, reply: Reply) -> Reply:
        kept = {name: value for name, value in reply.headers.items() if name.lower() not in lowered}
        return replace(reply, headers={**kept, **named})

    lowered = {name.lower() for name in named}
    return change


def with_body(body: bytes, media_type: str = "application/octet-stream") -> Change:
    """Say something else altogether, with status 200."""
    return lambda asked, _reply: Reply(
        body if asked.method != "HEAD" else b"", 200, {"Content-Type": media_type}, len(body)
    )


def redirected(origin: str) -> Change:
    """Send clients to the same path at another origin."""
    return lambda asked, _reply: Reply(b"", 307, {"Location": f"{origin}{asked.target}?signature=of-the-cdn"})


@contextmanager
def fronting(registry: Registry | Site) -> Iterator[Front]:
    """Run a front before a registry while a block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    front = Front(f"127.0.0.1:{server.server_address[1]}", registry)
    server.RequestHandlerClass = _handler(front)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer on a kept connection comes 40 ms late

        def setup(self) -> None:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            super().setup()

        def do_GET(self) -> None:
            self._answer()

        do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class's names

        def _answer(self) -> None:
            headers = {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
            passed = Passed(Asked(self.command, self.path, headers))
            with front._lock:
                front.passed.append(passed)
            length = int(self.headers.get("Content-Length", 0))
            body = _received(front, passed, self.rfile, length)
            if body is None:
                self.close_connection = True
                return
            passed.asked = replace(passed.asked, body=body)
            reply = front._changed(passed.asked)
            passed.status = reply.status
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if not isinstance(reply, _Endless):
                length = len(reply.body) if reply.length is None else reply.length
                self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.close_connection |= not _sent(front, passed, reply, self.wfile)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler


def _received(front: Front, passed: Passed, stream: BinaryIO, length: int) -> bytes | None:
    """Return a request's body; None where its connection is to be dropped, or was."""
    cut = front._cut_at(passed.asked)
    most = length if cut is None else min(cut, length)
    pieces = []
    while passed.received < most:
        piece = stream.read(min(_PIECE, most - passed.received))
        if not piece:
            return None
        pieces.append(piece)
        passed.received += len(piece)
        front._arrived(len(piece))
    return b"".join(pieces) if cut is None else None


def _sent(front: Front, passed: Passed, reply: Reply, stream: BinaryIO) -> bool:
    """Send a body; return whether the connection is fit for another answer."""
    body = memoryview(reply.body)[: reply.cut]
    try:
        _send(front, passed, reply, body, stream)
        while isinstance(reply, _Endless):
            _send(front, passed, reply, body, stream)
    except ConnectionError:  # the client has seen enough
        return False
    return reply.cut is None and reply.length is None


def _send(front: Front, passed: Passed, reply: Reply, body: memoryview, stream: BinaryIO) -> None:
    for start in range(0, len(body), _PIECE):
        if isinstance(reply, _Paused) and start >= reply.at:
            front._going_on.wait()
        stream.write(body[start : start + _PIECE])
        front._count(passed, len(body[start : start + _PIECE]))
