"""A second writer of bundles, made from docs/format.md alone and knowing nothing of ``archiver/bundle``.

It exists to be altered: every piece can be changed before the pieces around it are computed, so that a test can
make a bundle that is consistent but for one lie. Nothing of it is meant to be fast or complete.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sqlite3
import tempfile
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import Any, Callable, Iterable

from archiver.core.tarheader import END, header, padding

SITE = "https://docs.example.org"
SNAPSHOT = "20260301T120000Z"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
IMAGE = "docker.io/library/demo:1"
SINGLE = "registry.example.org/single:2"
CHART = "registry.example.org/chart:3"
GUIDE_PATH = "docs/guide.wacz"
NEW_GUIDE_PATH = "docs/guide.warc.gz"
NEW = ("guide", "old-again", "copy")  # of the sample's records, those that a delta has
BASE = "20260215T120000Z"
PROFILE = "http://netpreserve.org/warc/1.1/revisit/"

Edit = Callable[[Any], None]


def _same(_: Any) -> None:
    """Change nothing."""


def sha256(data: bytes) -> str:
    """Return ``sha256:…``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a tar in the bundle's dialect."""
    return b"".join(header(name, len(data)) + data + padding(len(data)) for name, data in members) + END


def data_offsets(members: Iterable[tuple[str, bytes]]) -> dict[str, int]:
    """Return where each member's data begins in ``tar_of`` these members."""
    offsets, at = {}, 0
    for name, data in members:
        at += len(header(name, len(data)))
        offsets[name] = at
        at += len(data) + len(padding(len(data)))
    return offsets


def as_json(document: Any) -> bytes:
    """Return a document as bytes."""
    return json.dumps(document).encode()


# Docs


def identity(name: str) -> str:
    """Return the WARC-Record-ID of the record that tests call ``name``."""
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"


def warc_record(fields: dict[str, str], block: bytes) -> bytes:
    """Return a WARC record as a gzip member."""
    fields = {**fields, "WARC-Block-Digest": sha256(block), "Content-Length": str(len(block))}
    head = "WARC/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in fields.items()) + "\r\n"
    return gzip.compress(head.encode() + block + b"\r\n\r\n", mtime=0)


