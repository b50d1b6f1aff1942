"""A site, a registry and downloads that die piece by piece, and somebody who archives them all the same."""

from __future__ import annotations

import json
import random
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Iterator

from archiver.collect.asking import EVERYTHING
from archiver.collect.run import archive_project
from archiver.core.progress import NullProgress
from archiver.spec.load import load_spec
from archiver.store.paths import create_archive
from archiver.store.snapshots import good_snapshot, read_captures, read_snapshot
from servers import registry as registries
from servers import site as sites
from servers.content import packed
from servers.site import Reply, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.asking import Asking
    from archiver.core.capture import Capture
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ArchivePaths, ProjectPaths
    from servers.registry import Registry
    from servers.site import Site

PAGES = 12
TAGS = 5
FILES = 4


class Notes(NullProgress):
    """Remembers what is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        """Keep it."""
        self.notes.append(message)


@dataclass
class Dying:
    """What dies, and its archive. ``console.folder / "archives"`` or ``folder / "archives"`` is the archive folder.

    Attributes:
        folder: the working directory.
        site: has ``/docs/``, which leads to ``/docs/0`` and so on, and ``/files/0.tgz`` and so on.
        registry: has ``app:0`` and so on.
        progress: what was told to the keeper.
    """

    folder: Path
    site: Site
    registry: Registry
    progress: Notes = field(default_factory=Notes)

    @property
    def archive(self) -> ArchivePaths:
        """The archive folder, made where it is not there."""
        return create_archive(self.folder / "archives")

    @property
    def paths(self) -> ProjectPaths:
        """The project's files."""
        return self.archive.project("sample")

    def publish(self, edition: int = 1) -> None:
        """Let everything be there, in a certain edition."""
        links = [f"{number}" for number in range(PAGES)]
        self.site.answers["/docs/"] = html(*links, text=f"<main><h1>Book</h1><p>{words(edition)}</p></main>")
        for number in range(PAGES):
            self.restore(number, edition)
        for number in range(FILES):
            body = b"\x1f\x8b\x08\x00" + random.Random(f"{number}-{edition}").randbytes(2_000)
            self.site.answers[f"/files/{number}.tgz"] = Reply(body, type="application/gzip")
        for number in range(TAGS):
            self.registry.image(f"app:{number}", packed(f"app {number} {edition}"))

    def restore(self, number: int, edition: int = 1) -> None:
        """Let a page be there."""
        text = (
            f"<title>Page {number}</title><main><h1>Page {number}</h1><p>{words(number, edition)}</p></main>"
        )
        self.site.answers[f"/docs/{number}"] = Reply(html("./", text=text), etag=f'"{number}-{edition}"')

    def take_down(self, *numbers: int, reply: Reply = Reply(b"gone", 404)) -> None:  # noqa: B008 - frozen
        """Answer something else for pages."""
        for number in numbers:
            self.site.answers[f"/docs/{number}"] = reply

    def url(self, number: int) -> str:
        """Return a page's URL."""
        return self.site.url(f"/docs/{number}")

    def spec(self, *sources: str, **keys: Any) -> Path:
        """Write a spec that has some of ``docs``, ``images`` and ``files``; all where none is named."""
        every: dict[str, Any] = {
            "docs": [{"name": "docs", "seeds": [self.site.url("/docs/")]}],
            "images": {"refs": [f"{self.registry.host}/app:{number}" for number in range(TAGS)]},
            "files": [{"url": self.site.url(f"/files/{number}.tgz")} for number in range(FILES)],
        }
        chosen = {name: every[name] for name in sources or every}
        path = self.folder / "sample.yaml"
        path.write_text(json.dumps({"project": "sample", **chosen, **keys}))
        return path

    def run(self, *sources: str, asking: Asking = EVERYTHING, **keys: Any) -> Snapshot:
        """Archive such a spec; the snapshot is the good one from then on, where it has anything."""
        loaded = load_spec(self.spec(*sources, **keys))
        snapshot = archive_project(
            loaded, self.archive, asking=asking, stop=threading.Event(), progress=self.progress
        ).snapshot
        assert read_snapshot(self.paths, snapshot.id) == snapshot
        if snapshot.captures or snapshot.images or snapshot.files:
            assert good_snapshot(self.paths) == snapshot.id
        return snapshot

    def view(self, snapshot: Snapshot) -> dict[str, Capture]:
        """Return a snapshot's captures of pages and what else there is, by the target of the URL."""
        return {each.url.removeprefix(self.site.origin): each for each in read_captures(self.paths, snapshot)}


@contextmanager
def dying(folder: Path) -> Iterator[Dying]:
    """Give one, all there, for as long as the block lasts."""
    with ExitStack() as held:
        site = held.enter_context(sites.serving({}))
        made = Dying(folder, site, held.enter_context(registries.serving()))
        made.publish()
        yield made


def words(number: int, edition: int = 1) -> str:
    """Return the text of a page, which no other has."""
    chance = random.Random(f"{number}/{edition}")
    return " ".join(
        chance.choice(("fox", "dog", "lazy", "quick", "brown", "jumps", "over", str(number)))
        for _ in range(120)
    )
