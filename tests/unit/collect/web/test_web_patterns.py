from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.collect.web.patterns import Patterns, is_rule
from archiver.core.errors import InvalidURL

BASE = "https://x.org/docs/"


def _match(rule: str, url: str) -> bool:
    return Patterns.of([rule], [BASE]).match(url, url.partition("://")[2])


@pytest.mark.parametrize(
    ("rule", "matching", "others"),
    [
        ("https://x.org/docs/v", ["/docs/v", "/docs/v3/a", "/docs/v?q"], ["/docs/", "/docs"]),
        ("/blog/", ["/blog/", "/blog/1"], ["/blog", "/docs/blog/"]),
        ("old/", ["/docs/old/", "/docs/old/1"], ["/old/"]),
        ("/docs/*/api", ["/docs/v1/api", "/docs/v1/api/x", "/docs/v1/api?q"], ["/docs/api", "/docs/v1/apis"]),
        ("/docs/*/api", ["/docs//api"], ["/docs/v1/x/api"]),
        ("/docs/*", ["/docs/a", "/docs/a/b", "/docs/"], ["/docs", "/doc/a"]),
        ("/docs/*/", ["/docs/a/", "/docs/a/b"], ["/docs/a", "/docs/a?/b"]),
        ("/docs/v*.x/", ["/docs/v1.x/a"], ["/docs/v1.x", "/docs/v1.xy/", "/docs/v/.x/"]),
        ("**/*.pdf", ["/docs/a.pdf", "/docs/a/b/c.pdf", "/docs/a.pdf?v=1"], ["/docs/a.pdfx", "/a.pdf"]),
        ("/**/api/**/old/", ["/api/old/", "/a/api/b/c/old/d"], ["/api/older/", "/old/api/", "/api/old"]),
        ("/docs/**", ["/docs/", "/docs/a/b?q"], ["/docs"]),
        ("/**?*", ["/?", "/a/b?x=/y"], ["/a/b"]),
        ("/**?*page=*", ["/a?page=2", "/a/b?x&page=3&y"], ["/a", "/page=2", "/a?pag=2"]),
        ("/search?q=*", ["/search?q=", "/search?q=a/b"], ["/search", "/search/?q=a", "/search?x&q=a"]),
        ("/a*b*b", ["/ab-b", "/axbbb"], ["/ab", "/ab/b"]),
        ("/a?b", ["/a?b", "/a?bc"], ["/aab", "/ab"]),
        (r"re:/v[12]\.\d+/", ["/docs/v1.10/", "/x/v2.0/y"], ["/docs/v3.0/", "/v1.0"]),
        (r"re:^https://x\.org/a$", ["/a"], ["/a/", "/b/https://x.org/a"]),
        (r"re:(?i)\.PDF$", ["/a.pdf"], ["/a.pdf?x"]),
    ],
)
def test_rules_match_what_they_say(rule: str, matching: list[str], others: list[str]) -> None:
    """Prefixes, globs and expressions match exactly the URLs that their definition names."""
    for target in matching:
        assert _match(rule, f"https://x.org{target}"), target
    for target in others:
        assert not _match(rule, f"https://x.org{target}"), target


def test_a_glob_may_stand_for_hosts() -> None:
    """``*`` in the host matches one or more labels; http and https are one."""
    rule = "https://*.x.org/docs/"
    assert _match(rule, "https://zh.x.org/docs/a")
    assert _match(rule, "http://a.b.x.org/docs/")
    assert not _match(rule, "https://x.org/docs/")
    assert not _match(rule, "https://evil.net/.x.org/docs/")
    assert _match("//*/docs/", "https://y.org:8443/docs/a")


def test_several_rules_match_what_any_of_them_does() -> None:
    """A list of rules is a union, with relative ones read from each base."""
    rules = Patterns.of(["a/", "*.txt", "re:q=1"], ["https://x.org/one/", "https://y.org/two/"])
    for url in ("https://x.org/one/a/b", "https://y.org/two/b.txt", "https://z.org/?q=1"):
        assert rules.match(url, url.partition("://")[2])
    assert not rules.match("https://y.org/one/a/b", "y.org/one/a/b")


def test_no_rules_match_nothing() -> None:
    """An empty list is not a rule that matches everything."""
    assert not Patterns().match(BASE, "x.org/docs/")
    assert not Patterns.of([], [BASE]).match(BASE, "x.org/docs/")


def test_a_rule_of_another_scheme_is_refused() -> None:
    """A rule that could never match a page is an error; a regular expression is taken as it is."""
    with pytest.raises(InvalidURL):
        Patterns.of(["ftp://x.org/*"], [BASE])
    assert not is_rule(BASE, "mailto:x")
    assert is_rule(BASE, "re:ftp://")


def _naive(glob: str, key: str) -> bool:
    path, asks, query = glob.partition("?")
    there, has, arguments = key.partition("?")
    wanted, segments = path.split("/"), there.split("/")
    if asks:
        return bool(has) and _segments(wanted, segments) and _stars(query, arguments)
    if wanted[-1] == "":
        return any(_segments(wanted, [*segments[:count], ""]) for count in range(len(segments)))
    return any(_segments(wanted, segments[:count]) for count in range(1, len(segments) + 1))


def _segments(wanted: list[str], segments: list[str]) -> bool:
    if not wanted:
        return not segments
    if wanted[0] == "**":
        if len(wanted) == 1:
            return bool(segments)
        return any(_segments(wanted[1:], segments[count:]) for count in range(len(segments) + 1))
    return bool(segments) and _stars(wanted[0], segments[0]) and _segments(wanted[1:], segments[1:])


def _stars(wanted: str, text: str) -> bool:
    if not wanted:
        return not text
    if wanted[0] == "*":
        return any(_stars(wanted[1:], text[count:]) for count in range(len(text) + 1))
    return text[:1] == wanted[0] and _stars(wanted[1:], text[1:])


_SEGMENT = st.one_of(st.just("**"), st.text("ab*", max_size=4).filter(lambda text: "**" not in text))


@settings(deadline=None)
@given(
    st.lists(_SEGMENT, min_size=1, max_size=5).filter(lambda parts: "*" in "".join(parts)),
    st.one_of(st.just(""), st.text("ab*/", max_size=4).map("?".__add__)),
    st.text("aab//", max_size=9),
    st.one_of(st.just(""), st.text("ab/", max_size=4).map("?".__add__)),
)
def test_globs_agree_with_a_naive_matcher(segments: list[str], asked: str, path: str, query: str) -> None:
    """Matching without giving up earlier choices finds the same as trying everything."""
    glob, key = f"x.org/{'/'.join(segments)}{asked}", f"x.org/{path}{query}"
    url = f"https://{key}"
    assert Patterns.of([f"https://{glob}"], [BASE]).match(url, key) == _naive(glob, key)


def test_matching_is_quick_on_hostile_urls() -> None:
    """The longest URL that is followed, made of near misses, costs no time worth speaking of."""
    rules = Patterns.of(["/**/a*a*a*b/**/a*a*b/**/c?*a*a*b", "**/a/**/a/**/a/**/b", "/*-*-*-*.html"], [BASE])
    began = time.process_time()
    for text in ("a" * 8000, "a/" * 4000, "-" * 8000, "aab/" * 2000, "aab/c?" + "a" * 8000):
        rules.match(f"https://x.org/docs/{text}", f"x.org/docs/{text}")
    assert time.process_time() - began < 1
