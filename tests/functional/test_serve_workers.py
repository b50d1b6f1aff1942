"""``archiver serve --workers``: several processes that are one server to its readers, and one command to its operator."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.console import Console
from servers.processes import accepts, end, free_port, wait_until
from servers.small_archive import small_archive

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="one process where the system knows no fork")

WORKERS = 3
READERS = 40  # so many that each process has some


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A console beside a small archive."""
    small_archive(tmp_path / "archives")
    return Console(tmp_path)


@contextlib.contextmanager
def serving(console: Console, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the archive by several processes while a block lasts."""
    command = ("serve", "archives", "--port", str(port), "--workers", str(WORKERS))
    with console.started(*command) as process:
        log = console.folder / "console.log"
        wait_until(lambda: "Ctrl-C" in log.read_text(), process, what="archiver serve")
        yield process


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that a process has started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(text) for text in listed.read_text().split()]


def ask(reader: http.client.HTTPConnection) -> tuple[int, bytes]:
    """Ask for the landing page on a connection that stays open."""
    reader.request("GET", "/")
    answer = reader.getresponse()
    return answer.status, answer.read()


@contextlib.contextmanager
def readers(port: int) -> Iterator[list[http.client.HTTPConnection]]:
    """Connect many readers while a block lasts."""
    with contextlib.ExitStack() as stack:
        connected = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(READERS)]
        for reader in connected:
            stack.callback(reader.close)
            reader.connect()
        yield connected


def test_all_processes_answer_the_same(console: Console) -> None:
    """Readers get the same pages whoever answers, and Ctrl-C ends all processes, with 0."""
    port = free_port()
    with serving(console, port) as process, readers(port) as connected:
        further = children(process)
        assert len(further) == WORKERS - 1
        assert {ask(reader)[0] for reader in connected} == {200}
        assert len({ask(reader) for reader in connected}) == 1
        assert end(process, signal.SIGINT) == 0
        assert not [number for number in further if Path(f"/proc/{number}").exists()]
        assert not accepts(port)
    assert "Traceback" not in (console.folder / "console.log").read_text()


def test_no_process_is_left_behind(console: Console) -> None:
    """When the command is killed, those that it started end by themselves."""
    port = free_port()
    with serving(console, port) as process, readers(port) as connected:
        for reader in connected:
            ask(reader)
        process.kill()
        for reader in connected:
            assert reader.sock.recv(1) == b""  # closed, by whichever process had it


@pytest.mark.parametrize("number", ["0", "-1", "x", "1000"])
def test_a_number_of_workers_that_cannot_be_is_wrong_usage(console: Console, number: str) -> None:
    """Exit code 2, and what it may be."""
    outcome = console.run("serve", "archives", "--workers", number)
    assert outcome.code == 2
    assert "--workers" in outcome.err
