"""Docker as a judge of images: a daemon of its own, without a network, whose storage goes away."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

from servers.processes import need, running, wait_until

if TYPE_CHECKING:
    from servers.machine import Machine

# Debian's, with the daemon that belongs to it: another client may stand before it in the path.
DOCKER = "/usr/bin/docker"


@dataclass(frozen=True)
class Docker:
    """A running daemon: ``host`` is what DOCKER_HOST says."""

    host: str

    @property
    def environment(self) -> dict[str, str]:
        """What lets docker's commands reach it."""
        return {"DOCKER_HOST": self.host}

    def run(self, *arguments: str) -> str:
        """Run a command of docker and return its output."""
        done = self.tried(*arguments)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def tried(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of docker that may fail."""
        command = [DOCKER, "--host", self.host, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def images(self) -> dict[str, str]:
        """Return the image IDs by name; those without a name by their ID."""
        rows = self.run("image", "ls", "--all", "--no-trunc", "--format", "{{json .}}").splitlines()
        listed: list[dict[str, Any]] = [json.loads(row) for row in rows]
        return {
            row["ID"] if row["Tag"] == "<none>" else f"{row['Repository']}:{row['Tag']}": row["ID"]
            for row in listed
        }

    def empty(self) -> None:
        """Remove all images."""
        identities = self.run("image", "ls", "--all", "--quiet").split()
        if identities:
            self.run("image", "rm", "--force", *identities)


@contextmanager
def empty_docker(machine: Machine | None = None) -> Iterator[Docker]:
    """Run a daemon with an empty storage; sockets want a short path, so this is no folder of pytest's.

    Args:
        machine: where it runs, with the configuration that was written there; else on this one, and without any.
    """
    need("dockerd", "containerd")
    with tempfile.TemporaryDirectory(prefix="docker-") as name:
        folder = Path(name)
        socket = folder / "docker.sock"
        command = [
            "/usr/sbin/dockerd",
            *("--host", f"unix://{socket}", "--pidfile", str(folder / "pid")),
            *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
            *(() if machine else ("--config-file", str(_config(folder)))),
            *("--storage-driver", "vfs"),
            *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
        ]
        docker = Docker(f"unix://{socket}")
        command = machine.command(*command) if machine else command
        with running(command, log=folder / "log") as process:
            wait_until(lambda: docker.tried("version").returncode == 0, process, what="dockerd")
            yield docker


def _config(folder: Path) -> Path:
    """An empty configuration, so that this machine's is not read."""
    path = folder / "daemon.json"
    path.write_text("{}")
    return path
