"""What a refresh asks a doc site for, on loopback and with a calendar that is turned: all that may have changed, and no more."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.collect import asking
from archiver.collect.run import RunResult, archive_project
from archiver.core import clock
from archiver.core.reportjson import read_report
from archiver.spec.load import load_spec
from archiver.store.paths import create_archive
from archiver.store.snapshots import read_captures
from servers.crawling import IMPATIENT
from servers.site import Asked, Reply, Site, html, put, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.report import SiteReport

PAGES = 30
DAY = 1.05  # a bit late each time, so that no page is due at the very second of a run
BEGIN = datetime(2026, 6, 1, 3, 0, tzinfo=timezone.utc)
STYLE = '<link rel="stylesheet" href="/docs/style.css">'


@dataclass
class Keeper:
    """Someone who archives a site of a seed and many pages, and refreshes it day by day."""

    site: Site
    folder: Path
    spec: dict[str, Any]
    day: float = 0.0
    seconds: float = 0.0

    def now(self) -> datetime:
        """What the program takes for the time."""
        return BEGIN + timedelta(days=self.day, seconds=time.monotonic() - self.seconds)

    def run(self, day: float, how: asking.Asking, *, stop: threading.Event | None = None) -> RunResult:
        """Let it be a day, and archive the site."""
        self.day, self.seconds = day, time.monotonic()
        path = self.folder / "sample.yaml"
        path.write_text(json.dumps(self.spec))
        archive = create_archive(self.folder / "archives")
        self.site.forget()
        return archive_project(load_spec(path), archive, asking=how, stop=stop or threading.Event())

    def asked_pages(self) -> set[str]:
        """Return the names of numbered pages asked for since the last run began."""
        return {name for target in self.site.targets() if (name := target.removeprefix("/docs/")).isdigit()}

    def put_page(self, number: int, text: str = "", head: str = STYLE) -> None:
        """Have the site serve a page."""
        words = f"<p>{random.Random(number).randbytes(200).hex()} {text}"
        body = html(head=head, text=words)
        self.site.answers[f"/docs/{number}"] = Reply(body, etag=f'"{number}-{len(body)}-{text}"')

    def put_sitemap(self, modified: dict[str, str]) -> None:
        """Have the site say when pages changed."""
        entries = "".join(
            f"<url><loc>{self.site.url(f'/docs/{name}')}</loc><lastmod>{day}</lastmod></url>"
            for name, day in modified.items()
        )
        put(self.site, "docs/sitemap.xml", f"<urlset>{entries}</urlset>")


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    """A keeper of a site that was archived on day 0, its style sheet included."""
    with serving({}) as site:
        spec = {"project": "sample", "docs": [{"seeds": [site.url("/docs/")]}]}
        here = Keeper(site, tmp_path, spec)

        class Turned(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Turned:
                return cls.fromtimestamp(here.now().timestamp(), tz)

        monkeypatch.setattr(clock, "datetime", Turned)
        monkeypatch.setattr("archiver.collect.web.crawl.FetchSettings", lambda: IMPATIENT)
        put(site, "docs/style.css", "p { color: navy }")
        put(site, "docs/", html(*map(str, range(PAGES))).decode())
        for number in range(PAGES):
            here.put_page(number)
        yield here


def view(keeper: Keeper, result: RunResult) -> dict[str, Capture]:
    """Return what a snapshot has, by the target."""
    captures = read_captures(result.paths, result.snapshot)
    return {capture.url.removeprefix(keeper.site.origin): capture for capture in captures}


def told(result: RunResult) -> SiteReport:
    """Return what the report on disk says of the site."""
    path = result.paths.report(result.snapshot.id)
    return read_report(path.read_bytes(), what=str(path)).sites[0]


def all_pages() -> dict[str, str]:
    """Return a sitemap's entries for all pages, unchanged for long."""
    return {str(number): "2026-01-01" for number in range(PAGES)}


