"""``make bench-alarms``: what the guard says of real manuals when the next version of each comes out.

Every version of a manual that Debian has is taken for what an archive has of a site, and every later one for what the site
is at the next refresh: the next version, or one that is years on. Pages are read by the code that reads them in a
crawl; one that the later version does not have answers 404. Likewise where the later version numbers its pages anew, so that
each has what the next one says. Then with things amiss: a third of the pages lost, all text lost, a notice in place of every
page, the text of another manual's page in place of every page.

Each pair of versions is one line: how many pages are as before, changed, lost and new, how many of those that were compared say
nothing of what they said, and the verdict. Then come, for the pages that changed and for pages beside those of other manuals,
how much they have in common: the share of the shorter one's phrases. Ends with exit code 1 where an upgrade is not healthy, or
something amiss is.

Usage: alarms.py [--store FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import combinations, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterable, Mapping, Sequence, TypeVar

from archiver.collect.guard.comparison import NOTHING, Comparison
from archiver.collect.guard.evidence import Answer
from archiver.collect.guard.judging import judge_site
from archiver.collect.guard.phrases import phrases, shared
from archiver.collect.guard.sight import site_evidence
from archiver.collect.guard.thresholds import Thresholds
from archiver.collect.web import verdicts
from archiver.collect.web.documents.html import read_html
from archiver.collect.web.documents.read import read_main_text
from archiver.collect.web.storedtexts import MOST_TEXT
from archiver.core.capture import PAGE, Capture
from archiver.core.judgement import HEALTHY

if TYPE_CHECKING:
    from archiver.collect.web.documents.document import Facts
    from archiver.core.judgement import Judgement

SITE = "https://docs.example.org/docs/"
RUN = "20260105T030000Z"
SHOWN = 500  # pairs of pages of which it is shown how much they have in common
MANUALS: Mapping[str, tuple[str, ...]] = {  # packages of one manual, the oldest version first
    "python 3.11": ("python3.11-doc",),
    "clang": tuple(f"clang-{version}-doc" for version in (13, 14, 15, 16, 19)),
    "llvm": tuple(f"llvm-{version}-doc" for version in (13, 14, 15, 16, 19)),
    "libstdc++": ("libstdc++-11-doc", "libstdc++-12-doc"),
    "postgresql 15": ("postgresql-doc-15",),
    "linux 6.1": ("linux-doc-6.1",),
}

T = TypeVar("T")


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
    manuals = {manual: versions_of(packages, store) for manual, packages in MANUALS.items()}
    print(
        f"{'manual':<14}{'from':>22}{'to':>22}{'same':>7}{'changed':>8}{'lost':>6}{'new':>6}{'replaced':>9}  verdict"
    )
    wrong = sum(judged(manual, manuals) for manual in manuals)
    print(
        f"\n{'manual':<14}{'from':>22}{'to':>22}{'pages':>7}"
        + "".join(f"{name:>8}" for name in ("least", "1 %", "5 %", "half", "95 %", "99 %", "most"))
        + f"{'replaced':>9}"
    )
    for manual in manuals:
        show_common(manual, manuals)
    return 1 if wrong else 0


def judged(manual: str, manuals: Mapping[str, Sequence[Version]]) -> int:
    """Judge a manual's upgrades, and what is amiss; return how many verdicts are wrong."""
    wrong = 0
    for before, after in combinations(manuals[manual], 2):
        wrong += shown(manual, before, after.name, refreshed(before, after)).verdict != HEALTHY
        wrong += shown(manual, before, "numbered anew", renumbered(before, after)).verdict != HEALTHY
    for before in manuals[manual][:1]:
        amiss = {name: fate(before) for name, fate in AMISS.items()}
        amiss |= {
            f"as {other}": replaced(before, strangers[-1])
            for other, strangers in manuals.items()
            if strangers
        }
        del amiss[f"as {manual}"]
        for name, answers in amiss.items():
            wrong += shown(manual, before, name, answers).verdict == HEALTHY
    return wrong


def show_common(manual: str, manuals: Mapping[str, Sequence[Version]]) -> None:
    """Print how much a manual's pages have in common with what they become, and with those of others."""
    for before, after in combinations(manuals[manual], 2):
        print_common(manual, before, after.name, changed_pages(before, after))
    for before in manuals[manual][:1]:
        for other, strangers in manuals.items():
            if other != manual and strangers:
                pages = zip(drawn(before.pages.values()), cycle(drawn(strangers[-1].pages.values())))
                print_common(manual, before, other, pages)


