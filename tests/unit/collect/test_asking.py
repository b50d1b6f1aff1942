"""What is asked, and when: by sources, by pages, and by what the site says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from archiver.collect.asking import (
    DUE,
    EVERYTHING,
    UNCONDITIONAL,
    Interval,
    changed_sources,
    due_at,
    due_sources,
    intervals,
    leftovers,
    waits,
)
from archiver.core.capture import Capture
from archiver.core.clock import iso, timestamp14
from archiver.core.errors import (
    FileGone,
    HostUnreachable,
    PageMoved,
    RegistryError,
    ResponseTruncated,
    RobotsForbidden,
    ServerBusy,
    StatusRefused,
    TagGone,
)
from archiver.core.judgement import DEGRADED, HEALTHY, Judgement
from archiver.core.report import Entry, Listing
from archiver.core.snapshot import Failure, Snapshot
from archiver.spec.model import Spec
from archiver.version import PROGRAM
from servers.records import run_record

DAY = timedelta(days=1)
WEEKLY = Interval(7 * DAY, 90 * DAY)
DAILY = Interval(DAY, 90 * DAY)
NOW = datetime(2026, 6, 1, 3, 0, tzinfo=timezone.utc)


def judged(checked: datetime, verdict: str = HEALTHY) -> Judgement:
    """Return a judgement of a source that was asked at a time."""
    return Judgement("docs", verdict, checked=iso(checked))


def captured(asked: datetime, since: datetime | None = None, gone: datetime | None = None) -> Capture:
    """Return a page's capture: asked at a time, its content known since another."""
    return Capture(
        url="http://a/p",
        timestamp=timestamp14(asked),
        mime="text/html",
        status="200",
        digest="sha256:1",
        source="docs",
        kind="page",
        record="<urn:uuid:1>",
        etag='"1"',
        modified="Mon, 01 Jun 2026 00:00:00 GMT",
        since=timestamp14(since) if since else "",
        gone=timestamp14(gone) if gone else "",
    )


def due_pages(interval: Interval = DAILY, checked: datetime = NOW - DAY, moment: datetime = NOW):
    """Return what is asked of a healthy site of which all is known."""
    return DUE.pages(judged(checked), interval, moment, ())


def runs_that_ask(interval: Interval, days: int, *, changed: frozenset[int] = frozenset()) -> list[int]:
    """Return on which days a page is asked by a daily refresh; on some of them it turns out to have changed."""
    page, judgement, asked = captured(NOW, NOW), judged(NOW), []
    for day in range(1, days + 1):
        moment = NOW + day * DAY
        if not DUE.is_source_due(judgement, interval, moment):
            continue
        if DUE.pages(judgement, interval, moment, ()).is_due(page):
            asked.append(day)
            since = "" if day in changed else page.since or page.timestamp
            page = replace(page, timestamp=timestamp14(moment + timedelta(minutes=20)), since=since)
        judgement = judged(moment)
    return asked


def test_a_source_is_asked_again_after_its_interval_and_not_before():
    """A week's interval passes a daily timer by six times; a timer that is a bit early does not cost a day."""
    asked = [day for day in range(1, 9) if DUE.is_source_due(judged(NOW), WEEKLY, NOW + day * DAY)]
    assert asked == [7, 8]
    assert DUE.is_source_due(judged(NOW), DAILY, NOW + DAY - timedelta(hours=2))
    assert not DUE.is_source_due(judged(NOW), DAILY, NOW + timedelta(hours=20))


def test_a_source_never_asked_or_not_healthy_is_asked_at_once():
    """There is nothing to wait for."""
    assert DUE.is_source_due(None, WEEKLY, NOW)
    assert DUE.is_source_due(judged(NOW, DEGRADED), WEEKLY, NOW)
    assert DUE.is_source_due(Judgement("docs", HEALTHY), WEEKLY, NOW)
    assert DUE.is_source_due(Judgement("docs", HEALTHY, checked="yesterday"), WEEKLY, NOW)


def test_a_source_asked_in_the_future_is_due():
    """A clock that ran ahead must not stop the refreshing until it is right."""
    assert DUE.is_source_due(judged(NOW + 400 * DAY), WEEKLY, NOW)
    assert DUE.is_source_due(judged(NOW + timedelta(hours=1)), WEEKLY, NOW)


@pytest.mark.parametrize("asking", [EVERYTHING, UNCONDITIONAL])
def test_whoever_wants_everything_waits_for_nothing(asking):
    """`archive`, --full and --refetch know no schedule."""
    assert asking.is_source_due(judged(NOW), WEEKLY, NOW)
    pages = asking.pages(judged(NOW), WEEKLY, NOW, ())
    assert pages.is_due(captured(NOW), iso(NOW - 900 * DAY))
    assert pages.is_list_due(captured(NOW))


