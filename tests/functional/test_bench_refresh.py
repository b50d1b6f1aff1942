"""The benchmark of refreshing, with a small site: it must not rot, and what it promises on any machine must hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from servers.processes import PATIENCE, need

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_of_refreshing_runs(tmp_path: Path) -> None:
    """It compares with the first crawl and with wget; nothing is sent again, and a sitemap leaves little to ask for."""
    need("nginx", "wget")
    pages = tmp_path / "pages"
    pages.mkdir()
    random = Random(7)
    for number in range(200):
        text = "".join(
            f"<p>{random.randbytes(40).hex()}" for _ in range(500)
        )  # 20 KB when compressed, as manuals
        links = "".join(f"<a href={other}.html>{other}</a>" for other in range(200)) if not number else ""
        name = f"{number}.html" if number else "index.html"
        (pages / name).write_text(
            f"<!DOCTYPE html><title>Page {number}</title>{links}{text}", encoding="utf-8"
        )
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "refresh.py"), "--site", str(pages), "--rounds", "1"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    for program in ("archiver ", "wget -N", "wget --warc-dedup", "archiver, what is due"):
        assert f"\n{program}" in done.stdout
    assert len(re.findall(r"^all pages changed ", done.stdout, re.MULTILINE)) == 3
    # Time is another machine's; the rest is not.
    assert not re.search(r"^(bytes|warc|requests): ", done.stdout, re.MULTILINE), done.stdout
