"""What of an earlier view is asked for: held, released where due, and left alone where not."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.collect.asking import ALL_PAGES
from archiver.collect.web.frontier import SITEMAP, Found, Frontier, RunState
from archiver.collect.web.known import Known, pages_that_list
from archiver.collect.web.recorder import Recorded
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.report import Entry

if TYPE_CHECKING:
    from pathlib import Path

RUN = "20260601T000000Z"


class Asking:
    """Asks for the URLs that it is told of, for what is newer than their captures, and for feeds of the folder."""

    def __init__(self, *due: str, leftovers: tuple[Entry, ...] | None = ()) -> None:
        self.due, self.leftovers = due, leftovers

    def is_due(self, capture: Capture, modified: str = "") -> bool:
        """Believe what is said."""
        return modified > "2026-05" if modified else capture.url.rpartition("/")[2] in self.due

    def is_list_due(self, capture: Capture, modified: str = "") -> bool:
        """Ask for every folder."""
        return not modified or self.is_due(capture, modified)

    def conditions(self, capture: Capture) -> tuple[tuple[str, str], ...]:
        """Have everything sent."""
        return ()


def captured(name: str, kind: str = PAGE, mime: str = "text/html") -> Capture:
    """Return a capture of ``http://a/docs/NAME``."""
    return Capture(
        f"http://a/docs/{name}",
        "20260501000000",
        mime,
        "200",
        "sha256:1",
        "docs",
        kind,
        "<urn:uuid:1>",
        text="9",
    )


VIEW = {each.url: each for each in (captured("a"), captured("b"), captured("c.css", REQUISITE, "text/css"))}


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    """A run's state, of the source ``docs``."""
    with closing(RunState(tmp_path / "state.sqlite")) as state:
        state.begin(RUN, "")
        yield Frontier(state, "docs")


def knowing(frontier: Frontier, asking: Asking = ALL_PAGES, view: dict[str, Capture] = VIEW) -> Known:
    """Return what is known of a view; everything but ``http://a/other/`` is in scope."""
    return Known(
        RUN, frontier=frontier, previous=view, asking=asking, in_scope=lambda url: "/other/" not in url
    )


def queued(frontier: Frontier) -> list[str]:
    """Return the names of what is to be asked for, and have it done."""
    urls = [url for host in list(frontier.pending) for url in frontier.take(host, 999)]
    for url in urls:
        frontier.settle(url, status=200)
    return [url.rpartition("/")[2] for url in urls]


def test_what_is_due_whatever_the_site_says_is_asked_at_once(frontier: Frontier) -> None:
    """That is everything where all is asked for; new pages wait behind it."""
    known = knowing(frontier)
    known.begin(str)
    frontier.add(Found("http://a/docs/new", PAGE, "http://a/docs/seed"))
    assert queued(frontier) == ["a", "b", "c.css"]
    assert known.release()
    assert queued(frontier) == ["new"]


def test_an_origin_that_the_site_has_left_is_not_asked_for_what_it_had(frontier: Frontier) -> None:
    """Neither its pages nor their parts, nor what failed there last: it may be gone; another host's parts are asked for."""
    old = {"http://old/docs/a": PAGE, "http://old/docs/s.css": REQUISITE, "http://cdn/f.woff2": REQUISITE}
    view = {url: replace(captured("x", kind), url=url) for url, kind in old.items()}
    known = Known(
        RUN,
        frontier=frontier,
        previous=view,
        asking=Asking("f.woff2", "s.css", leftovers=(Entry("http://old/docs/late.css"),)),
        in_scope=lambda url: url.startswith("http://new/"),
    )
    known.begin(str)
    known.release()
    assert queued(frontier) == ["f.woff2"]


def test_what_depends_on_what_the_site_says_waits_for_that(frontier: Frontier) -> None:
    """Seeds and sitemaps do not; new pages that are found meanwhile wait behind what was known before."""
    frontier.add(Found("http://a/docs/seed", PAGE, seed=True))
    known = knowing(frontier, Asking("a", "b", "c.css"))
    noted: list[str] = []
    known.begin(noted.append)
    frontier.add(Found("http://a/docs/new", PAGE, "http://a/docs/seed"))
    frontier.add(Found("http://a/sitemap.xml", SITEMAP))
    frontier.add(Found("http://a/docs/a", PAGE, "http://a/docs/seed"))
    assert queued(frontier) == ["seed", "sitemap.xml"]
    assert noted == ["http://a/docs/a", "http://a/docs/b"]
    assert known.release()
    assert queued(frontier) == ["a", "b", "c.css", "new"]
    assert not known.release()
    assert known.not_due() == 0