class Docs:
    """The records of a doc site, their index lines, and the pages; ``wacz`` packs them.

    Attributes:
        records: gzip members by a name, in the order of data.warc.gz.
        lines: for each response or revisit its index members by the record's name; offset, length and the
            original's are filled in by ``wacz``.
    """

    def __init__(self) -> None:
        info = {
            "WARC-Type": "warcinfo",
            "WARC-Record-ID": identity("info"),
            "WARC-Date": "2026-03-01T12:00:00Z",
        }
        self.records: dict[str, bytes] = {"info": warc_record(info, b"software: tests\r\n")}
        self.lines: dict[str, dict[str, str]] = {}
        self.block_lines = 3

    def response(
        self,
        name: str,
        path: str,
        body: bytes,
        *,
        mime: str = "text/html",
        kind: str = "page",
        time: str = "20260301120001",
    ) -> None:
        """Add a response and its request."""
        block = f"HTTP/1.1 200 OK\r\nContent-Type: {mime}\r\n\r\n".encode() + body
        fields = {"WARC-Date": _iso(time), "WARC-Payload-Digest": sha256(body)}
        self._pair(name, "response", path, block, fields)
        self._line(name, SITE + path, time=time, mime=mime, digest=sha256(body), kind=kind)

    def revisit(
        self, name: str, path: str, original: str, *, not_modified: bool = False, time: str = "20260301120009"
    ) -> None:
        """Add a revisit of an earlier response and its request."""
        line = self.lines[original]
        status = "304 Not Modified" if not_modified else "200 OK"
        fields = {
            "WARC-Profile": PROFILE + ("server-not-modified" if not_modified else "identical-payload-digest"),
            "WARC-Refers-To": identity(original),
            "WARC-Refers-To-Target-URI": line["url"],
            "WARC-Refers-To-Date": _iso(line["time"]),
            "WARC-Payload-Digest": line["digest"],
            "WARC-Date": _iso(time),
        }
        self._pair(name, "revisit", path, f"HTTP/1.1 {status}\r\nX-Of: {name}\r\n\r\n".encode(), fields)
        self._line(name, SITE + path, time=time, mime="warc/revisit", digest=line["digest"], kind="page")
        self.lines[name] |= {"refersTo": identity(original), "origMime": line["mime"], "of": original}
        if not_modified and line["kind"] == "original" and line["url"] == SITE + path:
            self.lines[name]["shares"] = "yes"

    def _pair(self, name: str, kind: str, path: str, block: bytes, more: dict[str, str]) -> None:
        base = {"WARC-Date": more["WARC-Date"], "WARC-Target-URI": SITE + path}
        main = {"WARC-Type": kind, "WARC-Record-ID": identity(name), **base, **more}
        request = {
            "WARC-Type": "request",
            "WARC-Record-ID": identity(name + "?"),
            **base,
            "WARC-Concurrent-To": identity(name),
        }
        self.records[name] = warc_record(main, block)
        self.records[name + "?"] = warc_record(
            request, f"GET {path} HTTP/1.1\r\nHost: docs.example.org\r\n\r\n".encode()
        )

    def _line(self, name: str, url: str, **members: str) -> None:
        fixed = {"url": url, "status": "200", "filename": "data.warc.gz", "record": identity(name)}
        self.lines[name] = {**fixed, **members}

    def index(self) -> list[bytes]:
        """Return the sorted CDXJ lines."""
        places, at = {}, 0
        for name, member in self.records.items():
            places[name] = (str(at), str(len(member)))
            at += len(member)
        lines = []
        sharing = {line["of"]: name for name, line in self.lines.items() if "shares" in line and "of" in line}
        for name, line in self.lines.items():
            if name in sharing.values():
                continue
            members = {key: value for key, value in line.items() if key not in ("time", "of", "shares")}
            members |= dict(zip(("offset", "length"), places[name]))
            if "of" in line:
                members |= dict(zip(("origOffset", "origLength"), places[line["of"]]))
            if name in sharing:
                again = self.lines[sharing[name]]
                members |= {"kind": again["kind"], "revisit": again["record"], "revisitTime": again["time"]}
                members |= dict(zip(("revisitOffset", "revisitLength"), places[sharing[name]]))
            lines.append(f"{_key(line)} {line['time']} {json.dumps(members)}".encode())
        return sorted(lines)

    def capture_index(self) -> bytes:
        """Return record/captures.cdxj.gz: the lines of the captures as an archive has them."""
        lines = []
        for line in self.lines.values():
            if line["kind"] != "original":
                members = {name: line[name] for name in ("url", "status", "digest", "kind", "record")}
                members |= {"mime": line.get("origMime", line["mime"]), "source": "guide"}
                members |= {"original": line["refersTo"]} if "refersTo" in line else {}
                lines.append(f"{_key(line)} {line['time']} {json.dumps(members)}\n".encode())
        return gzip.compress(b"".join(sorted(lines)), mtime=0)

    def pages(self) -> list[dict[str, str]]:
        """Return the lines of pages.jsonl."""
        found = [{"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}]
        for name, line in self.lines.items():
            if line["kind"] == "page" and "text/html" in (line["mime"], line.get("origMime")):
                found.append({"id": name, "url": line["url"], "ts": _iso(line["time"]), "title": name})
        return found

    def wacz(
        self, *, lines: Edit = _same, entries: Edit = _same, package: Edit = _same, final: Edit = _same
    ) -> bytes:
        """Return the WACZ.

        The edits change, in this order: the list of index lines, the files before they are listed,
        datapackage.json, and all entries before they are zipped.
        """
        index = self.index()
        lines(index)
        packed, summary, at = [], [b'!meta 0 {"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}'], 0
        for first in range(0, len(index), self.block_lines):
            block = gzip.compress(
                b"".join(line + b"\n" for line in index[first : first + self.block_lines]), mtime=0
            )
            place = {"offset": at, "length": len(block), "digest": sha256(block), "filename": "index.cdx.gz"}
            summary.append(b" ".join(index[first].split(b" ")[:2]) + b" " + as_json(place))
            packed.append(block)
            at += len(block)
        files = {
            "archive/data.warc.gz": b"".join(self.records.values()),
            "indexes/index.cdx.gz": b"".join(packed),
            "indexes/index.idx": b"".join(line + b"\n" for line in summary),
            "pages/pages.jsonl": b"".join(as_json(page) + b"\n" for page in self.pages()),
        }
        entries(files)
        document = {
            "profile": "data-package", "wacz_version": "1.1.1", "title": "t", "created": _iso("20260301120000"),
            "software": "tests",
            "resources": [
                {"name": Path(path).name, "path": path, "hash": sha256(data), "bytes": len(data)}
                for path, data in files.items()
            ],
        }  # fmt: skip
        package(document)
        files["datapackage.json"] = as_json(document)
        files["datapackage-digest.json"] = as_json(
            {"path": "datapackage.json", "hash": sha256(files["datapackage.json"])}
        )
        final(files)
        return zip_of(files)


def _key(line: dict[str, str]) -> str:
    return "org,example,docs)" + line["url"].removeprefix(SITE).lower()


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip by the standard library, dated 1980-01-01."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", method) as packed:
        for name, data in files.items():
            packed.writestr(zipfile.ZipInfo(name), data, method)
    return output.getvalue()


def sample_docs() -> Docs:
    """Return pages, a requisite, and both kinds of revisit, one of an original that is no capture itself."""
    docs = Docs()
    docs.response("old", "/old", b"<title>old</title>", kind="original", time="20260201120000")
    docs.response("home", "/", b"<title>home</title>fox")
    docs.response("style", "/style.css", b"body {}", mime="text/css", kind="requisite")
    docs.response("guide", "/guide", b"<title>guide</title>" * 40)
    docs.revisit("old-again", "/old", "old", not_modified=True)
    docs.revisit("copy", "/copy", "guide")
    return docs


def search_index(documents: Iterable[tuple[str, str, str, str]], more: str = "") -> bytes:
    """Return search.sqlite with a section for each (source, url, timestamp, title), and what ``more`` does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "search.sqlite"
        database = sqlite3.connect(path)
        database.executescript(
            "PRAGMA user_version=2;"
            "CREATE TABLE documents(id INTEGER PRIMARY KEY, source TEXT NOT NULL, url TEXT NOT NULL,"
            " timestamp TEXT NOT NULL, title TEXT NOT NULL, locale TEXT NOT NULL, version TEXT NOT NULL,"
            " sections INTEGER NOT NULL);"
            "CREATE TABLE texts(id INTEGER PRIMARY KEY, content BLOB NOT NULL);"
            "CREATE TABLE inflected(word TEXT PRIMARY KEY, stem TEXT NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE frequent(term TEXT PRIMARY KEY, sections INTEGER NOT NULL) WITHOUT ROWID;"
            "CREATE VIRTUAL TABLE sections_fts USING fts5(title, heading, page, body, content='',"
            " tokenize='porter unicode61 remove_diacritics 2');"
        )
        with database:
            for number, document in enumerate(documents, 1):
                database.execute(
                    "INSERT INTO documents VALUES (?, ?, ?, ?, ?, '', '', 1)", (number, *document)
                )
                block = zlib.compress(json.dumps([["", "", "text"]]).encode())
                database.execute("INSERT INTO texts VALUES (?, ?)", (number, block))
                database.execute(
                    "INSERT INTO sections_fts(rowid, title, heading, page, body) VALUES (?, ?, '', '', 'text')",
                    (number, document[3]),
                )
        database.executescript(more)
        database.close()
        return path.read_bytes()


# Images


_IMAGE = ("org.opencontainers.image.ref.name", "io.containerd.image.name")  # how index.json names an image
_ARTIFACT = ("io.archiver.artifact.name",)


class Images:
    """Blobs, names and what docker gets; ``tar`` packs them.

    Attributes:
        blobs: content by digest.
        names: descriptors by reference.
        saved: the entries of manifest.json.
        is_part: whether it is what a delta has, without manifest.json.
        aliases: further entries of index.json.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.names: dict[str, dict[str, Any]] = {}
        self.saved: list[dict[str, Any]] = []
        self.aliases: list[dict[str, Any]] = []
        self.is_part = False

    def put(self, media_type: str, data: bytes) -> dict[str, Any]:
        """Add a blob and return its descriptor."""
        self.blobs[sha256(data)] = data
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def manifest(self, architecture: str, layers: Iterable[bytes], **more: Any) -> dict[str, Any]:
        """Add an image's manifest, config and layers and return the manifest's descriptor."""
        config = {"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": []}}
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.put(CONFIG, as_json(config)),
            "layers": [self.put(LAYER, layer) for layer in layers],
            **more,
        }
        return self.put(MANIFEST, as_json(document))

    def manifests(self, digest: str) -> list[str]:
        """Return the manifests that are here of an image: its own, or those that its index lists."""
        children = [child for child in _children(self.blobs.get(digest, b"")) if child in self.blobs]
        return children or [digest]

    def save(self, reference: str, manifest: dict[str, Any]) -> None:
        """Add an image to manifest.json."""
        document = json.loads(self.blobs[manifest["digest"]])
        self.saved.append(
            {
                "Config": _blob_path(document["config"]["digest"]),
                "RepoTags": [reference],
                "Layers": [_blob_path(layer["digest"]) for layer in document["layers"]],
            }
        )

    def members(self) -> list[tuple[str, bytes]]:
        """Return the members of images.tar."""
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {**descriptor, "annotations": dict.fromkeys(_ARTIFACT if name == CHART else _IMAGE, name)}
                for name, descriptor in self.names.items()
            ]
            + self.aliases,
        }
        return [
            ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
            ("index.json", as_json(index)),
            *([] if self.is_part else [("manifest.json", as_json(self.saved))]),
            *((_blob_path(digest), data) for digest, data in sorted(self.blobs.items())),
        ]


