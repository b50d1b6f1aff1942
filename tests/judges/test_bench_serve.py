"""The benchmark of serving, for a moment: it must not rot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from judges.pywb import PROGRAMS, program
from servers.processes import PATIENCE, need

pytestmark = [pytest.mark.judges, pytest.mark.xdist_group("judges")]

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_of_serving_runs(tmp_path: Path) -> None:
    """It compares with nginx and pywb over every page, and says what becomes of many readers and of slow ones."""
    need("nginx", "wrk")
    program("wayback")
    script = str(ROOT / "benchmarks" / "serve.py")
    brief = ["--rounds", "1", "--seconds", "1", "--minute", "3", "--many", "20"]
    done = subprocess.run(
        [sys.executable, script, *brief, "--folder", str(tmp_path / "bench")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "JUDGES": str(PROGRAMS.resolve().parent)},
        capture_output=True,
        text=True,
        timeout=8 * PATIENCE,
        check=False,
    )
    told = done.stdout
    for compared in ("nginx", "pywb"):
        assert len(re.findall(rf"^pages a second to {compared}: [0-9.]+x", told, re.MULTILINE)) == 2, (
            told + done.stderr
        )
    assert re.search(r"^20 readers for 3 s: [0-9]+ pages/s, .*, 0 errors;$", told, re.MULTILINE), told
    assert re.search(
        r"^beside 20 readers of a byte a second: [0-9]+ pages/s, .* 0 errors", told, re.MULTILINE
    ), told
