"""Two snapshots of a little project, in which something of every kind changed: what docs/changes.md begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archiver.store.snapshots import write_snapshot
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

BEFORE, AFTER = "20260301T120000Z", "20260401T120000Z"
LATER = "20260401120000"
"""When the pages of the second snapshot were captured."""
CHAPTERS = 5


def changed_pump(root: Path) -> ArchiveBuilder:
    """Make the archive: pages changed in text, in markup alone, moved, gone; a tag moved; a file replaced under its name."""
    made = ArchiveBuilder(root, project="pump", title="Pump")
    first = {
        "": html("Pump", "The pump moves water from the well into the tank."),
        "install.html": html(
            "Install",
            "Turn the valve first. Then wait five minutes. Version 3.4.1 of kk is needed, see the release notes.",
            "<h2>Air gap</h2><p>Copy the bundle to the host. Load the images with docker load. This takes a while.</p>",
        ),
        "zh/install.html": html(
            "安装", "在K8s集群上安装软件。请先打开阀门。然后等待五分钟。需要3.4.1版本的kk。"
        ),
        "old/moving.html": html("Moving", "This page is about moving. Its text is the same wherever it is."),
        "removed.html": html("Removed", "Nobody needs this page any longer, so somebody took it away."),
        "gone.html": html("Vanished", "This page answers 404 since last week. The archive keeps it."),
        "markup.html": html("Markup", "Words that stay as they are.", "<!-- built in March -->"),
        **{f"v/{n}.html": _chapter(n, "3.4.1") for n in range(1, CHAPTERS + 1)},
    }
    known = {name: made.page(f"{SITE}/{name}", body) for name, body in first.items()}
    made.page(f"{SITE}/manual.pdf", b"%PDF-1.4 of March", mime="application/pdf")
    made.requisite(f"{SITE}/style.css", b"body { color: #123 }", "text/css")
    made.image("docker.io/example/pump:latest", ("linux/amd64", "linux/arm64"), shared=b"base")
    made.image("docker.io/example/tool:1.0", ("linux/amd64",), shared=b"base")
    made.image("docker.io/example/old:1.0", ("linux/amd64",), shared=b"base")
    made.file("https://dl.example.org/pump-1.0.tar.gz", b"pump" * 300_000)
    made.file("https://dl.example.org/tool-1.0.tar.gz", b"tool" * 300_000)
    _finish(made, BEFORE, "2026-03-01T12:00:30Z")

    made.captures, made.images, made.files = [], [], []
    made.revisit(f"{SITE}/", known[""], not_modified=True, timestamp=LATER)
    made.captures.append(replace(known["gone.html"], gone="20260325020000"))
    second = {
        "install.html": html(
            "Install",
            "Turn the handle first. Then wait ten minutes. Version 3.4.2 of kk is needed, see the release notes.",
            "<h2>Air gap</h2><p>Copy the bundle to the host. Load the images with docker load.</p>"
            "<h2>Uninstall</h2><p>Run the script. Nothing stays behind.</p>",
        ),
        "zh/install.html": html("安装", "在K8s集群上卸载软件。请先关闭阀门。然后等待十分钟。需要3.4.2版本的kk。"),
        "new/moving.html": html("Moving", "This page is about moving. Its text is the same wherever it is.", "<!-- new -->"),
        "news.html": html("News", "Version 3.4.2 is out."),
        "markup.html": html("Markup", "Words that stay as they are.", "<!-- built in April -->"),
        **{f"v/{n}.html": _chapter(n, "3.4.2") for n in range(1, CHAPTERS + 1)},
    }  # fmt: skip
    for name, body in second.items():
        made.page(f"{SITE}/{name}", body, timestamp=LATER)
    made.page(f"{SITE}/manual.pdf", b"%PDF-1.4 of April", mime="application/pdf", timestamp=LATER)
    made.requisite(f"{SITE}/style.css", b"body { color: #321 }", "text/css", timestamp=LATER)
    platforms = ("linux/amd64", "linux/arm64", "linux/s390x")
    made.image("docker.io/example/pump:latest", platforms, shared=b"base", salt="April")
    made.image("docker.io/example/tool:1.0", ("linux/amd64",), shared=b"base")
    made.images[-1] = replace(made.images[-1], gone="2026-03-28T02:00:00Z")
    made.image("docker.io/example/pump:1.1", ("linux/amd64",), shared=b"base", salt="1.1")
    made.file("https://dl.example.org/pump-1.0.tar.gz", b"pump" * 300_100)
    made.file("https://dl.example.org/tool-1.0.tar.gz", b"tool" * 300_000)
    made.file("https://dl.example.org/pump-1.1.tar.gz", b"pump" * 3_000)
    _finish(made, AFTER, "2026-04-01T12:00:30Z")
    return made


def _chapter(number: int, version: str) -> bytes:
    return html(f"Chapter {number}", f"This is chapter {number}. It applies to version {version} only.")


def _finish(made: ArchiveBuilder, snapshot: str, finished: str) -> None:
    write_snapshot(made.paths, replace(made.finish(snapshot), finished=finished))
