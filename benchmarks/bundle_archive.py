"""The archive of ``make bench-bundle``: images, doc sites and files, archived once from servers on loopback and kept.

Of 2000 MB, 1600 are images with sizes as Docker Hub's have them, 200 are files, and 200 are Python's documentation, six
times (of less, less often): WARC records and the search index. Images and files are random bytes made from a seed.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from image_set import put_images
from servers.real import docker_registry, nginx, python_docs

PROJECT = "bench"
_COPIES, _MEGABYTES = 6, 2000  # so many copies of the documentation go with so many megabytes
_IMAGES, _FILES = 0.8, 0.1
_FILE_COUNT = 3
_PIECE = 1 << 18


def made(folder: Path, megabytes: int) -> Path:
    """Return the archive folder of a project with so many megabytes, making it where it is not there yet."""
    archive = folder / "archives"
    if not archive.exists():
        scratch = folder / "making"
        shutil.rmtree(scratch, ignore_errors=True)
        (scratch / "files").mkdir(parents=True)
        _archive(scratch, megabytes)
        (scratch / "archives").rename(archive)
        shutil.rmtree(scratch)
    return archive


def _archive(scratch: Path, megabytes: int) -> None:
    size = int(megabytes * 1e6 * _FILES / _FILE_COUNT)
    files = [_random_file(scratch / "files" / f"release-{number}.iso", size) for number in range(_FILE_COUNT)]
    with (
        docker_registry(scratch) as registry,
        nginx(scratch / "files", scratch) as site,
        _pages(megabytes) as docs,
    ):
        images = put_images(registry, megabytes * _IMAGES)
        spec = {
            "project": PROJECT,
            "docs": [{"name": "python", "seeds": [docs]}],
            "images": {
                "platforms": ["linux/amd64", "linux/arm64"],
                "refs": [f"{registry.host}/{name}" for name in images.names],
            },
            "files": [{"url": f"{site.url}/{path.name}"} for path in files],
        }
        path = scratch / "spec.json"  # JSON is YAML
        path.write_text(json.dumps(spec))
        command = [sys.executable, "-m", "archiver", "archive", "--quiet"]
        subprocess.run([*command, "--archives", str(scratch / "archives"), str(path)], check=True)


def _random_file(path: Path, size: int) -> Path:
    chance = random.Random(path.name)
    with path.open("wb") as stream:
        for start in range(0, size, _PIECE):
            stream.write(chance.randbytes(min(_PIECE, size - start)))
    return path


@contextmanager
def _pages(megabytes: int) -> Iterator[str]:
    """Serve copies of Python's documentation, and yield the URL."""
    copies = max(1, round(_COPIES * megabytes / _MEGABYTES))
    server = [sys.executable, str(Path(__file__).with_name("distant_server.py"))]
    server += [str(python_docs()), str(copies), "0"]
    with subprocess.Popen(server, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()
