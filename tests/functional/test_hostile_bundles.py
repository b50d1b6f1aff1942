"""Bundles made to do harm, against every verb that reads them: refused by a typed problem, and nothing gets out.

Each command runs in a child with little memory, processor time and room for files, in a folder tree that is compared
before and after. What hostile content does inside of verify alone, problem by problem, is in
tests/unit/offline/test_verify_bundle.py.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import http.client
import json
import os
import struct
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

import pytest

from archiver.core.tarheader import END, header
from servers.handmade_bundle import (
    GUIDE_PATH,
    IMAGE,
    INDEX,
    MANIFEST,
    NEW_GUIDE_PATH,
    SITE,
    Bundle,
    Delta,
    Docs,
    Images,
    as_json,
    identity,
    sample_docs,
    sample_images,
    search_index,
    sha256,
    tar_of,
    warc_record,
    zip_of,
)
from servers.processes import accepts, free_port, running, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from servers.real import Registry

pytestmark = pytest.mark.thorough

_MEMORY = 768 << 20  # bytes of address space; Python with its threads takes some 200 MB
_SECONDS = 60  # of the processor, for all commands of one test together
_FILE = 64 << 20  # bytes of the largest file
_CAPTURES = 200_000  # of one index; 3 MB as gzip, 80 MB without
# Runs commands one after the other within the limits, and prints their exit codes as JSON.
_LIMITED = """
import json, resource, sys
for limit, value in json.loads(sys.argv[1]).items():
    resource.setrlimit(getattr(resource, limit), (value, value))
from archiver.offline.commands import run_reader
codes = {}
for name, command in json.loads(sys.argv[2]).items():
    print(f"-- {name}", file=sys.stderr, flush=True)
    codes[name] = run_reader(command)
    sys.stdout.flush()
print("\\n" + json.dumps(codes))
"""
# Serves within the limits. What threads reserve for stacks and heaps counts as memory, though they never use it.
_SERVER = """
import json, resource, sys, threading
threading.stack_size(1 << 20)
for limit, value in json.loads(sys.argv[1]).items():
    resource.setrlimit(getattr(resource, limit), (value, value))
