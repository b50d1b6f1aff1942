from __future__ import annotations

from pathlib import Path
from typing import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.collect.web.traps import TrapGuard
from archiver.spec.scope import Traps

SITE = "https://x.org"
_DOCS = Path("/usr/share/doc/python3.11/html")


def _queue(guard: TrapGuard, targets: Iterable[str]) -> dict[str, int]:
    """Offer URLs as the crawler does; return how many were taken (under an empty string) and refused, by reason."""
    outcome: dict[str, int] = {}
    for target in targets:
        reason = guard.reason(SITE + target)
        if not reason:
            guard.note(SITE + target)
        outcome[reason] = outcome.get(reason, 0) + 1
    return outcome


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/a" * 10 + "/", "trap: repeated path"),
        ("/".join(f"/{level}x" for level in range(30)), "trap: too deep"),
        ("/a/b/a/b/a/b/", "trap: repeated path"),
        ("/docs/x/y/z/x/y/z/x/y/z/p.html", "trap: repeated path"),
        ("/docs/a/docs/b/docs/c/docs/d", "trap: repeated path"),
        ("/a////b", "trap: repeated path"),
        ("/pub/?C=N;O=D", "trap: listing sorted otherwise"),
        ("/pub/?C=M&O=A", "trap: listing sorted otherwise"),
    ],
)
def test_shapes_of_traps_are_known_at_once(target: str, reason: str) -> None:
    """Paths that repeat themselves or go too deep, and listings in another order, need no counting."""
    assert TrapGuard(Traps()).reason(SITE + target) == reason


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/apidocs/org/apache/hadoop/hbase/org/apache/hbase/client/a/b/c/package-summary.html",
        "/javadoc/it.unimi.dsi/fastutil/8.5/it/unimi/dsi/fastutil/bytes/AbstractByteBidirectionalIterator.html",
        "/docs/docs/docs.html",
        "/a/b/a/b/c",
        "/tiles/1/1/1/1/1.html",
        "/std/std/std",
        "/blog/2023/05/12/twelve",
        "/_modules/a/b/a.html",
        "/show?C=main",
    ],
)
def test_ordinary_paths_are_no_traps(target: str) -> None:
    """Deep packages, numbers and a repetition or two are what real documentation has."""
    assert TrapGuard(Traps()).reason(SITE + target) == ""


def test_a_calendar_ends() -> None:
    """Months and days of one calendar are bounded, as path and as query; another calendar has its own bound."""
    months = [f"{2020 + month // 12}/{month % 12 + 1:02}" for month in range(100)]
    guard = TrapGuard(Traps(dates=30))
    assert _queue(guard, (f"/events/{month}/" for month in months)) == {"": 30, "trap: calendar": 70}
    assert _queue(guard, (f"/news/{month.replace('/', '-')}-01" for month in months[:30])) == {"": 30}
    queries = (f"/cal?view=m&year={month[:4]}&month={month[5:]}" for month in months)
    assert _queue(guard, queries) == {"": 30, "trap: calendar": 70}
    assert guard.reason(f"{SITE}/cal2?date=2024-01-31") == ""


def test_pages_that_have_a_date_are_not_a_calendar() -> None:
    """A blog's articles stand behind their dates and are all taken."""
    guard = TrapGuard(Traps(dates=5))
    articles = (f"/blog/{2000 + n // 12}/{n % 12 + 1:02}/{n % 28 + 1:02}/title-{n}/" for n in range(400))
    assert _queue(guard, articles) == {"": 400}


def test_facets_end() -> None:
    """Combinations of several parameters are bounded for each path; single ones have a larger bound."""
    guard = TrapGuard(Traps(queries=40, combinations=10))
    facets = [f"/list?color={a}&size={b}" for a in range(5) for b in range(5)]
    assert _queue(guard, facets) == {"": 10, "trap: too many queries": 15}
    assert _queue(guard, (f"/list?page={n}" for n in range(50))) == {"": 40, "trap: too many queries": 10}
    assert _queue(guard, (f"/list{n}?a=1&b=2" for n in range(100))) == {"": 100}


def test_session_ids_of_unknown_names_end() -> None:
    """A parameter whose values are tokens is bounded for the whole host, on whatever path it stands."""
    guard = TrapGuard(Traps(queries=20))
    targets = (f"/page{n}?visit={n:04}abcdefabcdefabcdef{n:04}" for n in range(50))
    assert _queue(guard, targets) == {"": 20, "trap: session id": 30}
    assert guard.reason(f"{SITE}/page?id=intro") == ""


def test_counting_known_pages_again_continues_where_it_was() -> None:
    """A guard that is told of the pages queued before answers as the one that queued them."""
    first, second = TrapGuard(Traps(queries=5)), TrapGuard(Traps(queries=5))
    targets = [f"/a?page={n}" for n in range(8)]
    _queue(first, targets[:5])
    for target in targets[:5]:
        second.note(SITE + target)
    assert [guard.reason(SITE + targets[6]) for guard in (first, second)] == ["trap: too many queries"] * 2


def test_memory_does_not_grow_with_the_paths() -> None:
    """A hundred thousand paths with queries are told apart well enough in a table that does not grow."""
    guard = TrapGuard(Traps(queries=50, combinations=50))
    assert _queue(guard, (f"/p{n}?x={n % 7}" for n in range(100_000))) == {"": 100_000}


@settings(deadline=None)
@given(st.text("/a1?&=2-0", max_size=60))
def test_any_url_gets_an_answer(text: str) -> None:
    """Whatever a URL is made of, asking about it has an answer, the same before and after asking."""
    guard = TrapGuard(Traps())
    assert guard.reason(f"{SITE}/{text}") == guard.reason(f"{SITE}/{text}")
    guard.note(f"{SITE}/{text}")


@pytest.mark.skipif(not _DOCS.is_dir(), reason="the Python documentation is not installed")
def test_the_python_documentation_has_no_traps() -> None:
    """No page of a real manual is left out."""
    targets = sorted(f"/{path.relative_to(_DOCS)}" for path in _DOCS.rglob("*.html"))
    assert set(_queue(TrapGuard(Traps()), targets)) == {""}
