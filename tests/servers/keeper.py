"""A project whose site, images and files change from one run to the next, archived and bundled as its keeper does it."""

from __future__ import annotations

import json
import random
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

from servers import registry as registries
from servers import site as sites
from servers.content import packed
from servers.site import Reply, html, put

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console
    from servers.registry import Registry
    from servers.site import Site

PAGES = 40  # pages that never change


@dataclass(frozen=True)
class Keeper:
    """Someone with a site, a registry, and the program. ``console.folder / "archives"`` is the archive."""

    console: Console
    site: Site
    registry: Registry
    project: str = "sample"

    def archive(self, day: int) -> str:
        """Let everything become what it is on a day, archive it, and return the snapshot's id."""
        self._change(day)
        refs = [f"{self.registry.host}/app:1", f"{self.registry.host}/tool:1"]
        refs += [f"{self.registry.host}/app:{day}"] if day > 1 else []
        spec = {
            "project": self.project,
            "title": "Sample",
            "docs": [
                {"name": "docs", "seeds": [self.site.url("/docs/")]},
                {"name": "other", "seeds": [self.site.url("/other/")]},
            ],
            "images": {"refs": refs, "platforms": ["linux/amd64", "linux/arm64"]},
            "files": [{"url": self.site.url(f"/files/{name}")} for name in ("fixed.tgz", "moving.tgz")],
        }
        path = self.console.write(f"{self.project}.yaml", json.dumps(spec))
        self.console.succeed("archive", path)
        return (self.console.folder / "archives" / self.project / "good").read_text().strip()

    def bundle(self, name: str, *options: str | Path) -> Path:
        """Bundle the good snapshot; return the bundle."""
        path = self.console.folder / name
        self.console.succeed("bundle", self.project, "-o", path, *options)
        return path

    def _change(self, day: int) -> None:
        links = [f"{number}.html" for number in range(PAGES)]
        links += ["changing.html", "twin/", "twin/index.html", f"day{day}.html"]
        put(self.site, "docs/", _page("Welcome", "All of it.", *links))
        put(self.site, "docs/s.css", "p { color: navy }")
        for number in range(PAGES):
            put(self.site, f"docs/{number}.html", _page(f"Page {number}", _words(number)))
        put(self.site, "docs/changing.html", _page("Changing", f"As it is on day{day}."))
        put(self.site, f"docs/day{day}.html", _page(f"Day {day}", "在K8s集群上安装软件"))
        # Two URLs of one page on the first day, and two pages from the second on.
        put(self.site, "docs/twin/", _page("Twin", f"The folder, {day}." if day > 1 else "One page."))
        put(self.site, "docs/twin/index.html", _page("Twin", "One page."))
        put(self.site, "other/", _page("Elsewhere", "Nothing ever changes here."))
        both = [
            (
                self.registry.image(
                    f"app:1-{name}", packed(f"app {name}"), packed(f"{name} {day}"), platform=platform
                ),
                platform,
            )
            for name, platform in (("x", "linux/amd64"), ("y", "linux/arm64"))
        ]
        self.registry.index("app:1", *both)
        self.registry.index(f"app:{day}", *both)
        self.registry.image("tool:1", packed("a tool"))
        chance = random.Random(day)
        self.site.answers["/files/moving.tgz"] = _file(
            b"\x1f\x8b\x08\x00" + chance.randbytes(100_000), f'"{day}"'
        )
        self.site.answers["/files/fixed.tgz"] = _file(b"\x1f\x8b\x08\x00" + bytes(200_000), '"fixed"')


@contextmanager
def keeping(console: Console, project: str = "sample") -> Iterator[Keeper]:
    """Give a keeper for as long as the block lasts."""
    with ExitStack() as running:
        site = running.enter_context(sites.serving({}))
        registry = running.enter_context(registries.serving())
        yield Keeper(console, site, registry, project)


def _page(title: str, text: str, *links: str) -> str:
    head = f"<title>{title}</title><link rel=stylesheet href=/docs/s.css>"
    return html(*links, head=head, text=f"<main><h1>{title}</h1><p>{text}</p></main>").decode()


def _words(number: int) -> str:
    chance = random.Random(number)
    return " ".join(
        chance.choice(("fox", "dog", "lazy", "quick", "brown", "集群", "安装")) for _ in range(200)
    )


def _file(body: bytes, etag: str) -> Reply:
    return Reply(body, type="application/gzip", etag=etag)