from archiver.offline.commands import run_reader
sys.exit(run_reader(sys.argv[2:]))
"""
_MOST_READ = 300 << 20  # bytes of one answer
# Says that it runs, and takes whatever it is given.
_DOCKER = """#!/bin/sh
case $1 in
version) echo 25.0.0 linux/amd64 ;;
*) cat >/dev/null ;;
esac
"""


@dataclass(frozen=True)
class Cage:
    """A folder tree with a hostile bundle in it, and a registry to push to.

    Whatever is written has to be below one of the three folders that the commands name.
    """

    root: Path
    registry: Registry

    @property
    def bundle(self) -> Path:
        """The bundle."""
        return self.root / "in" / "bundle.tar"

    @property
    def targets(self) -> tuple[Path, Path, Path]:
        """Where extract, load and search's cache may write."""
        below = self.root / "cwd" / "deep" / "enough"
        return below / "out", below / "archive", below / "cache"

    def environment(self) -> dict[str, str]:
        """Return an environment whose every folder is in the cage."""
        return {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "temp"),
            "XDG_CACHE_HOME": str(self.targets[2]),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MALLOC_ARENA_MAX": "2",
        }

    def sent(self) -> int:
        """Return how much the registry has been sent so far, by its own log."""
        log = self.registry.log.read_text("utf-8", "replace")
        return sum(log.count(f'"{method} ') for method in ("POST", "PUT", "PATCH"))

    def run(self, data: bytes, *, serving: bool) -> dict[str, int]:
        """Run every verb on a bundle and return their exit codes; fail where one wrote anywhere else."""
        out, archive, cache = self.targets
        self.bundle.write_bytes(data)
        path = str(self.bundle)
        commands = {
            "verify": ["verify", path],
            "extract": ["extract", path, str(out)],
            "load": ["load", path, "--into", str(archive)],
            "docker": ["load", path, "--into", "docker"],
            "push": ["push", path, self.registry.host],
            "search": ["search", path, "fox", "--cache-dir", str(cache)],
        }
        if serving:
            commands["serve"] = ["serve", path, "--port", "0", "--cache-dir", str(cache)]
        before = _tree(self.root, self.targets)
        limits = {"RLIMIT_AS": _MEMORY, "RLIMIT_CPU": _SECONDS, "RLIMIT_FSIZE": _FILE}
        done = subprocess.run(
            [sys.executable, "-c", _LIMITED, json.dumps(limits), json.dumps(commands)],
            cwd=self.targets[0].parent,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5 * _SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        assert _tree(self.root, self.targets) == before
        for target in self.targets:
            for found in target.rglob("*"):
                assert found.is_dir() or (found.is_file() and not found.is_symlink()), found
        assert not any(c in done.stdout + done.stderr for c in "\x1b\x07\x9b\u202e"), "terminal controlled"
        return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def cage(tmp_path: Path, registry: Registry) -> Cage:
    """A cage, with a docker that takes what it is given, and a real registry."""
    for name in ("in", "cwd/deep/enough", "home", "temp", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "bin" / "docker").write_text(_DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    return Cage(tmp_path, registry)


def _tree(root: Path, without: tuple[Path, ...]) -> dict[str, tuple[int, int]]:
    """Return mode and size of all that is in a folder, but for some folders in it."""
    found = {}
    for path in root.rglob("*"):
        if not any(target == path or target in path.parents for target in without):
            state = path.lstat()
            found[str(path)] = (state.st_mode, state.st_size if path.is_file() else 0)
    return found


# ---- what contradicts itself at first sight: no verb goes any further


def _last(name: str, data: bytes = b"x") -> Callable[[], bytes]:
    """A further member in front of bundle.json."""
    return lambda: Bundle().pack(last=lambda members: members.insert(-2, (name, data)))


def _listed(name: str) -> Callable[[], bytes]:
    """A file of some name that all lists agree on."""

    def make() -> bytes:
        made = Bundle()
        made.members[name] = b"evil"
        entry = {"url": "https://h/", "path": name, "digest": sha256(b"evil"), "size": 4, "media_type": ""}
        made.document["files"].append(entry)
        return made.pack()

    return make


def _entry(kind: bytes, name: str, target: str = "", *, first: bool = False) -> Callable[[], bytes]:
    """A tar entry that is no file, as any tar can have it."""

    def make() -> bytes:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        block = info.tobuf(tarfile.PAX_FORMAT)
        data = Bundle().pack()
        return block + data if first else data[: -len(END)] + block + END

    return make


def _raw(block: bytes) -> Callable[[], bytes]:
    """Some blocks in front of the end."""
    return lambda: Bundle().pack()[: -len(END)] + block + END


def _pax_bomb() -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    return info.tobuf(tarfile.GNU_FORMAT)


def _says(change: Callable[[dict[str, Any]], Any]) -> Callable[[], bytes]:
    """A bundle.json that says something else."""

    def edit(document: dict[str, Any]) -> None:
        change(document)

    return lambda: Bundle().pack(document=edit)


def _named(**names: str) -> Callable[[], bytes]:
    """A bundle whose documents all agree on a hostile name."""

    def make() -> bytes:
        made = Bundle()
        made.document.update(names)
        return made.pack()

    return make


def _site(name: str) -> Callable[[], bytes]:
    """A doc site of a hostile name, in bundle.json, the snapshot's record, the capture index and the search index."""

    def make() -> bytes:
        docs = sample_docs()
        lines = gzip.decompress(docs.capture_index())
        index = gzip.compress(lines.replace(b'"guide"', json.dumps(name).encode()), mtime=0)
        docs.capture_index = lambda: index  # type: ignore[method-assign]  # the one place that has the name
        made = Bundle(docs)
        made.document["docs"][0]["name"] = name
        made.members["docs/search.sqlite"] = search_index([])
        return made.pack()

    return make


def _replaced(member: str, data: bytes) -> Callable[[], bytes]:
    """Other content of a closing member."""

    def edit(members: list[tuple[str, bytes]]) -> None:
        members[:] = [(name, data if name == member else old) for name, old in members]

    return lambda: Bundle().pack(last=edit)


_DEEP = b'{"a":' * 200_000
_CONTROLS = "\x1b]0;owned\x07\x9b2J\u202e"
STRUCTURAL: Mapping[str, Callable[[], bytes]] = {
    "a name that climbs": _last("files/../../../evil"),
    "a listed name that climbs": _listed("files/../../../evil"),
    "an absolute name": _last("/tmp/evil"),
    "a listed absolute name": _listed("/tmp/evil"),
    "a name with backslashes": _listed("files\\..\\..\\evil"),
    "a name with a control character": _listed("files/h/a\x1b[2Jb"),
    "a name of a dot": _listed("files/./evil"),
    "a symbolic link": _entry(tarfile.SYMTYPE, "files/h", "/tmp"),
    "a symbolic link in front of all": _entry(tarfile.SYMTYPE, "files", "../../..", first=True),
    "a hard link": _entry(tarfile.LNKTYPE, "files/h", "/etc/passwd"),
    "a device": _entry(tarfile.CHRTYPE, "files/null"),
    "a pipe": _entry(tarfile.FIFOTYPE, "files/pipe"),
    "a folder": _entry(tarfile.DIRTYPE, "files/h"),
    "a name twice": _last("files/dl.example.org/tool.bin"),
    "names that differ in case": _listed("files/dl.example.org/TOOL.bin"),
    "a file below a file": _listed("files/dl.example.org/tool.bin/x"),
    "a member of a terabyte": _raw(header("files/huge", 1 << 40)),
    "a header that never ends": _raw(_pax_bomb()),
    "another size": _says(lambda d: d["members"][6].update(size=1 << 40)),
    "another offset": _says(lambda d: d["members"][6].update(offset=0)),
    "another digest": _says(lambda d: d["members"][6].update(digest=sha256(b"other"))),
    "a blob elsewhere": _says(lambda d: d["blobs"][0].update(offset=0)),
    "a negative offset": _says(lambda d: d["blobs"][0].update(offset=-1)),
    "a number that is none": _says(lambda d: d["docs"][0].update(captures=10**300)),
    "a list of anything": _says(lambda d: d.update(images=[1] * 100_000)),
    "a project that climbs": _named(project="../../../../evil"),
    "a project of an absolute path": _named(project="/tmp/evil"),
    "a project that is a place of the archive": _named(project="images"),
    "a project that controls terminals": _named(project=_CONTROLS),
    "a snapshot that climbs": _named(snapshot="../../../evil"),
    "a doc site that climbs": _site("../../../evil"),
    "deep JSON": _replaced("bundle.json", _DEEP),
    "no JSON": _replaced("bundle.json", b"\0" * 1000),
    "checksums of anything": _replaced("SHA256SUMS", b"\xff" * 100_000),
}


@pytest.mark.parametrize("name", STRUCTURAL)
def test_no_verb_takes_what_contradicts_itself(cage: Cage, name: str) -> None:
    """Every verb ends with 5 or, where only it can tell, before it has written or sent anything at all."""
    before = cage.sent()
    codes = cage.run(STRUCTURAL[name](), serving=True)
    assert set(codes.values()) == {5}, codes
    assert not any(target.exists() for target in cage.targets)
    assert cage.sent() == before


# ---- what is sound outside and hostile inside


@functools.cache
def _bomb(start: bytes = b"", megabytes: int = 1024, end: bytes = b"") -> bytes:
    """Return a gzip member that unpacks to some bytes, megabytes of zeros, and some more; it takes a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    chunk = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    crc, zeros = zlib.crc32(start), bytes(1 << 20)
    for _ in range(megabytes):
        crc = zlib.crc32(zeros, crc)
    closing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    last = closing.compress(end) + closing.flush()
    size = (len(start) + (megabytes << 20) + len(end)) & 0xFFFFFFFF
    check = struct.pack("<LL", zlib.crc32(end, crc), size)
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + head + chunk * megabytes + last + check


def _with_docs(docs: Docs, **edits: Any) -> bytes:
    made = Bundle(docs)
    made.members[GUIDE_PATH] = docs.wacz(**edits)
    return made.pack()


def _with_wacz(change: Callable[[bytes], bytes]) -> bytes:
    made = Bundle()
    made.members[GUIDE_PATH] = change(made.members[GUIDE_PATH])
    return made.pack()


def _terabyte_entry(wacz: bytes) -> bytes:
    """Let the zip's directory claim a terabyte for its first entry, by a ZIP64 extra field (APPNOTE 4.5.3)."""
    end = wacz.rindex(b"PK\x05\x06")
    directory = struct.unpack_from("<L", wacz, end + 16)[0]
    head = bytearray(wacz[directory : directory + 46])
    name = struct.unpack_from("<H", head, 28)[0]
    struct.pack_into("<LL", head, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    extra = struct.pack("<HHQQ", 1, 16, 1 << 40, 1 << 40)
    struct.pack_into("<H", head, 30, len(extra))
    rest = directory + 46 + name
    tail = bytearray(wacz[end:])
    struct.pack_into("<L", tail, 12, end - directory + len(extra))
    return wacz[:directory] + bytes(head) + wacz[directory + 46 : rest] + extra + wacz[rest:end] + bytes(tail)


def _bomb_record(start: bytes) -> bytes:
    docs = sample_docs()
    docs.records["guide"] = _bomb(start)
    return _with_docs(docs)


def _bomb_block(files: dict[str, bytes]) -> None:
    lines = files["indexes/index.idx"].split(b"\n")
    block = _bomb()
    place = {"offset": 0, "length": len(block), "digest": sha256(block), "filename": "index.cdx.gz"}
    first = b" ".join(lines[1].split(b" ")[:2])
    files["indexes/index.idx"] = b"\n".join([lines[0], first + b" " + as_json(place), b""])
    files["indexes/index.cdx.gz"] = block


def _delta(records: bytes) -> bytes:
    """A delta with these records."""
    made = Delta()
    made.members[NEW_GUIDE_PATH] = records
    return made.pack()


def _delta_of_many_captures() -> bytes:
    """A delta whose capture index is a long one of captures that nobody has; it takes a hundredth."""

    def many(record: dict[str, bytes]) -> None:
        line = gzip.decompress(record["record/captures.cdxj.gz"]).splitlines()[0]
        key, _, rest = line.partition(b" ")
        target = f'"url": "{SITE}/'.encode()
        assert target in rest
        lines = b"".join(
            b"%s%08d %s\n" % (key, number, rest.replace(target, target + b"%08d" % number, 1))
            for number in range(_CAPTURES)
        )
        record["record/captures.cdxj.gz"] = gzip.compress(lines, 1, mtime=0)
        snapshot = json.loads(record["record/snapshot.json"])
        snapshot |= {"captures": _CAPTURES, "captures_digest": sha256(record["record/captures.cdxj.gz"])}
        record["record/snapshot.json"] = as_json(snapshot)

    return Delta().pack(record=many)


def _record(path: str, data: bytes) -> bytes:
    return Bundle().pack(record=lambda members: members.update({path: data}))


def _images(change: Callable[[Images], dict[str, Any]]) -> bytes:
    images = sample_images()
    images.names[IMAGE] = change(images)
    return Bundle(images=images).pack()


def _doubling(images: Images) -> dict[str, Any]:
    """Indexes that each list the next one twice: some forty manifests, a trillion ways to them."""
    descriptor = images.manifest("amd64", [b"shared layer"])
    for _ in range(40):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor, descriptor]}
        descriptor = images.put(INDEX, as_json(document))
    return descriptor


def _wide(images: Images) -> dict[str, Any]:
    descriptor = images.manifest("amd64", [b"shared layer"])
    return images.put(
        INDEX, as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor] * 20_000})
    )


