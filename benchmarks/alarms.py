"""``make bench-alarms``: what the guard says of real manuals when the next version of each comes out.

Every version of a manual that Debian has is taken for what an archive has of a site, and every later one for what the site
is at the next refresh: the next version, or one that is years on. Pages are read by the code that reads them in a
crawl; one that the later version does not have answers 404. Then the same with things amiss: a third of the pages
lost, all text lost, a notice in place of every page.

Each pair of versions is one line: how many pages are as before, changed, lost and new, and the verdict. Ends with exit code
1 where an upgrade is not healthy, or something amiss is.

Usage: alarms.py [--store FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterable, Mapping

from archiver.collect.guard.evidence import Answer
from archiver.collect.guard.judging import judge_site
from archiver.collect.guard.sight import site_evidence
from archiver.collect.guard.thresholds import Thresholds
from archiver.collect.web import verdicts
from archiver.collect.web.documents.html import read_html
from archiver.core.capture import PAGE, Capture
from archiver.core.judgement import HEALTHY

if TYPE_CHECKING:
    from archiver.collect.web.documents.document import Facts
    from archiver.core.judgement import Judgement

SITE = "https://docs.example.org/docs/"
RUN = "20260105T030000Z"
MANUALS: Mapping[str, tuple[str, ...]] = {  # packages of one manual, the oldest version first
    "python 3.11": ("python3.11-doc",),
    "clang": tuple(f"clang-{version}-doc" for version in (13, 14, 15, 16, 19)),
    "llvm": tuple(f"llvm-{version}-doc" for version in (13, 14, 15, 16, 19)),
    "libstdc++": ("libstdc++-11-doc", "libstdc++-12-doc"),
    "postgresql 15": ("postgresql-doc-15",),
    "linux 6.1": ("linux-doc-6.1",),
}


@dataclass(frozen=True)
class Page:
    """A page of a version: its capture, what it says of itself, and its size in bytes."""

    capture: Capture
    facts: Facts
    size: int


@dataclass(frozen=True)
class Version:
    """A version of a manual: its pages, by their place below its own folder."""

    name: str
    pages: Mapping[str, Page]

    @property
    def seed(self) -> str:
        """The page to begin with."""
        return next(
            (name for name in ("index.html", "html/index.html") if name in self.pages), min(self.pages)
        )


def main() -> int:
    """Print a line for each pair of versions; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--store", type=Path, default=Path("build/bench-alarms"), help="where packages are kept"
    )
    store = parser.parse_args().store
    store.mkdir(parents=True, exist_ok=True)
    wrong = 0
    print(f"{'manual':<14}{'from':>22}{'to':>22}{'same':>7}{'changed':>8}{'lost':>6}{'new':>6}  verdict")
    for manual, packages in MANUALS.items():
        versions = versions_of(packages, store)
        for before, after in combinations(versions, 2):
            wrong += shown(manual, before, after.name, refreshed(before, after)).verdict != HEALTHY
        for name, fate in AMISS.items():
            wrong += any(shown(manual, each, name, fate(each)).verdict == HEALTHY for each in versions[:1])
    return 1 if wrong else 0


def shown(manual: str, before: Version, after: str, answers: list[Answer]) -> Judgement:
    """Judge a refresh, and print its line."""
    had = [page.capture for page in before.pages.values()]
    evidence = site_evidence(answers, had, lambda _: True)
    judgement = judge_site("docs", evidence, Thresholds(), None, RUN)
    lost = sum(loss.count for loss in evidence.lost)
    told = judgement.verdict + (f": {judgement.reason}" if judgement.reason else "")
    print(
        f"{manual:<14}{before.name:>22}{after:>22}{evidence.unchanged:>7}{evidence.changed:>8}{lost:>6}{evidence.new:>6}"
        f"  {told}"
    )
    return judgement


def refreshed(before: Version, after: Version) -> list[Answer]:
    """Return what comes where one version is archived and the site has the other."""
    answers = []
    for name, page in before.pages.items():
        now = after.pages.get(name)
        answers.append(_came(before, page, now) if now else _not_found(before, page))
    new = (page for name, page in after.pages.items() if name not in before.pages)
    return answers + [Answer(page.capture.url, PAGE, False, "200", capture=page.capture) for page in new]


