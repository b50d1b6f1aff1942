"""What came of each URL is read back from the run's state for the guard."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.collect.guard.evidence import Answer
from archiver.collect.web.answers import answers
from archiver.collect.web.frontier import SITEMAP, Found, Frontier, RunState
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.reasons import DEAD_HOST, ROBOTS, SOFT_404

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "https://x.org/docs/"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[RunState]:
    with closing(RunState(tmp_path / "state.sqlite")) as state:
        yield state


def _capture(url: str, **values: str) -> Capture:
    capture = Capture(url, "20261123004401", "text/html", "200", "sha256:0", "docs", PAGE, "<urn:uuid:1>")
    return Capture(**{**vars(capture), **values})


def test_each_url_that_was_asked_for_has_an_answer(state: RunState) -> None:
    """Captured, failed, refused and redirected ones, each with its status and what the last good snapshot had."""
    frontier = Frontier(state, "docs")
    for url, seed in ((ROOT, True), (f"{ROOT}gone", False), (f"{ROOT}late", False), (f"{ROOT}old", False)):
        frontier.add(Found(url, PAGE, seed=seed))
    now = _capture(ROOT)
    frontier.settle(ROOT, status=304)
    frontier.fail(f"{ROOT}gone", "fetch.soft404", "a page that says so", ROOT)
    frontier.mark(f"{ROOT}gone", SOFT_404, "the page says so")
    frontier.settle(f"{ROOT}gone", status=200)
    frontier.fail(f"{ROOT}late", "fetch.timeout", "no answer", ROOT)
    frontier.settle(f"{ROOT}late")
    frontier.settle(f"{ROOT}old", status=301, target=ROOT)
    frontier.add(Found("https://x.org/sitemap.xml", SITEMAP))
    frontier.settle("https://x.org/sitemap.xml", status=404)
    earlier = {url: _capture(url, timestamp="20261001000000") for url in (ROOT, f"{ROOT}gone")}
    assert list(answers(state, "docs", earlier, {ROOT: now})) == [
        Answer(ROOT, PAGE, True, "304", capture=now, earlier=earlier[ROOT]),
        Answer(f"{ROOT}gone", PAGE, False, "200", "fetch.soft404", SOFT_404, earlier=earlier[f"{ROOT}gone"]),
        Answer(f"{ROOT}late", PAGE, False, "", "fetch.timeout"),
        Answer(f"{ROOT}old", PAGE, False, "301", target=ROOT),
        Answer("https://x.org/sitemap.xml", REQUISITE, False, "404"),
    ]


def test_what_was_left_out_has_none_unless_its_host_is_dead(state: RunState) -> None:
    """A URL that robots.txt forbids says nothing of the site; one whose host does not answer any more failed."""
    frontier = Frontier(state, "docs")
    for name, reason in (("private", ROBOTS), ("dead", DEAD_HOST)):
        frontier.add(Found(ROOT + name, PAGE, ROOT))
        frontier.skip(ROOT + name, reason)
        frontier.settle(ROOT + name)
    assert [(each.url, each.code) for each in answers(state, "docs", {}, {})] == [
        (f"{ROOT}dead", "fetch.unreachable")
    ]


@pytest.mark.parametrize(
    ("values", "good"),
    [
        ({}, True),
        ({"gone": "20261001000000"}, False),
        ({"status": "301"}, False),
        ({"kind": REQUISITE}, False),
    ],
)
def test_only_pages_with_content_were_good(values: dict[str, str], good: bool) -> None:
    """What was a redirect, a requisite, or known to be gone already cannot be lost."""
    assert Answer(ROOT, PAGE, False, "404", earlier=_capture(ROOT, **values)).was_good is good
    assert not Answer(ROOT, PAGE, False, "404").was_good
