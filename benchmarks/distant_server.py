"""A doc site on a distant server: every answer comes a fixed time after its request.

Run as ``python distant_server.py FOLDER COPIES SECONDS``: serves COPIES of a folder of files, below ``/1/``,
``/2/`` and so on, with a page at ``/`` that links to each; prints its port. It takes as many connections as
come and answers each request after SECONDS, with gzip where asked for. Bodies are kept in memory, so that
what is measured beside it is the crawler.
"""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Exchange(asyncio.Protocol):
    """One connection: requests without bodies, answered in their order."""

    def __init__(self, folder: Path, copies: int, delay: float) -> None:
        self._folder, self._copies, self._delay = folder, copies, delay
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete, each after the delay."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            target = urlsplit(unquote(head.split(b" ", 2)[1].decode("latin-1"))).path
            answer = answer_to(self._folder, self._copies, target, b"gzip" in head.lower())
            asyncio.get_running_loop().call_later(self._delay, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def answer_to(folder: Path, copies: int, target: str, coded: bool) -> bytes:
    """Return the whole response to a GET."""
    if target == "/":
        links = "".join(f'<p><a href="/{number}/">Copy {number}</a></p>' for number in range(1, copies + 1))
        return response(200, "text/html", f"<!DOCTYPE html><title>Copies</title>{links}".encode(), coded)
    copy, _, name = target[1:].partition("/")
    if copy.isdigit() and 1 <= int(copy) <= copies:
        path = folder / (name or "index.html")
        path = path / "index.html" if path.is_dir() else path
        if path.is_file():
            return file_response(path, coded)
    return response(404, "text/html", b"<!DOCTYPE html><title>404</title><p>Not here.</p>", coded)


@cache
def file_response(path: Path, coded: bool) -> bytes:
    """Return the response that has a file."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return response(200, kind, path.read_bytes(), coded)


def response(status: int, kind: str, body: bytes, coded: bool) -> bytes:
    """Return a response's bytes."""
    extra = ""
    if coded and kind.startswith("text/"):
        body, extra = gzip.compress(body, 6, mtime=0), "Content-Encoding: gzip\r\n"
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


async def main(folder: Path, copies: int, delay: float) -> None:
    """Serve until stopped."""
    for path in filter(Path.is_file, folder.rglob("*")):  # every body is made ready before the first request
        file_response(path, True)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Exchange(folder, copies, delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
