"""``make bench-prune``: what it takes to give back half of a WARC file.

Makes an archive with one WARC file of so many bytes (default 1 GB, where files roll over) that a snapshot needs all and the
newest one every other page of, has the spec keep the newest one only, and prunes. Beside it ``cp`` copies what stays, with the
same sync: less than that it cannot take. Pages are 20 kB of noise each, or what is given: the smaller, the more records.

Usage: prune.py [BYTES [PAGE]]
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import subprocess
import sys
import tempfile
import uuid
from contextlib import closing
from pathlib import Path
from typing import Iterable

from archiver.core.capture import Capture
from archiver.core.digest import Digest
from archiver.core.snapshot import SiteResult, Snapshot
from archiver.store.images import ImageLayout
from archiver.store.locator import ReadOnlyLocator, rebuild
from archiver.store.paths import ProjectPaths, create_archive
from archiver.store.snapshots import set_good, write_captures, write_snapshot
from archiver.store.warcinfo import warcinfo
from measuring import Usage, measured

OLD, NEW = "20260101T120000Z", "20260102T120000Z"
SITE = "https://docs.example.org"


def record(kind: str, url: str, block: bytes, *more: str) -> tuple[str, bytes]:
    """Return a WARC record's ID, and the record as a gzip member."""
    identity = f"<urn:uuid:{uuid.uuid4()}>"
    head = "\r\n".join(
        (
            "WARC/1.1",
            f"WARC-Type: {kind}",
            f"WARC-Record-ID: {identity}",
            "WARC-Date: 2026-01-01T12:00:00Z",
            f"WARC-Target-URI: {url}",
            *more,
            f"WARC-Block-Digest: {Digest.of(block)}",
            f"Content-Type: application/http; msgtype={'request' if kind == 'request' else 'response'}",
            f"Content-Length: {len(block)}",
        )
    )
    return identity, gzip.compress(f"{head}\r\n\r\n".encode() + block + b"\r\n\r\n", 1, mtime=0)


def make(root: Path, size: int, page: int) -> ProjectPaths:
    """Make the archive; return its project."""
    archive = create_archive(root)
    ImageLayout(archive.images)
    paths = archive.project("sample")
    paths.warc.mkdir(parents=True)
    noise, captures = random.Random(1), []
    path = paths.warc / f"{OLD}-docs-00000.warc.gz"
    with path.open("wb") as out:
        out.write(warcinfo(path.name, identity=path.name, date="2026-01-01T12:00:00Z", about={}))
        while out.tell() < size:
            url, body = f"{SITE}/{len(captures):08}.html", noise.randbytes(page)
            digest = str(Digest.of(body))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {page}\r\n\r\n"
            identity, data = record("response", url, head.encode() + body, f"WARC-Payload-Digest: {digest}")
            asked = b"GET / HTTP/1.1\r\nHost: docs.example.org\r\n\r\n"
            _, request = record("request", url, asked, f"WARC-Concurrent-To: {identity}")
            out.write(data + request)
            captures.append(
                Capture(url, "20260101120000", "text/html", "200", digest, "docs", "page", identity)
            )
    rebuild(paths)
    for name, kept in ((OLD, captures), (NEW, captures[::2])):
        snapshot(paths, name, kept)
    return paths


def snapshot(paths: ProjectPaths, name: str, captures: Iterable[Capture]) -> None:
    """Write a snapshot of some captures."""
    count, digest = write_captures(paths, name, captures)
    site = SiteResult(
        name="docs", seeds=(f"{SITE}/",), origins=(SITE,), requisite_origins=(), pages=count, requisites=0,
        fetched=count, unchanged=0, carried=0, bytes=0, skipped={},
    )  # fmt: skip
    made = Snapshot(
        id=name, project=paths.name, title="Sample", program="benchmark", started="2026-01-01T12:00:00Z",
        finished="2026-01-01T12:00:01Z", spec={"keep": {"last": 1}}, sites=(site,), images=(), files=(), failures=(),
        broken_links=(), captures=count, captures_digest=digest,
    )  # fmt: skip
    write_snapshot(paths, made)
    set_good(paths, name)


def row(what: str, usage: Usage) -> str:
    """Return a row of the table."""
    return f"| {what} | {usage.wall:.1f} | {usage.cpu:.1f} | {usage.memory / 1e6:.0f} |"


def main() -> int:
    """Measure and print a table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000_000
    page = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        paths = make(folder / "archives", size, page)
        with closing(ReadOnlyLocator(paths)) as locator:
            records = sum(1 for _ in locator.locations())
        command = [sys.executable, "-m", "archiver", "prune", "--archives", str(folder / "archives")]
        subprocess.run(["sync", "--file-system", name], check=True)
        dry = measured(command, folder / "output")
        pruned = measured([*command, "--apply"], folder / "output")
        told = (folder / "output").read_text()
        again = measured([*command, "--apply"], folder / "output")
        (left,) = paths.warc.iterdir()
        copied = measured(
            ["sh", "-c", 'cp "$0" "$1" && sync "$1"', str(left), str(folder / "copy")], folder / "output"
        )
        print(f"{size / 1e6:.0f} MB of WARC, {records:,} records; {told.splitlines()[0]}\n")
        print("|  | wall s | processor s | peak MB |\n| --- | --- | --- | --- |")
        print(row("`archiver prune`", dry))
        print(row("`archiver prune --apply`", pruned))
        print(row("the same again, with nothing to do", again))
        print(row(f"`cp` and `sync` of the {left.stat().st_size / 1e6:.0f} MB that stay", copied))
        shutil.rmtree(folder / "archives")
    return 0


if __name__ == "__main__":
    sys.exit(main())
