"""What a run saw of a doc site: counts by content, places that redirects lead to, text that is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archiver.collect.guard.comparison import Comparison
from archiver.collect.guard.kinds import (
    BUSY,
    DENIED,
    ELSEWHERE,
    ERROR_PAGE,
    FAILING,
    MISSING,
    ONE_PAGE,
    ONE_PLACE,
    OTHER_HOST,
    SILENT,
    UNREACHABLE,
    WITHHELD,
    kind_of_failure,
)
from archiver.collect.guard.sight import site_evidence
from archiver.collect.guard.thresholds import Thresholds
from servers.prose import prose
from servers.worlds import (
    RUN,
    SITE,
    World,
    emptied,
    failed,
    got,
    had,
    led_to,
    missing,
    moved_within,
    noticed,
    same,
    unchanged,
)


def _seen(*answers, before):
    return site_evidence(answers, before, lambda _: True)


def test_a_page_at_several_urls_counts_once():
    """Of two URLs with one content, the page is there as long as one of them has it, and is lost with both."""
    one, twin, other = had("a/"), replace(had("a/index.html"), digest=had("a/").digest), had("b")
    before = [had(), one, twin, other]
    seen = _seen(unchanged(had()), unchanged(one), missing(twin), unchanged(other), before=before)
    assert (seen.before, seen.asked, seen.unchanged, seen.lost, seen.alive) == (3, 3, 3, (), 3)
    seen = _seen(unchanged(had()), missing(one), missing(twin), unchanged(other), before=before)
    assert (seen.unchanged, [(loss.kind, loss.count) for loss in seen.lost]) == (2, [(MISSING, 1)])
    seen = _seen(unchanged(had()), missing(twin), unchanged(other), before=before)
    assert (seen.asked, seen.lost) == (2, ()), "the other URL was not asked for"


def test_a_page_that_is_elsewhere_now_is_not_lost():
    """The same content at a new URL is neither lost nor new."""
    page = had("old")
    seen = _seen(missing(page), replace(got(had("new"), digest=page.digest), earlier=None), before=[page])
    assert (seen.unchanged, seen.lost, seen.new, seen.alive) == (1, (), 0, 1)


def test_pages_that_were_known_to_be_gone_are_no_evidence():
    """They are not asked about again; one that is back is new."""
    gone = had("gone", gone="20251224000000")
    seen = _seen(unchanged(had()), missing(gone), before=[had(), gone])
    assert (seen.before, seen.lost, seen.new) == (1, (), 0)
    assert seen.vanished is not None
    assert seen.vanished.examples == (f"{SITE}gone",)
    back = _seen(unchanged(had()), got(gone), before=[had(), gone])
    assert (back.before, back.new, back.alive) == (1, 1, 2)
    still = _seen(unchanged(had()), noticed(gone), before=[had(), gone])
    assert (still.new, still.alive) == (0, 1), "its notice is there, not the page"


def test_what_is_no_page_does_not_count():
    """Redirects, requisites and errors that an earlier run archived are nothing that could be lost."""
    others = [had("r", status="301"), had("s.css", kind="requisite"), had("e", status="404")]
    seen = _seen(*(missing(each) for each in others), before=others)
    assert (seen.before, seen.asked, seen.lost) == (0, 0, ())


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("fetch.status", "404", MISSING),
        ("fetch.status", "410", MISSING),
        ("", "404", MISSING),
        ("fetch.status", "451", WITHHELD),
        ("fetch.status", "403", DENIED),
        ("fetch.status", "429", BUSY),
        ("fetch.status", "500", BUSY),
        ("fetch.busy", "", BUSY),
        ("fetch.unreachable", "", UNREACHABLE),
        ("fetch.certificate", "", UNREACHABLE),
        ("fetch.timeout", "", SILENT),
        ("fetch.soft404", "200", ERROR_PAGE),
        ("fetch.broken", "200", FAILING),
        ("no.such.code", "", FAILING),
    ],
)
def test_failures_are_of_a_kind(code, status, kind):
    """By their code, else by their status; what nobody foresaw cannot be fetched."""
    assert kind_of_failure(code, status) == kind


def _kinds(fate, count):
    return [(loss.kind, loss.place, loss.count) for loss in World(fates=((count, fate),)).evidence.lost]


def test_redirects_are_told_by_where_they_lead():
    """Three that lead to one place do not by chance, whatever is in the query; what leads to another host is a move."""
    front = led_to("https://docs.example.org/?from={name}")
    assert _kinds(front, 3) == [(ONE_PLACE, "https://docs.example.org/", 3)]
    assert _kinds(front, 2) == [(ELSEWHERE, "", 2)]
    assert _kinds(led_to("https://new.example:8443/{name}"), 5) == [
        (OTHER_HOST, "https://new.example:8443", 5)
    ]
    assert _kinds(led_to("https://docs.example.org:8443/{name}"), 5) == [
        (OTHER_HOST, "https://docs.example.org:8443", 5)
    ]
    assert _kinds(led_to("http://docs.example.org/{name}"), 5) == [(ELSEWHERE, "", 5)], (
        "only the scheme differs"
    )
    assert _kinds(led_to("mailto:you"), 2) == [(ELSEWHERE, "", 2)]
    assert _kinds(moved_within, 2) == [(ELSEWHERE, "", 2)]
    assert _kinds(failed("fetch.soft404", "302", "https://docs.example.org/"), 2) == [(ERROR_PAGE, "", 2)]
    assert _kinds(failed("fetch.soft404", "302", "https://docs.example.org/"), 4) == [
        (ONE_PLACE, "https://docs.example.org/", 4)
    ]


def test_pages_that_become_the_same_are_lost():
    """Three contents that turn into one, new or one of those that were there; two may be alike by chance."""
    assert _kinds(same, 3) == [(ONE_PAGE, "", 3)]
    assert _kinds(same, 2) == []
    assert _kinds(lambda page: got(page, digest=had().digest), 5) == [(ONE_PAGE, "", 5)]


def test_new_pages_make_up_for_lost_ones_if_they_have_something_to_say():
    """Of new pages those count that have another content than all others, and are no stubs where pages had text."""
    new = [
        replace(got(had(f"n{n}"), text=text), earlier=None)
        for n, text in enumerate(["4000", "", "199", "200"])
    ]
    twin = replace(got(had("n9"), digest=had("n0").digest), earlier=None)
    assert _seen(unchanged(had()), *new, twin, before=[had()]).new == 3
    terse = had(text="90")
    assert _seen(unchanged(terse), *new, twin, before=[terse]).new == 4, "stubs are what the site has"


@pytest.mark.parametrize(
    ("before", "now", "collapsed"),
    [
        ("4000", "700", True),
        ("4000", "1500", False),
        ("50000", "4000", True),
        ("50000", "6000", False),
        ("2000", "667", False),
        ("2000", "600", True),
        ("250", "10", False),
        ("", "10", False),
        ("4000", "", False),
    ],
)
def test_a_page_has_collapsed_that_lost_most_of_its_text(before, now, collapsed):
    """Less than a third is left, and little, or less than a tenth; what had not much, or was not measured, has not."""
    page = had("a", text=before)
    seen = _seen(got(page, digest="sha256:now", text=now), before=[page])
    assert bool(seen.collapsed) is collapsed
    assert seen.measured == bool(before and now)


def test_seeds_count_by_what_they_lead_to():
    """A redirect that was followed stands for where it leads; a notice is a page, and lost all the same."""
    seed = had()
    led = replace(moved_within(seed), seed=True)
    page = replace(unchanged(had("new/")), seed=True, earlier=None)
    assert _seen(led, page, before=[seed]).seeds == 1
    assert _seen(led, replace(page, capture=None, status="404"), before=[seed]).seeds == 0
    out = replace(led, target="")
    assert _seen(out, before=[]).seeds == 1, "out of scope, and archived as what it is"
    assert World(fates=((4, emptied),)).evidence.seeds == 1


@pytest.mark.parametrize(
    ("settled", "asked", "compared"),
    [(False, 4, 0), (True, 4, 4), (False, 20, 20)],
    ids=["news are due", "chapters are due", "half is due"],
)
def test_what_changes_each_time_is_no_sample(settled, asked, compared):
    """Of what is due, news of the day have nothing in common with yesterday's; a page that had stayed as it was should have."""
    since = {"since": "20250101000000"} if settled else {}
    pages = [replace(had(f"p{n}"), text="1000", **since) for n in range(40)]
    now = [got(page, digest=f"sha256:now {page.url}", text="1000") for page in pages[:asked]]
    texts = {page.digest: prose("cluster", page.url) for page in pages}
    texts.update({answer.capture.digest: prose("casino", answer.url) for answer in now})
    comparison = Comparison(RUN, Thresholds(), lambda capture: texts.get(capture.digest))
    seen = site_evidence(now, pages, lambda _: True, comparison)
    assert (seen.asked, seen.compared) == (asked, compared)
    assert (seen.replaced.count if seen.replaced else 0) == compared
