"""How a crawl treats hosts that want less, and where the spec wants less of them."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.collect.view import merged_captures
from archiver.collect.web.frontier import Frontier, RunState
from archiver.store.paths import ProjectPaths, create_archive
from servers.crawling import IMPATIENT, SECOND, Notes, crawled, doc_site
from servers.site import Answer, Asked, Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.crawl import CrawlOutcome
    from servers.console import Console

PATIENT = replace(IMPATIENT, longest_wait=3600.0)


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


def _busy(status: int = 429, wait: str = "") -> Reply:
    headers = (("Retry-After", wait),) if wait else ()
    return Reply(b"not now", status, headers=headers)


def _targets(outcome: CrawlOutcome, site: Site) -> set[str]:
    return {capture.url.removeprefix(site.origin) for capture in outcome.captures}


class _BusyAtFirst:
    """A site of so many pages that answers everything with a complaint, its robots.txt too, so many times."""

    def __init__(self, pages: int, complaints: int, reply: Reply) -> None:
        self.left, self.reply, self.lock = complaints, reply, threading.Lock()
        names = [f"/docs/{number}" for number in range(pages)]
        self.answers: dict[str, Answer] = {
            name: self._answer(body)
            for name, body in (("/docs/", html(*names)), *((name, html()) for name in names))
        }
        self.answers["/robots.txt"] = self._answer(b"", 404)

    def _answer(self, body: bytes, status: int = 200) -> Answer:
        def answer(_: Asked) -> Reply:
            with self.lock:
                if self.left:
                    self.left -= 1
                    return self.reply
            return Reply(body, status)

        return answer


@pytest.mark.parametrize(
    "reply", [_busy(), _busy(wait="1"), _busy(503, "0"), _busy(503, "Mon, 23 Nov 2037 00:00:00 GMT")]
)
def test_what_is_too_much_at_first_is_captured_in_the_end(paths: ProjectPaths, reply: Reply) -> None:
    """429, and 503 with a Retry-After, are no failures: the host is asked again, slower, until all is there."""
    busy = _BusyAtFirst(30, 7, reply)
    with serving(busy.answers) as site:
        outcome = crawled(paths, doc_site(site))
        assert _targets(outcome, site) == set(busy.answers) - {"/robots.txt"}
    assert (outcome.failures, dict(outcome.skipped)) == ((), {})


def test_complaints_in_the_middle_lose_nothing(paths: ProjectPaths) -> None:
    """A host that objects to every third request, whichever it is, gives all its pages."""
    lock, asked = threading.Lock(), [0]

    def answer(request: Asked) -> Reply:
        with lock:
            asked[0] += 1
            third = asked[0] % 3 == 0
        names = [f"/docs/{number}" for number in range(40)] if request.target == "/docs/" else []
        return _busy() if third else Reply(html(*names))

    targets = ["/docs/", *(f"/docs/{number}" for number in range(40))]
    with serving(dict.fromkeys(targets, answer)) as site:
        outcome = crawled(paths, doc_site(site))
        assert _targets(outcome, site) == set(targets)
    assert outcome.failures == ()


def test_one_host_s_pause_does_not_hold_up_another(paths: ProjectPaths) -> None:
    """While a host wants to be left alone for an hour, all of another one is fetched, and then the rest goes on."""
    stop = threading.Event()
    pictures = [f"/{number}.png" for number in range(50)]
    with serving({"/slow.png": _busy(wait="3600")}) as slow, serving({}) as quick:

        def picture(_: Asked) -> Reply:
            if set(pictures) <= set(quick.targets()):
                stop.set()  # the last one: nothing but the slow host is left
            return Reply(b"png", type="image/png")

        quick.answers.update(dict.fromkeys(pictures, picture))
        tags = [f'<img src="{slow.url("/slow.png")}">', *(f'<img src="{quick.url(p)}">' for p in pictures)]
        with serving({"/docs/": html(text="".join(tags))}) as site:
            spec = doc_site(site, robots="ignore")
            with pytest.raises(KeyboardInterrupt):
                crawled(paths, spec, stop=stop, settings=PATIENT)
            assert slow.targets() == ["/slow.png"]
            slow.answers["/slow.png"] = Reply(b"png", type="image/png")
            outcome = crawled(paths, spec)
            assert slow.targets() == ["/slow.png"] * 2
    assert (len(outcome.captures), outcome.failures) == (52, ())


def test_a_host_that_only_objects_is_a_failure_and_the_rest_is_counted(paths: ProjectPaths) -> None:
    """Patience ends: the URL that was answered last fails, and what else the host should have given is skipped."""
    with serving({f"/{number}.png": _busy() for number in range(50)}) as busy:
        tags = "".join(f'<img src="{busy.url(target)}">' for target in busy.answers)
        with serving({"/docs/": html("a", text=tags), "/docs/a": html()}) as site:
            outcome = crawled(paths, doc_site(site, robots="ignore"))
            assert _targets(outcome, site) == {"/docs/", "/docs/a"}
        asked = len(busy.targets())
    assert {failure.code for failure in outcome.failures} == {"fetch.status"}
    assert len(outcome.failures) + outcome.skipped["host too busy"] == 50
    assert asked < 50


def test_slow_hosts_are_remembered_for_the_report(paths: ProjectPaths) -> None:
    """How often a host wanted to be left alone, and for how long, is in the run's state."""
    busy = _BusyAtFirst(3, 2, _busy())
    with serving(busy.answers) as site:
        crawled(paths, doc_site(site))
        with closing(RunState(paths.state)) as state:
            ((host, times, seconds),) = state.rows("SELECT host, times, seconds FROM slowed")
        assert (host, times) == (site.origin, 2)
    assert seconds > 0


