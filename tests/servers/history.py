"""An archive with a history: runs day by day of a site of which some changes each time, as refreshing leaves it behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from archiver.bundle.build import build_bundle
from archiver.core.clock import iso, snapshot_id, timestamp14
from archiver.core.judgement import Judgement
from archiver.core.refusal import Refusal
from archiver.store.quarantine import write_refusal, write_refused_captures
from archiver.store.snapshots import list_snapshots, set_good, write_snapshot
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ArchivePaths

FIRST = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
TAG = "docker.io/library/tool:latest"


def run_id(day: int) -> str:
    """Return the id of the run of a day, counted from 0."""
    return snapshot_id(FIRST + timedelta(days=day))


def bundles(archive: ArchivePaths, folder: Path, project: str = "sample") -> dict[str, bytes]:
    """Return the bundle of each snapshot that a project has, byte for byte.

    Args:
        archive: the archive folder.
        folder: where each of them is, for a moment.
        project: the project's name.
    """
    made = {}
    for name in list_snapshots(archive.project(project)):
        target = folder / "bundle.tar"
        build_bundle(archive, project, snapshot=name, output=target)
        made[name] = target.read_bytes()
        target.unlink()
    return made


class History(ArchiveBuilder):
    """A project that is archived day by day.

    Each day one page in ``pages`` has changed and the others have not (304), a twin has the same content as the first page, a
    link is dead, and every third day a tag has moved. The last page is there on the first day only, and is carried on.

    Args:
        root: the archive folder.
        project: the project's name.
        pages: how many pages there are.
        keep: the spec's policy; None for none.
        size: how long pages are, in bytes or so.
    """

    def __init__(
        self,
        root: Path,
        project: str = "sample",
        *,
        pages: int = 5,
        keep: dict[str, int] | None = None,
        size: int = 600,
    ) -> None:
        super().__init__(root, project, project.title())
        self.spec: dict[str, Any] = {} if keep is None else {"keep": keep}
        self._pages, self._size, self._day = pages, size, 0
        self._originals: dict[str, Capture] = {}
        self.ids: list[str] = []
        self._healthy = ""

    def run_of(self, timestamp: str) -> str:
        """See ArchiveBuilder."""
        day = (datetime.strptime(timestamp, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc) - FIRST).days
        return run_id(day)

    def go_on(self, other: History, day: int) -> None:
        """Go on from where another one is, whose archive this one's is a copy of, on some day."""
        self._day, self._originals, self._healthy = day, dict(other._originals), other._healthy
        self.captures, self.images, self.ids = list(other.captures), list(other.images), list(other.ids)

    def days(self, count: int) -> list[Snapshot]:
        """Archive on so many days more; return their snapshots."""
        return [self.day() for _ in range(count)]

    def day(self, *judgements: Judgement, **more: Any) -> Snapshot:
        """Archive once more; return the snapshot. What else its record is to say can be given."""
        self.crawl()
        if self._day % 3 == 0:
            image = self.image(TAG, ("linux/amd64",), salt=f"{self.paths.name} {self._day}", shared=b"base")
            self.images[:] = [replace(image, resolved=iso(FIRST + timedelta(days=self._day)))]
        name = run_id(self._day)
        made = replace(self.finish(name), judgements=judgements, **more)
        write_snapshot(self.paths, made)
        self.ids.append(name)
        self._healthy = name
        self._day += 1
        return made

    def crawl(self) -> None:
        """Write what a run of the day gets, and list its captures, without a snapshot."""
        carried = [capture for capture in self.captures if capture.url.endswith("/once.html")]
        self.captures.clear()
        for number in range(self._pages):
            self._page(f"{SITE}/{number}.html", number)
        twin = self._originals[f"{SITE}/0.html"]
        self.revisit(f"{SITE}/0", twin, timestamp=self._time(900))
        self.page(f"{SITE}/dead.html", b"no", status="404 Not Found", timestamp=self._time(901), listed=False)
        if self._day == 0:
            carried = [
                self.page(f"{SITE}/once.html", self._text("once"), timestamp=self._time(902), listed=False)
            ]
        self.captures += carried

    def refuse(self) -> str:
        """Have a run find the site gone: a snapshot with the captures of the last one, and what came in quarantine."""
        before, images = list(self.captures), list(self.images)
        self.crawl()
        name, refused = run_id(self._day), list(self.captures)
        judgement = Judgement("docs", "degraded", "most pages lost", good=self._healthy)
        count, digest = write_refused_captures(self.paths, name, "docs", refused)
        write_refusal(
            self.paths, Refusal(name, judgement, evidence={}, captures=count, captures_digest=digest)
        )
        self.captures[:], self.images[:] = before, images
        made = replace(self.finish(name), judgements=(judgement,))
        write_snapshot(self.paths, made)
        set_good(self.paths, name)
        self.ids.append(name)
        self._day += 1
        return name

    def _page(self, url: str, number: int) -> None:
        known = self._originals.get(url)
        if known is None or (self._day + number) % self._pages == 0:
            self._originals[url] = self.page(url, self._text(f"{number}"), timestamp=self._time(number))
        else:
            self.revisit(url, known, not_modified=True, timestamp=self._time(number))

    def _text(self, name: str) -> bytes:
        noise = " ".join(
            f"{(self._day * 7919 + number) * 2654435761 % (1 << 32):08x}" for number in range(self._size // 9)
        )
        return html(f"{self.paths.name} {name}", f"as of day {self._day} {noise}")

    def _time(self, second: int) -> str:
        return timestamp14(FIRST + timedelta(days=self._day, seconds=second))
