"""This machine with an /etc of a test's own: what people are told to write there is written, and nobody else sees it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Mapping

from servers.processes import need

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = 'mount --bind "$1" /etc && shift && exec "$@"'
_PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


class Machine:
    """Runs commands in a mount namespace where a copy of /etc lies over it; only root can.

    Args:
        folder: for the copy, and to run commands in.
    """

    def __init__(self, folder: Path) -> None:
        need("unshare", "mount")
        self.folder = folder
        self.environment: dict[str, str] = {"PATH": _PATH, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        folder.mkdir(exist_ok=True)
        self._etc = folder / "etc"
        shutil.copytree("/etc", self._etc, symlinks=True)

    def write(self, path: str, text: str) -> None:
        """Make a file below /etc."""
        place = self._etc / path.removeprefix("/etc/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")

    def knows(self, environment: Mapping[str, str]) -> None:
        """Let commands find a daemon or a storage."""
        self.environment.update(environment)

    def command(self, *words: str) -> list[str]:
        """Return a command for subprocess that runs another one here."""
        return [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            _SCRIPT,
            "sh",
            str(self._etc),
            *words,
        ]

    def type(self, line: str) -> str:
        """Run a line, or several, as a shell does, and return what they print; none may fail."""
        done = self.typed(line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line that may fail."""
        return subprocess.run(
            self.command("sh", "-ec", line),
            env={**self.environment, "TMPDIR": os.environ.get("TMPDIR", "/tmp")},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
