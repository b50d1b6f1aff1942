"""What the guard sees of real crawls: a site is archived, something befalls it, and it is crawled again."""

# ruff: noqa: RUF001 - Chinese text has its own punctuation

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Callable

import pytest

from archiver.collect.guard.comparison import Comparison
from archiver.collect.guard.judging import judge_site
from archiver.collect.guard.sight import site_evidence
from archiver.collect.guard.thresholds import Thresholds
from archiver.collect.web.answers import answers
from archiver.collect.web.frontier import RunState
from archiver.collect.web.storedtexts import StoredTexts
from archiver.core.judgement import DEGRADED, GONE, HEALTHY, Judgement
from archiver.store.paths import create_archive
from servers.crawling import SECOND, crawl_site, doc_site
from servers.prose import prose
from servers.site import Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.paths import ProjectPaths
    from servers.site import Asked

NAMES = tuple(f"topic-{n}.html" for n in range(12))
ANNOUNCEMENT = (
    "<html lang=zh><title>某平台</title><body><h1>关于开源版调整的公告</h1><p>尊敬的用户：感谢大家多年来的信任与支持。经慎重研究，现作如下调整："
    "自本公告发布之日起，暂停开源版产品的下载链接，文档同步下线，并停止提供免费的技术支持。由此带来的不便，敬请谅解。"
    "如需继续使用，请联系客户经理了解商业版方案。</p>"
)


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


def _page(name: str) -> bytes:
    links = "".join(f'<li><a href="{each}">{each}</a>' for each in NAMES) if not name else ""
    text = f"How {name or 'all of it'} works, told at some length. {prose('cluster', name)}"
    return f"<title>{name or 'Manual'}</title><main><h1>{name or 'Manual'}</h1><ul>{links}</ul><p>{text}</main>".encode()


def _site() -> dict[str, Reply]:
    return {f"/docs/{name}": Reply(_page(name)) for name in ("", *NAMES)}


def _judged(paths: ProjectPaths, befall: Callable[[Site], None], stops: int = 0) -> Judgement:
    """Archive the site, let something befall it, crawl it again, ended and gone on with so often, and judge what came."""
    with serving(_site()) as site:
        spec = doc_site(site)
        before = crawl_site(paths, spec).captures
        befall(site)
        for _ in range(stops):
            with pytest.raises(KeyboardInterrupt):
                crawl_site(paths, spec, snapshot=SECOND, previous=before, stop=_after_some_answers(site))
        now = crawl_site(paths, spec, snapshot=SECOND, previous=before).captures
        with closing(RunState(paths.state)) as state:
            had, got = ({capture.url: capture for capture in captures} for captures in (before, now))
            limits = Thresholds()
            with StoredTexts(paths) as texts:
                comparison = Comparison(SECOND, limits, texts.text_of)
                came = answers(state, "docs", had, got)
                evidence = site_evidence(came, before, lambda _: True, comparison)
        judgement = judge_site("docs", evidence, limits, None, SECOND)
        assert all(example.startswith(site.url("/docs/")) for example in judgement.examples)
    return judgement


def _after_some_answers(site: Site) -> threading.Event:
    """Return an event that is set once the site was asked for some pages more."""
    stop, answer = threading.Event(), site.otherwise
    left = iter(range(5))

    def counted(asked: Asked) -> Reply | None:
        if next(left, None) is None:
            stop.set()
        return answer(asked) if answer is not None else None

    site.otherwise = counted
    return stop


def _answering(reply: Callable[[Asked], Reply]) -> Callable[[Site], None]:
    def befall(site: Site) -> None:
        site.answers.clear()
        site.otherwise = reply

    return befall


