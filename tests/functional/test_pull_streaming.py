"""Large blobs on their way to many clients at once: the server has little of them in memory."""

from __future__ import annotations

import hashlib
import http.client
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from archiver.core.digest import Digest
from servers.console import Console
from servers.memory import peak_memory
from servers.processes import PATIENCE
from servers.small_archive import ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.thorough

REFERENCE = "quay.io/models/large:1"
SIZE = 96 << 20
CLIENTS = 6
STALLED = 12
MOST = 32 << 20  # bytes that the server may need for all of them; one blob is three times that
PIECE = 1 << 16


@dataclass(frozen=True)
class Large:
    """A blob of many megabytes, in an archive and in its bundle."""

    archive: Path
    bundle: Path
    digest: Digest

    @property
    def path(self) -> str:
        """Where it is served."""
        return f"/v2/quay.io/models/large/blobs/{self.digest}"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Large:
    """An artifact with one large layer."""
    console = Console(tmp_path_factory.mktemp("large"))
    content = b"0123456789abcdef" * (SIZE >> 4)
    builder = ArchiveBuilder(console.folder / "archives", "models")
    builder.artifact(REFERENCE, content)
    builder.finish()
    console.succeed("bundle", "models", "-o", "models.tar")
    return Large(console.folder / "archives", console.folder / "models.tar", Digest.of(content))


def received(port: int, path: str, begin: int = 0) -> str:
    """Fetch a blob from a byte on, in pieces, and return the digest of what came."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path, headers={"Range": f"bytes={begin}-"} if begin else {})
        response = connection.getresponse()
        assert response.status == (206 if begin else 200)
        hasher = hashlib.sha256()
        for piece in iter(lambda: response.read(PIECE), b""):
            hasher.update(piece)
    return f"sha256:{hasher.hexdigest()}"


def begun(port: int, path: str) -> socket.socket:
    """Ask for a blob, take the beginning of the answer, and no more of it."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


@pytest.mark.parametrize("kind", ["archive", "bundle"])
def test_a_blob_is_never_whole_in_memory(large: Large, console: Console, kind: str) -> None:
    """Six clients fetch it, beside a dozen that asked for it and then read nothing: all get it, in little memory."""
    with console.serving(getattr(large, kind)) as server, ExitStack() as held:
        before = peak_memory(server.process.pid)
        for _ in range(STALLED):
            held.enter_context(begun(server.port, large.path))
        with ThreadPoolExecutor(CLIENTS) as clients:
            digests = set(clients.map(lambda _: received(server.port, large.path), range(CLIENTS)))
        assert digests == {str(large.digest)}
        assert peak_memory(server.process.pid) - before < MOST


def test_going_on_with_a_blob_needs_no_more(large: Large, console: Console) -> None:
    """The rest of it, from its middle, is checked before its end is sent, and is not kept for that."""
    rest = b"0123456789abcdef" * (SIZE >> 5)
    with console.serving(large.bundle) as server:
        before = peak_memory(server.process.pid)
        digest = received(server.port, large.path, SIZE // 2)
        assert peak_memory(server.process.pid) - before < MOST // 2
    assert digest == str(Digest.of(rest))