def _children(index: bytes) -> list[str]:
    try:
        return [child["digest"] for child in json.loads(index)["manifests"]]
    except (ValueError, KeyError, TypeError):  # no index, or one that a test has spoilt
        return []


def sample_images() -> Images:
    """Return a sparse index, an image that shares a layer with it, and an artifact."""
    images = Images()
    here = images.manifest("amd64", [b"shared layer", b"own layer"])
    absent = {"mediaType": MANIFEST, "digest": sha256(b"absent"), "size": 6}
    children = [
        {**here, "platform": {"os": "linux", "architecture": "amd64"}},
        {**absent, "platform": {"os": "linux", "architecture": "s390x"}},
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": children}
    images.names[IMAGE] = images.put(INDEX, as_json(index))
    images.save(IMAGE, here)
    images.names[SINGLE] = images.manifest("amd64", [b"shared layer"])
    images.save(SINGLE, images.names[SINGLE])
    images.names[CHART] = images.manifest("amd64", [b"chart"], artifactType="application/vnd.example.chart")
    return images


def _blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


# Files


def file_artifact(file: dict[str, Any]) -> dict[str, str]:
    """Return the OCI artifact that wraps a file of bundle.json in an archive: digest, manifest and config as text."""
    config = json.dumps({"url": file["url"]})
    document = {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.archiver.file.v1",
        "config": {
            "mediaType": "application/vnd.archiver.file.config.v1+json",
            "digest": sha256(config.encode()), "size": len(config),
        },
        "layers": [{"mediaType": file["media_type"], "digest": file["digest"], "size": file["size"]}],
    }  # fmt: skip
    manifest = json.dumps(document)
    return {"digest": sha256(manifest.encode()), "manifest": manifest, "config": config}


# The whole

_SITE_FACTS = ("name", "seeds", "origins", "requisite_origins", "pages")
_WHEN = "2026-03-01T12:00:30Z"
_IMAGE_FACTS = ("reference", "digest", "media_type", "size", "platforms", "resolved")


class Bundle:
    """All of a bundle but its lists.

    Attributes:
        members: the members in front of ``record/``, in tar order.
        document: bundle.json, but for what ``pack`` fills in; ``record/`` is made to agree with it.
    """

    def __init__(self, docs: Docs | None = None, images: Images | None = None) -> None:
        self.docs = docs or sample_docs()
        self.images = images or sample_images()
        captures = [line for line in self.docs.lines.values() if line["kind"] != "original"]
        pages = [line for line in captures if line["kind"] == "page"]
        times = sorted(line["time"] for line in captures)
        self.members: dict[str, bytes] = {
            "README.html": b"<!doctype html>",
            "README.txt": b"read me",
            "archiver.pyz": zip_of({"__main__.py": b"print()\n" * 50}, zipfile.ZIP_DEFLATED),
            GUIDE_PATH: self.docs.wacz(),
            "docs/search.sqlite": search_index(("guide", page["url"], page["time"], "t") for page in pages),
            "images/images.tar": tar_of(self.images.members()),
            "files/dl.example.org/tool.bin": b"tool" * 200,
        }
        self.document: dict[str, Any] = {
            "format": "archiver-bundle/1", "project": "demo", "title": "Demo", "snapshot": SNAPSHOT,
            "created": _WHEN, "program": "tests", "options": {"platforms": None},
            "docs": [{
                "name": "guide", "path": GUIDE_PATH, "seeds": [SITE + "/"], "origins": [SITE],
                "requisite_origins": [], "pages": len(pages), "captures": len(captures),
                "oldest": times[0], "newest": times[-1],
            }],
            "images": [
                {
                    "reference": name, "digest": descriptor["digest"], "media_type": descriptor["mediaType"],
                    "size": descriptor["size"], "platforms": ["linux/amd64"],
                    "default_platform": "" if name == CHART else "linux/amd64",
                    "compressions": [] if name == CHART else ["none"], "resolved": _WHEN,
                }
                for name, descriptor in self.images.names.items()
            ],
            "failures": [], "broken_links": [], "requires": [], "since": None, "reader_image": "",
            "files": [{
                "url": "https://dl.example.org/tool.bin", "path": "files/dl.example.org/tool.bin",
                "digest": sha256(b"tool" * 200), "size": 800, "media_type": "application/octet-stream",
                "fetched": _WHEN,
            }],
        }  # fmt: skip

    def _record(self, snapshot: Edit) -> dict[str, bytes]:
        index = self.docs.capture_index()
        artifacts = [file_artifact(file) for file in self.document["files"]]
        when = self.document["created"]
        document = {
            "format": "archiver-snapshot/1", "id": self.document["snapshot"], "program": "tests", "started": when,
            "finished": when, "spec": {}, "captures": len(gzip.decompress(index).splitlines()),
            "captures_digest": sha256(index),
            **{name: self.document[name] for name in ("project", "title", "failures", "broken_links")},
            "sites": [
                {
                    **{name: site[name] for name in _SITE_FACTS},
                    "requisites": 1, "fetched": 4, "unchanged": 0, "carried": 0, "bytes": 0, "skipped": {},
                }
                for site in self.document["docs"]
            ],
            "images": [
                {
                    **{name: image[name] for name in _IMAGE_FACTS},
                    "manifests": self.images.manifests(image["digest"]), "registry": "",
                }
                for image in self.document["images"]
            ],
            "files": [
                {
                    **file, "path": file["path"].removeprefix("files/"), "manifest": artifact["digest"],
                }
                for file, artifact in zip(self.document["files"], artifacts)
            ],
        }  # fmt: skip
        snapshot(document)
        return {
            "record/snapshot.json": as_json(document),
            "record/captures.cdxj.gz": index,
            "record/files.jsonl": b"".join(as_json(artifact) + b"\n" for artifact in artifacts),
        }

    def pack(
        self,
        document: Edit = _same,
        sums: Edit = _same,
        last: Edit = _same,
        *,
        snapshot: Edit = _same,
        record: Edit = _same,
    ) -> bytes:
        """Return the bundle.

        The edits change bundle.json, the list of (digest, path), the final members, record/snapshot.json, and the members
        below ``record/`` by their path.
        """
        recorded = self._record(snapshot)
        record(recorded)
        members = [*self.members.items(), *recorded.items()]
        at = data_offsets(members)
        inner = data_offsets(self.images.members())
        described = {
            **self.document,
            "captures_digest": sha256(recorded.get("record/captures.cdxj.gz", b"")),
            "members": [
                {
                    "path": path,
                    "size": len(data),
                    "offset": at[path],
                    "digest": sha256(data),
                    "role": _role(path),
                }
                for path, data in members
            ],
            "blobs": [
                {
                    "digest": digest,
                    "size": len(data),
                    "offset": at.get("images/images.tar", 0) + inner[_blob_path(digest)],
                }
                for digest, data in sorted(self.images.blobs.items())
            ],
        }
        described.setdefault(
            "search_digest",
            sha256(self.members["docs/search.sqlite"]) if "docs/search.sqlite" in self.members else "",
        )
        document(described)
        members.append(("bundle.json", as_json(described)))
        listed = [(sha256(data).removeprefix("sha256:"), path) for path, data in members]
        sums(listed)
        members.append(("SHA256SUMS", "".join(f"{digest}  {path}\n" for digest, path in listed).encode()))
        last(members)
        return tar_of(members)


class Delta(Bundle):
    """What is new in the sample since a bundle of it that had nothing of NEW, nor the chart.

    Args:
        docs: the records of the whole view.
        new: the names of those that are packed, requests aside.
    """

    def __init__(self, docs: Docs | None = None, new: Iterable[str] = NEW) -> None:
        super().__init__(docs)
        names = set(new)
        pages = [line for name, line in self.docs.lines.items() if name in names and line["kind"] == "page"]
        data = b"".join(
            data for name, data in self.docs.records.items() if name.rstrip("?") in names | {"info"}
        )
        self._new_blobs_only()
        replaced = {
            GUIDE_PATH: (NEW_GUIDE_PATH, data),
            "docs/search.sqlite": (
                "docs/search.sqlite",
                search_index(("guide", page["url"], page["time"], "t") for page in pages),
            ),
            "images/images.tar": ("images/images.tar", tar_of(self.images.members())),
        }
        self.members = dict(replaced.get(path, (path, data)) for path, data in self.members.items())
        del self.members["files/dl.example.org/tool.bin"]
        self.document["docs"][0]["path"] = NEW_GUIDE_PATH
        self.document["since"] = {"snapshot": BASE, "captures_digest": sha256(b"its captures")}

    def _new_blobs_only(self) -> None:
        manifest = self.images.names[CHART]["digest"]
        document = json.loads(self.images.blobs[manifest])
        new = {manifest, document["config"]["digest"], *(layer["digest"] for layer in document["layers"])}
        others = {digest for digest in self.images.blobs if digest not in new}
        self.document["requires"] = sorted({*others, self.document["files"][0]["digest"]})
        self.images.blobs = {digest: data for digest, data in self.images.blobs.items() if digest in new}
        self.images.is_part = True


def _role(path: str) -> str:
    by_name = {"archiver.pyz": "program", "docs/search.sqlite": "search", "images/images.tar": "images"}
    by_folder = {"docs": "docs", "files": "file", "record": "record"}
    return by_name.get(path) or by_folder.get(path.partition("/")[0], "readme")


def _iso(time: str) -> str:
    return f"{time[:4]}-{time[4:6]}-{time[6:8]}T{time[8:10]}:{time[10:12]}:{time[12:]}Z"
