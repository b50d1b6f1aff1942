import time

import pytest

from archiver.core.urlkey import Origin
from archiver.offline.rewrite import CODE, HTML, Rewriter, kind_of

A, B, CDN = (
    "http://127.0.0.1:8081",
    "http://127.0.0.1:8082",
    "http://127.0.0.1:8081/-/o/https/cdn.example.net",
)
REWRITER = Rewriter(
    {
        Origin.of("https://a.example.org"): A,
        Origin.of("http://a.example.org"): A,
        Origin.of("https://b.example.org:8443"): B,
        Origin.of("https://cdn.example.net"): CDN,
    },
    "https",
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("fetch('https://a.example.org/x')", f"fetch('{A}/x')"),
        ("'http://a.example.org'", f"'{A}'"),
        ("'//a.example.org/x'", "'//127.0.0.1:8081/x'"),
        (r'"https:\/\/a.example.org\/x"', r'"http:\/\/127.0.0.1:8081\/x"'),
        (r'"\/\/cdn.example.net\/x"', r'"\/\/127.0.0.1:8081\/-\/o\/https\/cdn.example.net\/x"'),
        (r'"https:\u002F\u002Fa.example.org\u002Fx"', r'"http:\u002F\u002F127.0.0.1:8081\u002Fx"'),
        ("url(https://cdn.example.net/f.woff2)", f"url({CDN}/f.woff2)"),
        ("https://b.example.org:8443/x", f"{B}/x"),
        ("https://a.example.org:443/x", f"{A}/x"),
        ("see https://a.example.org.", f"see {A}."),
        ("`https://a.example.org${path}`", f"`{A}${{path}}`"),
    ],
)  # fmt: skip
def test_absolute_urls_of_archived_origins_are_mapped(before: str, after: str) -> None:
    """With a scheme, without one, and however the slashes are written."""
    assert REWRITER.rewrite(before.encode(), CODE).decode() == after


@pytest.mark.parametrize(
    "text",
    [
        "https://other.example.org/",
        "https://a.example.org.evil.net/",
        "https://xa.example.org/",
        "https://sub.a.example.org/",
        "https://a.example.organic/",
        "https://a.example.org:8443/",
        "https://b.example.org/",
        "https://user@a.example.org/",
        "https://a.example.org@evil.net/",
        "git+https://a.example.org/x",
        "ftp://a.example.org/x",
        "path//a.example.org/x",
        "mail@a.example.org",
        "a.example.org/x",
        "?next=https%3A%2F%2Fa.example.org%2Fx",
    ],
)
def test_other_urls_stay(text: str) -> None:
    """Hosts that only look alike, other ports, other schemes, and bare names are none of our business."""
    assert REWRITER.rewrite(text.encode(), CODE).decode() == text


def test_text_that_people_read_stays() -> None:
    """In HTML, tags, scripts and styles are mapped, and the text between them is not."""
    page = (
        "<p>Open https://a.example.org/x or a < b > https://a.example.org/y</p>"
        '<a title="1 > 0" href="https://a.example.org/x">https://a.example.org/x</a>'
        "<script>if (a < 1) go('https://a.example.org/x')</script>"
        "<style>@import 'https://cdn.example.net/x.css'</style>"
        "<!-- https://a.example.org/ --><base href=https://a.example.org/>"
    )
    assert REWRITER.rewrite(page.encode(), HTML).decode() == (
        "<p>Open https://a.example.org/x or a < b > https://a.example.org/y</p>"
        f'<a title="1 > 0" href="{A}/x">https://a.example.org/x</a>'
        f"<script>if (a < 1) go('{A}/x')</script>"
        f"<style>@import '{CDN}/x.css'</style>"
        f"<!-- {A}/ --><base href={A}/>"
    )


