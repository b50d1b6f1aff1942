"""Other people's readers of WACZ, run as programs of their own: ``wacz validate`` and a pywb that replays.

Both are free software under licences that this project does not link with, so they are installed into an
environment of their own (``make judges``) and only ever started, fed and asked over HTTP.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.processes import accepts, free_port, running, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAMS = Path(os.environ.get("JUDGES", Path(__file__).resolve().parents[2] / "build" / "judges")) / "bin"
_CONFIGURATION = """
collections_root: collections
framed_replay: false
enable_auto_fetch: false
"""


def program(name: str) -> Path:
    """Return where a judge is installed, or skip the test; .ci/run installs them."""
    path = PROGRAMS.resolve() / name
    if not path.exists():
        pytest.skip(f"{name} is not installed; `make judges` does it")
    return path


@dataclass(frozen=True)
class Replayed:
    """An answer of pywb's: the status, the headers by lowercase name, and the body as it was archived."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Pywb:
    """A pywb with collections, serving; ``process`` is its id."""

    port: int
    process: int

    def replay(self, collection: str, url: str, timestamp: str = "") -> Replayed:
        """Return what it replays of a URL, unaltered (``id_``), as nearest to a timestamp14 as it can."""
        place = f"/{collection}/{timestamp}id_/{url}"
        for _ in range(3):
            reply = self._get(place)
            location = reply.headers.get("location", "")
            own = f"http://127.0.0.1:{self.port}"
            # It sends to the exact moment first; where the archived answer itself redirects, that is the answer.
            if not (location.startswith(own) and location.endswith(f"id_/{url}")):
                return reply
            place = location[len(own) :]
        raise AssertionError(f"{url}: pywb sends in circles")

    def _get(self, place: str) -> Replayed:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", place)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Replayed(answer.status, headers, answer.read())


@contextlib.contextmanager
def pywb(folder: Path, collections: Mapping[str, Path]) -> Iterator[Pywb]:
    """Serve files with pywb while a block lasts.

    Args:
        folder: an empty folder for its own.
        collections: a WACZ by the collection's name, which is read by the index in it; or a WARC file, which pywb
            indexes itself.
    """
    manager, server = program("wb-manager"), program("wayback")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(_CONFIGURATION)
    for name, path in collections.items():
        unpacking = ["--unpack-wacz"] if path.suffix == ".wacz" else []
        _run([str(manager), "init", name], folder)
        _run([str(manager), "add", *unpacking, name, str(path)], folder)
    port = free_port()
    command = [str(server), "--bind", "127.0.0.1", "--port", str(port), "--directory", str(folder)]
    with running(command, log=folder / "pywb.log", cwd=folder) as process:
        wait_until(lambda: accepts(port), process, what=f"pywb ({folder / 'pywb.log'})")
        yield Pywb(port, process.pid)


def wacz_validate(path: Path) -> tuple[bool, str]:
    """Say whether ``wacz validate`` is content with a file, and what it said."""
    done = subprocess.run(
        [str(program("wacz")), "validate", "--file", str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