def test_a_site_that_is_as_it_was_is_healthy(paths: ProjectPaths) -> None:
    """Also with a page less, a page more, and one that fails."""

    def edit(site: Site) -> None:
        del site.answers["/docs/topic-3.html"]
        site.answers["/docs/topic-4.html"] = Reply(b"", 500)
        site.answers["/docs/"] = Reply(_page("").replace(b"topic-3.html", b"topic-99.html"))
        site.answers["/docs/topic-99.html"] = Reply(_page("topic-99.html"))

    judgement = _judged(paths, edit)
    assert (judgement.verdict, judgement.alive) == (HEALTHY, 13)


def test_a_move_to_another_host_is_told_with_its_place(paths: ProjectPaths) -> None:
    """Where the redirects lead is known though they are not followed: out of scope they are."""

    def elsewhere(asked: Asked) -> Reply:
        if asked.target == "/robots.txt":
            return Reply(b"", 404)
        return Reply(status=301, headers=(("Location", f"http://moved.test{asked.target}"),))

    judgement = _judged(paths, _answering(elsewhere))
    assert judgement.verdict == DEGRADED
    assert judgement.reason == (
        "it seems to have moved to http://moved.test: all 13 pages asked for lead to another host (http://moved.test); "
        "name that in the spec's seeds if it has"
    )


def test_redirects_to_a_front_page_are_told_with_their_place(paths: ProjectPaths) -> None:
    """Also where the site sends there whatever does not exist, so that the pages are refused as what it has for nothing."""

    def home(asked: Asked) -> Reply:
        front = Reply(b"<title>Acme</title><p>Talk to our sales people.")
        return front if asked.target == "/" else Reply(status=302, headers=(("Location", "/?from=docs"),))

    judgement = _judged(paths, _answering(home))
    assert judgement.verdict == GONE
    assert "lead to one place (http://127.0.0.1:" in judgement.reason


@pytest.mark.parametrize("varies", [False, True])
def test_an_announcement_in_place_of_a_manual_is_told(paths: ProjectPaths, varies: bool) -> None:
    """The day on which a company ends its open source edition: the same page for every URL, or each with its own address in it."""

    def announce(asked: Asked) -> Reply:
        own = f"<!-- {asked.target} -->" if varies else ""
        return Reply((ANNOUNCEMENT + own).encode(), type="text/html; charset=utf-8")

    judgement = _judged(paths, _answering(announce))
    assert judgement.verdict == GONE
    told = "the seed has been replaced by a notice; all 13 pages asked for have been replaced by a notice"
    assert judgement.reason == told
    assert judgement.examples


def test_an_offer_of_the_domain_in_place_of_a_manual_is_told(paths: ProjectPaths) -> None:
    """The domain has other owners, who have the same for every URL: that it is for sale says more than that it is an error."""
    offer = html(text="<p>This domain is for sale. Great names for great ideas: make an offer today.")
    judgement = _judged(paths, _answering(lambda _: Reply(offer)))
    assert judgement.verdict == GONE
    assert judgement.reason == "the seed shows a parked domain; all 13 pages asked for show a parked domain"


def test_an_announcement_beside_a_manual_that_is_still_there_is_told(paths: ProjectPaths) -> None:
    """The front page alone is a notice, and leads nowhere any more: degraded, so that it does not replace what was there."""

    def announce(site: Site) -> None:
        site.answers["/docs/"] = Reply(ANNOUNCEMENT.encode(), type="text/html; charset=utf-8")

    judgement = _judged(paths, announce)
    assert (judgement.verdict, judgement.reason) == (DEGRADED, "the seed has been replaced by a notice")


def test_pages_without_their_text_are_told(paths: ProjectPaths) -> None:
    """The length of texts is kept with captures, and compared."""

    def empty(site: Site) -> None:
        for name in NAMES:
            site.answers[f"/docs/{name}"] = Reply(
                f"<title>{name}</title><main><h1>{name}</h1><p>Soon.</main>".encode()
            )

    judgement = _judged(paths, empty)
    assert judgement.verdict == DEGRADED
    assert judgement.reason == "12 of the 13 pages that answer have lost most of their text"