def test_with_a_sitemap_only_what_it_calls_changed_is_asked(keeper: Keeper) -> None:
    """A few others are looked at to see whether it can be believed; what was not asked is in the view as it was."""
    keeper.put_sitemap(all_pages())
    first = keeper.run(0, asking.EVERYTHING)
    keeper.put_page(7, "new")
    keeper.put_page(PAGES)
    keeper.put_sitemap({**all_pages(), "7": "2026-06-01T12:00:00Z", str(PAGES): "2026-06-01T12:00:00Z"})
    second = keeper.run(1, asking.DUE)
    asked = keeper.asked_pages()
    assert asked > {"7", str(PAGES)}
    assert len(asked) == 5
    before, after = view(keeper, first), view(keeper, second)
    assert after.keys() == {*before, f"/docs/{PAGES}"}
    (result,) = second.snapshot.sites
    assert (result.pages, result.carried, result.not_due) == (PAGES + 2, 0, PAGES - 4)
    assert after["/docs/7"].since == ""
    untouched = set(map(str, range(PAGES))) - asked
    assert all(after[f"/docs/{name}"] == before[f"/docs/{name}"] for name in untouched)
    report = told(second)
    assert report.coverage is not None
    assert (report.coverage.listed, report.coverage.captured, report.missing) == (PAGES + 1, PAGES + 1, 0)


def test_a_sitemap_that_is_never_updated_is_found_out(keeper: Keeper) -> None:
    """Where what it calls unchanged has changed, everything is asked for, in the same run."""
    keeper.put_sitemap(all_pages())
    keeper.run(0, asking.EVERYTHING)
    for number in range(PAGES):
        keeper.put_page(number, "new")
    second = keeper.run(1, asking.DUE)
    assert keeper.asked_pages() == set(map(str, range(PAGES)))
    assert second.snapshot.sites[0].not_due == 0


@pytest.mark.parametrize(
    "modified", ["tomorrow", "2199-01-01", "2026-06-01T23:00:00Z", "0000-00-00", "<![CDATA[", ""]
)
def test_times_that_say_nothing_leave_nothing_unasked(keeper: Keeper, modified: str) -> None:
    """Malformed, in the future or all the same: then the pages' own history decides, and after a day all are due."""
    keeper.put_sitemap(dict.fromkeys(all_pages(), modified))
    keeper.run(0, asking.EVERYTHING)
    keeper.run(1, asking.DUE)
    assert keeper.asked_pages() == set(map(str, range(PAGES)))


def test_a_feed_says_what_changed(keeper: Keeper) -> None:
    """An Atom feed's `updated` has a page asked for before its time, and brings new ones."""
    link = '<link rel="alternate" type="application/atom+xml" href="/docs/feed.xml">'
    put(keeper.site, "docs/", html(*map(str, range(PAGES)), head=link).decode())

    def feed(entries: str) -> None:
        text = f'<feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'
        keeper.site.answers["/docs/feed.xml"] = Reply(text.encode(), type="application/atom+xml")

    feed("")
    for day in range(6):
        keeper.run(day * DAY, asking.DUE)
    keeper.put_page(7, "new")
    keeper.put_page(PAGES)
    feed(
        f'<entry><link href="/docs/7"/><updated>2026-06-07T00:00:00Z</updated></entry><entry><link href="/docs/{PAGES}"/></entry>'
    )
    keeper.run(6 * DAY, asking.DUE)
    assert keeper.asked_pages() == {"7", str(PAGES)}


def test_what_never_changes_is_asked_less_and_less_often(keeper: Keeper) -> None:
    """Without a sitemap: every day at first, then every few days; seeds every time, and a change begins it anew."""
    keeper.run(0, asking.EVERYTHING)
    asked: dict[str, list[int]] = {"3": [], "5": []}
    for day in range(1, 17):
        if day == 11:
            keeper.put_page(3, "new")
        keeper.run(day * DAY, asking.DUE)
        assert "/docs/" in keeper.site.targets()
        for name in asked.keys() & keeper.asked_pages():
            asked[name].append(day)
    assert asked["5"] == [1, 2, 3, 5, 8, 12]
    assert asked["3"] == [*asked["5"], 13, 14, 15]


def test_full_and_refetch_know_no_schedule(keeper: Keeper) -> None:
    """One asks by conditions and the other without; neither stores again what is the same."""
    keeper.run(0, asking.EVERYTHING)
    for how, conditional in ((asking.EVERYTHING, True), (asking.UNCONDITIONAL, False)):
        result = keeper.run(0.01, how)
        assert keeper.asked_pages() == set(map(str, range(PAGES)))
        sent = [asked for asked in keeper.site.asked if asked.target == "/docs/5"]
        assert ["if-none-match" in each.headers for each in sent] == [conditional]
        assert result.snapshot.sites[0].unchanged == PAGES + 2


