"""An archive folder small enough to make in a test, with one of everything: sites, revisits, images, files.

Everything goes through the store's own writers; only WARC records are put together here, so that tests
of readers and of the packer do not lean on the collector. Same calls, same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import uuid
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Sequence

from archiver.core import jsontext
from archiver.core.capture import PAGE, REQUISITE, Capture, distinct_pages
from archiver.core.clock import iso_of_timestamp14
from archiver.core.descriptor import (
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
    Platform,
)
from archiver.core.digest import Digest
from archiver.core.judgement import Judgement
from archiver.core.snapshot import FileResult, ImageResult, SiteResult, Snapshot
from archiver.core.urlkey import Origin
from archiver.store.images import ImageLayout
from archiver.store.locator import Location, Locator
from archiver.store.paths import ArchivePaths, create_archive
from archiver.store.snapshots import set_good, write_captures, write_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.snapshot import BrokenLink, Failure

FINISHED = "2026-03-01T12:00:30Z"
SNAPSHOT = "20260301T120000Z"
EARLIER = "20260201T120000Z"
SITE = "https://docs.example.org"
IMAGE = "docker.io/library/small:1.0"
SINGLE = "registry.example.org:5000/tools/single:2"
FILE_URL = "https://dl.example.org/releases/tool-1.0.tar.gz"
_CONTENT_TYPES = {
    "warcinfo": "application/warc-fields",
    "request": "application/http; msgtype=request",
    "response": "application/http; msgtype=response",
    "revisit": "application/http; msgtype=response",
}
_REVISIT = "http://netpreserve.org/warc/1.1/revisit/"


class ArchiveBuilder:
    """Fills one project of an archive folder; ``finish`` writes its snapshot.

    Args:
        root: the archive folder, made where it does not exist.
        project: the project's name.
        title: its name for people.
    """

    def __init__(self, root: Path, project: str = "small", title: str = "Small Project") -> None:
        self.archive: ArchivePaths = create_archive(root)
        self.paths = self.archive.project(project)
        self.title = title
        self.layout = ImageLayout(self.archive.images)
        self.captures: list[Capture] = []
        self.images: list[ImageResult] = []
        self.files: list[FileResult] = []
        self.failures: list[Failure] = []
        self.broken_links: list[BrokenLink] = []
        self.spec: dict[str, Any] = {"images": {"platforms": ["linux/arm64", "linux/amd64"]}}
        # Of sites that are not healthy; a site that is named here only has no capture.
        self.verdicts: dict[str, str] = {}

    def run_of(self, timestamp: str) -> str:
        """Return the id of the run that captures of a time are of, which names its WARC files."""
        return SNAPSHOT if timestamp >= SNAPSHOT[:8] else EARLIER

    def page(
        self,
        url: str,
        body: bytes,
        *,
        mime: str = "text/html",
        content_type: str = "",
        kind: str = PAGE,
        source: str = "docs",
        status: str = "200 OK",
        timestamp: str = "20260301120001",
        gzipped: bool = False,
        headers: Sequence[tuple[str, str]] = (),
        listed: bool = True,
    ) -> Capture:
        """Archive a response, with its request, and return its capture.

        ``gzipped`` sends the body with a content coding; ``listed`` False keeps it out of the snapshot's view.
        """
        payload = gzip.compress(body, 6, mtime=0) if gzipped else body
        fields = [("Content-Type", content_type or mime), ("Content-Length", str(len(payload))), *headers]
        if gzipped:
            fields.append(("Content-Encoding", "gzip"))
        digest = str(Digest.of(payload))
        block = _http(f"HTTP/1.1 {status}", fields) + payload
        record = self._write("response", (url, timestamp, source), block, [("WARC-Payload-Digest", digest)])
        capture = Capture(url, timestamp, mime, status[:3], digest, source, kind, record)
        if listed:
            self.captures.append(capture)
        return capture

    def requisite(self, url: str, body: bytes, mime: str, **more: Any) -> Capture:
        """Archive something that pages need; as ``page`` else."""
        return self.page(url, body, mime=mime, kind=REQUISITE, **more)

    def revisit(
        self, url: str, original: Capture, *, not_modified: bool = False, timestamp: str = "20260301120009"
    ) -> Capture:
        """Archive a response whose payload is that of ``original``, and return its capture."""
        profile = "server-not-modified" if not_modified else "identical-payload-digest"
        status = "304 Not Modified" if not_modified else "200 OK"
        block = _http(f"HTTP/1.1 {status}", [("Content-Type", original.mime)])
        fields = [
            ("WARC-Profile", _REVISIT + profile),
            ("WARC-Refers-To", original.record),
            ("WARC-Refers-To-Target-URI", original.url),
            ("WARC-Refers-To-Date", iso_of_timestamp14(original.timestamp)),
            ("WARC-Payload-Digest", original.digest),
        ]
        record = self._write("revisit", (url, timestamp, original.source), block, fields)
        capture = replace(original, url=url, timestamp=timestamp, record=record, original=original.record)
        self.captures.append(capture)
        return capture

    def image(
        self, reference: str, platforms: Sequence[str], *, salt: str = "", shared: bytes = b""
    ) -> ImageResult:
        """Archive an image: with one platform a plain manifest, with several an index.

        Args:
            reference: its full reference.
            platforms: which ones it has.
            salt: makes the content another.
            shared: content of a first layer; the same content gives the same layer in every image.
        """
        manifests = [
            replace(self._manifest(Platform.parse(name), salt, shared), platform=Platform.parse(name))
            for name in platforms
        ]
        root = manifests[0]
        if len(manifests) > 1:
            root = self._put(
                OCI_INDEX,
                {
                    "schemaVersion": 2,
                    "mediaType": OCI_INDEX,
                    "manifests": [entry.to_json() for entry in manifests],
                },
            )
        return self._name_image(reference, root, platforms, manifests)

    def artifact(self, reference: str, content: bytes) -> ImageResult:
        """Archive an OCI artifact that is no image, such as a chart."""
        config = self._put(OCI_EMPTY, {})
        layer = Descriptor("application/octet-stream", self.layout.blobs.put(content), len(content))
        root = self._put(
            OCI_MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": "application/vnd.example.chart.v1",
                "config": config.to_json(),
                "layers": [layer.to_json()],
            },
        )
        return self._name_image(reference, root, ("",), [root])

    def file(self, url: str, data: bytes, path: str = "") -> FileResult:
        """Archive a downloaded file."""
        digest = self.layout.blobs.put(data)
        config = self._put(OCI_EMPTY, {})
        layer = Descriptor(
            "application/gzip", digest, len(data), {"org.opencontainers.image.title": url[-20:]}
        )
        manifest = self._put(
            OCI_MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": "application/vnd.archiver.file.v1",
                "config": config.to_json(),
                "layers": [layer.to_json()],
            },
        )
        self.layout.point([("", manifest)])
        result = FileResult(
            url,
            path or url.partition("://")[2],
            str(digest),
            len(data),
            "application/gzip",
            str(manifest.digest),
            FINISHED,
        )
        self.files.append(result)
        return result

    def finish(self, snapshot: str = SNAPSHOT) -> Snapshot:
        """Write the capture index and the snapshot's record, and make it the good one."""
        count, digest = write_captures(self.paths, snapshot, self.captures)
        record = Snapshot(
            id=snapshot,
            project=self.paths.name,
            title=self.title,
            program="archiver test",
            started="2026-03-01T12:00:00Z",
            finished=FINISHED,
            spec=self.spec,
            sites=tuple(
                self._site(name)
                for name in dict.fromkeys([*(c.source for c in self.captures), *self.verdicts])
            ),
            images=tuple(self.images),
            files=tuple(self.files),
            failures=tuple(self.failures),
            broken_links=tuple(self.broken_links),
            captures=count,
            captures_digest=digest,
            judgements=tuple(
                Judgement(name, verdict, good=EARLIER, since="2026-03-01T12:00:00Z")
                for name, verdict in self.verdicts.items()
            ),
        )
        write_snapshot(self.paths, record)
        set_good(self.paths, snapshot)
        return record

    def _site(self, name: str) -> SiteResult:
        captures = [capture for capture in self.captures if capture.source == name]
        pages = [capture for capture in captures if capture.kind == PAGE]
        origins = dict.fromkeys(str(Origin.of(capture.url)) for capture in pages)
        others = dict.fromkeys(str(Origin.of(capture.url)) for capture in captures)
        return SiteResult(
            name=name,
            seeds=(pages[0].url if pages else f"{SITE}/",),
            origins=tuple(origins),
            requisite_origins=tuple(origin for origin in others if origin not in origins),
            pages=len(distinct_pages(captures)),
            requisites=len(captures) - len(pages),
            fetched=len(captures),
            unchanged=sum(bool(capture.original) for capture in captures),
            carried=0,
            bytes=1000,
            skipped={},
        )

    def _write(
        self, kind: str, capture: tuple[str, str, str], block: bytes, fields: Sequence[tuple[str, str]]
    ) -> str:
        """Append a record, of a URL at a time for a site, and its request; return the record's ID."""
        url, timestamp, source = capture
        name = f"{self.run_of(timestamp)}-{source}-00000.warc.gz"
        path = self.paths.warc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            info = b"software: test\r\n"
            path.write_bytes(_record("warcinfo", name, "2026-01-01T00:00:00Z", info, []))
        date, identity = iso_of_timestamp14(timestamp), _identity(f"{kind} {url} {timestamp}")
        target = ("WARC-Target-URI", url)
        request = _http("GET / HTTP/1.1", [("Host", Origin.of(url).netloc)])
        offset = path.stat().st_size
        main = _record(kind, f"{kind} {url} {timestamp}", date, block, [target, *fields])
        second = _record(
            "request", f"request {url} {timestamp}", date, request, [target, ("WARC-Concurrent-To", identity)]
        )
        with path.open("ab") as stream:
            stream.write(main + second)
        with closing(Locator(self.paths.locator)) as locator:
            locator.add([Location(identity, name, offset, len(main), len(main) + len(second))])
        return identity

    def _put(self, media_type: str, document: dict[str, Any]) -> Descriptor:
        data = jsontext.dump(document)
        return Descriptor(media_type, self.layout.blobs.put(data), len(data))

    def _manifest(self, platform: Platform, salt: str, shared: bytes) -> Descriptor:
        contents = [shared] if shared else []
        layers, diffs = [], []
        for content in [*contents, f"{platform} {salt}".encode()]:
            tar = _layer(content)
            packed = gzip.compress(tar, 6, mtime=0)
            layers.append(Descriptor(OCI_LAYER_GZIP, self.layout.blobs.put(packed), len(packed)))
            diffs.append(f"sha256:{hashlib.sha256(tar).hexdigest()}")
        config = self._put(
            OCI_CONFIG,
            {
                **platform.to_json(),
                "created": FINISHED,
                "config": {"Cmd": ["/hello"]},
                "rootfs": {"type": "layers", "diff_ids": diffs},
                "history": [{"created": FINISHED, "created_by": "test"} for _ in diffs],
            },
        )
        return self._put(
            OCI_MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": config.to_json(),
                "layers": [layer.to_json() for layer in layers],
            },
        )

    def _name_image(
        self, reference: str, root: Descriptor, platforms: Sequence[str], manifests: Sequence[Descriptor]
    ) -> ImageResult:
        self.layout.point([(reference, replace(root, platform=None))])
        result = ImageResult(
            reference,
            str(root.digest),
            root.media_type,
            root.size,
            tuple(platforms),
            tuple(str(entry.digest) for entry in manifests),
            FINISHED,
            reference.partition("/")[0],
        )
        self.images.append(result)
        return result


