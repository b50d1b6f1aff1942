"""``make bench-serve``: serve a real doc site, side by side with nginx and pywb in the same run.

Debian's python3-doc is crawled from an nginx on loopback and bundled, once a run. Then three servers have all of
its pages, and wrk asks each in turn for page after page: ``archiver serve`` of the bundle; nginx, which sends the
files; and pywb, which replays the very WARC that is in the bundle. Nothing caches a page. What comes back is compared
with the files first.

Then ``archiver serve`` alone: 200 readers at a time for a minute, and quick readers beside 200 who take a byte a second.
Ends with exit code 1 where a promise is not kept that any machine should keep: answers without an error, memory that
does not grow, quick readers who are not kept waiting by slow ones. Usage: serve.py [--help]
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, Sequence
from urllib.parse import urlsplit
from urllib.request import urlopen

from readers import Load, load, slow_readers

from judges.pywb import program, pywb
from measuring import fresh, machine
from servers.processes import accepts, free_port, running, wait_until
from servers.real import nginx, python_docs

OURS, SINGLE, STATIC, PEER = "archiver serve", "one process", "nginx", "pywb"
PROJECT = "bench"
PEER_CONNECTIONS = 4  # more than it has threads for gain it nothing
PROMISED_GROWTH = 1.2  # of memory, from a load's first third to its last
PROMISED_WAIT = 3.0  # how much longer a page may take beside slow readers
_STATIC = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes auto;
{user}
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    access_log off;
    gzip_static {packed};
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@dataclass(frozen=True)
class Server:
    """A server that has all pages: its address, what to ask it for, and its process."""

    name: str
    base: str
    targets: tuple[str, ...]
    process: int
    connections: int = 0


@dataclass
class Measured:
    """The rounds of one server, and its highest memory in bytes."""

    loads: list[Load] = field(default_factory=list)
    memory: int = 0


def main() -> int:
    """Measure, print the tables, and say by the exit code whether what can be promised on any machine holds."""
    args = arguments()
    program("wayback")
    args.folder.mkdir(parents=True, exist_ok=True)
    folder = fresh(args.folder.resolve() / "run")
    bundle, wacz = bundled(folder)
    pages = page_list(wacz)
    print(
        f"python3-doc, {len(pages)} pages, {machine()}, medians of {args.rounds} runs of {args.seconds} s\n"
    )
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(archiver(bundle, pages, folder, args))
        single = stack.enter_context(archiver(bundle, pages, folder, args, SINGLE))
        static = stack.enter_context(files(pages, folder, args.connections))
        peer = stack.enter_context(replaying(wacz, pages, folder))
        servers = (ours, single, static, peer)
        for server in servers:
            compare(server, pages)
        print(f"As files, {args.connections} connections ({PEER}: {PEER_CONNECTIONS}):")
        side_by_side(servers, args, ())
        print("To a reader who takes gzip, as browsers do; nginx has the files packed beforehand:")
        side_by_side(servers, args, ("Accept-Encoding: gzip",))
    with archiver(bundle, pages, folder, args) as ours:
        kept = many(ours, args)
    with archiver(bundle, pages, folder, args) as ours:
        kept &= beside_slow_ones(ours, args)
    fresh(folder)
    return int(not kept)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve python3-doc side by side with nginx and pywb.")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server (%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a run (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="readers at a time (%(default)s)")
    parser.add_argument(
        "--minute", type=int, default=60, help="length of the long run, in seconds (%(default)s)"
    )
    parser.add_argument("--many", type=int, default=200, help="readers in it, and slow readers (%(default)s)")
    workers = f"--workers {os.cpu_count()}"
    parser.add_argument("--options", default=workers, help="options of archiver serve (%(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("build/bench-serve"), help="(%(default)s)")
    return parser.parse_args()


def bundled(folder: Path) -> tuple[Path, Path]:
    """Archive and bundle the documentation; return the bundle and the WACZ in it, as a file."""
    work = fresh(folder / "archiving")
    archiver = [sys.executable, "-m", "archiver"]
    with nginx(python_docs(), work) as site:
        spec = work / "spec.json"
        spec.write_text(
            json.dumps({"project": PROJECT, "docs": [{"name": "docs", "seeds": [f"{site.url}/"]}]})
        )
        for command in (
            ["archive", "--quiet", str(spec)],
            ["bundle", "--quiet", PROJECT, "--output", str(folder / "bench.tar")],
        ):
            subprocess.run([*archiver, *command, "--archives", str(work / "archives")], check=True)
    extracted = [*archiver, "extract", str(folder / "bench.tar"), str(folder), "docs/*.wacz"]
    subprocess.run(extracted, check=True, stdout=subprocess.DEVNULL)
    return folder / "bench.tar", next((folder / "docs").iterdir())


def page_list(wacz: Path) -> dict[str, str]:
    """Return the URLs of all pages that are files, and the timestamp of each."""
    with zipfile.ZipFile(wacz) as packed:
        index = gzip.decompress(packed.read("indexes/index.cdx.gz")).decode().splitlines()
    found = {}
    for line in index:
        _, timestamp, text = line.split(" ", 2)
        entry = json.loads(text)
        if entry["mime"] == "text/html" and entry["status"] == "200" and entry["url"].endswith(".html"):
            found[entry["url"]] = timestamp
    return found


@contextlib.contextmanager
def archiver(
    bundle: Path, pages: dict[str, str], folder: Path, args: argparse.Namespace, name: str = OURS
) -> Iterator[Server]:
    """Serve the bundle, with the options given or as a single process."""
    options = args.options.split() if name == OURS else []
    port = free_port()
    command = [sys.executable, "-m", "archiver", "serve", str(bundle), "--port", str(port), *options]
    log = folder / f"{name}.log"
    with running(command, log=log) as process:
        wait_until(lambda: "Ctrl-C" in log.read_text(), process, what="archiver serve")
        with urlopen(f"http://127.0.0.1:{port}/-/bundle.json") as answer:
            (docs,) = json.load(answer)["docs"]
        base = "{0.scheme}://{0.netloc}".format(urlsplit(docs["url"]))
        yield Server(name, base, paths(pages), process.pid, args.connections)


@contextlib.contextmanager
def files(pages: dict[str, str], folder: Path, connections: int) -> Iterator[Server]:
    """Serve the files with nginx, as it is quickest: no log, and packed beforehand for those who take gzip."""
    home, root = fresh(folder / "nginx"), folder / "nginx" / "root"
    for path in paths(pages):
        copy = root / path[1:]
        copy.parent.mkdir(parents=True, exist_ok=True)
        data = (python_docs() / path[1:]).read_bytes()
        copy.write_bytes(data)
        copy.with_name(f"{copy.name}.gz").write_bytes(gzip.compress(data, 6))
    port = free_port()
    config = home / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_STATIC.format(folder=home, root=root, port=port, user=user, packed="on"))
    command = ["/usr/sbin/nginx", "-c", str(config), "-p", str(home), "-e", str(home / "error.log")]
    with running(command, log=home / "log") as process:
        wait_until(lambda: accepts(port), process, what="nginx")
        yield Server(STATIC, f"http://127.0.0.1:{port}", paths(pages), process.pid, connections)


@contextlib.contextmanager
def replaying(wacz: Path, pages: dict[str, str], folder: Path) -> Iterator[Server]:
    """Replay the bundle's WARC with pywb. It is asked for the exact moments, else it would send elsewhere first."""
    with pywb(folder / "pywb", {PROJECT: wacz}) as started:
        targets = tuple(f"/{PROJECT}/{timestamp}mp_/{url}" for url, timestamp in pages.items())
        yield Server(PEER, f"http://127.0.0.1:{started.port}", targets, started.process, PEER_CONNECTIONS)


