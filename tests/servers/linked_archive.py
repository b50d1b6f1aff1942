"""An archive of sites that link to each other by absolute URLs, for tests of where each one is served.

Each page's title becomes what its script fetched from another site, so that a title tells that addresses are right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servers.small_archive import ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

DOCS, API, PLAIN = "https://docs.example.org", "https://api.example.net", "http://plain.example.com"
LABELS = {DOCS: "docs-example-org", API: "api-example-net", PLAIN: "plain-example-com"}
FETCHED = {DOCS: "data of the API", API: "data of the plain site", PLAIN: "data of the docs"}
"""What each site's first page has for a title, once its script has run."""


def linked_archive(root: Path) -> ArchiveBuilder:
    """Make and finish an archive of three sites: each refers to the others, by its own scheme and by the other one."""
    made = ArchiveBuilder(root, "linked", "Linked Sites")
    _page(
        made,
        DOCS,
        "docs",
        f"{API}/data.txt",
        links=(f"{API}/", "https://plain.example.com/", f"{DOCS}/absent"),
    )
    _page(made, API, "api", "https://plain.example.com/data.txt", links=("http://docs.example.org/",))
    _page(made, PLAIN, "plain", f"{DOCS}/data.txt", links=(f"{DOCS}/", f"{API}/"))
    made.requisite(f"{DOCS}/data.txt", b"data of the docs", "text/plain", source="docs")
    made.requisite(f"{API}/data.txt", b"data of the API", "text/plain", source="api")
    made.requisite(f"{PLAIN}/data.txt", b"data of the plain site", "text/plain", source="plain")
    made.page(f"{DOCS}/moved", b"", status="301 Moved", headers=[("Location", f"{API}/")])
    made.requisite(
        "https://cdn.example.com/font.css", b"h1 { color: rgb(1, 2, 3) }", "text/css", source="docs"
    )
    made.image("docker.io/library/linked:1.0", ("linux/amd64",))
    made.file("https://dl.example.org/tool-1.0.tar.gz", b"tool" * 100_000)
    made.finish()
    return made


def _page(made: ArchiveBuilder, site: str, name: str, asked: str, *, links: tuple[str, ...]) -> None:
    listed = "".join(f'<a id="link{at}" href="{link}">{link}</a> ' for at, link in enumerate(links))
    made.page(
        f"{site}/",
        (
            f'<!doctype html><html lang="en"><head><title>{name}</title>'
            '<link rel="stylesheet" href="https://cdn.example.com/font.css">'
            f'<script>fetch("{asked}").then(got => got.text()).then(text => {{ document.title = text }})</script>'
            f"</head><body><main><h1>The {name} site</h1>{listed}</main></body></html>"
        ).encode(),
        source=name,
    )