def test_integrity_is_dropped_where_bytes_may_change() -> None:
    """Scripts and links lose their integrity attribute; text about integrity keeps it."""
    page = (
        '<script src="/x.js" integrity="sha384-abc" crossorigin></script><link integrity=sha256-x rel=stylesheet>'
        '<code>&lt;script integrity="sha384-abc"&gt;</code>'
    )
    assert REWRITER.rewrite(page.encode(), HTML).decode() == (
        '<script src="/x.js" crossorigin></script><link rel=stylesheet>'
        '<code>&lt;script integrity="sha384-abc"&gt;</code>'
    )


def test_a_policy_in_the_page_is_disarmed() -> None:
    """A meta policy speaks of origins that are not there any more."""
    page = b'<meta http-equiv="Content-Security-Policy" content="upgrade-insecure-requests">'
    assert b'http-equiv="x-archived-Content-Security-Policy"' in REWRITER.rewrite(page, HTML)


def test_a_page_without_such_urls_comes_back_as_it_is() -> None:
    """Nothing is parsed and put together again."""
    page = "<P  class=x>Grüße & <br/>".encode("latin-1")
    assert REWRITER.rewrite(page, HTML) == page


def _seconds(piece: bytes, size: int) -> float:
    """Return the processor time that a page of one piece repeated takes, with a URL in its text at the end."""
    page = piece * (size // len(piece)) + b" > https://a.example.org/"
    began = time.process_time()
    REWRITER.rewrite(page, HTML)
    return time.process_time() - began


@pytest.mark.parametrize(
    "piece",
    [
        b"<a ", b'<a "', b"<", b"<script", b"<!--", b"<a x=\"'", b"https://a.example.org<", b"</", b"<!", b"<?", b"</a",
        b"</ '", b'<!"', b"<script>", b"<script></script ", b"<style></styl", b'<a x="" ', b"<!-->", b"<!-- --", b"<>",
        b"//a.example.org ", b"<a //a.example.org ", b">//a.example.org ", b"https:", b"a.example.org", b"a.example.",
        b" integrity", b"<link integrity ", b"<script integrity='", b"<meta ", b"<meta http-equiv ", b"<meta http-equiv=   ",
        b"&#47;&#47;a.example.org",
    ],
)  # fmt: skip
def test_hostile_pages_take_linear_time(piece: bytes) -> None:
    """Of a page made to defeat a tokenizer sixteen times as much takes not much more than sixteen times as long."""
    small = min(_seconds(piece, 20_000) for _ in range(3))
    assert _seconds(piece, 320_000) < 64 * small + 0.2


@pytest.mark.parametrize(
    "page",
    [
        "<p>a</p title='>'>{url}", "<!doctype html '>{url}", "<?php echo '>' {url}", "</ a>{url}",
        "<!-- > --> {url}", "<script>a</script>{url}",
    ],
)  # fmt: skip
def test_text_behind_odd_markup_stays(page: str) -> None:
    """Text is text whatever stands in front of it, where browsers see it so."""
    text = page.format(url="https://a.example.org/x") + "<p>"
    assert REWRITER.rewrite(text.encode(), HTML).decode() == text


@pytest.mark.parametrize(
    "page", ["b > </a {url}", "b > <! {url}", "b > <? {url}", "b > <!-- > {url}", "b > <a x='>{url}"]
)
def test_markup_that_is_never_closed_takes_the_rest(page: str) -> None:
    """As it does in browsers."""
    assert A in REWRITER.rewrite(page.format(url="https://a.example.org/x").encode(), HTML).decode()


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("text/html", HTML), ("application/xhtml+xml", HTML), ("image/svg+xml", HTML), ("text/css", CODE),
        ("text/javascript", CODE), ("application/x-javascript", CODE), ("application/ld+json", CODE),
        ("application/json", CODE), ("image/png", ""), ("text/plain", ""), ("font/woff2", ""), ("", ""),
    ],
)  # fmt: skip
def test_only_text_with_urls_in_it_is_mapped(media_type: str, kind: str) -> None:
    """Pages, styles, scripts and JSON are mapped; everything else is sent byte for byte."""
    assert kind_of(media_type) == kind