def paths(pages: dict[str, str]) -> tuple[str, ...]:
    """Return what to ask a server for that has the pages where they were."""
    return tuple(urlsplit(url).path for url in pages)


def compare(server: Server, pages: dict[str, str]) -> None:
    """Have a server give every page once; fail where it is not the file's bytes, or from pywb, not its page."""
    parts = urlsplit(server.base)
    with contextlib.closing(
        http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    ) as connection:
        for target, path in zip(server.targets, paths(pages), strict=True):
            connection.request("GET", target)
            answer = connection.getresponse()
            body, whole = answer.read(), (python_docs() / path[1:]).read_bytes()
            right = b"</html>" in body if server.name == PEER else body == whole
            if answer.status != 200 or not right:
                sys.exit(f"{server.name} answered {target} with {answer.status} and {len(body)} bytes")


def side_by_side(servers: Sequence[Server], args: argparse.Namespace, headers: Sequence[str]) -> None:
    """Load each server in turns, and print what came of it."""
    measured = {server.name: Measured() for server in servers}
    for _ in range(args.rounds):
        for server in servers:
            with Memory(server.process) as memory:
                done = load(
                    server.base,
                    server.targets,
                    connections=server.connections,
                    seconds=args.seconds,
                    headers=headers,
                )
            measured[server.name].loads.append(done)
            measured[server.name].memory = max(measured[server.name].memory, memory.peak)
    table(measured)
    for name, goal in ((SINGLE, ""), (STATIC, "; the goal is 0.1x"), (PEER, "; the goal is 5x")):
        rounds = zip(measured[OURS].loads, measured[name].loads, strict=True)
        ratio = statistics.median(ours.rate / theirs.rate for ours, theirs in rounds)
        print(f"pages a second to {name}: {ratio:.3f}x{goal}")
    print()


