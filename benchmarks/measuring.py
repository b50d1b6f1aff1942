"""Measuring a program from outside: wall and processor time, and memory with its children's.

Times are the operating system's own accounting of the finished process and its children (wait4); memory is
the highest sum of the resident memory of all of them, looked at every 20 ms.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Container, Sequence


@dataclass(frozen=True)
class Usage:
    """What a finished program took: seconds on the clock, seconds of processor, bytes of memory at its peak."""

    wall: float
    cpu: float
    memory: int


def measured(command: Sequence[str], output: Path, finished: Container[int] = (0,)) -> Usage:
    """Run a command and return what it took; what it prints goes to the file ``output``.

    A Python program may keep its compiled modules, as an installed one has them.

    Raises:
        SystemExit: its exit code is none of ``finished``.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment
        )
        over = threading.Event()
        with ThreadPoolExecutor(1) as executor:
            peak = executor.submit(_peak_memory, process.pid, over)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - begun
            over.set()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in finished:
        sys.exit(f"{command[0]} failed: {output.read_text(errors='replace')[-2000:]}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, peak.result())


def machine() -> str:
    """Return what the figures were measured on."""
    return f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}"


def fresh(folder: Path) -> Path:
    """Return an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _peak_memory(pid: int, over: threading.Event) -> int:
    """Return the highest sum of resident memory, in bytes, of a process and its children until ``over``."""
    page, peak = os.sysconf("SC_PAGE_SIZE"), 0
    while not over.wait(0.02):
        children = _read(f"/proc/{pid}/task/{pid}/children").split()
        statm = (_read(f"/proc/{each}/statm").split() for each in (str(pid), *children))
        peak = max(peak, sum(int(fields[1]) * page for fields in statm if fields))
    return peak


def _read(path: str) -> str:
    """Return a file's text; empty where a process is gone."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""
