"""Sites of documentation generators, archived and replayed: whatever their scripts ask for must be there.

A reader's way through each live site is recorded with Chromium. Then the site is archived from outside, its
server stopped, and the reader goes the same way through the bundle. The sites are built by
``make generator-sites``; ``make test-generators`` builds them and runs these tests.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from generators.build import DEFAULT
from generators.sites import SITES, GeneratorSite, explore, publish
from servers.browser import browser
from servers.console import Console, Served, fetch
from servers.processes import need
from servers.real import nginx

if TYPE_CHECKING:
    from servers.browser import Visit

BUILT = Path(os.environ.get("GENERATOR_SITES", DEFAULT))

_FEWEST_PAGES = 5

pytestmark = [
    pytest.mark.generators,
    # One worker does all tests of a site: what they share is made once.
    pytest.mark.parametrize(
        "replay",
        [pytest.param(site, id=site.name, marks=pytest.mark.xdist_group(site.name)) for site in SITES],
        indirect=True,
    ),
]


@dataclass(frozen=True)
class Replay:
    """A site that is gone, what a reader caused to be asked for while it was there, and its bundle."""

    site: GeneratorSite
    live: str
    pages: list[str]
    visit: Visit
    summary: Any
    served: Served
    folder: Path

    @property
    def address(self) -> str:
        """Where the site is served now, without a trailing slash."""
        parts = urlsplit(self.served.docs("docs"))
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def asked(self) -> list[str]:
        """What was asked of the live site, and was there: paths with queries."""
        asked = [url for url in self.visit.requested if url.startswith(f"{self.live}/")]
        return sorted({url[len(self.live) :].split("#")[0] for url in asked} - set(self.site.absent))


@pytest.fixture(scope="module")
def replay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """One of the sites: used while it was live, archived, gone, and served from its bundle."""
    site: GeneratorSite = request.param
    need("chromium", "nginx")
    if not (BUILT / f"{site.name}.built").exists():
        pytest.skip(f"{site.name} is not built; `make generator-sites` says why")
    folder = tmp_path_factory.mktemp(site.name)
    console = Console(folder)
    root = folder / "root"
    with nginx(root, folder) as live:
        publish(BUILT / site.name, root, live.url)
        with browser(folder) as chromium, chromium.tab() as tab:
            pages = explore(tab, site, root, live.url)
            site.use(tab, live.url)
        assert len(pages) >= _FEWEST_PAGES, pages
        assert site.unexpected(tab.visit.failed) == []
        spec = {
            "project": "site",
            "docs": [
                {
                    "name": "docs",
                    "seeds": [live.url + path for path in site.seeds],
                    "scope": {"include": [f"{live.url}/"]},
                }
            ],
        }
        summary = console.succeed("archive", console.write("site.yaml", json.dumps(spec)), "--json").json
    console.succeed("bundle", "site", "-o", folder / "site.tar")
    with console.serving(folder / "site.tar") as served:
        yield Replay(site, live.url, pages, tab.visit, summary, served, folder)


def test_whatever_a_reader_asks_for_is_archived(replay: Replay) -> None:
    """All that pages, scripts and workers asked of the live site is in the bundle: chunks, indexes, versions."""
    missing = []
    for path in replay.asked:
        try:
            fetch(replay.address + path)
        except HTTPError as error:
            missing.append(f"{error.code} {path}")
    assert not missing


def test_no_guess_is_called_a_defect_of_the_site(replay: Replay) -> None:
    """Nothing failed, and only links that the site's pages really have are called broken."""
    summary = replay.summary
    assert summary["complete"] is True
    assert summary["failures"] == []
    broken = {link["url"].removeprefix(replay.live) for link in summary["broken_links"]}
    assert broken <= set(replay.site.absent)


def test_all_pages_replay_without_a_missing_request(replay: Replay) -> None:
    """Every page opens: no request fails, none leaves this machine, and no script complains."""
    with browser(replay.folder) as chromium, chromium.tab() as tab:
        for path in replay.pages:
            tab.go(replay.address + path)
    visit = tab.visit
    assert replay.site.unexpected(visit.failed) == []
    assert visit.hosts <= {"127.0.0.1"}
    complaints = {complaint.replace(replay.address, replay.live) for complaint in visit.complaints}
    assert complaints <= set(replay.visit.complaints), "the live site's scripts did not complain of this"


def test_search_theme_and_navigation_work_offline(replay: Replay) -> None:
    """A reader goes on by links that scripts handle, searches and finds, changes the theme, shows late parts."""
    with browser(replay.folder) as chromium, chromium.tab() as tab:
        replay.site.use(tab, replay.address)
    visit = tab.visit
    assert replay.site.unexpected(visit.failed) == []
    assert visit.hosts <= {"127.0.0.1"}
