"""The conformance suite of the OCI distribution specification, with our registry behind the half that it reads.

The suite pushes what it then asks for. Ours takes nothing, so the pushing is taken by a registry that is made here
and keeps everything in memory; every GET and HEAD of content, tags and referrers is answered by ours, from that.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, Iterable, Iterator
from urllib.parse import parse_qs

from werkzeug.serving import WSGIRequestHandler, make_server

from archiver.core.descriptor import OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest, NotArchived
from archiver.offline.holdings import Image
from archiver.offline.registry import Registry
from archiver.offline.wsgi import Reply, plain, read_request, send
from judges.pywb import program

if TYPE_CHECKING:
    from pathlib import Path

HOST = "registry.example"
_UPLOADS = re.compile(r"\A/v2/(.+)/blobs/uploads/([0-9]*)\Z")
_CONTENT = re.compile(r"\A/v2/(.+)/(blobs|manifests)/([^/]+)\Z")


@dataclass
class Shelf:
    """What one repository has; see holdings.ImageShelf. Blobs that no manifest names yet are named by one of our own."""

    name: str
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    manifests: dict[Digest, str] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)

    @property
    def images(self) -> tuple[Image, ...]:
        """Everything, by tag and by digest."""
        named = [(f":{tag}", digest, self.manifests[digest]) for tag, digest in self.tags.items()]
        pinned = [(f"@{digest}", digest, kind) for digest, kind in self.manifests.items()]
        loose = Digest.of(self._loose())
        return tuple(
            Image("conformance", f"{HOST}/{self.name}{selector}", digest, kind, 0, ("linux/amd64",))
            for selector, digest, kind in (*named, *pinned, (f"@{loose}", loose, OCI_MANIFEST))
        )

    def size(self, digest: Digest) -> int | None:
        """See holdings.ImageShelf."""
        data = self._get(digest)
        return None if data is None else len(data)

    def open(self, digest: Digest) -> IO[bytes]:
        """See holdings.ImageShelf."""
        data = self._get(digest)
        if data is None:
            raise NotArchived("no such blob", place=str(digest))
        return BytesIO(data)

    def _get(self, digest: Digest) -> bytes | None:
        loose = self._loose()
        return loose if digest == Digest.of(loose) else self.blobs.get(digest)

    def _loose(self) -> bytes:
        """Return a manifest of all blobs."""
        layers = [
            Descriptor("application/octet-stream", digest, len(data)).to_json()
            for digest, data in self.blobs.items()
            if digest not in self.manifests
        ]
        config = Descriptor("application/octet-stream", Digest.of(b""), 0).to_json()
        return json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode()


class Bridge:
    """A WSGI program: takes what is pushed, and has our registry answer what is asked."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self._shelves: dict[str, Shelf] = {}
        self._uploads: list[bytearray] = []
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self._turn:
            upload, content = _UPLOADS.match(path), _CONTENT.match(path)
            if upload:
                reply = self._upload(environ, upload[1], upload[2])
            elif content and method == "PUT":
                reply = self._put(environ, content[1], content[3])
            elif content and method == "DELETE":
                reply = self._delete(*content.groups())
            else:
                request = read_request(environ)
                registry = Registry(list(self._shelves.values()), self.log.append)
                reply = request if isinstance(request, Reply) else registry.answer(request)
            return list(send(reply, method, start_response))

    def _shelf(self, name: str) -> Shelf:
        return self._shelves.setdefault(name, Shelf(name))

    def _upload(self, environ: dict[str, Any], name: str, number: str) -> Reply:
        method, query = environ["REQUEST_METHOD"], parse_qs(environ["QUERY_STRING"])
        if method == "POST":
            if "mount" in query:
                mounted = Digest.parse(query["mount"][0])
                sources = (shelf.blobs for shelf in self._shelves.values() if mounted in shelf.blobs)
                if (source := next(sources, None)) is not None:
                    return self._keep(name, mounted, source[mounted])
            self._uploads.append(bytearray())
            number = str(len(self._uploads) - 1)
        data = self._uploads[int(number)]
        place = ("Location", f"/v2/{name}/blobs/uploads/{number}"), ("Range", f"0-{max(0, len(data) - 1)}")
        if method == "GET":
            return Reply(204, place)
        if method == "DELETE":
            data.clear()
            return Reply(204)
        begins = environ.get("HTTP_CONTENT_RANGE", "").partition("-")[0]
        if begins and int(begins) != len(data):
            return Reply(416, place)
        data += _body(environ)
        if "digest" in query:
            return self._keep(name, Digest.parse(query["digest"][0]), bytes(data))
        return Reply(202, (place[0], ("Range", f"0-{max(0, len(data) - 1)}")))

    def _keep(self, name: str, digest: Digest, data: bytes) -> Reply:
        if _digest_like(digest, data) != digest:
            return plain(400, "DIGEST_INVALID")
        self._shelf(name).blobs[digest] = data
        return Reply(
            201, (("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", str(digest)))
        )

    def _put(self, environ: dict[str, Any], name: str, selector: str) -> Reply:
        data, shelf = _body(environ), self._shelf(name)
        try:
            named = Digest.parse(selector) if ":" in selector else None
        except InvalidDigest:
            return plain(400, "DIGEST_INVALID")
        digest = _digest_like(named, data) if named else Digest.of(data)
        if named not in (None, digest):
            return plain(400, "DIGEST_INVALID")
        shelf.blobs[digest], shelf.manifests[digest] = data, environ["CONTENT_TYPE"]
        if named is None:
            shelf.tags[selector] = digest
        headers = [("Location", f"/v2/{name}/manifests/{digest}"), ("Docker-Content-Digest", str(digest))]
        if subject := json.loads(data).get("subject"):
            headers.append(("OCI-Subject", subject["digest"]))
        return Reply(201, tuple(headers))

    def _delete(self, name: str, kind: str, selector: str) -> Reply:
        shelf = self._shelf(name)
        if ":" not in selector:
            return Reply(202 if shelf.tags.pop(selector, None) else 404)
        digest = Digest.parse(selector)
        if shelf.blobs.pop(digest, None) is None:
            return Reply(404)
        if kind == "manifests":
            shelf.manifests.pop(digest)
            shelf.tags = {tag: target for tag, target in shelf.tags.items() if target != digest}
        return Reply(202)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def bridging() -> Iterator[tuple[Bridge, int]]:
    """Serve a bridge while a block lasts; give it and its port."""
    bridge = Bridge()
    server = make_server("127.0.0.1", 0, bridge, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bridge, server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Verdict:
    """What the suite says: a status by the name of each API and each kind of data, and all that it printed."""

    code: int
    apis: dict[str, str]
    data: dict[str, str]
    said: str


def run_suite(folder: Path, port: int, **settings: str) -> Verdict:
    """Run the suite against a registry on loopback that speaks plain HTTP.

    Args:
        folder: for its reports.
        port: where the registry is.
        settings: more of the variables by which the suite is told what to do.
    """
    suite = program("conformance")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "OCI_REGISTRY": f"127.0.0.1:{port}",
        "OCI_TLS": "disabled",
        "OCI_RESULTS_DIR": str(folder / "results"),
        **settings,
    }
    done = subprocess.run(
        [suite], env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    return Verdict(
        done.returncode,
        _table(done.stdout, "API conformance:"),
        _table(done.stdout, "Data conformance:"),
        done.stdout + done.stderr,
    )


def _table(said: str, title: str) -> dict[str, str]:
    """Return the lines ``name....: status`` below a title."""
    block = said.partition(f"\n{title}\n")[2].partition("\n\n")[0]
    rows = (line.rpartition(":") for line in block.splitlines())
    return {name.strip().rstrip("."): status.strip() for name, _, status in rows}


def _body(environ: dict[str, Any]) -> bytes:
    if environ.get("HTTP_TRANSFER_ENCODING") == "chunked":
        return bytes(environ["wsgi.input"].read())
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _digest_like(digest: Digest, data: bytes) -> Digest:
    """Return the digest of data by the algorithm of another digest."""
    hasher = digest.hasher()
    hasher.update(data)
    return Digest(digest.algorithm, hasher.hexdigest())
