"""Make the documents' screenshots: ``make screenshots``. Needs the demo's bundle and Debian's chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path

from archiver.collect.run import archive_project
from archiver.offline.opening import open_holdings
from archiver.offline.server import start
from archiver.spec.load import load_spec
from archiver.store.paths import create_archive
from servers.guide import guide_site

CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
FOLDER = Path(__file__).parent / "images"


def main(bundle: Path) -> None:
    """Take the reader's pages from the bundle, served on a free port; its README; and the report of a crawl of the guide's site."""
    with start(open_holdings(bundle), port=0, log=print) as served:
        shoot(served.url, "landing", "1280,900")
        shoot(served.url, "landing-phone", "500,1150")
        shoot(f"{served.url}-/search?q=json+decoder", "search", "1280,900")
    with tempfile.TemporaryDirectory() as name, tarfile.open(bundle) as tar:
        tar.extract("README.html", name, filter="data")
        page = Path(name, "README.html").as_uri()
        shoot(page, "readme", "1280,1180")
        shoot(page, "readme-phone", "500,1300")
    with tempfile.TemporaryDirectory() as name:
        report = crawl_report(Path(name))
        shoot(report.as_uri(), "report", "1280,1180")
        shoot(report.as_uri(), "report-phone", "500,1300")


def crawl_report(folder: Path) -> Path:
    """Archive the site of docs/crawling.md into a folder and return the page of the report."""
    spec = folder / "spec.yaml"
    with guide_site() as site:
        spec.write_text(f"project: pump\ntitle: Pump\ndocs:\n  - seeds: [{site.origin}/v3.4/]\n", "utf-8")
        done = archive_project(load_spec(spec), create_archive(folder / "archives"), stop=threading.Event())
    return done.paths.report_page(done.snapshot.id)


def shoot(url: str, name: str, size: str) -> None:
    """Have Chromium paint a page into docs/images/NAME.png."""
    browser = shutil.which("chromium") or sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as profile:
        target = FOLDER / f"{name}.png"
        command = [
            browser,
            *CHROMIUM,
            f"--user-data-dir={profile}",
            f"--window-size={size}",
            f"--screenshot={target}",
            url,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
