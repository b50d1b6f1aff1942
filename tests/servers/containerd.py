"""containerd as a judge of images: a daemon of its own, whose storage goes away."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator

from servers.cri import cri_pull
from servers.processes import need, running, wait_until

if TYPE_CHECKING:
    from servers.machine import Machine

_CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = [{disabled}]
[grpc]
  address = "{folder}/containerd.sock"
[ttrpc]
  address = "{folder}/ttrpc.sock"
"""
_UNWANTED = '"io.containerd.internal.v1.opt"'
_CRI = '"io.containerd.grpc.v1.cri"'
_FOR_PODS = """
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
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

    def pull_for_pod(self, name: str) -> None:
        """Pull as a kubelet has it done; only a node's daemon knows that."""
        cri_pull(self.address, name)

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
    """Run a daemon with an empty storage, and without what Kubernetes needs of it."""
    with _running(f"{_CRI}, {_UNWANTED}", "", _here) as daemon:
        yield daemon


@contextmanager
def node_containerd(machine: Machine, settings: str) -> Iterator[Containerd]:
    """Run a daemon as a node of a cluster has it.

    Args:
        machine: where it runs.
        settings: what its configuration says besides.
    """
    with _running(_UNWANTED, _FOR_PODS + settings, machine.command) as daemon:
        yield daemon


@contextmanager
def _running(disabled: str, settings: str, command: Callable[..., list[str]]) -> Iterator[Containerd]:
    """Sockets want a short path, so this is no folder of pytest's."""
    need("containerd", "ctr")
    with tempfile.TemporaryDirectory(prefix="containerd-") as name:
        folder = Path(name)
        config = folder / "config.toml"
        config.write_text(_CONFIG.format(folder=folder, disabled=disabled) + settings)
        daemon = Containerd(str(folder / "containerd.sock"))
        started = command("containerd", "--config", str(config))
        with running(started, log=folder / "log") as process:
            wait_until(lambda: daemon.tried("version").returncode == 0, process, what="containerd")
            yield daemon


def _here(*words: str) -> list[str]:
    return list(words)
