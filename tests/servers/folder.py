"""A folder served over HTTP on loopback, inside the test's own process: for tests that need no nginx."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Iterator

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class FolderSite:
    """A folder on loopback, and the paths that were asked for, oldest first."""

    url: str
    root: Path
    requests: list[str] = field(default_factory=list)
    requested: threading.Event = field(default_factory=threading.Event)

    def write(self, name: str, text: str) -> None:
        """Put a file into the folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, site: FolderSite, *arguments: Any, **named: Any) -> None:
        self._site = site
        super().__init__(*arguments, **named)

    def log_request(self, *_: Any) -> None:
        self._site.requests.append(self.path)
        self._site.requested.set()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def folder_site(root: Path, address: str = "127.0.0.1") -> Iterator[FolderSite]:
    """Serve a folder while a block lasts."""
    root.mkdir(parents=True, exist_ok=True)
    site = FolderSite("", root)
    server = ThreadingHTTPServer((address, 0), partial(_Handler, site, directory=str(root)))
    server.daemon_threads = True
    site.url = f"http://{address}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
