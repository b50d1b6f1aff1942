"""``make bench-refresh``: what it costs to archive a doc site again, beside its first crawl and beside wget.

Debian's python3-doc, served by nginx on loopback, is archived, then again: unchanged, with 1 % of its pages changed, and
with all of them changed. wget does the same in its two ways: by timestamps into a mirror (``-N``), and into WARC files
that refer to the first ones for what is the same (``--warc-dedup``). Then, with answers that come 100 ms late and a sitemap
that says when each page changed, the refresh that cron does: only what is due.

Requests and bytes of bodies are counted by nginx. Ends with exit code 1 where a goal is missed.

Usage: refresh.py [--site FOLDER] [--rounds N] [--latency SECONDS]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Mapping

from measuring import fresh, machine, measured
from servers.real import nginx, python_docs

if TYPE_CHECKING:
    from servers.real import Site

# The crawl and its snapshot without the search index, which wget does not make; a site is due again after a second.
_RUN = """
import sys, threading
from pathlib import Path
from archiver.collect import asking
from archiver.collect.run import archive_project
from archiver.spec.load import load_spec
from archiver.store.paths import create_archive
archive_project(load_spec(Path(sys.argv[2])), create_archive(Path(sys.argv[1])), asking=getattr(asking, sys.argv[3]),
                stop=threading.Event())
