"""Readers of a server: many quick ones, which are wrk's, and slow ones, which hold their answers up.

wrk (https://github.com/wg/wrk) is a compiled client, so that what is measured is the server.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence
from urllib.parse import urlsplit

_WALK = Path(__file__).with_name("walk.lua")
_WINDOW = 4096  # bytes that a slow reader's system takes in before the reader does


@dataclass(frozen=True)
class Load:
    """What came of a load: answers, seconds, bytes, answers and connections gone wrong, milliseconds of latency."""

    answers: int
    seconds: float
    received: int
    errors: int
    p50: float
    p99: float
    longest: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


def load(
    base: str, targets: Sequence[str], *, connections: int, seconds: int, headers: Sequence[str] = ()
) -> Load:
    """Ask for all targets in turn, over and over, on so many connections that stay open.

    Args:
        base: scheme, host and port.
        targets: what to ask for, each beginning with a slash.
        connections: how many readers there are; each asks as soon as it is answered.
        seconds: for how long.
        headers: lines to send with each request.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "targets"
        listed.write_text("".join(f"{target}\n" for target in targets))
        command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
        command += ["--timeout", "30s", "--script", str(_WALK)]
        command += [part for line in headers for part in ("--header", line)]
        command += [base, "--", str(listed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"wrk failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Load(
        told["requests"],
        told["microseconds"] / 1e6,
        told["bytes"],
        told["errors"],
        told["p50"] / 1e3,
        told["p99"] / 1e3,
        told["max"] / 1e3,
    )


@contextmanager
def slow_readers(base: str, target: str, count: int) -> Iterator[None]:
    """Have so many readers ask for something large and take a byte of it a second, while a block lasts.

    It begins when all of them have got the first byte.
    """
    over = threading.Event()
    with selectors.DefaultSelector() as waiting:
        for connection in [_asked(base, target) for _ in range(count)]:
            connection.recv(1)
            waiting.register(connection, selectors.EVENT_READ)
        reading = threading.Thread(target=_sip, args=(waiting, over))
        reading.start()
        try:
            yield
        finally:
            over.set()
            reading.join()
            for key in list(waiting.get_map().values()):
                waiting.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]  # they are all sockets


def _asked(base: str, target: str) -> socket.socket:
    parts = urlsplit(base)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
    connection.connect((parts.hostname, parts.port))
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    return connection


def _sip(waiting: selectors.BaseSelector, over: threading.Event) -> None:
    while not over.wait(1):
        for key, _ in waiting.select(0):
            key.fileobj.recv(1)  # type: ignore[union-attr]  # see above
