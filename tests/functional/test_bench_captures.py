"""The benchmark of capture indexes, with a few captures: it must not rot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from servers.processes import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_of_capture_indexes_runs() -> None:
    """It finds every capture that it looks for, in both kinds of index, and tells sizes and times."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "captures.py"), "1000"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for row in ("| 1,000 | blocks | 0.1 | ", "| 1,000 | stream | 0.1 | "):
        assert row in done.stdout
