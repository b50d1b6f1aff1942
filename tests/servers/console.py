"""The program as its users meet it: the console script in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import subprocess
import sys
import termios
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from archiver.cli import main
from archiver.offline.commands import run_reader
from servers.processes import accepts, free_port, running, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TIMEOUT = 300  # seconds for one command
INSTALLED = (sys.executable, "-m", "archiver")
_HASTY = """
import sys
from functools import partial
from archiver.cli.main import main
from archiver.collect import retry
from archiver.collect.web import crawl
object.__setattr__(retry.DEFAULT_PATIENCE, "first_wait", 0.01)
crawl.FetchSettings = partial(crawl.FetchSettings, backoff=0.01)
sys.exit(main())
"""
HASTY = (
    sys.executable,
    "-c",
    _HASTY,
)  # waits hundredths of seconds where it would wait for seconds before it tries again
# A process begins its account of peak memory with that of the one that starts it: so a small one does.
_MEASURING = """
import os, sys
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as peak:
    peak.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def parse_only(line: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[object]]:
    """Give a command line to the program it names, by which it is parsed and not run; return its exit code and what was parsed."""
    parsed: list[object] = []
    monkeypatch.setattr("archiver.offline.commands.run_command", lambda args, **_: parsed.append(args) or 0)
    program, *words = shlex.split(line.replace("python3 archiver.pyz", "archiver.pyz"))
    return (run_reader if program == "archiver.pyz" else main.main)(words), parsed


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: its exit code, and what it wrote to standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Both outputs, for messages that may be on either."""
        return self.out + self.err


@dataclass(frozen=True)
class Served:
    """A bundle or an archive being served: its main address, and what GET /-/bundle.json says."""

    url: str
    port: int
    contents: Any
    process: subprocess.Popen[bytes]

    def docs(self, name: str) -> str:
        """Return the address at which a doc site is served, without a trailing slash."""
        return next(str(site["url"]) for site in self.contents["docs"] if site["name"] == name).rstrip("/")

    def get(self, path: str) -> bytes:
        """Return the body of a page on the main port."""
        return fetch(self.url + path)


class Console:
    """Runs the program in a folder, with an environment that knows nothing of the user's.

    Args:
        folder: the working directory and home; ``archives/`` is made here.
        program: the words that start the program; the installed one, or an interpreter and archiver.pyz.
    """

    def __init__(self, folder: Path, program: Sequence[str] = INSTALLED, **environment: str) -> None:
        self.folder = folder
        self.program = tuple(program)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            **environment,
        }

    def run(self, *arguments: str | Path) -> Outcome:
        """Run a command to its end."""
        done = subprocess.run(
            [*self.program, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
        assert "Traceback (most recent call last)" not in done.stderr, done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr)

    def on_terminal(self, *arguments: str | Path, columns: int = 100) -> tuple[int, str]:
        """Run a command to its end on a terminal of so many columns; return its exit code and what it wrote there."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        with subprocess.Popen(
            [*self.program, *map(str, arguments)],
            cwd=self.folder,
            env={**self.environment, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            shown = b""
            with contextlib.suppress(OSError):  # EIO: the other end is closed
                while chunk := os.read(ours, 1 << 16):
                    shown += chunk
            os.close(ours)
        return process.returncode, shown.decode("utf-8", "replace")

    def measured(self, *arguments: str | Path) -> tuple[Outcome, int]:
        """Run a command to its end; return also the most memory, in MB, that one of its processes had."""
        peak = self.folder / "peak"
        small = Console(self.folder, (sys.executable, "-I", "-c", _MEASURING, str(peak), *self.program))
        small.environment.update(self.environment)
        outcome = small.run(*arguments)
        return outcome, int(peak.read_text()) >> 10

    def succeed(self, *arguments: str | Path) -> Outcome:
        """Run a command that must end with exit code 0."""
        outcome = self.run(*arguments)
        assert outcome.code == 0, f"{arguments} ended with {outcome.code}\n{outcome.said}"
        return outcome

    def started(self, *arguments: str | Path) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
        """Run a command while a block lasts; its output goes to ``console.log`` in the folder."""
        return running(
            [*self.program, *map(str, arguments)],
            log=self.folder / "console.log",
            env=self.environment,
            cwd=self.folder,
        )

    @contextlib.contextmanager
    def serving(self, target: str | Path, *options: str) -> Iterator[Served]:
        """Serve a bundle or an archive while a block lasts. Its main port listens last, so then all is ready."""
        port = free_port()
        with self.started("serve", target, "--port", str(port), *options) as process:
            log = self.folder / "console.log"
            wait_until(lambda: accepts(port), process, what=f"serve {target} ({log})")
            url = f"http://127.0.0.1:{port}"
            yield Served(url, port, json.loads(fetch(f"{url}/-/bundle.json")), process)

    def write(self, name: str, text: str) -> Path:
        """Write a file in the folder, such as a spec, and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


def fetch(url: str) -> bytes:
    """Return the body of an HTTP resource on loopback; HTTPError for an error status."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60) as response:
        return bytes(response.read())
