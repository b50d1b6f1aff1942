from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from archiver.collect.web.frontier import SITEMAP, Found, Frontier, RunState
from archiver.collect.web.warc import Position
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.reasons import NOT_THERE
from archiver.core.snapshot import BrokenLink, Failure

if TYPE_CHECKING:
    from pathlib import Path

RUN = "20261123T004400Z"
A, B, C = "http://x.org/a", "http://x.org/b", "http://y.org/c"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project" / "state.sqlite"


def _capture(url: str, kind: str = PAGE) -> Capture:
    return Capture(
        url, "20261123004401", "text/html", "200", f"sha256:{'0' * 64}", "docs", kind, "<urn:uuid:1>"
    )


def test_a_run_is_unfinished_from_begin_to_finish(path: Path) -> None:
    """Begin is remembered across processes; finish forgets the run and all its URLs."""
    with closing(RunState(path)) as state:
        assert (state.unfinished, state.spec_digest) == (None, "")
        state.begin(RUN, "sha256:1")
        frontier = Frontier(state, "docs")
        frontier.add(Found(A, PAGE))
        frontier.commit(None)
    with closing(RunState(path)) as state:
        assert (state.unfinished, state.spec_digest) == (RUN, "sha256:1")
        assert Frontier(state, "docs").known == 1
        state.finish()
        assert state.unfinished is None
        assert Frontier(state, "docs").known == 0


def test_beginning_again_forgets_the_earlier_run(path: Path) -> None:
    """A new run starts with an empty frontier."""
    with closing(RunState(path)) as state:
        state.begin(RUN, "1")
        Frontier(state, "docs").add(Found(A, PAGE))
        state.begin("20261124T000000Z", "2")
        assert (state.unfinished, Frontier(state, "docs").known) == ("20261124T000000Z", 0)


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_a_damaged_state_is_replaced(path: Path, content: bytes) -> None:
    """The state is a cache: a file that cannot be read means a run from the beginning, not an error."""
    path.parent.mkdir()
    path.write_bytes(content)
    with closing(RunState(path)) as state:
        assert state.unfinished is None
        state.begin(RUN, "")
        assert state.unfinished == RUN


def test_urls_are_taken_by_host_in_order_of_discovery(path: Path) -> None:
    """Each host has its own queue, first in first out, and a URL is queued once."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        for url in (A, C, B, A):
            frontier.add(Found(url, PAGE))
        assert frontier.pending == {"http://x.org": 2, "http://y.org": 1}
        assert frontier.take("http://x.org", 1) == [A]
        assert frontier.take("http://x.org", 5) == [B]
        assert frontier.take("http://x.org", 5) == []
        assert frontier.pending == {"http://y.org": 1}
        assert frontier.take("http://nowhere.org", 5) == []


def test_what_was_taken_but_not_settled_is_queued_again(path: Path) -> None:
    """A crash while URLs are in flight costs asking for them again, nothing else."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        frontier.add(Found(A, PAGE, seed=True))
        frontier.add(Found(B, REQUISITE, referrer=A, hops=2))
        frontier.take("http://x.org", 2)
        frontier.settle(A, size=10)
        frontier.capture(_capture(A))
        frontier.commit(Position("f.warc.gz", 123))
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        assert (frontier.known, frontier.done, frontier.received) == (2, 1, 10)
        assert frontier.take("http://x.org", 5) == [B]
        assert frontier.entry(B) == Found(B, REQUISITE, A, hops=2)
        assert frontier.captures() == (_capture(A),)
        assert frontier.position() == Position("f.warc.gz", 123)


def test_nothing_is_permanent_before_commit(path: Path) -> None:
    """Rolling back, or dying, leaves the state of the last commit."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        frontier.add(Found(A, PAGE))
        frontier.commit(None)
        frontier.settle(A)
        frontier.capture(_capture(A))
        frontier.rollback()
        assert frontier.captures() == ()
        assert Frontier(state, "docs").pending == {"http://x.org": 1}


def test_sources_do_not_share_a_frontier(path: Path) -> None:
    """Two doc sites of one project may know the same URL, each for itself."""
    with closing(RunState(path)) as state:
        one, other = Frontier(state, "one"), Frontier(state, "other")
        one.add(Found(A, PAGE))
        assert other.entry(A) is None
        other.add(Found(A, REQUISITE))
        assert one.take("http://x.org", 1) == other.take("http://x.org", 1) == [A]


def test_a_requisite_that_turns_out_to_be_a_page_becomes_one(path: Path) -> None:
    """Not fetched yet, it is fetched as a page; fetched already, it is to be read again, once."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        for url in (A, B):
            frontier.add(Found(url, REQUISITE))
        frontier.settle(A)
        for url in (A, B, A):
            frontier.add(Found(url, PAGE))
        assert frontier.rereads() == [A]
        frontier.reread(A)
        assert frontier.rereads() == []
        entry = frontier.entry(B)
        assert entry is not None
        assert entry.kind == PAGE
        frontier.add(Found(A, REQUISITE))
        assert frontier.rereads() == []