def test_what_is_not_due_stays_unasked_however_often_it_is_found(frontier: Frontier) -> None:
    """It is counted, and neither queued nor a new URL."""
    known = knowing(frontier, Asking("a"))
    known.begin(str)
    known.release()
    assert queued(frontier) == ["a"]
    for _ in range(2):
        assert not frontier.add(Found("http://a/docs/b", PAGE, "http://a/docs/a"))
    assert queued(frontier) == []
    assert known.not_due() == 2
    assert (frontier.known, frontier.done) == (1, 1)


def test_a_first_crawl_waits_for_nothing(frontier: Frontier) -> None:
    """Where nothing is known, what is found is queued at once."""
    known = knowing(frontier, view={})
    known.begin(str)
    frontier.add(Found("http://a/docs/new", PAGE))
    assert queued(frontier) == ["new"]
    assert not known.release()


def test_pages_that_the_spec_gave_up_are_not_asked_for(frontier: Frontier) -> None:
    """Requisites are, whatever page they are for, where the spec still asks for pages of their origin."""
    gone = replace(captured("x"), url="http://a/other/x")
    style = replace(captured("s"), url="http://a/other/s.css", kind=REQUISITE)
    kept = captured("a")
    known = knowing(frontier, view={each.url: each for each in (gone, style, kept)})
    known.begin(str)
    known.release()
    assert queued(frontier) == ["s.css", "a"]


def test_a_robots_txt_is_asked_with_its_host_and_never_by_itself(frontier: Frontier) -> None:
    """Where nothing of its host is due, it is not due either."""
    robots = replace(captured("r", REQUISITE), url="http://cdn/robots.txt")
    known = knowing(frontier, Asking(), {robots.url: robots})
    known.begin(str)
    assert not known.release()
    assert known.not_due() == 1
    frontier.keep_robots("http://cdn", 404, b"")
    assert known.not_due() == 0


def test_feeds_are_asked_first(frontier: Frontier) -> None:
    """They say what changed."""
    feed = captured("feed.xml", PAGE, "application/rss+xml")
    known = knowing(frontier, Asking(), {**VIEW, feed.url: feed})
    known.begin(str)
    assert queued(frontier) == ["feed.xml"]


def test_what_a_list_calls_newer_is_asked_at_once_and_what_it_calls_older_is_not(frontier: Frontier) -> None:
    """Said before the release or after it, about what was due and what was not."""
    view = {each.url: each for each in map(captured, "abcdef")}
    known = knowing(frontier, Asking("a", "b"), view)
    known.begin(str)
    known.say("http://a/docs/a", "2026-06-01T00:00:00Z")
    known.say("http://a/docs/c", "2026-06-01T00:00:00Z")
    known.say("http://a/docs/e", "2026-01-01T00:00:00Z")
    known.say("http://elsewhere/", "2026-06-01T00:00:00Z")
    known.release()
    assert queued(frontier) == ["a", "b", "c"]
    known.say("http://a/docs/d", "2026-06-01T00:00:00Z")
    known.say("http://a/docs/e", "2026-01-02T00:00:00Z")
    known.say("http://a/docs/f", "")
    assert queued(frontier) == ["d"]


def _calling_all_unchanged(frontier: Frontier) -> tuple[Known, dict[str, Capture], list[str]]:
    """Return 400 pages that are due and that a sitemap calls unchanged, and the names of those asked for all the same."""
    view = {each.url: each for each in (captured(f"{number}") for number in range(400))}
    known = knowing(frontier, Asking(*(str(number) for number in range(400))), view)
    known.begin(str)
    for url in view:
        known.say(url, "2026-01-01T00:00:00Z")
    known.release()
    return known, view, queued(frontier)


def test_a_sitemap_that_was_made_once_and_forgotten_does_not_blind(frontier: Frontier) -> None:
    """A few pages that it calls unchanged are asked for; where one has changed, all are asked that are due."""
    known, view, sample = _calling_all_unchanged(frontier)
    assert len(sample) == 8
    for name in sample:
        frontier.capture(view[f"http://a/docs/{name}"])
    assert not known.release()
    frontier.capture(replace(view[f"http://a/docs/{sample[0]}"], digest="sha256:2", text="10"))
    assert known.release()
    assert len(queued(frontier)) == 392
    assert not known.release()


def test_a_page_that_differs_in_its_markup_only_discredits_no_sitemap(frontier: Frontier) -> None:
    """Servers put the time, or a number used once, into every page that they send."""
    known, view, sample = _calling_all_unchanged(frontier)
    for name in sample:
        frontier.capture(replace(view[f"http://a/docs/{name}"], digest="sha256:2"))
    assert not known.release()


