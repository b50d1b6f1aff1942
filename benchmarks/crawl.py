"""``make bench-crawl``: archive a real doc site, side by side with wget in the same run.

Debian's python3-doc is served by nginx on loopback. Each program crawls it in turn, A B A B …, and the
medians are printed with their ratio. Wall and processor time and peak memory are the operating system's
own accounting of the finished process (wait4).
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator

from servers.real import nginx, python_docs

ROUNDS = 5
ARCHIVER = [sys.executable, "-m", "archiver", "archive", "--quiet"]
# The crawl and its snapshot without the search index, which wget does not make.
CRAWL_ONLY = """
import sys, threading
from pathlib import Path
from archiver.collect.run import archive_project
from archiver.spec.load import load_spec
from archiver.store.paths import create_archive
archive_project(load_spec(Path(sys.argv[3])), create_archive(Path(sys.argv[2])), stop=threading.Event())
"""
OURS, WHOLE, THEIRS = "archiver, crawl only", "archiver archive", "wget -r -p --warc-file"


@dataclass(frozen=True)
class Run:
    """One finished crawl: seconds, bytes of peak memory, URLs captured, bytes of WARC."""

    wall: float
    cpu: float
    memory: int
    urls: int
    warc: int


def main() -> None:
    """Run both programs in turns and print the table."""
    with tempfile.TemporaryDirectory() as name, nginx(python_docs(), Path(name)) as site:
        folder = Path(name)
        runs: dict[str, list[Run]] = {OURS: [], WHOLE: [], THEIRS: []}
        for _ in range(ROUNDS):
            runs[OURS].append(archiver([sys.executable, "-c", CRAWL_ONLY], site.url, fresh(folder / "crawl")))
            runs[WHOLE].append(archiver(ARCHIVER, site.url, fresh(folder / "archive")))
            runs[THEIRS].append(wget(site.url, fresh(folder / "wget")))
    processors = os.cpu_count()
    print(
        f"python3-doc over nginx on loopback, {processors} processors ({platform.machine()}), medians of {ROUNDS} runs"
    )
    print(f"{'':24}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}{'URLs':>7}{'URLs/s':>8}{'WARC MB':>9}")
    for program, done in runs.items():
        middle = {key: statistics.median(getattr(run, key) for run in done) for key in vars(done[0])}
        print(
            f"{program:24}{middle['wall']:8.2f}{middle['cpu']:8.2f}{middle['memory'] / 1e6:9.0f}"
            f"{middle['urls']:7.0f}{middle['urls'] / middle['wall']:8.0f}{middle['warc'] / 1e6:9.1f}"
        )
    for program in (OURS, WHOLE):
        pairs = zip(runs[program], runs[THEIRS], strict=True)
        ratio = statistics.median(b.wall / b.urls / (a.wall / a.urls) for a, b in pairs)
        print(f"URLs per second, {program} to wget: {ratio:.2f}x")


def archiver(command: list[str], url: str, folder: Path) -> Run:
    """Archive with this program."""
    spec = folder / "spec.yaml"
    spec.write_text(f"project: bench\ndocs:\n  - seeds: [{url}]\n")
    done = measured([*command, "--archives", str(folder / "a"), str(spec)], folder)
    return Run(*done, *counted(folder / "a" / "bench" / "warc"))


def wget(url: str, folder: Path) -> Run:
    """Archive with wget, as its manual says."""
    command = [
        "wget",
        "-q",
        "-r",
        "-l",
        "inf",
        "-p",
        "--no-parent",
        f"--warc-file={folder / 'w'}",
        "-P",
        str(folder),
        url,
    ]
    done = measured(command, folder)
    return Run(*done, *counted(folder))


def measured(command: list[str], folder: Path) -> tuple[float, float, int]:
    """Run a command; return wall seconds, processor seconds and peak memory in bytes."""
    begun = time.perf_counter()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _, _, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10


def counted(folder: Path) -> tuple[int, int]:
    """Return how many URLs were answered with 200 in the WARC files of a folder, and the files' size in bytes."""
    urls: set[str] = set()
    size = 0
    for path in folder.glob("*.warc.gz"):
        size += path.stat().st_size
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type == "response" and record.http_headers.get_statuscode() == "200":
                    urls.add(record.rec_headers.get_header("WARC-Target-URI").strip("<>"))
    return len(urls), size


def fresh(folder: Path) -> Path:
    """Return an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