def test_what_the_last_run_could_not_get_is_asked_again_though_its_page_did_not_change(
    keeper: Keeper,
) -> None:
    """An image that was refused, and a page that was not there yet; the page that names them is neither due nor read."""
    keeper.put_page(9, head=f'{STYLE}<img src="late.png"><a href="late">x</a>')
    keeper.put_sitemap(all_pages())
    keeper.site.answers["/docs/late.png"] = Reply(b"no", 403)
    keeper.run(0, asking.EVERYTHING)
    again = keeper.run(1, asking.DUE)
    assert {"/docs/late.png", "/docs/late"} <= set(keeper.site.targets())
    assert [broken.url for broken in again.snapshot.broken_links] == [keeper.site.url("/docs/late")]
    put(keeper.site, "docs/late.png", "image")
    put(keeper.site, "docs/late", html("later").decode())
    put(keeper.site, "docs/later", html().decode())
    done = view(keeper, keeper.run(2, asking.DUE))
    assert done["/docs/late.png"].kind == "requisite"
    assert {"/docs/late", "/docs/later"} <= done.keys()


def test_pages_that_nothing_links_to_any_more_are_asked_and_kept(keeper: Keeper) -> None:
    """One is still there, one is not: that is marked as gone, once a failure, and asked for now and then."""
    first = view(keeper, keeper.run(0, asking.EVERYTHING))
    put(keeper.site, "docs/", html(*map(str, range(2, PAGES))).decode())
    del keeper.site.answers["/docs/1"]
    second = keeper.run(1, asking.DUE)
    assert {"0", "1"} <= keeper.asked_pages()
    assert [failure.subject for failure in second.snapshot.failures] == [keeper.site.url("/docs/1")]
    now = view(keeper, second)
    assert now["/docs/0"].timestamp > first["/docs/0"].timestamp
    assert now["/docs/1"].gone > now["/docs/1"].timestamp == first["/docs/1"].timestamp
    third = keeper.run(2, asking.DUE)
    assert third.snapshot.failures == ()
    assert view(keeper, third)["/docs/1"] == now["/docs/1"]
    keeper.put_page(1)
    back = view(keeper, keeper.run(30, asking.DUE))["/docs/1"]
    assert (back.gone, back.digest) == ("", first["/docs/1"].digest)


def test_a_page_that_leads_out_of_scope_is_told_once(keeper: Keeper) -> None:
    """Its last good capture stays, marked; every later run is complete, until it is there again."""
    first = view(keeper, keeper.run(0, asking.EVERYTHING))
    good = keeper.site.answers["/docs/1"]
    keeper.site.answers["/docs/1"] = Reply(status=301, headers=(("Location", "/blog/1"),))
    second = keeper.run(1, asking.EVERYTHING)
    assert [(each.subject, each.code) for each in second.snapshot.failures] == [
        (keeper.site.url("/docs/1"), "fetch.moved")
    ]
    kept = view(keeper, second)["/docs/1"]
    assert (kept.record, bool(kept.gone)) == (first["/docs/1"].record, True)
    for day in (2, 3):
        later = keeper.run(day, asking.EVERYTHING)
        assert "1" in keeper.asked_pages()
        assert later.snapshot.failures == ()
        assert view(keeper, later)["/docs/1"] == kept
    keeper.site.answers["/docs/1"] = good
    assert view(keeper, keeper.run(4, asking.EVERYTHING))["/docs/1"].gone == ""


@pytest.mark.parametrize(
    ("there", "is_gone"),
    [
        (Reply(b"no", 404), True),
        (Reply(b"no", 503), False),
        (Reply(status=302, headers=(("Location", "/docs/1"),)), True),
        (Reply(status=302, headers=(("Location", "/blog/1"),)), True),
        (Reply(html(text="Here it is now.")), None),
    ],
    ids=["missing", "failing", "circle", "out of scope", "a page"],
)
def test_a_redirect_to_nothing_replaces_no_good_page(
    keeper: Keeper, there: Reply, is_gone: bool | None
) -> None:
    """Where nothing comes at its end the capture before it stays: marked, and told once, where upstream says so."""
    first = view(keeper, keeper.run(0, asking.EVERYTHING))
    keeper.site.answers["/docs/1"] = Reply(status=302, headers=(("Location", "/docs/there"),))
    keeper.site.answers["/docs/there"] = there
    second = keeper.run(1, asking.EVERYTHING)
    kept = view(keeper, second)["/docs/1"]
    if is_gone is None:
        assert (kept.status, second.snapshot.failures) == ("302", ())
        return
    assert (kept.record, bool(kept.gone)) == (first["/docs/1"].record, is_gone)
    assert len(second.snapshot.failures) == 1
    third = keeper.run(2, asking.EVERYTHING)
    assert view(keeper, third)["/docs/1"] == kept
    assert len(third.snapshot.failures) == (0 if is_gone else 1)


