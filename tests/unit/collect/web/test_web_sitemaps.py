from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.collect.web import sitemaps as module
from archiver.collect.web.documents.sitemap import NOT_A_SITEMAP, Sitemap
from archiver.collect.web.frontier import SITEMAP, Found, Frontier, RunState
from archiver.collect.web.sitemaps import Sitemaps
from archiver.core.capture import PAGE
from archiver.spec.model import DocSite

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "https://x.org"
LATER, EARLIER = "2026-11-23T00:44:00Z", "2026-11-22T00:44:00Z"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[RunState]:
    with closing(RunState(tmp_path / "state.sqlite")) as state:
        yield state


def _sitemaps(state: RunState, **values: Any) -> Sitemaps:
    site = DocSite.model_validate({"seeds": (f"{ROOT}/docs/v3/",), **values})
    return Sitemaps(state, site, Frontier(state, site.name))


def _take(state: RunState, sitemaps: Sitemaps, path: str, sitemap: Sitemap) -> None:
    def queue_page(url: str, referrer: str) -> bool:
        if url.startswith(f"{ROOT}/docs/"):
            Frontier(state, "docs").add(Found(url, PAGE, referrer))
            return True
        return False

    sitemaps.take(f"{ROOT}{path}", sitemap, queue_page)


def _queued(state: RunState, kind: str = SITEMAP) -> list[str]:
    return [
        url.removeprefix(ROOT)
        for (url,) in state.rows("SELECT url FROM urls WHERE kind = ? ORDER BY id", (kind,))
    ]


def _row(state: RunState, url: str) -> tuple[Any, ...]:
    columns = "named_by, depth, pages, wanted, sitemaps, unusable, problem"
    return tuple(state.rows(f"SELECT {columns} FROM sitemaps WHERE url = ?", (url,)).fetchone())


def test_sitemaps_are_tried_where_nobody_names_one(state: RunState) -> None:
    """The seed's folder is tried at once, the root when robots.txt has been read and names none."""
    sitemaps = _sitemaps(state)
    sitemaps.begin()
    assert _queued(state) == ["/docs/v3/sitemap.xml"]
    sitemaps.robots_known(ROOT, [])
    assert _queued(state) == ["/docs/v3/sitemap.xml", "/sitemap.xml"]
    assert all(sitemaps.is_guess(f"{ROOT}{path}") for path in _queued(state))


def test_sitemaps_that_robots_names_are_taken(state: RunState) -> None:
    """Relative names, which are not allowed, are understood; the root is not tried then."""
    sitemaps = _sitemaps(state)
    sitemaps.robots_known(ROOT, ["https://x.org/a.xml.gz", "/b.xml", "mailto:me@x.org"])
    assert _queued(state) == ["/a.xml.gz", "/b.xml"]
    assert not sitemaps.is_guess(f"{ROOT}/b.xml")
    assert Frontier(state, "docs").entry(f"{ROOT}/b.xml") == Found(
        f"{ROOT}/b.xml", SITEMAP, f"{ROOT}/robots.txt"
    )


def test_other_hosts_sitemaps_do_not_matter(state: RunState) -> None:
    """What a requisite's host lists is not the site's."""
    _sitemaps(state).robots_known("https://cdn.org", ["https://cdn.org/sitemap.xml"])
    assert _queued(state) == []


def test_where_robots_is_ignored_the_root_is_tried_at_once(state: RunState) -> None:
    """Nobody asks for robots.txt then."""
    _sitemaps(state, robots="ignore").begin()
    assert _queued(state) == ["/docs/v3/sitemap.xml", "/sitemap.xml"]


def test_a_seed_at_the_root_is_tried_once(state: RunState) -> None:
    """The seed's folder is the root."""
    _sitemaps(state, seeds=(f"{ROOT}/", f"{ROOT}/start?x=/y/"), robots="ignore").begin()
    assert _queued(state) == ["/sitemap.xml"]


@pytest.mark.parametrize(
    ("asked", "queued"),
    [
        ((), []),
        ((f"{ROOT}/s.xml",), ["/s.xml"]),
        (("auto", f"{ROOT}/s.xml"), ["/s.xml", "/docs/v3/sitemap.xml", "/a.xml", "/page.xml"]),
    ],
)
def test_the_spec_decides_which_sitemaps_are_read(
    state: RunState, asked: tuple[str, ...], queued: list[str]
) -> None:
    """None at all, the named ones alone, or those of the site as well."""
    sitemaps = _sitemaps(state, sitemaps=asked)
    sitemaps.begin()
    sitemaps.robots_known(ROOT, ["/a.xml"])
    sitemaps.linked([f"{ROOT}/page.xml"], f"{ROOT}/docs/v3/")
    assert _queued(state) == queued


