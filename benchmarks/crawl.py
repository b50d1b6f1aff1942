"""``make bench-crawl``: archive a real doc site, side by side with wget in the same run.

First Debian's python3-doc served by nginx on loopback: each program crawls it in turn, A B A B …, and the
medians are printed with their ratio. Then the same pages, several times over, on a server whose every answer
takes 100 ms, with 32 connections: how close a crawl comes to what that latency allows at best.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator

from measuring import fresh, machine, measured
from servers.real import nginx, python_docs

ROUNDS = 5
LATENCY, CONNECTIONS, COPIES = 0.1, 32, 6
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
FINISHED = (0, 8)  # 8 is how wget says that some page was a 404
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
    """Measure both and print the tables."""
    near()
    far()


def near() -> None:
    """Run all programs in turns on a server that answers at once."""
    with tempfile.TemporaryDirectory() as name, nginx(python_docs(), Path(name)) as site:
        folder = Path(name)
        runs: dict[str, list[Run]] = {OURS: [], WHOLE: [], THEIRS: []}
        for _ in range(ROUNDS):
            runs[OURS].append(archiver([sys.executable, "-c", CRAWL_ONLY], site.url, fresh(folder / "crawl")))
            runs[WHOLE].append(archiver(ARCHIVER, site.url, fresh(folder / "archive")))
            runs[THEIRS].append(wget(site.url, fresh(folder / "wget")))
        ours, theirs = captured(folder / "crawl" / "a" / "bench" / "warc"), captured(folder / "wget")
    print(f"python3-doc over nginx on loopback, {machine()}, medians of {ROUNDS} runs")
    table(runs)
    for program in (OURS, WHOLE):
        pairs = zip(runs[program], runs[THEIRS], strict=True)
        ratio = statistics.median(b.wall / b.urls / (a.wall / a.urls) for a, b in pairs)
        print(f"URLs per second, {program} to wget: {ratio:.2f}x")
    print(f"URLs that only the archiver got: {len(ours - theirs)}; that only wget got: {len(theirs - ours)}")


def far() -> None:
    """Crawl a site whose every answer takes LATENCY."""
    server = [sys.executable, str(Path(__file__).with_name("distant_server.py"))]
    server += [str(python_docs()), str(COPIES), str(LATENCY)]
    with tempfile.TemporaryDirectory() as name, subprocess.Popen(server, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/"
        try:
            command = [sys.executable, "-c", CRAWL_ONLY]
            runs = [archiver(command, url, fresh(Path(name) / "a"), CONNECTIONS) for _ in range(3)]
        finally:
            process.terminate()
    run = sorted(runs, key=lambda each: each.wall)[1]
    best = run.urls * LATENCY / CONNECTIONS
    print(
        f"\n{COPIES} copies of python3-doc, {LATENCY * 1000:.0f} ms an answer, {CONNECTIONS} connections, {machine()}, "
        "median of 3 runs"
    )
    table({OURS: [run]})
    print(
        f"{run.urls} URLs x {LATENCY} s / {CONNECTIONS} = {best:.2f} s; {run.wall:.2f} s is {run.wall / best:.2f}x"
    )


def table(runs: dict[str, list[Run]]) -> None:
    """Print the medians of each program's runs."""
    print(f"{'':24}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}{'URLs':>7}{'URLs/s':>8}{'WARC MB':>9}")
    for program, done in runs.items():
        middle = {key: statistics.median(getattr(run, key) for run in done) for key in vars(done[0])}
        print(
            f"{program:24}{middle['wall']:8.2f}{middle['cpu']:8.2f}{middle['memory'] / 1e6:9.0f}"
            f"{middle['urls']:7.0f}{middle['urls'] / middle['wall']:8.0f}{middle['warc'] / 1e6:9.1f}"
        )


def archiver(command: list[str], url: str, folder: Path, connections: int = 8) -> Run:
    """Archive with this program."""
    spec = folder / "spec.yaml"
    spec.write_text(f"project: bench\ndocs:\n  - seeds: [{url}]\n    connections: {connections}\n")
    done = measured([*command, "--archives", str(folder / "a"), str(spec)], folder / "output")
    return Run(done.wall, done.cpu, done.memory, *counted(folder / "a" / "bench" / "warc"))


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
    done = measured(command, folder / "output", FINISHED)
    return Run(done.wall, done.cpu, done.memory, *counted(folder))


def captured(folder: Path) -> set[str]:
    """Return the URLs that were answered with 200 in the WARC files of a folder."""
    urls: set[str] = set()
    for path in folder.glob("*.warc.gz"):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                stored = record.rec_type in ("response", "revisit")  # the latter where two URLs have one page
                if stored and record.http_headers.get_statuscode() == "200":
                    urls.add(record.rec_headers.get_header("WARC-Target-URI").strip("<>"))
    return urls


def counted(folder: Path) -> tuple[int, int]:
    """Return how many URLs are in the WARC files of a folder, and the files' size in bytes."""
    return len(captured(folder)), sum(path.stat().st_size for path in folder.glob("*.warc.gz"))


if __name__ == "__main__":
    main()
