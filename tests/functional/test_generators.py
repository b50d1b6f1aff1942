"""Sites of documentation generators, archived and replayed: every page is what it was, and all of it works.

Every page of each live site is opened in Chromium, and a reader's way through it recorded. Then the site is
archived from outside, its server stopped, and all is done once more in the bundle. The sites are built by
``make generator-sites``; ``make test-generators`` builds them and runs these tests.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Iterator
from urllib.error import HTTPError

import pytest

from generators.build import DEFAULT
from generators.sites import SITES
from servers.console import fetch
from servers.fidelity import gone, replay
from servers.processes import need

if TYPE_CHECKING:
    from generators.sites import GeneratorSite
    from servers.fidelity import Gone

BUILT = Path(os.environ.get("GENERATOR_SITES", DEFAULT))

_FEWEST_PAGES = 5

pytestmark = [
    pytest.mark.generators,
    # One worker does all tests of a site: what they share is made once.
    pytest.mark.parametrize(
        "site",
        [pytest.param(site, id=site.name, marks=pytest.mark.xdist_group(site.name)) for site in SITES],
        indirect=True,
    ),
]


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gone]:
    """One of the sites: used while it was live, archived, gone, and served from its bundle."""
    made: GeneratorSite = request.param
    need("chromium", "nginx")
    if not (BUILT / f"{made.name}.built").exists():
        pytest.skip(f"{made.name} is not built; `make generator-sites` says why")
    with gone(made.subject(BUILT), tmp_path_factory.mktemp(made.name)) as served:
        yield served


def test_whatever_a_reader_asks_for_is_archived(site: Gone) -> None:
    """All that pages, scripts and workers asked of the live site is in the bundle: chunks, indexes, versions."""
    assert len(site.pages) >= _FEWEST_PAGES
    failed = [failure for page in site.pages for failure in page.failed]
    assert site.subject.unexpected(failed + site.visit.failed) == []
    missing = []
    for url in site.asked:
        try:
            fetch(site.addresses.there(url))
        except HTTPError as error:
            missing.append(f"{error.code} {url}")
    assert not missing


def test_no_guess_is_called_a_defect_of_the_site(site: Gone) -> None:
    """Nothing failed, and only links that the site's pages really have are called broken."""
    summary = site.summary
    assert summary["complete"] is True
    assert summary["failures"] == []
    broken = [link["url"] for link in summary["broken_links"]]
    assert site.subject.unexpected(broken) == []


def test_every_page_is_what_it_was_and_works(site: Gone) -> None:
    """Same text, picture, fonts and images on every page; no request fails or leaves this machine; no script complains.

    A reader then goes on by links that scripts handle, searches and finds, changes the theme, copies code.
    """
    found = replay(site)
    assert found.differing == []
    assert found.outside == []
    assert found.trouble == ""
    assert site.subject.unexpected(found.failed) == []