def _deep_config(images: Images) -> dict[str, Any]:
    config = images.put("application/vnd.oci.image.config.v1+json", _DEEP)
    layers = [images.put("application/vnd.oci.image.layer.v1.tar", b"a layer")]
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
    return images.put(MANIFEST, as_json(document))


_RECORD_HEAD = (
    "WARC/1.1\r\nWARC-Type: response\r\nWARC-Date: 2026-03-01T12:00:01Z\r\n"
    f"WARC-Record-ID: {identity('guide')}\r\nContent-Length: 10\r\n\r\n"
).encode()
_ENDLESS = (
    "DROP TABLE documents; CREATE VIEW documents AS WITH RECURSIVE n(id) AS "
    "(SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, id AS source, id AS url, id AS timestamp FROM n"
)


def _program() -> bytes:
    made = Bundle()
    bomb = {"__main__.py": b"print()\n", **{f"{number}.py": bytes(32 << 20) for number in range(8)}}
    made.members["archiver.pyz"] = zip_of(bomb, zipfile.ZIP_DEFLATED)
    return made.pack()


def _search(data: bytes) -> bytes:
    made = Bundle()
    made.members["docs/search.sqlite"] = data
    return made.pack()


INSIDE: Mapping[str, Callable[[], bytes]] = {
    "a WACZ entry of a terabyte": lambda: _with_wacz(_terabyte_entry),
    "a WACZ that is compressed": lambda: _with_wacz(
        lambda _: zip_of({"archive/data.warc.gz": bytes(64 << 20)}, zipfile.ZIP_DEFLATED)
    ),
    "a record that is a bomb": lambda: _bomb_record(_RECORD_HEAD),
    "a record whose head never ends": lambda: _bomb_record(b"WARC/1.1\r\nX: "),
    "an index block that is a bomb": lambda: _with_docs(sample_docs(), entries=_bomb_block),
    "a list of pages that is deep": lambda: _with_docs(
        sample_docs(), entries=lambda files: files.update({"pages/pages.jsonl": _DEEP + b"\n"})
    ),
    "a capture index that is a bomb": lambda: _record("record/captures.cdxj.gz", _bomb()),
    "a capture index of one line": lambda: _record(
        "record/captures.cdxj.gz", gzip.compress(b"x" * (100 << 20), 1)
    ),
    "a record of the snapshot that is deep": lambda: _record("record/snapshot.json", _DEEP),
    "a record of another project": lambda: Bundle().pack(
        snapshot=lambda d: d.update(project="../../../evil")
    ),
    "a record of another snapshot": lambda: Bundle().pack(snapshot=lambda d: d.update(id="../../../evil")),
    "a file's record that is deep": lambda: _record("record/files.jsonl", _DEEP + b"\n"),
    "indexes that double": lambda: _images(_doubling),
    "an index that repeats itself": lambda: _images(_wide),
    "a config that is deep": lambda: _images(_deep_config),
    "images.tar with a name that climbs": lambda: _tampered_images("blobs/sha256/../../../../evil"),
    "images.tar with an absolute name": lambda: _tampered_images("/tmp/evil"),
    "a search index without end": lambda: _search(search_index([], _ENDLESS)),
    "a search index that is none": lambda: _search(b"SQLite format 3\0" + os.urandom(100_000)),
    "a program that is a bomb": _program,
    "a delta of a record that is a bomb": lambda: _delta(_bomb(_RECORD_HEAD)),
    "a delta of a record whose head never ends": lambda: _delta(_bomb(b"WARC/1.1\r\nX: ")),
    "a delta of many captures": _delta_of_many_captures,
    "a delta that requires a great many blobs": lambda: _delta_requiring(100_000),
}