@pytest.mark.parametrize("without_robots", [False, True])
def test_a_site_that_does_nothing_but_fail_is_told(paths: ProjectPaths, without_robots: bool) -> None:
    """Errors for every URL, robots.txt too or not: the server fails, and forbids nothing; the examples are three URLs."""

    def fail(asked: Asked) -> Reply:
        return Reply(b"", 404 if asked.target == "/robots.txt" and without_robots else 503)

    judgement = _judged(paths, _answering(fail))
    assert judgement.verdict == GONE
    assert "forbids" not in judgement.reason
    assert ("robots.txt" in judgement.reason) is not without_robots
    assert "server" in judgement.reason
    assert len(set(judgement.examples)) == 3


def test_a_robots_txt_that_forbids_what_it_allowed_is_told(paths: ProjectPaths) -> None:
    """Only a line that was read forbids; what it forbids is not asked for, and the seed says so."""

    def forbid(site: Site) -> None:
        site.answers["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /docs/", type="text/plain")

    judgement = _judged(paths, forbid)
    assert judgement.verdict == GONE
    assert judgement.reason == "the seed may not be asked for: robots.txt forbids it"


def _texts_of(trade: str) -> Callable[[Asked], Reply]:
    """Return what answers every URL with a text of its own."""

    def other(asked: Asked) -> Reply:
        name, text = asked.target.rpartition("/")[2], prose(trade, asked.target, 900)
        links = "".join(f'<a href="/docs/{each}">{each}</a> ' for each in NAMES)
        page = f"<title>{text[:30]}</title><h1>{name}</h1>{links}<p>{text}"
        return Reply(page.encode(), type="text/html; charset=utf-8")

    return other


@pytest.mark.parametrize("trade", ["casino", "游戏"])
def test_a_domain_that_was_sold_and_filled_with_other_texts_is_told(paths: ProjectPaths, trade: str) -> None:
    """Every URL answers 200, each with a text of its own, as long as a page ever was: nothing else gives it away."""
    judgement = _judged(paths, _answering(_texts_of(trade)))
    assert judgement.verdict == DEGRADED
    told = "all 13 pages that were compared have nothing in common with what they said before"
    assert judgement.reason == told
    assert len(judgement.examples) == 3


def test_a_run_that_is_gone_on_with_judges_as_one_that_was_not_ended(paths: ProjectPaths) -> None:
    """What the first processes of the run got is compared, too."""
    judgement = _judged(paths, _answering(_texts_of("casino")), stops=2)
    told = "all 13 pages that were compared have nothing in common with what they said before"
    assert (judgement.verdict, judgement.reason) == (DEGRADED, told)


def test_a_redesign_with_a_new_version_of_all_texts_is_healthy(paths: ProjectPaths) -> None:
    """No ``<main>`` any more but a menu and a banner on every page, and a third of each text is another one."""

    def redesign(site: Site) -> None:
        menu = "".join(f'<li><a href="/docs/{name}">{name}</a>' for name in NAMES)
        for name in ("", *NAMES):
            kept = prose("cluster", name).split()
            text = " ".join([*kept[:90], *prose("cluster", f"new {name}", 120).split(), *kept[130:]])
            page = f"<title>{name} | New</title><div>Version 2 is out. Read what is new.<ul>{menu}</ul></div><div><h2>{name}</h2>"
            site.answers[f"/docs/{name}"] = Reply(f"{page}<p>{text}</div>".encode())

    assert _judged(paths, redesign).verdict == HEALTHY


def test_a_manual_that_counts_its_pages_anew_is_healthy(paths: ProjectPaths) -> None:
    """Each URL has what another one had, in a new frame."""

    def renumber(site: Site) -> None:
        pages = {name: _page(name).replace(b"<main>", b"<main><p>Revised.") for name in NAMES}
        for name, following in zip(NAMES, NAMES[1:] + NAMES[:1]):
            site.answers[f"/docs/{name}"] = Reply(pages[following])

    assert _judged(paths, renumber).verdict == HEALTHY
