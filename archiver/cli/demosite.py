"""The demo's origin: Python's own documentation server (pydoc) for the standard library, on loopback."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import Iterator

from archiver.core.errors import ArchiverError

# Left out of the demo: modules that do something when they are imported, as pydoc must, and families of
# hundreds of nearly empty pages.
EXCLUDED = (
    "antigravity", "this.html", "idlelib", "turtledemo", "turtle.html", "tkinter", "test.", "test.html", "lib2to3",
    "unittest.test", "ctypes.test", "ctypes.macholib", "distutils", "encodings", "ensurepip", "msilib",
    "get?", "search?", "topic?", "topics.html", "keywords.html", "_",
)  # fmt: skip


@contextmanager
def pydoc_server() -> Iterator[str]:
    """Run ``python -m pydoc`` on a free port of 127.0.0.1 and yield its URL, which ends in a slash.

    Raises:
        ArchiverError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="archiver-demo-") as empty:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-m", "pydoc", "-n", "127.0.0.1", "-p", "0"],
            cwd=empty,  # pydoc lists the modules of its working directory too
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield _address(process)
        finally:
            process.kill()
            process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        match = re.search(r"http://127\.0\.0\.1:\d+/", line)
        if match:
            return match[0]
    raise ArchiverError("Python's documentation server (python -m pydoc) did not start")