"""
_FINISHED = (0, 8)  # 8 is how wget says that some page was a 404
_STEPS = {"unchanged": 0.0, "1 % of the pages changed": 0.01, "all pages changed": 1.0}
_GOALS = {"bytes": 1.0, "wall": 75.0, "warc": 8.0}  # percent of the first crawl's, where nothing changed
_FEWEST = 10.0  # percent of the first crawl's requests, where a sitemap tells what changed
_COLUMNS = {
    "wall s": ("wall", 2, 1.0),
    "cpu s": ("cpu", 2, 1.0),
    "requests": ("requests", 0, 1.0),
    "body MB": ("bytes", 3, 1e6),
    "WARC MB": ("warc", 3, 1e6),
}
_FIRST, _UNCHANGED = "first crawl", "unchanged"


@dataclass(frozen=True)
class Cost:
    """What a run took: seconds, requests, bytes of bodies, and bytes that the WARC files grew by."""

    wall: float
    cpu: float
    requests: float
    bytes: float
    warc: float


class Bench:
    """A site that can be changed, and the programs that archive it.

    Args:
        site: what is served; its root is a copy.
        folder: where everything is put.
        url: where it is asked for, if not at the server itself.
    """

    def __init__(self, site: Site, folder: Path, url: str = "") -> None:
        self._site, self._folder, self._url = site, folder, url or site.url
        self._pages = sorted(site.root.rglob("*.html"))
        self._changes = 0

    def change(self, share: float) -> None:
        """Change a share of the pages: a paragraph more in each."""
        self._changes += bool(share)
        for page in self._pages[:: round(1 / share)] if share else ():
            with page.open("a", encoding="utf-8") as stream:
                stream.write(f"<p>Change number {self._changes}.</p>\n")

    def archiver(self, asking: str) -> Cost:
        """Run this program."""
        spec = self._folder / "spec.yaml"
        spec.write_text(f"project: bench\nevery: 1s\ndocs:\n  - seeds: [{self._url}/]\n")
        archive = self._folder / "archive"
        command = [sys.executable, "-c", _RUN, str(archive), str(spec), asking]
        return self._counted(command, archive / "bench" / "warc")

    def wget_mirror(self, _: str) -> Cost:
        """Run wget so that it takes what is newer than its copy; it follows no links of what it gets a 304 for."""
        command = ["wget", "-q", "-r", "-l", "inf", "-p", "--no-parent", "-N", "--no-if-modified-since"]
        return self._counted([*command, "-P", str(self._folder / "mirror"), self._url], self._folder / "none")

    def wget_warc(self, step: str) -> Cost:
        """Run wget so that it writes WARC files, with those of the first run to refer to."""
        folder = self._folder / "wget"
        folder.mkdir(exist_ok=True)
        dedup = [] if step == _FIRST else [f"--warc-dedup={folder / 'first.cdx'}"]
        name = "first" if step == _FIRST else f"later-{self._changes}"
        pages = fresh(self._folder / "pages")
        command = ["wget", "-q", "-r", "-l", "inf", "-p", "--no-parent", "--warc-cdx", *dedup]
        return self._counted([*command, f"--warc-file={folder / name}", "-P", str(pages), self._url], folder)

    def _counted(self, command: list[str], warc: Path) -> Cost:
        requests, sent, size = len(self._site.requests()), self._site.sent(), _size(warc)
        done = measured(command, self._folder / "output", _FINISHED)
        return Cost(
            done.wall,
            done.cpu,
            len(self._site.requests()) - requests,
            self._site.sent() - sent,
            _size(warc) - size,
        )


@contextlib.contextmanager
def copied(root: Path, folder: Path) -> Iterator[Site]:
    """Serve a copy of a folder, whose files may be changed."""
    copy = folder / "site"
    shutil.copytree(root, copy)
    with nginx(copy, folder) as site:
        yield site


@contextlib.contextmanager
def behind(site: Site, latency: float) -> Iterator[str]:
    """Give an address of a site at which answers come late."""
    proxy = Path(__file__).with_name("delaying_proxy.py")
    command = [sys.executable, str(proxy), site.url.rpartition(":")[2], str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def write_sitemap(root: Path, url: str) -> None:
    """Write the sitemap of a folder: every page, and when its file was changed."""
    entries = "".join(
        f"<url><loc>{url}/{page.relative_to(root)}</loc><lastmod>{_modified(page)}</lastmod></url>\n"
        for page in sorted(root.rglob("*.html"))
    )
    text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n'
    (root / "sitemap.xml").write_text(text, encoding="utf-8")


def near(root: Path, rounds: int) -> list[str]:
    """Measure on loopback; return the goals that are missed."""
    runs: dict[str, dict[str, list[Cost]]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name, copied(root, Path(name)) as site:
            bench = Bench(site, Path(name))
            programs: dict[str, Callable[[str], Cost]] = {
                "archiver": lambda _, bench=bench: bench.archiver("EVERYTHING"),  # type: ignore[misc]
                "wget -N": bench.wget_mirror,
                "wget --warc-dedup": bench.wget_warc,
            }
            for step, share in {_FIRST: 0.0, **_STEPS}.items():
                bench.change(share)
                for program, run in programs.items():
                    runs.setdefault(program, {}).setdefault(step, []).append(run(step))
    print(f"{root.name}, by nginx on loopback, {machine()}, medians of {rounds} rounds, percent of the first")
    for program, steps in runs.items():
        print(f"\n{table(program, steps)}")
    ours = runs["archiver"]
    return [
        f"{name}: {_share(ours, _UNCHANGED, name):.1f} % where nothing changed; less than {most:g} % is the goal"
        for name, most in _GOALS.items()
        if _share(ours, _UNCHANGED, name) >= most
    ]


def far(root: Path, rounds: int, latency: float) -> list[str]:
    """Measure what cron does, with late answers and a sitemap; return the goals that are missed."""
    runs: dict[str, list[Cost]] = {}
    for _ in range(rounds):
        with (
            tempfile.TemporaryDirectory() as name,
            copied(root, Path(name)) as site,
            behind(site, latency) as url,
        ):
            bench = Bench(site, Path(name), url)
            for step, share in ((_FIRST, 0.0), (_UNCHANGED, 0.0), ("1 % of the pages changed", 0.01)):
                bench.change(share)
                write_sitemap(site.root, url)
                asking = "EVERYTHING" if step == _FIRST else "DUE"
                runs.setdefault(step, []).append(bench.archiver(asking))
    print(
        f"\n{root.name} with a sitemap, answers {latency * 1000:.0f} ms late, {machine()}, medians of {rounds} rounds\n"
    )
    print(table("archiver, what is due", runs))
    share = _share(runs, _UNCHANGED, "requests")
    missed = f"requests: {share:.1f} % where nothing changed; less than {_FEWEST:g} % is the goal"
    return [missed] if share >= _FEWEST else []


def table(title: str, steps: Mapping[str, list[Cost]]) -> str:
    """Return the medians of each step, and how much of the first one's that is."""
    lines = [f"{title:26}" + "".join(f"{column:>10}{'':9}" for column in _COLUMNS)]
    for step in steps:
        cells = ""
        for name, places, unit in _COLUMNS.values():
            value = _median(steps[step], name) / unit
            share = "" if step == _FIRST or not value else f"{_share(steps, step, name):.1f} %"
            cells += f"{value:10.{places}f}{share:>9}"
        lines.append(f"{step:26}{cells}")
    return "\n".join(line.rstrip() for line in lines)


def _share(steps: Mapping[str, list[Cost]], step: str, name: str) -> float:
    """Return the median of each round's percentage of its own first crawl."""
    pairs = zip(steps[step], steps[_FIRST], strict=True)
    return statistics.median(100 * getattr(a, name) / (getattr(b, name) or 1) for a, b in pairs)


def _median(costs: list[Cost], name: str) -> float:
    return statistics.median(getattr(cost, name) for cost in costs)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.warc.gz"))


def _modified(page: Path) -> str:
    return datetime.fromtimestamp(page.stat().st_mtime, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> int:
    """Measure, print tables, and say by the exit code whether the goals are met."""
    parser = argparse.ArgumentParser(description="measure what a refresh costs")
    parser.add_argument("--site", type=Path, help="a folder of HTML pages; default: Debian's python3-doc")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds")
    args = parser.parse_args()
    root = args.site or python_docs()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    missed = [*near(root, args.rounds), *far(root, args.rounds, args.latency)]
    print("\n" + ("\n".join(missed) or "All goals are met."))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