def test_conditions_are_the_validators_and_refetch_sends_none():
    """If-None-Match and If-Modified-Since, as far as the server gave them."""
    page = captured(NOW)
    conditions = (("If-None-Match", '"1"'), ("If-Modified-Since", "Mon, 01 Jun 2026 00:00:00 GMT"))
    assert EVERYTHING.pages(None, DAILY, NOW, None).conditions(page) == conditions
    assert due_pages().conditions(page) == conditions
    assert due_pages().conditions(replace(page, etag="", modified="")) == ()
    assert UNCONDITIONAL.pages(None, DAILY, NOW, None).conditions(page) == ()


def test_refetch_reads_everything_again():
    """What is known of links is not relied on, whoever knows it."""
    assert UNCONDITIONAL.pages(judged(NOW), DAILY, NOW, ()).leftovers is None
    assert EVERYTHING.pages(judged(NOW), DAILY, NOW, ()).leftovers == ()
    assert EVERYTHING.pages(judged(NOW, DEGRADED), DAILY, NOW, ()).leftovers is None


def test_a_page_that_never_changes_is_asked_less_and_less_often_within_the_bound():
    """Intervals grow with the age of the content, and end at the bound."""
    asked = runs_that_ask(DAILY, 1000)
    gaps = [later - earlier for earlier, later in zip(asked, asked[1:], strict=False)]
    assert asked[:3] == [1, 2, 3]
    assert gaps == sorted(gaps)
    assert max(gaps) == gaps[-1] == 90
    assert len(asked) < 30


def test_a_page_that_changed_is_asked_often_again():
    """A change makes the content new, so the next look is after the shortest interval."""
    asked = runs_that_ask(DAILY, 200)
    change = asked[-3]
    after = [day for day in runs_that_ask(DAILY, 200, changed=frozenset({change})) if day > change]
    assert after[:3] == [change + 1, change + 2, change + 3]


def test_a_page_that_always_changes_is_asked_whenever_the_site_is():
    """Though its captures lie some time after the begin of the run that made them."""
    assert runs_that_ask(WEEKLY, 50, changed=frozenset(range(51))) == [7, 14, 21, 28, 35, 42, 49]
    assert due_pages(WEEKLY, NOW, NOW + 7 * DAY).is_due(captured(NOW + timedelta(hours=50)))


def test_what_a_sitemap_calls_newer_is_asked_now():
    """Whatever the schedule says."""
    page = captured(NOW - timedelta(hours=2), NOW - 300 * DAY)
    pages = due_pages()
    assert not pages.is_due(page)
    assert pages.is_due(page, iso(NOW - timedelta(hours=1)))


def test_what_a_sitemap_calls_older_is_left_alone_until_the_bound():
    """The site says itself that nothing changed; it is checked all the same, at the bound."""
    pages = due_pages()
    assert not pages.is_due(captured(NOW - 2 * DAY), iso(NOW - 10 * DAY))
    assert not pages.is_due(captured(NOW - 80 * DAY), iso(NOW - 200 * DAY))
    assert pages.is_due(captured(NOW - 90 * DAY), iso(NOW - 200 * DAY))


@pytest.mark.parametrize("modified", ["soon", "2026-13-45T00:00:00Z", "9999-99-99T00:00:00Z", ""])
def test_a_time_that_is_none_says_nothing(modified):
    """Then the page's own history decides."""
    assert due_pages().is_due(captured(NOW - DAY), modified)
    assert not due_pages().is_due(captured(NOW - timedelta(hours=3)), modified)


def test_a_time_in_the_future_makes_due():
    """A site whose times are wrong is asked rather than believed."""
    assert due_pages().is_due(captured(NOW - timedelta(hours=3)), iso(NOW + 900 * DAY))


def test_pages_that_lead_to_others_are_asked_whenever_the_site_is():
    """However long they have not changed."""
    page = captured(NOW - DAY, NOW - 300 * DAY)
    assert not due_pages().is_due(page)
    assert due_pages().is_list_due(page)
    assert not due_pages().is_list_due(captured(NOW - timedelta(hours=3)))
    assert not due_pages().is_list_due(page, iso(NOW - 10 * DAY))


@pytest.mark.parametrize(
    "timestamp", ["20270601000000", "20260199000000", "now", "", "9" * 14, "00000000000000"]
)
def test_a_capture_from_the_future_or_from_nowhere_is_due(timestamp):
    """A clock was wrong, or the index was written by hand: asking is safe."""
    page = replace(captured(NOW), timestamp=timestamp)
    assert due_pages().is_due(page)
    assert due_pages().is_list_due(page)
    assert due_pages().is_due(page, iso(NOW - 10 * DAY))