def table(measured: dict[str, Measured]) -> None:
    """Print the medians of each server's runs."""
    titles = ("pages/s", "MB/s", "p50 ms", "p99 ms", "peak MB", "errors")
    print(" " * 16 + "".join(f"{title:>10}" for title in titles))
    for name, done in measured.items():
        rate, received, p50, p99 = (
            statistics.median(values)
            for values in zip(
                *((one.rate, one.received / one.seconds, one.p50, one.p99) for one in done.loads), strict=True
            )
        )
        print(
            f"{name:16}{rate:10.0f}{received / 1e6:10.0f}{p50:10.1f}{p99:10.1f}{done.memory / 1e6:10.0f}"
            f"{sum(one.errors for one in done.loads):10}"
        )


def many(ours: Server, args: argparse.Namespace) -> bool:
    """Have many readers at a time for long, and look at the memory at the beginning and at the end."""
    with Memory(ours.process) as memory:
        done = load(ours.base, ours.targets, connections=args.many, seconds=args.minute)
    third = max(1, len(memory.seen) // 3)
    early, late = max(memory.seen[:third]), max(memory.seen[-third:])
    print(
        f"{args.many} readers for {args.minute} s: {done.rate:.0f} pages/s, p50 {done.p50:.0f} ms, p99 {done.p99:.0f} ms, "
        f"{done.errors} errors;\nmemory {early / 1e6:.0f} MB at most in the first third, {late / 1e6:.0f} MB in the last\n"
    )
    return not done.errors and late < early * PROMISED_GROWTH


def beside_slow_ones(ours: Server, args: argparse.Namespace) -> bool:
    """Load a server without and with readers who take a byte a second of the largest page."""
    alone = load(ours.base, ours.targets, connections=args.connections, seconds=args.seconds)
    largest = max(ours.targets, key=lambda path: (python_docs() / path[1:]).stat().st_size)
    with slow_readers(ours.base, largest, args.many), Memory(ours.process) as memory:
        beside = load(ours.base, ours.targets, connections=args.connections, seconds=args.seconds)
    print(
        f"beside {args.many} readers of a byte a second: {beside.rate:.0f} pages/s, p99 {beside.p99:.0f} ms, "
        f"{beside.errors} errors, memory {memory.peak / 1e6:.0f} MB; without: {alone.rate:.0f} pages/s, "
        f"p99 {alone.p99:.0f} ms"
    )
    return not beside.errors and beside.rate * PROMISED_WAIT > alone.rate


class Memory:
    """Looks at the memory of a process and its children, five times a second, while a block lasts.

    Pages that several share are shared out among them (Linux's "proportional set size").
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.seen: list[int] = []

    @property
    def peak(self) -> int:
        """The most bytes seen."""
        return max(self.seen, default=0)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.seen.append(sum(map(_share, _family(self._process))))
            if self._over.wait(0.2):
                return


def _family(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return [process, *(member for child in children for member in _family(int(child)))]
    return []


def _share(process: int) -> int:
    with contextlib.suppress(OSError):
        match = re.search(
            r"^Pss: +([0-9]+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE
        )
        return int(match[1]) * 1024 if match else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
