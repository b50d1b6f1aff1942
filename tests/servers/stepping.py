"""Running a call in a process of its own that is killed before one of its durable steps."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Counts what changes folders, syncs, and changes of a map of records (SQLite's own syncs are not seen here), from the first
# one on whose path has a certain text in it; is killed before the nth.
_STEPPING = """
import os, signal, sys, threading
from archiver.store.locator import Locator
left, sign, reached = int(sys.argv[1]), sys.argv[2], False
turn = threading.Lock()
def step(names):
    global left, reached
    with turn:
        reached = reached or any(sign in str(name) for name in names)
        if not reached:
            return
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
def watch(event, args):
    if event in ("os.remove", "os.rename", "os.rmdir", "os.mkdir"):
        step(args)
sync, add, remove = os.fsync, Locator.add, Locator.remove
def synced(descriptor):
    step([os.readlink(f"/proc/self/fd/{descriptor}")])
    sync(descriptor)
def added(locator, locations):
    step([locator._path])
    add(locator, locations)
def removed(locator, records, file):
    step([locator._path])
    remove(locator, records, file)
os.fsync, Locator.add, Locator.remove = synced, added, removed
sys.addaudithook(watch)
"""

PRUNING = """
from pathlib import Path
from archiver.store.paths import open_archive
from archiver.store.prune import prune
prune(open_archive(Path(sys.argv[3])))
"""


def killed_at(step: int, sign: str, program: str, *arguments: str | Path) -> int:
    """Run a program up to a durable step; return its exit status, that of SIGKILL where it was killed.

    Args:
        step: how many steps it makes, from 0.
        sign: what is in the path of the first one that counts.
        program: Python; its ``sys.argv[3:]`` are the arguments.
        arguments: for the program.
    """
    command = [sys.executable, "-c", _STEPPING + program, str(step), sign, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True).returncode