def test_what_a_sitemap_lists_is_queued_and_kept(state: RunState) -> None:
    """Pages in scope are queued and remembered with their latest time; the others are counted only."""
    sitemaps = _sitemaps(state)
    sitemaps.robots_known(ROOT, ["/a.xml", "/b.xml"])
    pages = {f"{ROOT}/docs/1": EARLIER, f"{ROOT}/docs/2": "", f"{ROOT}/blog/": LATER}
    _take(state, sitemaps, "/a.xml", Sitemap(pages, unusable=3))
    _take(
        state,
        sitemaps,
        "/b.xml",
        Sitemap({f"{ROOT}/docs/1": LATER, f"{ROOT}/docs/2": ""}, problem="cut short"),
    )
    assert _queued(state, PAGE) == ["/docs/1", "/docs/2"]
    assert Frontier(state, "docs").entry(f"{ROOT}/docs/1") == Found(f"{ROOT}/docs/1", PAGE, f"{ROOT}/a.xml")
    assert state.rows("SELECT url, modified FROM listed").fetchall() == [
        (f"{ROOT}/docs/1", LATER),
        (f"{ROOT}/docs/2", ""),
    ]
    assert _row(state, f"{ROOT}/a.xml") == ("robots.txt", 0, 3, 2, 0, 3, "")
    assert _row(state, f"{ROOT}/b.xml") == ("robots.txt", 0, 2, 2, 0, 0, "cut short")


def test_taking_a_sitemap_twice_changes_nothing(state: RunState) -> None:
    """A run that is continued may read one again."""
    sitemaps = _sitemaps(state)
    sitemaps.robots_known(ROOT, ["/a.xml"])
    for _ in range(2):
        _take(
            state,
            sitemaps,
            "/a.xml",
            Sitemap({f"{ROOT}/docs/1": EARLIER}, {f"{ROOT}/c.xml": "", f"{ROOT}/a.xml": ""}),
        )
    assert (_queued(state), _queued(state, PAGE)) == (["/a.xml", "/c.xml"], ["/docs/1"])
    assert _row(state, f"{ROOT}/a.xml") == ("robots.txt", 0, 1, 1, 2, 0, "")
    assert _row(state, f"{ROOT}/c.xml") == ("index", 1, 0, 0, 0, 0, "")


def test_indexes_within_indexes_end(state: RunState) -> None:
    """A site that makes up another index for each one is followed three levels down."""
    sitemaps = _sitemaps(state)
    sitemaps.robots_known(ROOT, ["/0.xml"])
    for level in range(4):
        _take(state, sitemaps, f"/{level}.xml", Sitemap({}, {f"{ROOT}/{level + 1}.xml": ""}))
    assert _queued(state) == ["/0.xml", "/1.xml", "/2.xml", "/3.xml"]
    assert _row(state, f"{ROOT}/3.xml")[-1] == "1 of its sitemaps are nested too deeply or too many"


def test_the_number_of_sitemaps_is_bounded(state: RunState, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is that of pages; where either ends is told, and the bound holds in a run that is continued."""
    monkeypatch.setattr(module, "MOST_SITEMAPS", 3)
    monkeypatch.setattr(module, "MOST_LISTED", 2)
    sitemaps = _sitemaps(state)
    sitemaps.robots_known(ROOT, ["/0.xml"])
    _take(state, sitemaps, "/0.xml", Sitemap({}, {f"{ROOT}/{number}.xml": "" for number in range(1, 9)}))
    assert _row(state, f"{ROOT}/0.xml")[-1] == "6 of its sitemaps are nested too deeply or too many"
    _take(
        state,
        _sitemaps(state),
        "/1.xml",
        Sitemap({f"{ROOT}/docs/{number}": "" for number in range(4)}, {f"{ROOT}/9.xml": ""}),
    )
    assert (_queued(state), _queued(state, PAGE)) == (["/0.xml", "/1.xml", "/2.xml"], ["/docs/0", "/docs/1"])
    assert _row(state, f"{ROOT}/1.xml")[-1] == "no more than 2 pages are taken from a site's sitemaps"


def test_a_sitemap_may_be_elsewhere(state: RunState) -> None:
    """A redirect's target inherits who named it; the reason that there is none is kept for the report."""
    sitemaps = _sitemaps(state)
    sitemaps.begin()
    sitemaps.redirected(f"{ROOT}/docs/v3/sitemap.xml", f"{ROOT}/there.xml")
    assert sitemaps.is_guess(f"{ROOT}/there.xml")
    sitemaps.note(f"{ROOT}/there.xml", NOT_A_SITEMAP)
    assert _row(state, f"{ROOT}/there.xml") == ("guess", 0, 0, 0, 0, 0, NOT_A_SITEMAP)
    assert _row(state, f"{ROOT}/docs/v3/sitemap.xml")[-1] == "redirects to https://x.org/there.xml"
    assert not sitemaps.is_guess(f"{ROOT}/unknown.xml")