def print_common(manual: str, before: Version, after: str, pairs: Iterable[tuple[Page, Page]]) -> None:
    """Print a line on how much pages have in common."""
    texts = ((text_of(one.capture), text_of(other.capture)) for one, other in pairs)
    shares = [shared(phrases(one or ""), phrases(other or "")) for one, other in texts]
    found = sorted(share for share in shares if share is not None)
    if found:
        at = (found[int(part * (len(found) - 1))] for part in (0, 0.01, 0.05, 0.5, 0.95, 0.99, 1))
        print(
            f"{manual:<14}{before.name:>22}{after:>22}{len(found):>7}"
            + "".join(f"{share:>8.3f}" for share in at)
            + f"{sum(share < NOTHING for share in found) / len(found):>9.1%}"
        )


def shown(manual: str, before: Version, after: str, answers: list[Answer]) -> Judgement:
    """Judge a refresh, and print its line."""
    had = [page.capture for page in before.pages.values()]
    limits = Thresholds()
    evidence = site_evidence(answers, had, lambda _: True, Comparison(RUN, limits, text_of))
    judgement = judge_site("docs", evidence, limits, None, RUN)
    others = f"{evidence.replaced.count if evidence.replaced else 0}/{evidence.compared}"
    lost = sum(loss.count for loss in evidence.lost)
    told = judgement.verdict + (f": {judgement.reason}" if judgement.reason else "")
    print(
        f"{manual:<14}{before.name:>22}{after:>22}{evidence.unchanged:>7}{evidence.changed:>8}{lost:>6}{evidence.new:>6}"
        f"{others:>9}  {told}"
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


def renumbered(before: Version, after: Version) -> list[Answer]:
    """Return what comes where each page has what the later version says on the next one of those that both have."""
    names = [name for name in before.pages if name in after.pages]
    following = {
        name: _at(before.pages[name], after.pages[next_one])
        for name, next_one in zip(names, names[1:] + names[:1])
    }
    return refreshed(
        Version(before.name, {name: before.pages[name] for name in names}), Version("", following)
    )


def replaced(before: Version, other: Version) -> list[Answer]:
    """Return what comes where every page has the text of a page of another manual."""
    return [
        _came(before, page, _at(page, stranger))
        for page, stranger in zip(before.pages.values(), cycle(other.pages.values()))
    ]


def changed_pages(before: Version, after: Version) -> list[tuple[Page, Page]]:
    """Return pages that have changed, as they were and are."""
    common = [name for name in before.pages if name in after.pages]
    pairs = [(before.pages[name], after.pages[name]) for name in common]
    return drawn((was, now) for was, now in pairs if was.capture.digest != now.capture.digest)


def drawn(things: Iterable[T]) -> list[T]:
    """Return so many of some things as are shown, at random and yet always the same ones."""
    found = list(things)
    return random.Random(RUN).sample(found, min(SHOWN, len(found)))


def text_of(capture: Capture) -> str | None:
    """Return the main text of a page of an unpacked package, as it is read from a record."""
    path = Path(capture.record)
    return read_main_text(path.read_bytes(), "text/html", "", MOST_TEXT) if capture.record else None


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


def _at(place: Page, page: Page) -> Page:
    """Return a page as it is at the URL of another one."""
    return replace(page, capture=replace(page.capture, url=_url(place)))


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


def _read(url: str, body: bytes, record: str = "") -> Page:
    facts = read_html(body, url, "text/html").facts
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    capture = Capture(
        url, "20260101000000", "text/html", "200", digest, "docs", PAGE, record, text=str(facts.text)
    )
    return Page(capture, facts, len(body))


def version_of(name: str, folder: Path) -> Version:
    """Read the pages of an unpacked package."""
    found = [path for path in sorted(folder.rglob("*.html")) if path.is_file()]
    root = Path(os.path.commonpath([path.parent for path in found]))
    return Version(
        name,
        {
            (name := path.relative_to(root).as_posix()): _read(SITE + name, path.read_bytes(), str(path))
            for path in found
        },
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
