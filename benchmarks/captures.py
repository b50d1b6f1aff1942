"""``make bench-captures``: what it costs to look one URL up in a snapshot that is not open.

Makes capture indexes of so many captures (default 100,000 and 1,000,000) and looks up URLs spread over all of them: by a
reader that knows nothing yet, with the file dropped from the page cache before each, and by one that was opened before.
The peer is the same lines as one gzip stream, which is read through up to the key, as such indexes are.

Usage: captures.py [CAPTURES]...
"""

from __future__ import annotations

import gzip
import hashlib
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Callable, Iterable, Iterator

from archiver.core.capture import Capture
from archiver.store.blockindex import write_lines
from archiver.store.captureindex import CaptureIndex

LOOK_UPS, READ_THROUGH = 200, 5


def capture(number: int) -> Capture:
    """Return a capture that compresses as real ones do; keys are in the order of the numbers."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return Capture(
        url=f"https://docs.example.org/en/latest/{number // 1000:05}/page-{number:08}.html",
        timestamp="20261123004400",
        mime="text/html",
        status="200",
        digest=f"sha256:{digest}",
        source="docs",
        kind="page",
        record=f"<urn:uuid:{uuid.UUID(digest[:32])}>",
        etag=f'"{digest[:12]}"',
    )


def lines(count: int) -> Iterator[bytes]:
    """Yield an index's lines, sorted."""
    return (f"{capture(number).to_cdxj()}\n".encode() for number in range(count))


def measure(numbers: Iterable[int], index: Callable[[], CaptureIndex], before: Callable[[], None]) -> str:
    """Look captures up, each in what ``index`` gives; return the median and the longest time in ms."""
    taken = []
    for number in numbers:
        wanted = capture(number)
        before()
        begun = time.perf_counter()
        found = index().captures_at(wanted.key)
        taken.append((time.perf_counter() - begun) * 1000)
        if found != [wanted]:
            sys.exit(f"{wanted.url} was not found")
    return f"{statistics.median(taken):.1f} ({max(taken):.1f})"


def drop(path: Path) -> None:
    """Have the system forget what it has read of a file."""
    with path.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def row(path: Path, count: int, times: int) -> str:
    """Look so many captures up in an index and return a row of the table."""
    numbers = [(2 * number + 1) * count // (2 * times) for number in range(times)]
    known = CaptureIndex(path)
    known.captures_at("")
    told = (
        measure(numbers, lambda: CaptureIndex(path), lambda: None),
        measure(numbers, lambda: CaptureIndex(path), lambda: drop(path)),
        measure(numbers, lambda: known, lambda: None),
    )
    size = path.stat().st_size / 1e6
    return f"| {count:,} | {path.name.partition('.')[0]} | {size:.1f} | {' | '.join(told)} |"


def main() -> None:
    """Measure and print a table."""
    print("| captures | file | MB | new reader, ms | nothing cached, ms | known reader, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in [int(text) for text in sys.argv[1:]] or [100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as name:
            blocks, stream = Path(name) / "blocks.cdxj.gz", Path(name) / "stream.cdxj.gz"
            with blocks.open("wb") as file:
                write_lines(lines(count), file)
                os.fsync(file.fileno())
            with gzip.open(stream, "wb", compresslevel=6) as packed:
                packed.writelines(lines(count))
            os.sync()  # what is not written yet cannot be dropped
            for path, times in ((blocks, LOOK_UPS), (stream, READ_THROUGH)):
                print(row(path, count, times))


if __name__ == "__main__":
    main()