def _delta_requiring(number: int) -> bytes:
    made = Delta()
    made.document["requires"] = sorted(sha256(b"%d" % each) for each in range(number))
    return made.pack()


def _tampered_images(name: str) -> bytes:
    made = Bundle()
    made.members["images/images.tar"] = tar_of([*made.images.members(), (name, b"evil")])
    return made.pack()


@pytest.mark.parametrize("name", INSIDE)
def test_no_verb_falls_for_what_is_inside(cage: Cage, name: str) -> None:
    """Verify names it; the others refuse it where it concerns them, in bounded time and memory."""
    codes = cage.run(INSIDE[name](), serving=False)
    assert codes["verify"] == 5, codes
    assert set(codes.values()) <= {0, 2, 3, 5}, codes


def _large_page() -> bytes:
    """A page of a quarter of a gigabyte of zeros that is just what its record says."""
    docs, megabytes, chunk = sample_docs(), 256, bytes(1 << 20)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    payload, block = hashlib.sha256(), hashlib.sha256(head)
    for _ in range(megabytes):
        payload.update(chunk)
        block.update(chunk)
    digest = docs.lines["guide"]["digest"] = docs.lines["copy"]["digest"] = f"sha256:{payload.hexdigest()}"
    fields = {
        "WARC-Type": "response", "WARC-Record-ID": identity("guide"), "WARC-Target-URI": f"{SITE}/guide",
        "WARC-Date": "2026-03-01T12:00:01Z", "WARC-Payload-Digest": digest,
        "WARC-Block-Digest": f"sha256:{block.hexdigest()}", "Content-Length": str(len(head) + (megabytes << 20)),
    }  # fmt: skip
    start = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    docs.records["guide"] = _bomb(start.encode() + head, megabytes, b"\r\n\r\n")
    return _with_docs(docs)


