"""The benchmark of pruning, with a few pages: it must not rot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from servers.processes import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_of_pruning_runs(tmp_path: Path) -> None:
    """It makes an archive, prunes half of it away, and tells times and memory beside those of a copy."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "prune.py"), "200000", "5000"],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout.startswith("0 MB of WARC, 35 records; freed "), done.stdout + done.stderr
    for row in ("`archiver prune`", "`archiver prune --apply`", "the same again", "`cp` and `sync`"):
        assert f"| {row}" in done.stdout
    assert list(tmp_path.iterdir()) == []
