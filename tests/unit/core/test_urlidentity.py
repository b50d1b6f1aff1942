from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.core.urlidentity import twins, twins_key, without_cache_busting, without_noise

_SID = "0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        ("/a?utm_source=x&utm_medium=y", "/a"),
        ("/a?id=3&utm_source=x", "/a?id=3"),
        ("/a?gclid=1&id=3&fbclid=2&x", "/a?id=3&x"),
        ("/a?b=%7E&&c=&_ga=1.2", "/a?b=%7E&&c="),
        ("/a?WT.mc_id=docs&view=all", "/a?view=all"),
        ("/a?_gl", "/a"),
        (f"/a?PHPSESSID={_SID}&x=1", "/a?x=1"),
        (f"/a?x=1&sid={_SID}", "/a?x=1"),
        ("/a?CFID=123&CFTOKEN=0a1b2c3d&x=1", "/a?x=1"),
        ("/a;jsessionid=0A1B.node1/b;c=d?x=1", "/a/b;c=d?x=1"),
        ("/a.do;JSESSIONID=0A1B?x=1", "/a.do?x=1"),
        ("/app/(S(lit3py55t21z5v55vlm25s55))/orders.aspx", "/app/orders.aspx"),
    ],
)
def test_tracking_and_sessions_are_taken_out(target: str, plain: str) -> None:
    """What says where a click came from, or who clicked, goes; everything else stays byte for byte."""
    assert without_noise(f"https://x.org{target}") == f"https://x.org{plain}"


@pytest.mark.parametrize(
    "target",
    [
        "/a?",
        "/a?ref=main",
        "/a?source=feed",
        "/a?sid=12",
        "/a?session_id=intro",
        "/a?my_utm_source=x",
        "/a?b=utm_source=1",
        "/a?B=%7e&&c=&",
        "/wiki/Session_(computer)/x",
        "/a;v=1/b",
        "/a?x=1;utm_source=y",
    ],
)
def test_what_may_mean_something_stays(target: str) -> None:
    """Names that sites use for other things, short values and other path parameters are left alone."""
    assert without_noise(f"https://x.org{target}") == f"https://x.org{target}"


@pytest.mark.parametrize(
    ("target", "others"),
    [
        ("/a/", {"/a", "/a/index.html"}),
        ("/a", {"/a/", "/a/index.html"}),
        ("/a/index.html", {"/a/", "/a"}),
        ("/", {"/index.html"}),
        ("/index.html", {"/"}),
        ("/docs/v3.4", {"/docs/v3.4/", "/docs/v3.4/index.html"}),
        ("/a/?x=/b/", {"/a?x=/b/", "/a/index.html?x=/b/"}),
        ("/a.html", set()),
        ("/a/indexindex.html", set()),
        ("/a.pdf?x", set()),
    ],
)
def test_twins_differ_in_slash_and_index(target: str, others: set[str]) -> None:
    """A folder has three spellings, the root two, and a file only its own."""
    found = twins(f"https://x.org{target}")
    assert {url.removeprefix("https://x.org") for url in found} == others
    assert len(found) == len(others)


_URL = st.lists(st.sampled_from(["a", "b.html", "index.html", "", "v1.2"]), max_size=5).map(
    lambda parts: "https://x.org/" + "/".join(parts)
)


@settings(deadline=None)
@given(_URL, st.sampled_from(["", "?", "?a=b/"]))
def test_twins_are_twins_of_each_other(path: str, query: str) -> None:
    """Being twins is mutual, and twins share a key that nothing else has."""
    url = path + query
    for twin in twins(url):
        assert set(twins(twin)) | {twin} == set(twins(url)) | {url}
        assert twins_key(twin) == twins_key(url)


@settings(deadline=None)
@given(_URL, st.text("?&=;/()utm_gclidsx", max_size=30))
def test_taking_noise_out_twice_changes_nothing(path: str, rest: str) -> None:
    """The plain form is its own plain form, and never longer."""
    plain = without_noise(f"{path}?{rest}")
    assert len(plain) <= len(path) + 1 + len(rest)
    assert without_noise(plain) == plain


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        ("/a", "/a"),
        ("/a?_=1700000000000", "/a"),
        ("/data.json?t=1700000000&lang=en", "/data.json?lang=en"),
        ("/a.css?v=1.2.3", "/a.css"),
        ("/a.js?9f8e7d6c", "/a.js"),
        ("/search?1700000000", "/search"),
        ("/a?cb=0.73421", "/a"),
    ],
)
def test_what_only_keeps_caches_from_answering_is_taken_out(target: str, plain: str) -> None:
    """Moments and random numbers go, and of assets which build they are."""
    assert without_cache_busting(f"https://x.org{target}") == f"https://x.org{plain}"


@pytest.mark.parametrize(
    "target", ["/a?v=1.2", "/a?version=3", "/a?t=1", "/a?page=2", "/a.html?q=deadbeef", "/a?b"]
)
def test_what_may_select_a_page_stays(target: str) -> None:
    """A version of a page is another page; so is whatever has a name of its own."""
    assert without_cache_busting(f"https://x.org{target}") == f"https://x.org{target}"