def test_redirects_without_end_are_bounded(path: Path) -> None:
    """A chain longer than twenty is left, with the reason kept."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        frontier.add(Found(A, PAGE, hops=21))
        assert (frontier.known, frontier.skipped()) == (0, {"too many redirects": 1})


def test_reports_are_sorted_and_distinct(path: Path) -> None:
    """Failures and broken links come back once a URL, sorted; skipped URLs are counted by reason."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        frontier.fail(B, "fetch.timeout", "first", A)
        frontier.fail(B, "fetch.status", "last", A)
        frontier.fail(A, "fetch.robots", "no", "")
        frontier.broken_link(C, 404, A)
        for url, reason in ((A, "excluded"), (B, "out of scope"), (B, "excluded"), (C, "out of scope")):
            frontier.skip(url, reason)
        frontier.capture(_capture(C, REQUISITE))
        assert frontier.failures() == (
            Failure("docs", A, "fetch.robots", "no"),
            Failure("docs", B, "fetch.status", "last", A),
        )
        assert frontier.broken_links() == (BrokenLink("docs", C, "404", A),)
        assert frontier.skipped() == {"excluded": 1, "out of scope": 1}


def test_robots_answers_are_kept(path: Path) -> None:
    """A continued run need not ask for robots.txt again."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        frontier.keep_robots("http://x.org", 200, b"User-agent: *")
        assert list(frontier.robots()) == [("http://x.org", 200, b"User-agent: *")]


def test_a_captured_page_that_turns_out_to_be_a_sitemap_is_read_again(path: Path) -> None:
    """A link may lead to a sitemap before anything names it as one; it is no page then, and stays none."""
    with closing(RunState(path)) as state:
        state.begin(RUN, "1")
        frontier = Frontier(state, "docs")
        frontier.add(Found(A, PAGE))
        frontier.settle(A)
        frontier.add(Found(A, SITEMAP))
        frontier.add(Found(A, PAGE))
        assert frontier.entry(A) == Found(A, SITEMAP)
        assert frontier.rereads() == [A]


def test_a_guess_is_a_guess_until_something_links_to_it(path: Path) -> None:
    """What is known stays as it is when it is guessed too; a link makes a guess a link, with its own referrer."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        frontier.add(Found(A, REQUISITE, C))
        assert not frontier.add(Found(A, PAGE, B, guessed=True))
        assert frontier.entry(A) == Found(A, REQUISITE, C)
        frontier.add(Found(B, REQUISITE, A, guessed=True))
        frontier.add(Found(B, PAGE, C))
        assert frontier.entry(B) == Found(B, PAGE, C)
        assert (frontier.known, frontier.pending["http://x.org"]) == (2, 2)


def test_a_guess_that_was_not_there_is_asked_for_again_once_it_is_linked_to(path: Path) -> None:
    """The link may be broken, and is to be told; what was skipped as a guess is not skipped any more."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        for url in (A, B):
            frontier.add(Found(url, REQUISITE, C, guessed=True))
        frontier.add(Found(C, PAGE))
        assert frontier.take("http://x.org", 9) == [A, B]
        frontier.forget(A)
        frontier.settle(A)
        frontier.settle(B)
        assert frontier.skipped() == {NOT_THERE: 1}
        frontier.add(Found(A, REQUISITE, B))
        frontier.add(Found(B, REQUISITE, A))
        assert frontier.skipped() == {}
        assert (frontier.known, frontier.done) == (3, 1)
        assert frontier.take("http://x.org", 9) == [A]
        frontier.settle(A)
        assert frontier.done == 2


def test_a_guess_that_was_left_out_before_is_asked_for_again_too(path: Path) -> None:
    """A link to a page of another site's part is left out; that does not hide what a page later needs."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        frontier.skip(A, "out of scope")
        frontier.add(Found(A, REQUISITE, C, guessed=True))
        assert frontier.take("http://x.org", 9) == [A]
        frontier.forget(A)
        frontier.settle(A)
        frontier.add(Found(A, REQUISITE, B))
        assert frontier.take("http://x.org", 9) == [A]
        assert frontier.entry(A) == Found(A, REQUISITE, B)