@pytest.mark.parametrize("since", ["20270601000000", "never", "00010101000000"])
def test_a_content_age_that_cannot_be_is_bounded(since):
    """Neither an error nor an interval beyond the bound."""
    assert due_pages().is_due(replace(captured(NOW - 90 * DAY), since=since))


def test_an_interval_longer_than_the_bound_counts():
    """`every: 180d` with the default bound of 90 days means 180 days."""
    spec = Spec.model_validate(
        {"project": "p", "docs": [{"seeds": ["http://a/"], "every": "180d"}]}, strict=False
    )
    interval = intervals(spec)["docs"]
    assert interval == Interval(180 * DAY, 180 * DAY)
    assert runs_that_ask(interval, 400) == [180, 360]


def test_a_page_known_to_be_gone_is_looked_for_less_and_less_often():
    """It has no capture that tells when it was last asked, so its dates come from when it went."""
    page = captured(NOW - 30 * DAY, gone=NOW)
    asked = [
        day for day in range(1, 800) if due_pages(DAILY, NOW + (day - 1) * DAY, NOW + day * DAY).is_due(page)
    ]
    gaps = [later - earlier for earlier, later in zip(asked, asked[1:], strict=False)]
    assert asked[0] == 1
    assert gaps == sorted(gaps)
    assert gaps[-1] == 90


def test_a_page_known_to_be_gone_is_looked_for_by_rare_runs_too():
    """Where a run comes after several of its dates, it asks once."""
    page = captured(NOW - 30 * DAY, gone=NOW)
    assert due_pages(DAILY, NOW + 5 * DAY, NOW + 3000 * DAY).is_due(page)
    assert due_pages(DAILY, NOW - DAY, NOW + 3000 * DAY).is_due(page)
    assert due_pages(Interval(timedelta(seconds=1), timedelta(seconds=1)), NOW, NOW + 3000 * DAY).is_due(page)


@pytest.mark.parametrize("judgement", [None, judged(NOW - DAY, DEGRADED)])
def test_a_site_that_was_not_healthy_is_asked_for_everything(judgement):
    """So a comeback is seen whole."""
    pages = DUE.pages(judgement, DAILY, NOW, ())
    assert pages.is_due(captured(NOW - timedelta(hours=1), NOW - 300 * DAY))
    assert pages.leftovers is None


def test_a_site_of_which_not_all_is_known_is_asked_for_everything():
    """An unchanged page may lead to what was never asked for."""
    pages = DUE.pages(judged(NOW - DAY), DAILY, NOW, None)
    assert pages.is_due(captured(NOW - timedelta(hours=1), NOW - 300 * DAY))


def test_intervals_come_from_the_source_or_else_from_the_project():
    """Sites and images may have their own; files have the project's."""
    spec = Spec.model_validate_json(
        json.dumps(
            {
                "project": "p",
                "every": "2d",
                "at_least_every": "30d",
                "docs": [
                    {"name": "a", "seeds": ["http://a/"]},
                    {"name": "b", "seeds": ["http://b/"], "every": "12h", "at_least_every": "60d"},
                ],
                "images": {"refs": ["redis"], "every": "7d"},
                "files": [{"url": "http://a/f"}],
            }
        )
    )
    assert intervals(spec) == {
        "a": Interval(2 * DAY, 30 * DAY),
        "b": Interval(DAY / 2, 60 * DAY),
        "images": Interval(7 * DAY, 30 * DAY),
        "files": Interval(2 * DAY, 30 * DAY),
    }
    assert due_at(judged(NOW), intervals(spec)["images"]) == NOW + 7 * DAY


def failed(code: str, verdict: str = HEALTHY, spec: dict | None = None) -> Snapshot:
    """Return a snapshot of a site and of images, both asked now, of which an image failed with a code."""
    checked = {"checked": iso(NOW), "good": "20260601T030000Z"}
    return run_record(
        Judgement("docs", HEALTHY, **checked),
        Judgement("images", verdict, **checked),
        id="20260601T030000Z",
        program=PROGRAM,
        spec=spec or {},
        failures=(Failure("images", "docker.io/library/redis:7", code, "no"),),
    )


WEEKLY_SPEC = {
    "project": "p",
    "every": "7d",
    "docs": [{"name": "docs", "seeds": ["http://a/"]}],
    "images": {"refs": ["redis"]},
}


@pytest.mark.parametrize("error", [ServerBusy, HostUnreachable, StatusRefused, RegistryError])
def test_what_failed_is_asked_again_the_next_day(error):
    """A week without what a bad minute cost is long: its source waits a day, the others their week."""
    spec, before = Spec.model_validate_json(json.dumps(WEEKLY_SPEC)), failed(error.code, spec=WEEKLY_SPEC)
    assert waits(spec, before) == {"docs": WEEKLY, "images": Interval(DAY, 90 * DAY)}
    due = [due_sources(spec, WEEKLY_SPEC, before, DUE, NOW + hours * DAY / 24) for hours in (1, 24, 7 * 24)]
    assert due == [set(), {"images"}, {"docs", "images"}]


