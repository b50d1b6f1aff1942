"""Podman as a judge of images, with a storage that goes away."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from servers.processes import need


class Podman:
    """podman with a storage of its own, which goes away with the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._base = ["podman", "--storage-driver", "vfs", "--root", str(folder / "storage"), "--runroot",
                      str(folder / "run"), "--tmpdir", str(folder / "libpod"), "--events-backend", "none"]  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """What lets podman's commands use this storage without being told on the command line."""
        settings = self._folder / "storage.conf"
        settings.write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{self._folder}/storage"\nrunroot = "{self._folder}/run"\n'
        )
        return {"CONTAINERS_STORAGE_CONF": str(settings)}

    def run(self, *arguments: str) -> str:
        """Run a command of podman and return its output."""
        done = subprocess.run([*self._base, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def installed(self, folder: Path) -> dict[str, str]:
        """Make a ``podman`` in a folder that is this one, and return the variables that programs then need to find it.

        It can run containers also where a test may not raise its own limits, as in a container.
        """
        need("podman", "runc")
        folder.mkdir(parents=True, exist_ok=True)
        real = subprocess.run(["which", "podman"], capture_output=True, text=True, check=True).stdout.strip()
        script = folder / "podman"
        script.write_text(f'#!/bin/sh\nexec {shlex.join([real, *self._base[1:]])} "$@"\n')
        script.chmod(0o755)
        settings = folder / "containers.conf"
        settings.write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n[engine]\nruntime = "runc"\n'
        )
        return {
            "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "CONTAINERS_CONF": str(settings),
        }


@contextmanager
def empty_podman() -> Iterator[Podman]:
    """Give a podman with an empty storage; it wants a short path, so this is no folder of pytest's."""
    need("podman")
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        yield Podman(Path(folder))