def a_third_lost(before: Version) -> list[Answer]:
    """Return what comes where every third page beside the seed is not there any more."""
    lost = [name for name in before.pages if name != before.seed][::3]
    here = (page for name, page in before.pages.items() if name not in lost)
    return [
        *(_not_found(before, before.pages[name]) for name in lost),
        *(_came(before, page, page) for page in here),
    ]


def all_text_lost(before: Version) -> list[Answer]:
    """Return what comes where every page has its title left, and a line of text."""
    return [_came(before, page, _read(_url(page), _stub(page.facts.title))) for page in before.pages.values()]


def noticed(before: Version) -> list[Answer]:
    """Return what comes where a notice stands in place of every page, with the page's title."""
    notice = "This documentation has been taken down. Thank you for your interest in it over the years."
    return [
        _came(before, page, _read(_url(page), _stub(page.facts.title, notice)))
        for page in before.pages.values()
    ]


AMISS: Mapping[str, Callable[[Version], list[Answer]]] = {
    "third lost": a_third_lost,
    "no text": all_text_lost,
    "a notice": noticed,
}


def _url(page: Page) -> str:
    return page.capture.url


def _stub(title: str, text: str = "See our new portal.") -> bytes:
    return f"<title>{title}</title><h1>{title}</h1><p>{text}".encode()


def _not_found(version: Version, page: Page) -> Answer:
    seed = page.capture.url == SITE + version.seed
    return Answer(page.capture.url, PAGE, seed, "404", "fetch.status", earlier=page.capture)


def _came(version: Version, earlier: Page, now: Page) -> Answer:
    """Return an answer as the crawl marks it: a notice where its page had more to say."""
    seed = earlier.capture.url == SITE + version.seed
    answer = verdicts.Answer(
        now.capture.url,
        PAGE,
        seed,
        True,
        now.capture.digest,
        now.size,
        now.facts,
        replaces=now.capture.digest != earlier.capture.digest,
        had=int(earlier.capture.text),
    )
    verdict = verdicts.judge(answer, ())
    refused = verdict is not None and verdict.refuses
    return Answer(
        now.capture.url,
        PAGE,
        seed,
        "200",
        "fetch.soft404" if refused else "",
        verdict.mark if verdict else "",
        capture=None if refused else now.capture,
        earlier=earlier.capture,
    )


def _read(url: str, body: bytes) -> Page:
    facts = read_html(body, url, "text/html").facts
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    capture = Capture(
        url, "20260101000000", "text/html", "200", digest, "docs", PAGE, "r", text=str(facts.text)
    )
    return Page(capture, facts, len(body))


def version_of(name: str, folder: Path) -> Version:
    """Read the pages of an unpacked package."""
    found = [path for path in sorted(folder.rglob("*.html")) if path.is_file()]
    root = Path(os.path.commonpath([path.parent for path in found]))
    return Version(
        name,
        {(url := path.relative_to(root).as_posix()): _read(SITE + url, path.read_bytes()) for path in found},
    )


def versions_of(packages: Iterable[str], store: Path) -> list[Version]:
    """Return the versions of a manual that can be had, each package downloaded by apt-get and unpacked beside."""
    found = []
    for package, version in (each for name in packages for each in _offered(name)):
        folder = store / f"{package}_{version}".replace(":", "-")
        if not folder.exists():
            download = ["apt-get", "download", "-qq", f"{package}={version}"]
            done = subprocess.run(download, cwd=store, check=False)
            archives = list(store.glob(f"{package}_*.deb"))
            if done.returncode or not archives:
                continue
            subprocess.run(["dpkg-deb", "-x", archives[0], folder], check=True)
            archives[0].unlink()
        found.append(version_of(version.partition(":")[2] or version, folder))
    return found


def _offered(package: str) -> list[tuple[str, str]]:
    """Return a package with each of its versions that Debian offers, the oldest first; at most the oldest and the newest."""
    told = subprocess.run(
        ["apt-cache", "madison", package], capture_output=True, text=True, check=False
    ).stdout
    versions = [line.split("|")[1].strip() for line in told.splitlines() if line.count("|") == 2]
    return [(package, version) for version in dict.fromkeys((*versions[-1:], *versions[:1]))]


if __name__ == "__main__":
    sys.exit(main())
