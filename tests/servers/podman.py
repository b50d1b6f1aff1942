"""Podman as a judge of images, with a storage that goes away."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from servers.processes import need


class Podman:
    """podman with a storage of its own, which goes away with the folder."""

    def __init__(self, folder: Path) -> None:
        self._base = ["podman", "--storage-driver", "vfs", "--root", str(folder / "storage"), "--runroot",
                      str(folder / "run"), "--tmpdir", str(folder / "libpod"), "--events-backend", "none"]  # fmt: skip

    def run(self, *arguments: str) -> str:
        """Run a command of podman and return its output."""
        done = subprocess.run([*self._base, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
        return done.stdout


@contextmanager
def empty_podman() -> Iterator[Podman]:
    """Give a podman with an empty storage; it wants a short path, so this is no folder of pytest's."""
    need("podman")
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        yield Podman(Path(folder))
