"""Make the documents' screenshots: ``make screenshots``. Needs the demo's bundle and Debian's chromium."""

from __future__ import annotations

import sys
import tarfile
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from archiver.changes.compare import choose_snapshots, compare_snapshots
from archiver.changes.page import changes_page
from archiver.collect.run import archive_project
from archiver.offline.opening import open_projects
from archiver.offline.server import start
from archiver.spec.load import load_spec
from archiver.store.paths import create_archive
from servers.browser import browser
from servers.changed_pump import changed_pump
from servers.guide import guide_site
from servers.many_images import many_images

if TYPE_CHECKING:
    from servers.browser import Browser, Tab

FOLDER = Path(__file__).parent / "images"
DESK = (1280, 900)
PHONE = (390, 844)


def main(bundle: Path) -> None:
    """Take the reader's pages from the bundle, its README, many images, the report of a crawl, and what changed since."""
    with tempfile.TemporaryDirectory() as name, browser(Path(name)) as chromium:
        folder = Path(name)
        with start(open_projects(bundle), port=0, log=print) as served:
            shoot(chromium, served.url, "landing", DESK)
            shoot(chromium, served.url, "landing-phone", PHONE)
            shoot(chromium, f"{served.url}-/search?q=compress+data", "search", DESK)
            shoot(chromium, f"{served.url}-/search?q=compress+data", "search-phone", PHONE, scheme="dark")
        with (
            start(open_projects(many_images(folder / "many")), port=0, log=print) as served,
            shown(chromium, served.url, DESK) as tab,
        ):
            tab.enter("#images-find", "proxy")
            tab.evaluate("document.getElementById('images').scrollIntoView()")
            save(tab, "images")
        with tarfile.open(bundle) as tar:
            tar.extract("README.html", folder, filter="data")
        page = (folder / "README.html").as_uri()
        shoot(chromium, page, "readme", (1280, 1180))
        shoot(chromium, page, "readme-phone", (390, 1014))
        report = crawl_report(folder).as_uri()
        shoot(chromium, report, "report", (1280, 1180))
        shoot(chromium, report, "report-phone", (390, 1014))
        changes = page_of_changes(folder).as_uri()
        shoot(chromium, changes, "changes", (1280, 1180))
        with shown(chromium, changes, (390, 1014), scheme="dark") as tab:
            tab.evaluate("document.getElementById('texts').scrollIntoView()")
            save(tab, "changes-phone")


def crawl_report(folder: Path) -> Path:
    """Archive the site of docs/crawling.md into a folder and return the page of the report."""
    spec = folder / "spec.yaml"
    with guide_site() as site:
        spec.write_text(f"project: pump\ntitle: Pump\ndocs:\n  - seeds: [{site.origin}/v3.4/]\n", "utf-8")
        done = archive_project(load_spec(spec), create_archive(folder / "archives"), stop=threading.Event())
    return done.paths.report_page(done.snapshot.id)


def page_of_changes(folder: Path) -> Path:
    """Make the archive of docs/changes.md in a folder and return the page of what changed in it."""
    paths = changed_pump(folder / "changed").paths
    page = folder / "changes.html"
    page.write_bytes(changes_page(compare_snapshots(paths, *choose_snapshots(paths))))
    return page


def shoot(chromium: Browser, url: str, name: str, size: tuple[int, int], *, scheme: str = "light") -> None:
    """Have Chromium paint a page into docs/images/NAME.png."""
    with shown(chromium, url, size, scheme=scheme) as tab:
        save(tab, name)


@contextmanager
def shown(chromium: Browser, url: str, size: tuple[int, int], *, scheme: str = "light") -> Iterator[Tab]:
    """Show a page on a screen of a size, to one who likes light pages or dark ones."""
    with chromium.tab() as tab:
        tab.hold_still()
        tab.prefer(scheme)
        tab.resize(*size)
        tab.go(url)
        tab.evaluate("document.documentElement.style.scrollbarWidth = 'none'")
        yield tab


def save(tab: Tab, name: str) -> None:
    """Write what a tab shows to docs/images/NAME.png."""
    (FOLDER / f"{name}.png").write_bytes(tab.picture())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