def _coded_page() -> bytes:
    """A page of a megabyte in the content coding gzip, which is a gigabyte without."""
    docs, body = sample_docs(), _bomb()
    docs.lines["guide"]["digest"] = docs.lines["copy"]["digest"] = sha256(body)
    fields = {
        "WARC-Type": "response", "WARC-Record-ID": identity("guide"), "WARC-Target-URI": f"{SITE}/guide",
        "WARC-Date": "2026-03-01T12:00:01Z", "WARC-Payload-Digest": sha256(body),
    }  # fmt: skip
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    docs.records["guide"] = warc_record(fields, head + body)
    return _with_docs(docs)


SERVED: Mapping[str, Callable[[], bytes]] = {
    **INSIDE,
    "a page of a quarter of a gigabyte": _large_page,
    "a page that unpacks to a gigabyte": _coded_page,
}


@pytest.mark.parametrize("name", SERVED)
def test_serving_bears_what_is_inside(cage: Cage, name: str) -> None:
    """A server that opens such a bundle answers every request within its memory, and goes on serving; or it refuses."""
    cage.bundle.write_bytes(SERVED[name]())
    port = free_port()
    limits = json.dumps({"RLIMIT_AS": _MEMORY, "RLIMIT_CPU": _SECONDS, "RLIMIT_FSIZE": _FILE})
    command = [sys.executable, "-c", _SERVER, limits, "serve", str(cage.bundle), "--port", str(port)]
    before = _tree(cage.root, cage.targets)
    environment = cage.environment()
    with running(
        command, log=cage.targets[0].parent / "log", env=environment, cwd=cage.root / "in"
    ) as server:
        wait_until(lambda: accepts(port) or server.poll() is not None, server, what=name)
        if server.poll() is not None:
            assert server.returncode == 5
            return
        contents = json.loads(_fetched(f"http://127.0.0.1:{port}/-/bundle.json")[1])
        site = contents["docs"][0]["url"].rstrip("/")
        for path in ("/guide", "/", "/copy", "/old", "/nothing"):
            status, _ = _fetched(site + path)
            assert status in (200, 404, 502), path
        for path in ("/", "/search?q=fox", "/v2/library/demo/manifests/1", "/files/dl.example.org/tool.bin"):
            status, _ = _fetched(f"http://127.0.0.1:{port}{path}")
            assert status in (200, 404, 502, 503), path
        assert server.poll() is None
    assert _tree(cage.root / "in", ()) == {key: before[key] for key in _tree(cage.root / "in", ())}


def _fetched(url: str) -> tuple[int, bytes]:
    """Return status and body; a body that the server breaks off counts as far as it came."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=60) as response:
            status, size, first = response.status, 0, response.read(1 << 20)
            with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
                while size < _MOST_READ and (chunk := response.read(1 << 20)):
                    size += len(chunk)
            return status, first
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_a_sound_bundle_gets_through_the_cage(cage: Cage) -> None:
    """The limits are none for an honest bundle: what is refused above is not refused for want of something."""
    images = Images()  # registries do not take indexes of which only a part is there
    images.names[IMAGE] = images.manifest("amd64", [b"a layer"])
    images.save(IMAGE, images.names[IMAGE])
    before = cage.sent()
    codes = cage.run(Bundle(images=images).pack(), serving=False)
    assert codes.pop("docker") in (0, 3), "the docker of this test has nothing to show afterwards"
    assert set(codes.values()) == {0}, codes
    assert cage.sent() > before
