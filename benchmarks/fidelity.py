"""``make fidelity``: how faithfully doc sites are replayed, page by page, in Chromium.

Sites that generators make (those of ``make generator-sites``), real manuals, and the three sites of the
tests' own that need each other. Each is walked while it is live, archived, ended, and walked in its bundle;
tests/servers/fidelity.py says how pages are compared. What differs is listed, with pictures in
``build/fidelity``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Sequence

from manuals import MANUALS

from generators.build import DEFAULT
from generators.sites import LARGE, SITES
from measuring import machine
from servers.fidelity import Fidelity, Live, Subject, gone, replay
from servers.threeorigins import three_origins

if TYPE_CHECKING:
    from servers.walking import Difference

FOLDER = Path(__file__).resolve().parents[1] / "build" / "fidelity"
_MOST_LINES = 20  # told of one site


@dataclass(frozen=True)
class Row:
    """What the table says of a site; seconds on the clock for all of it."""

    name: str
    found: Fidelity
    seconds: float


COLUMNS: dict[str, Callable[[Row], object]] = {
    "pages": lambda row: len(row.found.pages),
    "requests": lambda row: sum(page.requests for page in row.found.pages),
    "answered %": lambda row: f"{_answered(row.found):.2f}".rstrip("0").rstrip("."),
    "outside": lambda row: len(row.found.outside),
    "errors": lambda row: sum(len(page.complaints) for page in row.found.pages),
    "text": lambda row: sum(bool(page.text) for page in row.found.pages),
    "fonts": lambda row: sum(bool(page.fonts) for page in row.found.pages),
    "images": lambda row: sum(bool(page.images) for page in row.found.pages),
    "pictures": lambda row: sum(page.pixels > 0 for page in row.found.pages),
    "works": lambda row: "no" if row.found.trouble or row.found.failed else "yes",
    "s": lambda row: f"{row.seconds:.0f}",
}
"""What is counted of a site: requests that the replayed pages made; how many of them were answered, a page that
fails live too counting as such; requests to anybody but the server; errors in the console, pages whose text,
fonts, images and pictures are not those of the live page; whether a reader's way through it works."""


def main(arguments: Sequence[str]) -> int:
    """Measure all sites or those named, and print the table; return 1 where a page is not what it was."""
    parser = argparse.ArgumentParser(description="How faithfully doc sites are replayed.")
    parser.add_argument("--generators", type=Path, default=DEFAULT, help="what make generator-sites built")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to work")
    parser.add_argument("names", nargs="*", help="of the sites; default all")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    subjects = {subject.name: subject for subject in _subjects(options.generators.resolve(), folder)}
    rows, whole = [], True
    for name in options.names or subjects:
        try:
            row = measure(subjects[name], folder / name)
        except (AssertionError, OSError) as error:  # the others are measured all the same
            whole = False
            print(f"{name}: could not be measured: {error}", flush=True)
            continue
        rows.append(row)
        tell(row)
    print(f"\n{machine()}, {chromium_version()}")
    table(rows)
    return int(
        not whole or any(row.found.differing or row.found.outside or row.found.trouble for row in rows)
    )


def measure(subject: Subject, folder: Path) -> Row:
    """Walk one site, archive it, end it, walk its bundle."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begun = time.monotonic()
    with gone(subject, folder) as site:
        found = replay(site)
    return Row(subject.name, found, time.monotonic() - begun)


def tell(row: Row) -> None:
    """Say what became of a site, and list what differs."""
    found = row.found
    print(
        f"{row.name}: {len(found.pages)} pages, {len(found.differing)} differ ({row.seconds:.0f} s)",
        flush=True,
    )
    lines = [line for page in found.differing for line in _said(page)]
    lines += [f"the reader's way ended: {found.trouble}"] if found.trouble else []
    lines += [f"on the reader's way: {failure}" for failure in found.failed]
    lines += [f"asked of others: {url}" for url in sorted(set(found.outside))]
    for line in lines[:_MOST_LINES]:
        print(f"    {line}")
    if len(lines) > _MOST_LINES:
        print(f"    and {len(lines) - _MOST_LINES} more")


def table(rows: Sequence[Row]) -> None:
    """Print a row a site."""
    width = max((len(row.name) for row in rows), default=0) + 2
    print(" " * width + "".join(f"{title:>{_width(title)}}" for title in COLUMNS))
    for row in rows:
        print(
            f"{row.name:{width}}"
            + "".join(f"{cell(row)!s:>{_width(title)}}" for title, cell in COLUMNS.items())
        )


def chromium_version() -> str:
    """Return which browser it is."""
    said = subprocess.run(["chromium", "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:2])


def _subjects(built: Path, folder: Path) -> Iterator[Subject]:
    """Yield all there is to measure here; say what cannot be had."""
    for site in (*SITES, *LARGE):
        if (built / f"{site.name}.built").exists():
            yield site.subject(built)
        else:
            print(f"{site.name}: left out: not built; make generator-sites says why")
    for manual in MANUALS:
        try:
            yield manual.subject(folder / "packages")
        except FileNotFoundError as error:
            print(f"{manual.name}: left out: {error}")
    yield Subject("three-origins", _three_origins)


@contextmanager
def _three_origins(_: Path) -> Iterator[Live]:
    with three_origins() as sites:
        yield Live(sites.a.origin, sites.pages, lambda url: url in sites.pages, sites.spec["docs"])


def _answered(found: Fidelity) -> float:
    """Return the percentage of requests that were answered, or failed live, too."""
    requests = sum(page.requests for page in found.pages)
    return 100 * (1 - sum(len(page.unanswered) for page in found.pages) / requests) if requests else 0


def _said(page: Difference) -> Iterator[str]:
    told = [*page.unanswered, *page.complaints, *page.text, *page.fonts, *page.images]
    if page.pixels:
        told.append(f"{page.pixels} pixels")
    for one in told:
        yield f"{page.url}: {one[:200]}"


def _width(title: str) -> int:
    return max(len(title), 4) + 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
