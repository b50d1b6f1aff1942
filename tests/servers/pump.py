"""The little archive that the guides for readers begin with."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from archiver.store.snapshots import write_snapshot
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

READER = "docker.io/library/python:3.12-slim"
LATER = "20260401T120000Z"


def pump_archive(root: Path) -> ArchiveBuilder:
    """Make the archive: two pages, two images, a file."""
    made = ArchiveBuilder(root, project="pump", title="Pump")
    made.page(f"{SITE}/", html("Pump", "How to install it", '<a href="/install.html">install</a>'))
    made.page(f"{SITE}/install.html", html("Install", "Turn the valve first"))
    made.requisite(f"{SITE}/style.css", b"body { color: #123 }", "text/css")
    made.image("docker.io/example/pump:1.0", ("linux/amd64", "linux/arm64"), shared=b"base")
    made.image(READER, ("linux/amd64",), shared=random.Random(1).randbytes(1_500_000))
    made.file("https://dl.example.org/pump-1.0.tar.gz", b"pump" * 300_000)
    write_snapshot(made.paths, replace(made.finish(), reader_image=READER))
    return made


def a_month_later(made: ArchiveBuilder) -> None:
    """Add a page, an image and a file to it, in a snapshot of their own."""
    made.page(f"{SITE}/news.html", html("News", "Version 1.1"), timestamp="20260401120001")
    made.image("docker.io/example/pump:1.1", ("linux/amd64", "linux/arm64"), salt="1.1", shared=b"base")
    made.file("https://dl.example.org/pump-1.1.tar.gz", b"pump" * 300_001)
    made.finish(LATER)


def renew_home(made: ArchiveBuilder) -> None:
    """Let the first page say something else; goes before ``a_month_later``."""
    home = made.page(f"{SITE}/", html("Pump", "Version 1.1 is out"), timestamp="20260401120000", listed=False)
    made.captures = [home, *(capture for capture in made.captures if capture.url != home.url)]