def small_archive(root: Path) -> ArchiveBuilder:
    """Make and finish an archive with a site of some pages, two revisits, three images and a file."""
    made = ArchiveBuilder(root)
    old = made.page(
        f"{SITE}/old.html",
        html("Old page", "unchanged since February"),
        timestamp="20260201120002",
        listed=False,
    )
    made.page(f"{SITE}/", html("Welcome", "The quick brown fox", '<a href="/install.html">install</a>'))
    made.page(
        f"{SITE}/install.html",
        html("安装", "在K8s集群上安装软件"),
        content_type="text/html; charset=utf-8",
        gzipped=True,
    )
    made.page(f"{SITE}/gone.html", html("Not found", "nothing"), status="404 Not Found")
    style = made.requisite(f"{SITE}/style.css", b"body { color: #123 }", "text/css")
    made.requisite("https://cdn.example.net/font.woff2", b"\0\1font", "font/woff2")
    made.revisit(f"{SITE}/old.html", old, not_modified=True)
    made.revisit(f"{SITE}/copy.css", style)
    made.image(IMAGE, ("linux/amd64", "linux/arm64"), shared=b"base")
    made.image(SINGLE, ("linux/amd64",), salt="single", shared=b"base")
    made.artifact("ghcr.io/example/charts/chart:1.2.3", b"chart")
    made.file(FILE_URL, b"tool" * 5000)
    made.finish()
    return made


