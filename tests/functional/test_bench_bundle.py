"""The benchmark of bundles, with a small one: it must not rot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from servers.processes import PATIENCE, need

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_of_bundles_runs(tmp_path: Path) -> None:
    """It compares with tar and sha256sum, opens a large bundle without reading it, and tells by its exit code of what it promises."""
    need("docker-registry", "skopeo", "nginx", "openssl", "sha256sum", "tar")
    script = str(ROOT / "benchmarks" / "bundle.py")
    done = subprocess.run(
        [sys.executable, script, "--megabytes", "8", "--rounds", "1", "--folder", str(tmp_path / "bench")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    told = done.stdout
    for compared in ("tar cf", "sha256sum -c", "xargs -P, sha256sum -c"):
        assert f"speed to {compared}: " in told, told + done.stderr
    opened = re.search(r"^([0-9.]+) s until the first answer, ([0-9]+) MB read", told, re.MULTILINE)
    assert opened is not None, told + done.stderr
    assert int(opened[2]) < 200  # of 20 GB
    if float(opened[1]) < 1:  # else other tests have the processors
        assert done.returncode == 0, told + done.stderr
    assert not list((tmp_path / "bench" / "8" / "scratch").iterdir())
