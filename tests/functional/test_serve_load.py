"""``archiver serve`` under load, on a small archive: many readers at once, slow ones among them, and its memory."""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import pytest

from servers.console import Console
from servers.console import Served as Server
from servers.small_archive import SITE, small_archive

pytestmark = pytest.mark.thorough

READERS = 200
LARGE = 16 << 20  # bytes; more than systems keep for a connection


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A console beside a small archive that has something large."""
    builder = small_archive(tmp_path / "archives")
    builder.requisite(f"{SITE}/large.bin", random.Random(1).randbytes(LARGE), "application/octet-stream")
    builder.finish("20270101T000000Z")
    return Console(tmp_path)


@pytest.fixture
def server(console: Console) -> Iterator[Server]:
    """The archive, served."""
    with console.serving("archives", "--cache-dir", "cache") as served:
        yield served


def memory(server: Server) -> int:
    """Return the server's resident memory in bytes."""
    told = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+([0-9]+) kB", told, re.MULTILINE)
    assert found is not None
    return int(found[1]) << 10


def docs(server: Server) -> tuple[str, int]:
    """Return where the docs are served."""
    parts = urlsplit(server.docs("docs"))
    return str(parts.hostname), int(parts.port or 0)


def read(server: Server, times: int) -> set[tuple[int, bytes]]:
    """Ask for pages, one after another on one connection, and return the different answers."""
    with contextlib.closing(http.client.HTTPConnection(*docs(server), timeout=60)) as connection:
        answers = set()
        for number in range(times):
            connection.request("GET", ("/", "/install.html", "/style.css")[number % 3])
            answer = connection.getresponse()
            answers.add((answer.status, answer.read()))
        return answers


def test_many_readers_at_a_time_all_get_their_pages(server: Server) -> None:
    """Two hundred connections that stay open: no error, always the same pages, and memory that does not grow."""
    with ThreadPoolExecutor(READERS) as readers:
        warm = set().union(*readers.map(lambda _: read(server, 9), range(READERS)))
        before = memory(server)
        later = set().union(*readers.map(lambda _: read(server, 30), range(READERS)))
    assert warm == later
    assert [status for status, _ in later] == [200] * 3
    assert memory(server) < before * 1.2


def test_slow_readers_hold_up_nobody_and_fill_no_memory(server: Server) -> None:
    """Two hundred who have asked for something large and take almost nothing of it, and one in a hurry."""
    before = memory(server)
    with contextlib.ExitStack() as stack:
        for _ in range(READERS):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.connect(docs(server))
            connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(1) == b"H"
        assert len(read(server, 30)) == 3
        assert memory(server) - before < READERS << 20