def html(title: str, text: str, more: str = "") -> bytes:
    """Return a small page with navigation around its main text."""
    return (
        f"<!doctype html><html><head><title>{title}</title><link rel=stylesheet href=/style.css></head><body>"
        f"<nav>menu entries</nav><main><h1 id=top>{title}</h1><p>{text}</p>{more}</main></body></html>"
    ).encode()


def _identity(name: str) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"


def _http(start: str, fields: Sequence[tuple[str, str]]) -> bytes:
    return (start + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n").encode(
        "ascii"
    )


def _record(kind: str, name: str, date: str, block: bytes, fields: Sequence[tuple[str, str]]) -> bytes:
    """Return a WARC record as a gzip member (WARC 1.1, section 4 and annex D)."""
    head = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", _identity(name)),
        ("WARC-Date", date),
        *fields,
        ("WARC-Block-Digest", str(Digest.of(block))),
        ("Content-Type", _CONTENT_TYPES[kind]),
        ("Content-Length", str(len(block))),
    ]
    text = "WARC/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in head) + "\r\n"
    return gzip.compress(text.encode() + block + b"\r\n\r\n", 6, mtime=0)


def _layer(content: bytes) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo(f"hello-{hashlib.sha256(content).hexdigest()[:8]}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return output.getvalue()