def test_an_interrupted_run_samples_and_decides_as_before(frontier: Frontier) -> None:
    """What was asked stays asked, and nothing else is queued."""
    _, view, sample = _calling_all_unchanged(frontier)
    for name in sample:
        frontier.capture(view[f"http://a/docs/{name}"])
    again = knowing(frontier, Asking(*(str(number) for number in range(400))), view)
    again.begin(str)
    assert not again.release()
    assert again.not_due() == 392


def test_what_the_last_run_did_not_get_is_asked_for_whatever_is_due(frontier: Frontier) -> None:
    """As a page where it may be one, else as a requisite; what cannot be asked is left out."""
    wanted = [
        *("http://a/docs/broken", "http://a/docs/i.png", "http://a/other/x", "http://a/docs/b"),
        *("http://a/robots.txt", "ftp://a/docs/f", "docker.io/library/redis"),
    ]
    asking = Asking(leftovers=tuple(Entry(url, "", "http://a/docs/a") for url in wanted))
    known = knowing(frontier, asking)
    known.begin(str)
    known.release()
    assert queued(frontier) == ["b", "broken", "i.png", "x"]
    kinds = {url: frontier.entry(url).kind for url in wanted[:3]}
    assert kinds == {wanted[0]: PAGE, wanted[1]: REQUISITE, wanted[2]: REQUISITE}
    assert frontier.entry(wanted[0]).referrer == "http://a/docs/a"


def test_a_requisite_that_turns_out_to_be_a_page_is_asked_as_one(frontier: Frontier) -> None:
    """Also where it was not due: as a page it was never read."""
    frame = captured("frame", REQUISITE)
    known = knowing(frontier, Asking(), {frame.url: frame})
    known.begin(str)
    known.release()
    frontier.add(Found(frame.url, PAGE, "http://a/docs/a"))
    assert queued(frontier) == ["frame"]


def test_what_was_asked_before_a_crash_counts_though_it_is_held(frontier: Frontier) -> None:
    """A record that is read back settles its URL."""
    known = knowing(frontier, Asking())
    known.begin(str)
    frontier.settle("http://a/docs/a", status=200, size=5)
    assert (frontier.known, frontier.done, frontier.received) == (1, 1, 5)
    known.release()
    assert queued(frontier) == []


def test_pages_in_whose_folders_others_are_lead_to_them() -> None:
    """A folder's page is asked whenever the site is, however it is written; leaves are not."""
    urls = [
        "http://a/docs/",
        "http://a/docs/one/",
        "http://a/docs/two/index.html",
        "http://a/docs/two/x.html?y=/z/",
    ]
    assert pages_that_list(urls) == {"http://a/", "http://a/docs/", "http://a/docs/two/"}


def test_a_folders_page_is_due_where_others_are_not(frontier: Frontier) -> None:
    """New pages show there."""
    view = {each.url: each for each in map(captured, ("", "a", "two/", "two/x"))}
    known = knowing(frontier, Asking(), view)
    known.begin(str)
    known.release()
    assert [url.removeprefix("http://a/docs/") for url in frontier.take("http://a", 9)] == ["", "two/"]


def _read_back(capture: Capture, **changes: object) -> Recorded:
    """Return an answer that says that a capture's URL is as it was."""
    earlier = replace(capture, **changes)
    return Recorded(
        earlier.url, "<urn:uuid:2>", "20260601000000", 304, (), earlier.digest, 0, False, earlier.record, earlier, (),
        io.BytesIO(), 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "changes", "leftovers", "unread"),
    [
        ({}, {}, (), True),
        ({}, {"mime": "text/css"}, (), True),
        ({}, {}, None, False),
        ({}, {}, (Entry("http://a/docs/a"),), False),
        ({"seed": True}, {}, (), False),
        ({"kind": SITEMAP}, {}, (), False),
        ({"kind": REQUISITE}, {}, (), False),
        ({}, {"mime": "application/rss+xml"}, (), False),
        ({}, {"text": "90"}, (), False),
        ({}, {"text": ""}, (), False),
        ({}, {"text": "many"}, (), False),
    ],
)
def test_only_pages_of_which_all_is_known_are_left_unread(
    frontier: Frontier,
    found: dict[str, Any],
    changes: dict[str, Any],
    leftovers: tuple[Entry, ...] | None,
    unread: bool,
) -> None:
    """Not seeds, lists, what failed, what is something else now, or what may be an empty shell."""
    known = knowing(frontier, Asking(leftovers=leftovers))
    page = replace(captured("a"), text="900")
    entry = Found(**{"url": page.url, "kind": PAGE, **found})
    assert known.was_read(entry, _read_back(page, **changes)) is unread


def test_what_changed_is_read(frontier: Frontier) -> None:
    """It is no revisit."""
    known = knowing(frontier, Asking())
    changed = replace(_read_back(captured("a"), text="900"), revisited=None)
    assert not known.was_read(Found("http://a/docs/a", PAGE), changed)
