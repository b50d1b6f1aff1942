"""The benchmark of search, with a few pages: it must not rot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from servers.processes import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_of_search_runs(tmp_path: Path) -> None:
    """It indexes pages of packages that are unpacked already, compares with trigrams, and tells sizes and times."""
    package = tmp_path / "packages" / "sample-doc" / "usr" / "share" / "doc" / "sample"
    package.mkdir(parents=True)
    for number in range(30):
        page = f"<html lang=en><title>Page {number}</title><h1>Page {number}</h1><p>Text.<h2 id=a>安装 the cluster</h2><p>在集群上安装"
        (package / f"{number}.html").write_text(page, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "search.py"),
            "--folder",
            str(tmp_path),
            "--packages",
            "sample-doc",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout.startswith("30 pages, "), done.stderr
    for row in ("search.sqlite", "FTS5 trigram", "words of headings", "every letter as typed"):
        assert f"| {row}" in done.stdout
    assert "0 of 60 queries made of headings find nothing." in done.stdout
