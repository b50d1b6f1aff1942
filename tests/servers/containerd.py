"""containerd as a judge of images: a daemon of its own, whose storage goes away."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from servers.processes import need, running, wait_until

_CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{folder}/containerd.sock"
[ttrpc]
  address = "{folder}/ttrpc.sock"
"""
_SNAPSHOTTER = "native"  # copies: works on any file system, inside of containers too


@dataclass(frozen=True)
class Containerd:
    """A running daemon: ``address`` is its socket, ``namespace`` the one that commands are about."""

    address: str
    namespace: str = "k8s.io"

    @property
    def environment(self) -> dict[str, str]:
        """What lets ctr reach it, and unpack with what works everywhere."""
        return {"CONTAINERD_ADDRESS": self.address, "CONTAINERD_SNAPSHOTTER": _SNAPSHOTTER}

    def run(self, *arguments: str) -> str:
        """Run a command of ctr and return its output."""
        done = self.tried(*arguments)
        assert done.returncode == 0, f"ctr {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def tried(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ctr that may fail."""
        command = ["ctr", "--address", self.address, "--namespace", self.namespace, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def load(self, tar: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """Import images, and unpack them."""
        return self.tried("images", "import", "--snapshotter", _SNAPSHOTTER, *options, str(tar))

    def images(self) -> dict[str, str]:
        """Return the digests that names stand for."""
        rows = [line.split() for line in self.run("images", "list").splitlines()[1:]]
        return {row[0]: row[2] for row in rows}

    def unpacked(self) -> set[str]:
        """Return the names of the images that containers could be made of now."""
        rows = self.run("images", "check", "--snapshotter", _SNAPSHOTTER).splitlines()[1:]
        return {row.split()[0] for row in rows if " complete " in row and row.split()[-1] == "true"}

    def empty(self) -> None:
        """Remove all images."""
        names = self.run("images", "list", "--quiet").split()
        if names:
            self.run("images", "rm", "--sync", *names)


@contextmanager
def empty_containerd() -> Iterator[Containerd]:
    """Run a daemon with an empty storage; sockets want a short path, so this is no folder of pytest's."""
    need("containerd", "ctr")
    with tempfile.TemporaryDirectory(prefix="containerd-") as name:
        folder = Path(name)
        config = folder / "config.toml"
        config.write_text(_CONFIG.format(folder=folder))
        daemon = Containerd(str(folder / "containerd.sock"))
        with running(["containerd", "--config", str(config)], log=folder / "log") as process:
            wait_until(lambda: daemon.tried("version").returncode == 0, process, what="containerd")
            yield daemon