def test_a_requisite_of_earlier_pages_may_vanish(keeper: Keeper) -> None:
    """With every release a site has its scripts and styles under new names: the old ones are kept, and no failure."""
    for number in range(PAGES):
        keeper.put_page(number, head='<link rel="stylesheet" href="/docs/style.1.css">')
    put(keeper.site, "docs/style.1.css", "p { color: red }")
    keeper.run(0, asking.EVERYTHING)
    del keeper.site.answers["/docs/style.1.css"]
    for number in range(PAGES):
        keeper.put_page(number, "new", head=STYLE)
    second = keeper.run(1, asking.DUE)
    assert second.snapshot.failures == ()
    assert view(keeper, second)["/docs/style.1.css"].gone


def test_another_scope_has_everything_asked_and_read(keeper: Keeper) -> None:
    """A page that did not change may lead to what the spec asks for only now."""
    keeper.put_page(9, head=f'{STYLE}<a href="/more/x">x</a>')
    put(keeper.site, "more/x", html().decode())
    keeper.put_sitemap(all_pages())
    keeper.run(0, asking.EVERYTHING)
    keeper.spec["docs"][0]["scope"] = {"include": [keeper.site.url("/more/")]}
    result = keeper.run(0.1, asking.DUE)
    assert keeper.asked_pages() == set(map(str, range(PAGES)))
    assert "/more/x" in view(keeper, result)


def test_an_interrupted_refresh_goes_on_as_it_began(keeper: Keeper) -> None:
    """Two days later more would be due; but what is due was decided for the second that the run is named for."""
    keeper.spec["docs"][0]["connections"] = 1
    keeper.put_sitemap(all_pages())
    keeper.run(0, asking.EVERYTHING)
    changed = {str(number): "2026-06-01T12:00:00Z" for number in range(0, PAGES, 2)}
    for name in changed:
        keeper.put_page(int(name), "new")
    keeper.put_sitemap({**all_pages(), **changed})
    stop = threading.Event()
    answer = keeper.site.answers["/docs/20"]

    def stopping(_: Asked) -> Reply:
        stop.set()
        return answer if isinstance(answer, Reply) else Reply()

    keeper.site.answers["/docs/20"] = stopping
    with pytest.raises(KeyboardInterrupt):
        keeper.run(1, asking.DUE, stop=stop)
    begun = keeper.asked_pages()
    assert {"0", "2", "20"} <= begun
    assert len(begun) < len(changed)
    result = keeper.run(3.2, asking.DUE)
    assert result.resumed
    assert result.snapshot.id == clock.snapshot_id(BEGIN + timedelta(days=1))
    asked = begun | keeper.asked_pages()
    assert asked > set(changed)
    assert len(asked) == len(changed) + 3
    assert len(begun & keeper.asked_pages()) <= 2
    assert result.snapshot.sites[0].not_due == PAGES - len(asked)


def test_a_limit_of_pages_counts_what_is_not_due(keeper: Keeper) -> None:
    """So a site of which ten pages are wanted does not grow by those that were not due."""
    keeper.spec["docs"][0]["limits"] = {"pages": 10}
    keeper.put_sitemap(all_pages())
    first = view(keeper, keeper.run(0, asking.EVERYTHING))
    second = view(keeper, keeper.run(1, asking.DUE))
    assert first.keys() == second.keys()


def test_a_clock_that_ran_ahead_costs_one_full_check(keeper: Keeper) -> None:
    """Captures of next year are due at once when the clock is right again, and nothing is lost."""
    keeper.put_sitemap(all_pages())
    first = keeper.run(365, asking.EVERYTHING)
    second = keeper.run(1, asking.DUE)
    assert second.snapshot.id > first.snapshot.id
    assert view(keeper, second).keys() == view(keeper, first).keys()
