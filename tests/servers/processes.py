"""Child processes of tests: started in the foreground, waited for until they answer, always ended."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, Sequence

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_PORTS = 20_000, 32_000  # below those that Linux gives to connections that go out
_CHANCE = random.SystemRandom()  # tests that run side by side are not to try the same ones
PATIENCE = 60  # seconds after which something that should have happened long ago counts as broken


def need(*programs: str) -> None:
    """Skip the test where a program is not installed; .ci/run installs them all."""
    for program in programs:
        if not shutil.which(program, path=_with_sbin()):
            pytest.skip(f"{program} is not installed")


def with_daemons() -> dict[str, str]:
    """Return this process' environment in which daemons are found, where users' search paths have no sbin."""
    return {**os.environ, "PATH": _with_sbin()}


def _with_sbin() -> str:
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def free_port() -> int:
    """Return a loopback port that nobody has now, nor is given by the system: a connection that goes out gets none of these."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """Return the first of such ports in a row."""
    while True:
        first = _CHANCE.randrange(*_PORTS)
        if all(map(_is_free, range(first, first + count))):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block lasts; its output goes to a file. SIGTERM ends it, SIGKILL a stubborn one."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=cwd
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """Ask a process to end, make it end where it does not, and return its exit code."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def end_stopped(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """As ``end``, while the process is stopped, as a container is that is paused; then let it go on.

    Any of its threads may be given the signal then (Linux otherwise gives it to the first one), so nothing that the
    first one waits for is interrupted.
    """
    process.send_signal(signal.SIGSTOP)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    return end(process, 0)


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[bytes], *, what: str) -> None:
    """Return as soon as something has happened; fail where the process ends first, or after a minute.

    What other programs do inside is not signalled to us, so this looks again and again.
    """
    deadline = time.monotonic() + PATIENCE
    while not happened():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
            if happened():
                return
            pytest.fail(f"{what}: the process ended first, with {process.returncode}")
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: did not happen within {PATIENCE} s")


def accepts(port: int) -> bool:
    """Say whether somebody accepts connections on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