def test_a_long_pause_is_told(paths: ProjectPaths) -> None:
    """Whoever watches learns which host wants to be left alone, and for how long."""
    notes, stop = Notes(), threading.Event()

    class _Stopping(Notes):
        def note(self, message: str) -> None:
            notes.note(message)
            stop.set()

    with serving({"/docs/": _busy(wait="60")}) as site, pytest.raises(KeyboardInterrupt):
        crawled(paths, doc_site(site, robots="ignore"), stop=stop, settings=PATIENT, progress=_Stopping())
    assert notes.notes == [f"{site.origin} answered 429: it is asked again in 60 s"]


def test_each_host_gets_its_connections_and_no_more(paths: ProjectPaths) -> None:
    """The spec's hosts get the connections of the spec, and hosts that only pages name four."""

    class Together:
        """Answers once so many requests are there at the same time; counts how many there ever were."""

        def __init__(self, size: int, reply: Reply) -> None:
            self.barrier, self.reply, self.lock = threading.Barrier(size, timeout=60), reply, threading.Lock()
            self.now = self.most = 0

        def __call__(self, _: Asked) -> Reply:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            self.barrier.wait()
            with self.lock:
                self.now -= 1
            return self.reply

    page, picture = Together(6, Reply(html())), Together(4, Reply(b"png", type="image/png"))
    names = [f"/docs/{number}" for number in range(42)]
    with serving({f"/{number}.png": picture for number in range(40)}) as other:
        # the same address by another name is a host that the spec does not name
        elsewhere = other.origin.replace("127.0.0.1", "localhost")
        tags = "".join(f'<img src="{elsewhere}{target}">' for target in other.answers)
        with serving({"/docs/": html(*names, text=tags), **dict.fromkeys(names, page)}) as site:
            outcome = crawled(paths, doc_site(site, connections=6, robots="ignore"))
    assert (len(outcome.captures), outcome.failures) == (83, ())
    assert (page.most, picture.most) == (6, 4)


def test_as_many_pages_as_the_spec_wants(paths: ProjectPaths) -> None:
    """The pages that were found first are fetched with what they need; the others are counted, without a failure."""
    notes = Notes()
    answers: dict[str, Answer] = {
        "/docs/": html("a", "b", "c", "d", text='<img src="/p.png">'),
        **{f"/docs/{name}": html(text=f'<img src="/{name}.png">') for name in "abcd"},
        **{f"/{name}.png": Reply(b"png", type="image/png") for name in "pabcd"},
    }
    with serving(answers) as site:
        outcome = crawled(paths, doc_site(site, limits={"pages": 3}, connections=1), progress=notes)
        assert _targets(outcome, site) == {
            "/docs/", "/docs/a", "/docs/b", "/p.png", "/a.png", "/b.png"
        }  # fmt: skip
    assert (outcome.failures, dict(outcome.skipped)) == ((), {"limit: pages": 2})
    (warning,) = notes.warnings
    assert "limit: pages" in warning


def test_a_page_that_is_asked_again_counts_once(paths: ProjectPaths) -> None:
    """Retries do not use up the pages that the spec wants."""
    answers: dict[str, Answer] = {
        "/docs/": [_busy(), Reply(b"", 500), Reply(html("a"))],
        "/docs/a": [Reply(html(), cut=5), Reply(html())],
    }
    with serving(answers) as site:
        outcome = crawled(paths, doc_site(site, limits={"pages": 2}))
        assert _targets(outcome, site) == {"/docs/", "/docs/a"}
    assert dict(outcome.skipped) == {}


