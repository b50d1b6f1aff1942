from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util.url import _encode_target

from archiver.collect.web.urls import Resolver, canonical, origin_of, resolve, target_of

BASE = "http://example.org/docs/a/index.html?q#f"


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("../b.html#part", "http://example.org/docs/b.html"),
        ("//cdn.example.org/x.js", "http://cdn.example.org/x.js"),
        ("HTTP://Example.ORG:80", "http://example.org/"),
        ("https://example.org:443/x", "https://example.org/x"),
        ("?page=2", "http://example.org/docs/a/index.html?page=2"),
        ("a b.html", "http://example.org/docs/a/a%20b.html"),
        ("ä.html?ü", "http://example.org/docs/a/%C3%A4.html?%C3%BC"),
        ("/%7euser/%e4", "http://example.org/%7Euser/%E4"),
        ("/100%/a%2fb", "http://example.org/100%25/a%2Fb"),
        ("/a|b[c]?d[]={e}|f", "http://example.org/a%7Cb%5Bc%5D?d%5B%5D=%7Be%7D%7Cf"),
        ("\\up\\x", "http://example.org/up/x"),
        ("http://user:secret@example.org/x", "http://example.org/x"),
        ("http://例え.jp/", "http://xn--r8jz45g.jp/"),
        ("/a//b/./c/../d", "http://example.org/a//b/d"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_references_resolve_as_in_a_browser_and_get_one_spelling(raw: str, url: str) -> None:
    """A reference becomes the absolute URL a browser would ask for, spelt in valid RFC 3986 form."""
    assert resolve(BASE, raw) == url


@pytest.mark.parametrize("raw", ["http://", "http://exa mple.org/", "https://[::1/", "http://a:99999/"])
def test_what_is_no_url_resolves_to_nothing(raw: str) -> None:
    """References that the WHATWG parser refuses are not links."""
    assert resolve(BASE, raw) is None


def test_other_schemes_keep_their_own_form() -> None:
    """mailto: and the like come back as they are, so that they can be counted."""
    assert resolve(BASE, "mailto:me@example.org") == "mailto:me@example.org"


@given(st.text(max_size=60))
def test_the_canonical_spelling_is_what_the_http_client_sends(text: str) -> None:
    """urllib3 would not change the request target any more, and canonicalising twice changes nothing."""
    url = resolve("http://example.org/", "/" + text.replace("\\", "").lstrip("/"))
    assert url is not None
    assert canonical(url) == url
    if url.startswith("http://example.org/"):
        assert _encode_target(target_of(url)) == target_of(url)


def test_a_url_splits_into_origin_and_target() -> None:
    """The origin has the port where it is not the default one; the target is the rest."""
    url = "http://example.org:8080/a/b?c=/d"
    assert (origin_of(url), target_of(url)) == ("http://example.org:8080", "/a/b?c=/d")


@given(
    st.sampled_from(
        [
            "http://x.org/",
            "http://x.org/a",
            "http://x.org/a/",
            "https://x.org:8/a/b/c.html?q=/x/",
            BASE,
            "http://x.org//a//b",
            "mailto:a@x.org",
        ]
    ),
    st.text(st.sampled_from("../ab-_~%?#:\\ é0"), max_size=14),
)
def test_a_resolver_resolves_as_resolve_does(base: str, raw: str) -> None:
    """References that are resolved without parsing mean the same as those that are parsed."""
    base = resolve(base, base) or base
    assert Resolver(base).resolve(raw) == resolve(base, raw)
