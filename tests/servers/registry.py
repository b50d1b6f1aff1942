"""A container registry on loopback that answers what a test tells it to, misbehaviour included."""

from __future__ import annotations

import base64
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, Sequence, Union
from urllib.parse import parse_qs, urlsplit

from servers.content import OCI_INDEX, OCI_LAYER, Filling, Made

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True)
class Asked:
    """One request as it came in; header names are in lowercase."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def line(self) -> str:
        """``METHOD target``."""
        return f"{self.method} {self.target}"


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        body: the bytes.
        status: the HTTP status.
        headers: all headers but Content-Length, which is the body's.
        length: announces another Content-Length.
        cut: sends only so many bytes of the body, then drops the connection.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    cut: int | None = None


Answer = Union[Reply, Sequence[Reply], Callable[[Asked], Reply]]


class Registry(Filling):
    """A running registry. Get one from ``serving``.

    Attributes:
        host: what references begin with.
        answers: what to say instead of the truth, by ``METHOD target``, or by target for any method. A
            list is used up one by one, its last reply staying.
        login: empty for none, ``basic`` (keeper:secret), or ``bearer``.
        anonymous: whether the token server gives tokens to those without credentials.
        referrers: what the referrers API lists, descriptors as JSON data by digest; None for no such API.
        ranges: whether blobs may be asked for in part.
        lifetime: the seconds that tokens are said to last.
        asked: all requests so far.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.login = ""
        self.anonymous = True
        self.referrers: dict[str, list[dict[str, Any]]] | None = None
        self.ranges = True
        self.lifetime: float = 300
        self.asked: list[Asked] = []
        self._tokens = 0
        self._content: dict[str, tuple[str, bytes]] = {}
        self._tags: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # ---- filling it

    def put(self, data: bytes, media_type: str = OCI_LAYER) -> Made:
        """Put content into every repository."""
        made = Made.of(data, media_type)
        self._content[made.digest] = (media_type, data)
        return made

    def blob(self, repository: str, data: bytes, media_type: str = OCI_LAYER) -> Made:
        """Put a blob into a repository: into all of them."""
        return self.put(data, media_type)

    def put_manifest(self, name: str, data: bytes, media_type: str) -> Made:
        """Put a manifest's bytes at ``repository:tag``, or at ``repository`` without a tag."""
        made = self.put(data, media_type)
        if ":" in name:
            self.tag(name, made)
        return made

    def tag(self, name: str, made: Made) -> None:
        """Let ``repository:tag`` name what was put."""
        repository, _, tag = name.rpartition(":")
        self._tags[repository, tag] = made.digest

    def untag(self, name: str) -> None:
        """Let ``repository:tag`` name nothing any more; what it named stays to be had by digest."""
        repository, _, tag = name.rpartition(":")
        self._tags.pop((repository, tag), None)

    def content(self, digest: str) -> bytes:
        """Return what was put."""
        return self._content[digest][1]

    # ---- what was asked

    def lines(self, method: str = "") -> list[str]:
        """Return ``METHOD target`` of the requests so far, or of one method's."""
        with self._lock:
            return [asked.line for asked in self.asked if asked.method == method or not method]

    def fetched(self) -> list[str]:
        """Return the digests of the blobs asked for by GET, in order."""
        return [line.rpartition("/blobs/")[2] for line in self.lines("GET") if "/blobs/" in line]

    def forget(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self.asked.clear()

    def expire(self) -> None:
        """Let every token given so far be refused from now on."""
        with self._lock:
            self._tokens += 1

    # ---- answering

    def reply_to(self, asked: Asked) -> Reply:
        """Note a request and choose its reply."""
        with self._lock:
            self.asked.append(asked)
            answer = self.answers.get(asked.line, self.answers.get(asked.target))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            return answer(asked)
        if isinstance(answer, Reply):
            return answer
        if urlsplit(asked.target).path == "/token":
            return self._token(asked)
        return self._refused(asked) or self._truth(asked)

    def _token(self, asked: Asked) -> Reply:
        known = asked.headers.get("authorization") == _basic("keeper", "secret")
        refresh = parse_qs(asked.body.decode()).get("refresh_token") == ["long-lived"]
        if not (self.anonymous or known or refresh):
            return Reply(b"{}", 401)
        return Reply(json.dumps({"token": f"token-{self._tokens}", "expires_in": self.lifetime}).encode())

    def _refused(self, asked: Asked) -> Reply | None:
        given = asked.headers.get("authorization")
        repository = re.split(r"/(?:manifests|blobs|tags|referrers)/", asked.target.removeprefix("/v2/"))[0]
        challenge = {
            "basic": 'Basic realm="tests"',
            "bearer": f'Bearer realm="http://{self.host}/token",service="tests",scope="repository:{repository}:pull"',
        }
        right = {"": None, "basic": _basic("keeper", "secret"), "bearer": f"Bearer token-{self._tokens}"}
        if not self.login or given == right[self.login]:
            return None
        return Reply(b"{}", 401, {"WWW-Authenticate": challenge[self.login]})

    def _truth(self, asked: Asked) -> Reply:
        path = urlsplit(asked.target).path.removeprefix("/v2/")
        if path.endswith("/tags/list"):
            return self._listed(asked, path.removesuffix("/tags/list"))
        repository, kind, selector = path.rpartition("/referrers/")
        if kind:
            return self._referring(selector)
        repository, kind, selector = path.rpartition("/manifests/")
        if not kind:
            repository, kind, selector = path.rpartition("/blobs/")
        digest = self._tags.get((repository, selector), selector)
        if digest not in self._content:
            return _error(404, "MANIFEST_UNKNOWN" if kind == "/manifests/" else "BLOB_UNKNOWN")
        media_type, data = self._content[digest]
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest}
        if kind == "/blobs/":
            return self._blob(asked, data, {**headers, "Content-Type": "application/octet-stream"})
        return Reply(data, headers=headers)

    def _blob(self, asked: Asked, data: bytes, headers: Mapping[str, str]) -> Reply:
        wanted = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        if wanted is None or not self.ranges:
            return Reply(data, headers=headers)
        start = int(wanted[1])
        if start >= len(data):
            return Reply(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
        return Reply(
            data[start:], 206, {**headers, "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        )

    def _listed(self, asked: Asked, repository: str) -> Reply:
        """Page through the tags as the distribution project's registry does."""
        names = sorted(tag for known, tag in self._tags if known == repository)
        if not names:
            return _error(404, "NAME_UNKNOWN")
        query = parse_qs(urlsplit(asked.target).query)
        left = [name for name in names if name > query.get("last", [""])[0]]
        page = left[: int(query.get("n", ["1000"])[0])]
        headers = {"Content-Type": "application/json"}
        if len(page) < len(left):
            headers["Link"] = f'</v2/{repository}/tags/list?last={page[-1]}&n={len(page)}>; rel="next"'
        return Reply(json.dumps({"name": repository, "tags": page}).encode(), headers=headers)

    def _referring(self, digest: str) -> Reply:
        if self.referrers is None:  # as the distribution project's registry answers what is not in its API
            headers = {
                "Content-Type": "text/plain; charset=utf-8",
                "Docker-Distribution-Api-Version": "registry/2.0",
            }
            return Reply(b"404 page not found\n", 404, headers)
        listed = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.referrers.get(digest, [])}
        return Reply(json.dumps(listed).encode(), headers={"Content-Type": OCI_INDEX})


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Registry]:
    """Run an empty registry for as long as the block lasts."""
    registry = Registry(tls)
    try:
        yield registry
    finally:
        registry.close()


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _error(status: int, code: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": "not here"}]}).encode()
    return Reply(body, status, {"Content-Type": "application/json"})


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer on a kept connection comes 40 ms late

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the base class's names

        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            reply = registry.reply_to(Asked(self.command, self.path, headers, body))
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            self.end_headers()
            if self.command == "HEAD":
                return
            try:
                self.wfile.write(reply.body[: reply.cut])
            except ConnectionError:  # the client has seen enough
                self.close_connection = True
            if reply.cut is not None or reply.length is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler
