"""How faithfully a site is replayed: walked while it is live, archived, gone, and walked in its bundle.

Every page is compared with what it showed live (servers.walking), and a reader's way through the site, by
its own links, search and switches, is gone twice. In both walks the internet is a proxy that notes who
knocks, so what a page asks of it is known even where no DevTools event tells.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, Sequence

from servers.browser import browser
from servers.console import Console
from servers.outside import outside
from servers.walking import Addresses, Difference, Shown, compare, count_pixels, explore, look, origin_of

if TYPE_CHECKING:
    from pathlib import Path

    from servers.browser import Browser, Tab, Visit
    from servers.console import Served

WINDOW = 1400, 1600  # CSS pixels; higher than screens are, to see more of each page
_ARCHIVED = 0, 3  # completely; or but for what is listed, such as a script that the site itself has not
_LOOKS = 3  # a difference counts where it is there each time


@dataclass(frozen=True)
class Live:
    """A site that is up.

    Attributes:
        home: its address, without a final slash: what a reader's way begins with.
        seeds: the URLs that an archive of it begins with.
        is_page: whether a URL is one of its pages.
        docs: what the spec says of it, an entry a source; by default one named ``docs`` with these seeds
            and all of ``home`` in scope.
    """

    home: str
    seeds: Sequence[str]
    is_page: Callable[[str], bool]
    docs: Sequence[Mapping[str, Any]] = ()

    @property
    def sources(self) -> Sequence[Mapping[str, Any]]:
        """The entries of the spec."""
        whole = {"include": [f"{self.home}/"]}
        return self.docs or ({"name": "docs", "seeds": list(self.seeds), "scope": whole},)


@dataclass(frozen=True)
class Subject:
    """A site to be measured.

    Attributes:
        name: what the table calls it.
        up: serves it while a block lasts; logs and the like go to the folder that it is given.
        way: a reader's way through it, from the address of its home; raises AssertionError where something
            does not work.
        absent: ends of URLs that its own pages ask for or link to, and that it does not have.
    """

    name: str
    up: Callable[[Path], AbstractContextManager[Live]]
    way: Callable[[Tab, str], None] | None = None
    absent: tuple[str, ...] = ()

    def unexpected(self, failed: Iterable[str]) -> list[str]:
        """Return failed requests but those for what is absent."""
        return [failure for failure in failed if not failure.endswith(self.absent)]


@dataclass(frozen=True)
class Gone:
    """A site that is no more, and what is served of it.

    Attributes:
        subject: what it was.
        live: it, while it was up.
        pages: what each page showed.
        visit: what a reader's way through it asked for.
        knocked: what both asked of the internet.
        summary: what ``archiver archive --json`` said.
        served: its bundle.
        folder: where all that is.
    """

    subject: Subject
    live: Live
    pages: Sequence[Shown]
    visit: Visit
    knocked: Sequence[str]
    summary: Any
    served: Served
    folder: Path

    @property
    def addresses(self) -> Addresses:
        """Where its origins are now."""
        docs = self.served.contents["docs"]
        asked = (url for page in self.pages for url in page.requested if url.startswith("http"))
        return Addresses(
            {origin_of(site["origin"]): origin_of(site["url"]) for site in docs},
            frozenset(map(origin_of, asked)),
        )

    @property
    def asked(self) -> list[str]:
        """What all pages and the reader's way asked of the live site and got: URLs without fragments."""
        asked = [*self.visit.requested, *(url for page in self.pages for url in page.requested)]
        here = {url.partition("#")[0] for url in asked if url.startswith(f"{self.live.home}/")}
        return sorted(url for url in here if not url.endswith(self.subject.absent or ("#",)))

    @property
    def home(self) -> str:
        """Where its home is now."""
        return self.addresses.there(f"{self.live.home}/")[:-1]


@dataclass(frozen=True)
class Fidelity:
    """What became of a site.

    Attributes:
        pages: how each page compares.
        outside: what was asked of anybody but the server.
        refused: what pages asked of others and the browser was kept from sending.
        trouble: what kept a reader from going his way to its end; empty where nothing did.
        failed: requests of that way that failed, and had not failed live.
    """

    pages: Sequence[Difference]
    outside: Sequence[str]
    refused: Sequence[str]
    trouble: str
    failed: Sequence[str]

    @property
    def differing(self) -> list[Difference]:
        """The pages that are not as they were."""
        return [page for page in self.pages if not page.none]


@contextmanager
def gone(subject: Subject, folder: Path, *options: str) -> Iterator[Gone]:
    """Walk a site, archive it, end it, and serve its bundle while a block lasts.

    Args:
        subject: the site.
        folder: an empty one, for all that is made on the way.
        options: further ones of ``archiver serve``.
    """
    console = Console(folder)
    with subject.up(folder) as live:
        with outside() as internet, browser(folder, internet) as chromium:
            pages = list(explore(partial(_look, chromium, Addresses()), live.seeds, live.is_page))
            with chromium.tab() as tab:
                _go(tab, subject, live.home)
        spec = json.dumps({"project": "site", "docs": list(live.sources)})
        archived = console.run("archive", console.write("site.yaml", spec), "--json")
        assert archived.code in _ARCHIVED, archived.said
    console.succeed("bundle", "site", "-o", folder / "site.tar")
    with console.serving(folder / "site.tar", *options) as served:
        yield Gone(subject, live, pages, tab.visit, internet.asked, archived.json, served, folder)


def replay(site: Gone) -> Fidelity:
    """Walk what is served of a site, and compare. Pictures that differ go to ``pictures/`` in its folder."""
    addresses, trouble = site.addresses, ""
    with outside() as internet, browser(site.folder, internet) as chromium:
        compared = [_compared(chromium, addresses, page) for page in site.pages]
        _keep(site.folder / "pictures", [pair for pair in zip(site.pages, compared) if pair[1][0].pixels])
        with chromium.tab() as tab:
            try:
                _go(tab, site.subject, site.home)
            except AssertionError as error:
                trouble = str(error)
    visit = tab.visit
    away = [url for url in visit.requested if addresses.is_away(url) and url not in visit.refused]
    return Fidelity(
        [difference for difference, _ in compared],
        internet.asked + [url for _, shown in compared for url in shown.away] + away,
        [url for _, shown in compared for url in shown.refused],
        trouble,
        sorted(set(map(addresses.here, visit.failed)) - set(site.visit.failed)),
    )


def _compared(chromium: Browser, addresses: Addresses, page: Shown) -> tuple[Difference, Shown]:
    for _ in range(_LOOKS):
        shown = _look(chromium, addresses, page.url)
        difference = compare(page, shown, count_pixels(chromium, page.picture, shown.picture))
        if difference.none:
            break
    return difference, shown


def _keep(folder: Path, differing: Sequence[tuple[Shown, tuple[Difference, Shown]]]) -> None:
    for number, (live, (_, replayed)) in enumerate(differing):
        folder.mkdir(exist_ok=True)
        (folder / f"{number:03}-live.png").write_bytes(live.picture)
        (folder / f"{number:03}-replayed.png").write_bytes(replayed.picture)


def _look(chromium: Browser, addresses: Addresses, url: str) -> Shown:
    """Look at a page in a tab that holds nothing of another one, be it live or replayed."""
    with chromium.tab() as tab:
        tab.resize(*WINDOW)
        tab.hold_still()
        tab.keep_nothing()
        return look(tab, url, addresses)


def _go(tab: Tab, subject: Subject, home: str) -> None:
    tab.allow("clipboardReadWrite", "clipboardSanitizedWrite")
    if subject.way:
        subject.way(tab, home)