def test_as_many_bytes_as_the_spec_wants(paths: ProjectPaths) -> None:
    """Once so much has come, nothing more is asked for; a later run without the limit gets the rest."""
    names = [f"/docs/{number}" for number in range(50)]
    pages = {name: html(text="x" * 10_000) for name in names}
    with serving({"/docs/": html(*names), **pages}) as site:
        limited = crawled(paths, doc_site(site, limits={"bytes": "100kB"}, connections=1))
        assert 100_000 <= limited.bytes < 140_000
        assert limited.failures == ()
        assert len(limited.captures) + limited.skipped["limit: bytes"] == 51
        whole = crawled(paths, doc_site(site), snapshot=SECOND, previous=limited.captures)
        assert len(whole.captures) == 51


def test_bytes_count_as_they_come(paths: ProjectPaths) -> None:
    """Pages that take far longer to be read than to be sent do not let further ones in, beyond the limit."""
    names = [f"/docs/{number}" for number in range(30)]
    slow = html(text="<p>word <b>word</b> " * 25_000)
    with serving({"/docs/": html(*names), **dict.fromkeys(names, slow)}) as site:
        limited = crawled(paths, doc_site(site, limits={"bytes": "1MB"}, connections=1))
    assert 1_000_000 <= limited.bytes < 1_000_000 + 3 * len(slow)


def test_a_limited_run_keeps_what_an_earlier_one_had(paths: ProjectPaths) -> None:
    """What the limit leaves out is carried over, since it is still in scope."""
    names = [f"/docs/{number}" for number in range(5)]
    with serving({"/docs/": html(*names), **dict.fromkeys(names, html())}) as site:
        first = crawled(paths, doc_site(site))
        second = crawled(paths, doc_site(site, limits={"pages": 2}), snapshot=SECOND, previous=first.captures)
    view, carried = merged_captures(first.captures, second.captures, lambda _: True)
    assert ({capture.url for capture in view}, carried) == ({c.url for c in first.captures}, 4)


def test_the_time_of_an_interrupted_run_counts(paths: ProjectPaths) -> None:
    """A run that used its time up before it was interrupted asks for nothing more, and ends in order."""
    stop = threading.Event()

    def interrupted(_: Asked) -> Reply:
        stop.set()
        return Reply(html())

    names = [f"/docs/{number}" for number in range(20)]
    with serving({"/docs/": html(*names), **dict.fromkeys(names, interrupted)}) as site:
        spec = doc_site(site, limits={"time": "1h"}, connections=1)
        with pytest.raises(KeyboardInterrupt):
            crawled(paths, spec, stop=stop)
        with closing(RunState(paths.state)) as state:
            frontier = Frontier(state, "docs")
            assert 0 < frontier.seconds < 3600
            frontier.spend(3600.0)
            frontier.commit(None)
        site.forget()
        outcome = crawled(paths, spec)
        assert site.targets() == []
    assert site.url("/docs/") in {capture.url for capture in outcome.captures}
    assert outcome.failures == ()
    assert len(outcome.captures) + outcome.skipped["limit: time"] == 21


def test_a_limit_that_is_reached_is_no_failure(console: Console) -> None:
    """The keeper wanted no more: exit code 0, and the summary says what was left out."""
    with serving({"/docs/": html("a", "b"), "/docs/a": html(), "/docs/b": html()}) as site:
        spec = console.write(
            "spec.yaml", f"project: p\ndocs: [{{seeds: [{site.url('/docs/')}], limits: {{pages: 2}}}}]\n"
        )
        outcome = console.succeed("archive", spec)
        assert "limit: pages" in outcome.out
        assert console.succeed("archive", spec, "--json").json["skipped"]["docs"]["limit: pages"] == 1


def test_a_site_that_forbids_everything_says_who_and_what_to_do(console: Console) -> None:
    """Exit code 3, the very line of robots.txt, and the key of the spec that overrides it."""
    rules = Reply(b"# go away\nUser-agent: *\nDisallow: /\n", type="text/plain")
    with serving({"/robots.txt": rules, "/docs/": html()}) as site:
        text = f"project: p\ndocs: [{{seeds: [{site.url('/docs/')}]}}]\n"
        outcome = console.run("archive", console.write("spec.yaml", text))
        assert outcome.code == 3
        for words in ("line 3", "`Disallow: /`", "`User-agent: *`", "`robots: ignore`", "fetch.robots"):
            assert words in outcome.out
        assert "/docs/" not in site.targets()
        console.succeed("archive", console.write("spec.yaml", text.replace("]}", "], robots: ignore}")))
