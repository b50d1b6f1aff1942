"""A year in fast-forward: what the keeper's cron job says of normal months, and of the day on which a site dies.

The servers, the disk and the program are real; only its calendar is turned.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Iterator
from urllib.parse import urlsplit

import pytest

from archiver.cli.main import main
from archiver.collect.files.download import download_files
from archiver.collect.images.registries import Registries
from archiver.collect.lots import lot
from archiver.collect.retry import Patience
from archiver.collect.web.fetch import FetchSettings
from archiver.core import clock
from archiver.core.capture import PAGE
from archiver.store.paths import ArchivePaths, ProjectPaths
from archiver.store.snapshots import good_snapshot, list_snapshots, read_captures, read_snapshot
from servers import year
from servers.year import Misfortune, Upstream, on_day, upstream

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.judgement import Judgement
    from archiver.core.snapshot import Snapshot

WEEK = 7


class Calendar:
    """What the program takes for the time: a moment that was set, and what has passed since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turn_to(on_day(0))
        calendar = self

        class Turned(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Turned:
                moment = calendar.moment + timedelta(seconds=time.monotonic() - calendar.since)
                return cls.fromtimestamp(moment.timestamp(), tz)

        monkeypatch.setattr(clock, "datetime", Turned)

    def turn_to(self, moment: datetime) -> None:
        """Let it be a moment."""
        self.moment, self.since = moment, time.monotonic()


@dataclass(frozen=True)
class Keeper:
    """Someone whose cron job refreshes the archive of what an upstream has."""

    folder: Path
    upstream: Upstream
    calendar: Calendar

    @property
    def paths(self) -> ProjectPaths:
        """The project's files."""
        return ArchivePaths(self.folder / "archives").project("sample")

    def refresh(self, day: int, *options: str, **keys: Any) -> int:
        """Let it be a day, and run the cron job; return its exit code."""
        self.upstream.turn_to(day)
        self.calendar.turn_to(on_day(day))
        return self.run("refresh", str(self.spec(**keys)), *options)

    def spec(self, **keys: Any) -> Path:
        """Write the spec."""
        path = self.folder / "sample.yaml"
        path.write_text(json.dumps(self.upstream.spec(**keys)))
        return path

    def run(self, *words: str) -> int:
        """Run the program."""
        return main([*words, "--archives", str(self.folder / "archives")])

    @property
    def newest(self) -> Snapshot:
        """The newest snapshot."""
        return read_snapshot(self.paths, list_snapshots(self.paths)[-1])

    @property
    def view(self) -> dict[str, Capture]:
        """What the good snapshot has of the doc site, by URL."""
        snapshot = read_snapshot(self.paths, good_snapshot(self.paths))
        return {capture.url: capture for capture in read_captures(self.paths, snapshot)}

    def judged(self, source: str = "docs") -> Judgement:
        """Return what the newest snapshot says of a source."""
        judgement = self.newest.judgement(source)
        assert judgement is not None
        return judgement

    def assert_nothing_lost(self) -> None:
        """Assert that every page that was ever good and asked for is in the view, with content that was good."""
        view = self.view
        assert view.keys() >= self.known, f"lost: {sorted(self.known - view.keys())[:5]}"
        for url, digests in self.upstream.good.items():
            if url in view and view[url].status == "200":
                assert view[url].digest in digests, f"{url} is something that was never good"

    @property
    def known(self) -> set[str]:
        """The pages that any snapshot had with good content."""
        found = set()
        for name in list_snapshots(self.paths):
            for capture in read_captures(self.paths, read_snapshot(self.paths, name)):
                if capture.kind == PAGE and capture.digest in self.upstream.good.get(capture.url, ()):
                    found.add(capture.url)
        return found


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    """A keeper whose program waits for hundredths of seconds where it would wait for seconds, and draws the same lots each time."""
    impatient = FetchSettings(backoff=0.001, longest_wait=0.01, connect_timeout=5, read_timeout=5)
    monkeypatch.setattr("archiver.collect.web.crawl.FetchSettings", lambda: impatient)
    hasty = Patience(attempts=2, attempts_to_connect=2, first_wait=0.001, connect=5, read=5)
    monkeypatch.setattr("archiver.collect.mirror.download_files", partial(download_files, patience=hasty))
    monkeypatch.setattr(Registries, "of", partial(Registries.of, patience=hasty))
    # The site has another port each time; the lots that decide what is asked for beyond what is due are to be the same.
    monkeypatch.setattr("archiver.collect.web.known.lot", lambda run, url: lot(run, urlsplit(url).path))
    with upstream() as running:
        yield Keeper(tmp_path, running, Calendar(monkeypatch))


@pytest.mark.thorough
def test_a_normal_year_raises_no_alarm(keeper: Keeper) -> None:
    """Of 53 refreshes of three sources all 159 verdicts are healthy, and every page is there, as it is or last was.

    There are edits, new pages, pages taken down one by one, a redesign, flaky days, a tag that moves, a tag that is deleted.
    """
    judgements: list[Judgement] = []
    moved: dict[str, int] = {}
    busy = 0
    for day in range(0, 365, WEEK):
        flaky = {keeper.upstream.site.url(path) for path in year.flaky(day)}
        code = keeper.refresh(
            day, *["--full"] * bool(flaky)
        )  # by the sitemap hardly any of them would be asked for
        assert code in (0, 3), f"exit {code} on day {day}: {keeper.newest.judgements}"
        assert {each.subject for each in keeper.newest.failures if "503" in each.message} == flaky
        busy += len(flaky)
        moved |= {image.reference.rpartition("/")[2]: day for image in keeper.newest.images if image.was}
        judgements += keeper.newest.judgements
        keeper.assert_nothing_lost()
    assert len(judgements) == 53 * 3
    assert [each for each in judgements if each.verdict != "healthy"] == []
    view, there = keeper.view, year.pages(keeper.upstream.day)
    for path in there:
        capture = view[keeper.upstream.site.url(path)]
        assert not capture.gone
        assert capture.digest in keeper.upstream.good[capture.url]
    taken_down = keeper.known - {keeper.upstream.site.url(path) for path in there}
    taken_down -= {keeper.upstream.site.url(path) for path in year.redirects(keeper.upstream.day)}
    assert taken_down
    assert all(view[url].gone for url in taken_down)
    images = {image.reference.rpartition("/")[2]: image for image in keeper.newest.images}
    assert images["app:2"].gone
    assert not images["app:1"].gone
    assert moved == {"app:1": year.TAG_MOVED}
    assert busy > 10


HALF = year.decayed(0.5)
STORIES = [
    pytest.param(year.vanished, "gone", id="all pages answer 404", marks=pytest.mark.thorough),
    pytest.param(year.announcement, "gone", id="a notice in place of every page"),
    pytest.param(
        year.homeward, "gone", id="everything leads to a company's start page", marks=pytest.mark.thorough
    ),
    pytest.param(year.login, "gone", id="a login wall", marks=pytest.mark.thorough),
    pytest.param(year.parked, "gone", id="a domain for sale", marks=pytest.mark.thorough),
    pytest.param(
        year.hijacked, "degraded", id="a domain sold, and full of other texts", marks=pytest.mark.thorough
    ),
    pytest.param(year.overloaded, "gone", id="nothing but 503", marks=pytest.mark.thorough),
    pytest.param(year.emptied, "degraded", id="pages without their text", marks=pytest.mark.thorough),
    pytest.param(HALF, "degraded", id="half of the pages gone in one blow", marks=pytest.mark.thorough),
]


@pytest.mark.parametrize(("misfortune", "verdict"), STORIES)
def test_a_site_that_dies_in_one_blow_contributes_nothing(
    keeper: Keeper, misfortune: Misfortune, verdict: str
) -> None:
    """It ends with exit 4, a reason and examples for as long as that lasts, and the view has what it had; images go on.

    Once the site is back it is healthy, as if nothing had been. Half of a site is told by a full check: of the dozen pages that
    are due in a week too few may be lost to say so, and these are kept one by one.
    """
    whole = ["--full"] if misfortune is HALF else []
    for day in (91, 98):
        assert keeper.refresh(day) == 0
    before, good = keeper.view, keeper.newest.id
    keeper.upstream.misfortune = misfortune
    for day in (105, 112):
        assert keeper.refresh(day, *whole) == 4
        judgement = keeper.judged()
        assert judgement.verdict == verdict, judgement
        assert judgement.reason
        assert 1 <= len(judgement.examples) <= 3
        assert judgement.good == good
        assert judgement.since == clock.iso(on_day(105))
        assert {url: each.digest for url, each in keeper.view.items()} == {
            url: each.digest for url, each in before.items()
        }
        assert (keeper.paths.root / "quarantine" / keeper.newest.id).is_dir()
        assert keeper.judged("images").verdict == "healthy"
        keeper.assert_nothing_lost()
    moved = next(image for image in keeper.newest.images if image.reference.endswith("app:1"))
    assert moved.resolved >= clock.iso(on_day(105))
    keeper.upstream.misfortune = None
    assert keeper.refresh(119) in (0, 3)
    assert keeper.judged().verdict == "healthy"
    assert keeper.judged().good == keeper.newest.id
    keeper.assert_nothing_lost()
    view = keeper.view
    assert not [url for path in year.pages(119) if view[url := keeper.upstream.site.url(path)].gone]


def test_a_move_to_a_new_domain_is_told_and_followed_once_the_spec_is(keeper: Keeper) -> None:
    """Redirects of every page to its like elsewhere are degraded, with the new place named; with new seeds it is healthy."""
    assert keeper.refresh(0) == 0
    before = {url: each.digest for url, each in keeper.view.items()}
    with year.upstream() as elsewhere:
        elsewhere.turn_to(WEEK)
        keeper.upstream.misfortune = year.moved_to(elsewhere.site.origin)
        assert keeper.refresh(WEEK) == 4
        judgement = keeper.judged()
        assert judgement.verdict == "degraded"
        assert elsewhere.site.origin in judgement.reason
        assert {url: each.digest for url, each in keeper.view.items()} == before
        docs = [{"name": "docs", "seeds": [elsewhere.site.url("/docs/")]}]
        assert keeper.refresh(2 * WEEK, docs=docs) in (0, 3)
        assert keeper.judged().verdict == "healthy"
        assert elsewhere.site.url("/docs/page-1.html") in keeper.view


@pytest.mark.thorough
def test_a_slow_decay_is_noticed(keeper: Keeper) -> None:
    """A site that loses one page in twelve a week is healthy until it has lost three tenths of what it once had."""
    assert keeper.refresh(0) == 0
    code, week = 0, 0
    while code != 4:
        assert keeper.judged().alive >= 0.7 * keeper.judged().peak
        week += 1
        assert week < 10, "nothing was noticed"
        keeper.upstream.misfortune = year.decayed(week / 12)
        code = keeper.refresh(week * WEEK, "--full")
        keeper.assert_nothing_lost()
    assert week > 2
    assert keeper.judged().verdict == "degraded"
    assert keeper.judged().alive < 0.7 * keeper.judged().peak


@pytest.mark.thorough
def test_a_registry_that_withdraws_everything_takes_nothing_along(keeper: Keeper) -> None:
    """One tag that is deleted is marked, and told once; all of them at once are a source that is gone."""
    day = year.TAG_DELETED
    assert keeper.refresh(day - WEEK) == 0
    before = {image.reference: image.digest for image in keeper.newest.images}
    assert keeper.refresh(day) == 3
    assert keeper.judged("images").verdict == "healthy"
    assert keeper.refresh(day + WEEK) == 0
    assert sum(bool(image.gone) for image in keeper.newest.images) == 1
    host = keeper.upstream.registry.host
    keeper.upstream.registry.close()
    assert keeper.refresh(day + 2 * WEEK) == 4
    assert keeper.judged("images").verdict == "gone"
    assert host in keeper.judged("images").reason
    assert keeper.judged("docs").verdict == "healthy"
    assert {image.reference: image.digest for image in keeper.newest.images} == before


@pytest.mark.thorough
def test_a_clock_that_jumps_spoils_nothing(keeper: Keeper) -> None:
    """With a clock that goes back a year, or ahead by ten, snapshots keep their order and pages are asked for again."""
    assert keeper.refresh(70) == 0
    for moment in (on_day(-365), on_day(71), on_day(3650), on_day(72)):
        keeper.upstream.turn_to(72)
        keeper.calendar.turn_to(moment)
        assert keeper.run("refresh", str(keeper.spec()), "--full") == 0
        assert keeper.judged().verdict == "healthy"
        keeper.assert_nothing_lost()
    ids = list_snapshots(keeper.paths)
    assert len(ids) == 5
    assert good_snapshot(keeper.paths) == ids[-1]


def test_a_clock_that_was_ahead_once_does_not_stop_the_refreshing(keeper: Keeper) -> None:
    """After a run in ten years' time each refresh goes on asking once a day, and its snapshots say when they were made."""
    assert keeper.refresh(70) == 0
    keeper.calendar.turn_to(on_day(3650))
    assert keeper.run("refresh", str(keeper.spec())) == 0
    for day in (71, 72):
        keeper.upstream.site.forget()
        assert keeper.refresh(day) in (0, 3)
        assert "/docs/" in keeper.upstream.site.targets()
        assert keeper.newest.started == keeper.judged().checked == clock.iso(on_day(day))
        assert keeper.judged("images").checked == clock.iso(on_day(day))
        made = list_snapshots(keeper.paths)
        assert keeper.refresh(day) == 0
        assert list_snapshots(keeper.paths) == made, "what was asked today is not due"
        keeper.assert_nothing_lost()


def test_what_the_keeper_accepts_counts_from_then_on(keeper: Keeper) -> None:
    """A refused refresh that is accepted becomes the view, and the next one like it is healthy."""
    assert keeper.refresh(0) == 0
    keeper.upstream.misfortune = year.decayed(0.5)
    assert keeper.refresh(WEEK) == 4
    refused = keeper.newest.id
    assert keeper.run("accept", "sample", refused) == 0
    assert keeper.newest.accepted == refused
    assert keeper.judged().verdict == "healthy"
    assert sum(bool(each.gone) for each in keeper.view.values()) > 10
    assert keeper.refresh(2 * WEEK, "--full") in (0, 3)
    assert keeper.judged().verdict == "healthy"
    keeper.assert_nothing_lost()
