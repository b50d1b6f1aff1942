"""Sites that need each other, archived and replayed in a real browser: every page does what it did, and asks nobody else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator
from urllib.parse import urlsplit

import pytest

from servers.browser import browser
from servers.console import Console
from servers.processes import need
from servers.threeorigins import three_origins

if TYPE_CHECKING:
    from servers.browser import Browser, Visit
    from servers.console import Served


@dataclass(frozen=True)
class Replay:
    """The sites as they were, and their bundle being served now that they are gone.

    Attributes:
        live: what was seen on each live page, by its URL.
        origins: those of the live sites A, B and C.
        served: the bundle.
        chromium: a browser.
    """

    live: dict[str, Visit]
    origins: tuple[str, str, str]
    served: Served
    chromium: Browser

    def address(self, url: str) -> str:
        """Return where a live page is served now."""
        for name, origin in zip(("first", "second"), self.origins):
            if url.startswith(f"{origin}/"):
                served = urlsplit(self.served.docs(name))
                return f"{served.scheme}://{served.netloc}{url[len(origin) :]}"
        raise AssertionError(url)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """The three sites: looked at, archived, gone, and served from their bundle."""
    need("chromium")
    folder = tmp_path_factory.mktemp("three")
    console = Console(folder)
    with browser(folder) as chromium:
        with three_origins() as sites:
            live = {url: chromium.open(url) for url in sites.pages}
            summary = console.succeed(
                "archive", console.write("s.yaml", json.dumps(sites.spec)), "--json"
            ).json
            origins = (sites.a.origin, sites.b.origin, sites.c.origin)
        assert summary["failures"] == []
        console.succeed("bundle", "threefold", "-o", folder / "three.tar")
        with console.serving(folder / "three.tar") as served:
            yield Replay(live, origins, served, chromium)


def test_every_page_does_what_it_did(replay: Replay) -> None:
    """The same text, fonts, modules, pictures and data; nothing fails, nothing leaves the server, no script complains."""
    for url, live in replay.live.items():
        visit = replay.chromium.open(replay.address(url))
        assert visit.text == live.text, url
        assert visit.failed == [], url
        assert visit.complaints == [], url
        asked = {
            request for request in visit.requested for origin in replay.origins if request.startswith(origin)
        }
        assert asked == set(), url


def test_pages_lead_to_each_other(replay: Replay) -> None:
    """Links, a redirect, a page's refresh and a header's go from one archived site to the other, as they did."""
    begin = replay.address(f"{replay.origins[0]}/docs/")
    for label, path in (
        ("Other", "/guide/"),
        ("Moved", "/guide/moved-here.html"),
        ("Gone on", "/guide/gone-here.html"),
        ("Later", "/guide/later-here.html"),
    ):
        with replay.chromium.tab() as tab:
            tab.go(begin)
            tab.evaluate(f"[...document.links].find(link => link.textContent === '{label}').click()")
            there = replay.address(replay.origins[1] + path)
            tab.wait(f"location.href === '{there}'")
            assert tab.visit.failed == []


def test_what_a_script_writes_later_leads_on_and_reads_as_before(replay: Replay) -> None:
    """HTML in a script's string: its link is mapped, its text is not."""
    a, b, _ = replay.origins
    with replay.chromium.tab() as tab:
        tab.go(replay.address(f"{a}/docs/text.html"))
        tab.click("#by-script")
        assert tab.evaluate("document.querySelector('#shown').innerText") == f"{b}/guide/"
        assert tab.evaluate("document.querySelector('#shown a').href") == replay.address(f"{b}/guide/")


def test_what_only_serves_styles_has_an_address_of_its_own(replay: Replay) -> None:
    """Its files refer to each other from the root, so that no folder of another site would do."""
    visit = replay.chromium.open(replay.address(f"{replay.origins[0]}/docs/"))
    fonts = [request for request in visit.requested if request.endswith("/fonts/tiny.ttf")]
    assert fonts
    assert all(re.fullmatch(r"http://127\.0\.0\.1:\d+/fonts/tiny\.ttf", font) for font in fonts)
