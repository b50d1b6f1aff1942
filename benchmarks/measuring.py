"""Measuring a program from outside: wall and processor time, and memory with its children's.

Times are the operating system's own accounting of the finished process and its children (wait4); memory is
the highest sum of the resident memory of all of them, looked at every 20 ms.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Container, Iterable, Mapping, Sequence


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


@dataclass(frozen=True)
class Run:
    """A finished run: what it took, seconds until what it wrote was durable, bytes in its folder."""

    usage: Usage
    durable: float
    written: int


def run(command: list[str], folder: Path) -> Run:
    """Run a program that writes to a folder; what others left unwritten on the disk is not to be its burden."""
    subprocess.run(["sync", "--file-system", str(folder)], check=True)
    usage = measured(command, folder.parent / "output")
    begun = time.perf_counter()
    files = [path for path in folder.rglob("*") if path.is_file()]
    subprocess.run(["sync", *map(str, files)], check=True)
    return Run(usage, time.perf_counter() - begun, sum(path.stat().st_size for path in files))


def read_all(folder: Path) -> None:
    """Bring files into the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as stream:
                while stream.read(1 << 20):
                    pass


def machine() -> str:
    """Return what the figures were measured on."""
    return f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}"


def fresh(folder: Path) -> Path:
    """Return an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


COLUMNS: dict[str, tuple[int, Callable[[Run], float]]] = {
    "wall s": (2, lambda run: run.usage.wall),
    "durable s": (2, lambda run: run.usage.wall + run.durable),
    "cpu s": (2, lambda run: run.usage.cpu),
    "peak MB": (0, lambda run: run.usage.memory / 1e6),
    "MB on disk": (0, lambda run: run.written / 1e6),
}
"""What is known of a run: title, decimal places, and how to get it."""


def table(
    runs: Mapping[str, list[Run]], megabytes: float | None = None, columns: Iterable[str] = COLUMNS
) -> None:
    """Print the medians of each program's runs; where it is said how much they moved, their speed, too."""
    shown = {title: COLUMNS[title] for title in columns}
    if megabytes is not None:
        shown["MB/s"] = (0, lambda run: megabytes / run.usage.wall)
    width = max(26, *map(len, runs))
    print(" " * width + "".join(f"{title:>12}" for title in shown))
    for name, done in runs.items():
        cells = (f"{statistics.median(map(value, done)):12.{places}f}" for places, value in shown.values())
        print(f"{name:{width}}" + "".join(cells))


def ratios(runs: Mapping[str, list[Run]], ours: str, columns: Iterable[str] = ("wall s", "durable s")) -> str:
    """Return how many times as fast as the others one program is: the median of its rounds, and best to best."""
    lines = []
    for name in runs.keys() - {ours}:
        each = (_ratio(runs[ours], runs[name], COLUMNS[title][1]) for title in columns)
        lines.append(f"speed to {name}: {'; until durable: '.join(each)}")
    return "\n".join(sorted(lines))


def _ratio(ours: list[Run], theirs: list[Run], value: Callable[[Run], float]) -> str:
    rounds = statistics.median(value(b) / value(a) for a, b in zip(ours, theirs, strict=True))
    return f"{rounds:.2f}x (best to best {min(map(value, theirs)) / min(map(value, ours)):.2f}x)"


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
