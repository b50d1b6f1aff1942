"""The benchmark of pulling images, with small ones: it must not rot, and what it promises on any machine must hold."""

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


def test_the_benchmark_of_images_runs(tmp_path: Path) -> None:
    """It compares with skopeo and curl; all content is there, memory is bounded, and an unchanged run asks by HEAD only."""
    need("docker-registry", "skopeo", "curl", "sha256sum", "openssl")
    script = str(ROOT / "benchmarks" / "images.py")
    sizes = ["--megabytes", "7", "--blob", "3", "--rounds", "1", "--folder", str(tmp_path / "bench")]
    done = subprocess.run(
        [sys.executable, script, *sizes],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for compared in ("skopeo copy, in a loop", "skopeo sync", "curl, then sha256sum"):
        assert f"speed to {compared}: " in done.stdout
    assert re.search(r"^archiver archive: [0-9]+ HEAD$", done.stdout, re.MULTILINE)
    assert not list(
        (tmp_path / "bench" / "7-3" / "scratch").iterdir()
    )  # its traces are gone, the registry stays
