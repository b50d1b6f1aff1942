"""A crawl of sites that have no end, and of sites that have many editions: what is asked for, and what is counted."""

from __future__ import annotations

import itertools
import re
import threading
from typing import TYPE_CHECKING, Callable

import pytest

from archiver.core.progress import NullProgress
from archiver.store.paths import ProjectPaths, create_archive
from servers.crawling import crawl_site, doc_site
from servers.site import Answer, Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.crawl import CrawlOutcome

_SNAPSHOT = "20261123T004400Z"


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


class _Endless(dict[str, Answer]):
    """Answers that are made up when they are asked for."""

    def __init__(self, rule: Callable[[str], Answer | None]) -> None:
        super().__init__()
        self._rule = rule

    def get(self, target: str, default: object = None) -> object:
        answer = self._rule(target)
        return default if answer is None else answer


class _Notes(NullProgress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def _crawl(
    paths: ProjectPaths,
    site: Site,
    seed: str = "/docs/",
    *,
    stop: threading.Event | None = None,
    progress: NullProgress | None = None,
    **spec: object,
) -> CrawlOutcome:
    return crawl_site(paths, doc_site(site, seed, **spec), stop=stop, progress=progress)


def _captured(outcome: CrawlOutcome, site: Site) -> set[str]:
    return {capture.url.removeprefix(site.origin) for capture in outcome.captures}


def _month(number: int) -> str:
    return f"/docs/calendar/{2024 + number // 12}/{number % 12 + 1:02}/"


def _calendar(target: str) -> Answer | None:
    found = re.fullmatch(r"/docs/calendar/([0-9]{4})/([0-9]{2})/", target)
    if not found:
        return None
    number = (int(found[1]) - 2024) * 12 + int(found[2]) - 1
    return html(_month(number - 1), _month(number + 1), f"{_month(number)}31/meeting")


def test_every_kind_of_trap_ends(paths: ProjectPaths) -> None:
    """A site of nothing but traps is left after a bounded number of requests, and the report says why."""
    visits = map("{:08}abcdefabcdefabcdef".format, itertools.count())

    def page(path: str, query: str) -> tuple[str, ...] | None:
        visit = next(visits)
        links = {
            "": (_month(0), "list?a=1&b=1", "deep/", "x/more/", "shop/0", "loop/a", "self", "files/"),
            "list": (f"?{query}&a=1", f"?{query}&b=2", f"?a={len(query)}&b=3"),
            "deep": (f"level{path.count('/')}/",),
            "x": ("more/",),
            "shop": (f"{path}0?visit={visit}", f"{path};jsessionid={visit}", f"{path}?PHPSESSID={visit}"),
            "files": ("?C=N;O=D", "?C=M;O=A"),
        }
        return links.get(path.split("/")[2])

    def endless(target: str) -> Answer | None:
        path, _, query = target.partition("?")
        loops = {"/docs/loop/a": "b", "/docs/loop/b": "a", "/docs/self": "self"}
        if path in loops:
            return Reply(b"", 302, headers=(("Location", loops[path]),))
        links = page(path, query) if path.startswith("/docs/") else None
        return _calendar(target) if links is None else html(*links)

    with serving({}) as site:
        site.answers = _Endless(endless)
        bounds = {"depth": 10, "dates": 12, "queries": 15, "combinations": 20}
        outcome = _crawl(paths, site, traps=bounds)
        assert len(site.targets()) < 100
        captured = _captured(outcome, site)
    assert set(outcome.skipped) == {
        "trap: calendar",
        "trap: too many queries",
        "trap: too deep",
        "trap: repeated path",
        "trap: session id",
        "trap: redirect loop",
        "trap: listing sorted otherwise",
    }
    assert outcome.skipped["trap: redirect loop"] == 2
    assert sum(target.startswith("/docs/calendar/") for target in captured) == 12
    assert sum(target.startswith("/docs/list") for target in captured) == 20
    assert sum("?visit=" in target for target in captured) == 15
    assert not [target for target in captured if "jsessionid" in target or "PHPSESSID" in target]
    assert outcome.seeds_captured == 1


def test_a_run_that_is_continued_keeps_its_bounds(paths: ProjectPaths) -> None:
    """What was queued before an interruption counts after it, too."""
    stop = threading.Event()

    def endless(target: str) -> Answer | None:
        if target == "/docs/":
            return html(_month(0))
        if target == _month(4):
            stop.set()
        return _calendar(target)

    with serving({}) as site:
        site.answers = _Endless(endless)
        with pytest.raises(KeyboardInterrupt):
            _crawl(paths, site, stop=stop, traps={"dates": 12})
        outcome = _crawl(paths, site, traps={"dates": 12})
        captured = _captured(outcome, site)
    assert sum(target.startswith("/docs/calendar/") for target in captured) == 12
    assert outcome.skipped == {"trap: calendar": 2}


def test_requisites_of_requisites_end(paths: ProjectPaths) -> None:
    """Style sheets that import ever deeper ones, or ever new ones of a path, are bounded as pages are."""
    sheets = itertools.count()

    def endless(target: str) -> Answer | None:
        if target == "/docs/":
            return html(head='<link rel="stylesheet" href="/style/s.css">')
        if target.startswith("/style/"):
            text = f"@import 'more/s.css'; @import '/style/all.css?n={next(sheets)}';"
            return Reply(text.encode(), type="text/css")
        return None

    with serving({}) as site:
        site.answers = _Endless(endless)
        outcome = _crawl(paths, site, traps={"queries": 20})
        captured = _captured(outcome, site)
    assert sum(target.startswith("/style/all.css?") for target in captured) == 20
    assert sum(target.endswith("/s.css") for target in captured) == 3
    assert set(outcome.skipped) == {"trap: repeated path", "trap: too many queries"}


def test_a_seed_that_leads_to_another_version_is_followed_with_a_warning(paths: ProjectPaths) -> None:
    """The keeper learns that what was selected is not what the seed redirects to."""
    answers: dict[str, Answer] = {
        "/docs/latest/": Reply(b"", 302, headers=(("Location", "/docs/v3.5/"),)),
        "/docs/v3.5/": html("a"),
        "/docs/v3.5/a": html(),
    }
    with serving(answers) as site:
        notes = _Notes()
        outcome = _crawl(paths, site, "/docs/latest/", progress=notes, scope={"versions": ("latest",)})
        assert _captured(outcome, site) == {"/docs/latest/", "/docs/v3.5/"}
        assert outcome.skipped == {"other version": 1}
    assert "(other version)" in notes.warnings[0]


def test_selected_editions_are_asked_for_and_others_counted(paths: ProjectPaths) -> None:
    """A seed of one version brings in the others that are selected; of the rest only the number is kept."""
    page = html(
        "/docs/v3.4/a", "/docs/v3.2/a", "/zh/docs/v3.4/a", "/ja/docs/v3.4/a", "/blog/", "/docs/v3.3/a"
    )
    answers: dict[str, Answer] = {
        "/docs/v3.4/": page,
        "/docs/v3.3/": page,
        "/docs/v3.4/a": page,
        "/docs/v3.3/a": page,
        "/zh/docs/v3.4/a": page,
    }
    with serving(answers) as site:
        scope = {"versions": ("v3.4", "v3.3", "v3.1"), "locales": ("en", "zh")}
        outcome = _crawl(paths, site, "/docs/v3.4/", scope=scope)
        assert _captured(outcome, site) == set(answers)
        assert outcome.skipped == {"other version": 1, "other locale": 1, "out of scope": 1}
        assert [link.url for link in outcome.broken_links] == [site.url("/docs/v3.1/")]
        assert outcome.failures == ()
