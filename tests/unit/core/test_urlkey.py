from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.core import urlkey
from archiver.core.errors import InvalidURL
from archiver.core.urlkey import Origin, surt_key


# The expected keys were made with the Internet Archive's own `surt` library.
@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://127.0.0.1:8000/a/", "1,0,0,127:8000)/a"),
        ("https://www.Example.com/A/b?z=1&a=2", "com,example)/a/b?a=2&z=1"),
        ("http://ex.com", "com,ex)/"),
        ("http://ex.com/a//b/", "com,ex)/a/b"),
        ("http://ex.com/%7Efoo/%e4%b8%ad?q=%20a", "com,ex)/~foo/%e4%b8%ad?q=%20a"),
        ("http://ex.com/index.html?", "com,ex)/index.html"),
        ("http://ex.com/a?b&a=", "com,ex)/a?a=&b"),
        ("http://ex.com/a|b^c", "com,ex)/a|b^c"),
        ("http://[::1]:80/x", "::1)/x"),
        ("http://ex.com/?q=a+b%2Bc", "com,ex)/?q=a+b+c"),
        ("http://ex.com/a%2Fb%25c", "com,ex)/a/b%25c"),
        ("http://ex.com/中?q=中", "com,ex)/%e4%b8%ad?q=%e4%b8%ad"),
        ("http://ex.com:8080/x/?PHPSESSID=0123456789abcdef0123456789abcdef&u=1", "com,ex:8080)/x?u=1"),
        ('http://ex.com/a"b<c>', 'com,ex)/a"b<c>'),
        ("http://ww2.x.com/", "com,x,ww2)/"),
        ("http://localhost:1/a?v=1.2#z", "localhost:1)/a?v=1.2"),
    ],
)
def test_keys_are_those_of_the_field(url, key):
    """Pywb and wabac look captures up by exactly these keys."""
    assert surt_key(url) == key


@given(st.text(st.sampled_from('aZ09/?&=%25eE~+ |\\"é中\ud800\n'), max_size=30))
def test_what_needs_no_escape_is_taken_as_it_is(text):
    """The quick way for paths without escapes is no other way: undoing all and escaping again says the same."""
    raw = unquote_to_bytes(text.encode("utf-8", "surrogatepass"))
    assert urlkey._canonical_escapes(text) == quote(raw, safe=urlkey._SAFE)


@given(
    st.text(st.sampled_from('hHtps:/?#[]@.-ab1 \t\n\\é\ud800%&;="<'), max_size=20).map("http://".__add__)
    | st.text()
)
def test_usual_urls_are_split_as_all_others(url):
    """The quick way takes a URL apart as the standard library does."""
    try:
        parts = urlsplit(url)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            urlkey._split(url)
    else:
        assert urlkey._split(url) == (parts.scheme, parts.netloc, parts.path, parts.query)


def test_hosts_that_cannot_exist_are_not_remembered():
    """URLs from strangers may be long; what is remembered of them is not."""
    known = urlkey._known_origin.cache_info().currsize
    assert Origin.of(f"http://{'a' * 5000}.example/").host.startswith("aaa")
    assert urlkey._known_origin.cache_info().currsize == known


def test_keys_hold_no_space_and_no_newline():
    """A key is one field of a line, whatever the URL escapes."""
    key = surt_key("http://a/%0A%20%0D%09x")
    assert not set(key) & set(" \n\r\t")


@pytest.mark.parametrize(
    "url", ["", "x", "/a", "mailto:a@b", "http://", "ftp://a/", "http://[::1", "http://a:b/"]
)
def test_what_is_no_web_url_has_no_key(url):
    """Only absolute http and https URLs have keys and origins."""
    with pytest.raises(InvalidURL):
        surt_key(url)


def test_origins_compare_as_browsers_do():
    """Default ports and capitals do not make another origin; another port does."""
    assert Origin.of("HTTP://Ex.com:80/a") == Origin.of("http://ex.com")
    assert Origin.of("http://ex.com:81") != Origin.of("http://ex.com")
    assert str(Origin.of("https://Ex.com:443/x")) == "https://ex.com"
    assert str(Origin.of("http://[::1]:8080/")) == "http://[::1]:8080"


def test_this_machine_is_known_by_name_and_address():
    """All of 127.0.0.0/8, ::1 and localhost with its subdomains (RFC 6761) are loopback; nothing else is."""
    for host in ("127.0.0.1", "127.9.9.9:81", "[::1]", "localhost:8080", "localhost.", "docs.localhost"):
        assert Origin.of(f"http://{host}/").is_loopback
    for host in ("10.0.0.1", "example.org", "localhost.example.org", "[::2]"):
        assert not Origin.of(f"http://{host}/").is_loopback
