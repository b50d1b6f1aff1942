"""Make the README's screenshots: ``make screenshots``. Needs the demo's bundle and Debian's chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from archiver.offline.opening import open_holdings
from archiver.offline.server import start

CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
FOLDER = Path(__file__).parent / "images"


def main(bundle: Path) -> None:
    """Take each picture from the bundle, served on a free port."""
    with start(open_holdings(bundle), port=0, log=print) as served:
        shoot(served.url, "landing", "1280,900")
        shoot(served.url, "landing-phone", "500,1150")
        shoot(f"{served.url}-/search?q=json+decoder", "search", "1280,900")


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
