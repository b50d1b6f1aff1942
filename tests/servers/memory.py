"""How much memory a process has had, by what Linux says of it."""

from __future__ import annotations

import re
from pathlib import Path


def peak_memory(process: int) -> int:
    """Return the most memory, in bytes, that a process and those that it started have had so far, summed up."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    peak = re.search(r"^VmHWM:\s+([0-9]+) kB$", status, re.MULTILINE)
    assert peak is not None, status
    children = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    return (int(peak[1]) << 10) + sum(map(peak_memory, map(int, children)))