def test_where_a_guess_redirects_to_is_linked_once_the_guess_is(path: Path) -> None:
    """What is not there behind a redirect is as much a defect of the site as what is not there at once."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        frontier.add(Found(A, PAGE, C, guessed=True))
        frontier.add(Found(B, PAGE, A, hops=1, guessed=True))
        assert frontier.take("http://x.org", 9) == [A, B]
        frontier.settle(A, target=B)
        frontier.forget(B)
        frontier.settle(B, target=A)  # and in a circle
        frontier.add(Found(A, PAGE, C))
        assert frontier.take("http://x.org", 9) == [B]
        assert frontier.entry(B) == Found(B, PAGE, A, hops=1)
        assert frontier.skipped() == {}


def test_what_is_left_out_is_done_and_counted(path: Path) -> None:
    """Everything that waits is settled with one reason; what was done, or skipped before, keeps its own."""
    with closing(RunState(path)) as state:
        state.begin(RUN, "")
        frontier = Frontier(state, "docs")
        for url in (A, B, C):
            frontier.add(Found(url, PAGE))
        frontier.settle(A)
        frontier.skip(C, "robots")
        frontier.leave_out("limit: time")
        assert frontier.skipped() == {"robots": 1, "limit: time": 1}
        assert (frontier.pending, frontier.done, frontier.known) == ({}, 3, 3)
        assert frontier.take("http://x.org", 10) == []


def test_pages_asked_for_are_counted_across_processes(path: Path) -> None:
    """Those of a kind that are done and were not skipped: what a limit of pages counts."""
    with closing(RunState(path)) as state:
        state.begin(RUN, "")
        frontier = Frontier(state, "docs")
        for url, kind in ((A, PAGE), (B, PAGE), (C, REQUISITE)):
            frontier.add(Found(url, kind))
        frontier.settle(A)
        frontier.skip(B, "limit: pages")
        frontier.settle(B)
        frontier.settle(C)
        frontier.commit(None)
    with closing(RunState(path)) as state:
        assert Frontier(state, "docs").asked(PAGE) == 1


def test_time_and_pauses_are_summed_up_across_processes(path: Path) -> None:
    """How long a source was crawled, and which hosts wanted to be left alone, survives the process."""
    for seconds in (1.5, 2.0):
        with closing(RunState(path)) as state:
            if state.unfinished is None:
                state.begin(RUN, "")
            frontier = Frontier(state, "docs")
            frontier.spend(seconds)
            frontier.slowed("http://x.org", seconds)
            frontier.commit(None)
    with closing(RunState(path)) as state:
        assert Frontier(state, "docs").seconds == 3.5
        assert list(state.rows("SELECT host, times, seconds FROM slowed")) == [("http://x.org", 2, 3.5)]
        assert Frontier(state, "other").seconds == 0


def test_what_is_held_is_queued_in_its_place_or_behind_the_others(path: Path) -> None:
    """All at once while nothing is fetched: before what was found later. One by one: behind it."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        urls = [f"{A}{number}" for number in range(4)]
        for url in urls[:3]:
            assert frontier.hold(Found(url, PAGE))
        assert not frontier.hold(Found(urls[0], PAGE))
        frontier.add(Found(urls[3], PAGE))
        assert (frontier.known, list(frontier.held())) == (1, urls[:3])
        frontier.let_go([urls[1]])
        frontier.queue_held(urls[0])
        frontier.queue_held(urls[1])
        assert frontier.take(next(iter(frontier.pending)), 9) == [urls[1], urls[3], urls[0]]
        assert (frontier.known, frontier.is_held(urls[2]), frontier.is_held(urls[0])) == (3, True, False)


def test_a_requisite_that_is_gone_is_excused_where_nothing_named_it(path: Path) -> None:
    """Not one that something names, be it a guess, and not one that only failed; nor a page."""
    with closing(RunState(path)) as state:
        frontier = Frontier(state, "docs")
        kinds = {
            "left": REQUISITE,
            "named": REQUISITE,
            "guessed": REQUISITE,
            "failing": REQUISITE,
            "page": PAGE,
        }
        for name, kind in kinds.items():
            frontier.hold(Found(f"{A}{name}", kind))
            frontier.queue_held(f"{A}{name}")
            frontier.fail(f"{A}{name}", "fetch.status", "the server answered", "")
            frontier.settle(f"{A}{name}", status=503 if name == "failing" else 404)
        frontier.add(Found(f"{A}named", REQUISITE, A))
        frontier.add(Found(f"{A}guessed", REQUISITE, A, guessed=True))
        frontier.excuse()
        failed = {failure.subject for failure in frontier.failures()}
    assert failed == {f"{A}{name}" for name in ("named", "guessed", "failing", "page")}