@pytest.mark.parametrize("error", [TagGone, FileGone, RobotsForbidden, PageMoved, ResponseTruncated])
def test_what_will_be_the_same_tomorrow_can_wait(error):
    """What is gone, forbidden or too long is no reason to come before the time."""
    spec = Spec.model_validate_json(json.dumps(WEEKLY_SPEC))
    assert waits(spec, failed(error.code)) == intervals(spec) == waits(spec, None)


def test_what_has_failed_waits_no_longer_than_it_would():
    """An interval that is shorter than a day stays."""
    spec = Spec.model_validate_json(json.dumps({**WEEKLY_SPEC, "every": "12h"}))
    assert waits(spec, failed(ServerBusy.code)) == intervals(spec)


def test_what_the_spec_asks_for_anew_is_told_by_source():
    """How often or how gently is no new question; a seed, a reference or a registry's mirror is."""
    before = {
        "docs": [{"name": "a", "seeds": ["http://a/"], "every": None}, {"name": "b", "seeds": []}],
        "images": {"refs": ["redis"], "every": None},
        "registries": {},
        "files": [],
    }
    now = {
        "docs": [{"name": "a", "seeds": ["http://a/"], "every": "7d"}, {"name": "b", "seeds": ["http://b/"]}],
        "images": {"refs": ["redis"], "every": "7d"},
        "registries": {},
        "files": [],
    }
    assert changed_sources(now, before) == {"b"}
    assert changed_sources({**now, "registries": {"a": {}}}, before) == {"b", "images"}
    assert changed_sources({**now, "files": [{"url": "x"}]}, before) == {"b", "files"}
    assert changed_sources({**now, "docs": [*now["docs"], {"name": "c"}]}, before) == {"b", "c"}
    assert changed_sources(now, {"docs": "nonsense", "images": 3}) == {"a", "b", "images", "files"}


def told(
    *,
    failed: tuple[Listing, ...] = (),
    broken: tuple[Listing, ...] = (),
    skipped: tuple[Listing, ...] = (),
    program: str = PROGRAM,
) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Return a snapshot and its report, as far as they are looked at."""
    site = SimpleNamespace(name="docs", failed=failed, broken=broken, skipped=skipped)
    spec = {"docs": [{"name": "docs", "seeds": ["http://a/"]}]}
    return SimpleNamespace(program=program, spec=spec), SimpleNamespace(sites=(site,))


def test_leftovers_are_what_was_wanted_and_not_got():
    """Failures, broken links and what was skipped, each URL once."""
    snapshot, report = told(
        failed=(Listing("fetch.status", 1, (Entry("http://a/1", "500"),)),),
        broken=(Listing("404", 1, (Entry("http://a/2", "", "http://a/"),)),),
        skipped=(Listing("robots", 1, (Entry("http://a/2"),)),),
    )
    found = leftovers("docs", snapshot.spec, snapshot, report)
    assert [entry.url for entry in found] == ["http://a/1", "http://a/2"]


def test_leftovers_are_not_what_cannot_be_asked_nor_all_that_robots_txt_forbids():
    """There may be thousands of forbidden URLs; a redirect too many would go one further with every run."""
    snapshot, report = told(
        skipped=(
            Listing("robots", 5000, (Entry("http://a/1"),)),
            Listing("too many redirects", 5000, (Entry("http://a/2"),)),
            Listing("too long", 1, (Entry("http://a/3"),)),
        )
    )
    assert leftovers("docs", snapshot.spec, snapshot, report) == (Entry("http://a/1"),)


def test_leftovers_are_unknown_where_the_spec_the_program_or_the_listing_is_another():
    """Then the pages are read again."""
    snapshot, report = told()
    assert leftovers("docs", snapshot.spec, snapshot, report) == ()
    assert leftovers("docs", snapshot.spec, snapshot, None) is None
    assert leftovers("docs", snapshot.spec, None, report) is None
    assert leftovers("docs", {"docs": [{"name": "docs", "scope": {}}]}, snapshot, report) is None
    assert leftovers("docs", snapshot.spec, told(program="archiver 0.0.1")[0], report) is None
    assert leftovers("other", {"docs": [{"name": "other"}]}, snapshot, report) is None
    snapshot, report = told(skipped=(Listing("limit: pages", 2, (Entry("http://a/1"),)),))
    assert leftovers("docs", snapshot.spec, snapshot, report) is None
