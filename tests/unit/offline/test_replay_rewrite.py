from __future__ import annotations

import time

import pytest

from archiver.core.urlkey import Origin
from archiver.offline.pageheaders import kept_headers
from archiver.offline.rewrite import CODE, HTML, SCRIPT, XML, Rewriter, kind_of

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
        ("'https://a.example.org.'", f"'{A}.'"),
        ("HTTPS://A.Example.ORG/X", f"{A}/X"),
        (r'"\"https:\\/\\/a.example.org\\/x\""', r'"\"http:\\/\\/127.0.0.1:8081\\/x\""'),
        (r'"https\u003a\u002f\u002fa.example.org"', r'"http\u003a\u002f\u002f127.0.0.1:8081"'),
        (r'"https\x3a\x2f\x2fa.example.org"', r'"http\x3a\x2f\x2f127.0.0.1:8081"'),
        (r'"\u0022https:\/\/a.example.org\u0022"', r'"\u0022http:\/\/127.0.0.1:8081\u0022"'),
        ("a 1x, https://a.example.org/b 2x,https://a.example.org/c 3x", f"a 1x, {A}/b 2x,{A}/c 3x"),
        ("url( https://a.example.org/x )", f"url( {A}/x )"),
        ("0; url= https://a.example.org/x", f"0; url= {A}/x"),
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


@pytest.mark.parametrize(
    "text",
    [
        '"curl https://a.example.org/install.sh | sh"',
        '"<b>https://a.example.org/x</b>"',
        r'"\u003ehttps://a.example.org/x\u003c"',
        '{href:t,children:"https://a.example.org/x"}',
        r"{\"children\":\"https://a.example.org/x\"}",
        '{"children":["https://a.example.org/x"]}',
        'h("a",{href:t},"https://a.example.org/x")',
        'e("a",{href:t},"https://a.example.org/x",-1)',
        'e("a",{href:t}, "https://a.example.org/x", 8 /* PROPS */)',
        '"请访问https://a.example.org/x"',
        '"地址\N{FULLWIDTH COLON}https://a.example.org/x"',
        '"Home page:https://a.example.org/x"',
        '"by A (https://a.example.org/x)"',
        '"<https://a.example.org/x>"',
        '"&lt;https://a.example.org/x&gt;"',
        '"/go?to=https://a.example.org/x"',
        '"/go?a=b&amp;to=https://a.example.org/x"',
        '"/go?https://a.example.org/x"',
        '"https://web.example.com/2020/https://a.example.org/x"',
        '"//a.example.org.evil.net//b"',
        'createElementNS("https://a.example.org/2000/svg")',
    ],
)
def test_what_is_read_stays_in_scripts_and_data(text: str) -> None:
    """Commands, text of elements as compilers write it, what other URLs carry along, and names of vocabularies."""
    assert REWRITER.rewrite(text.encode(), SCRIPT).decode() == text


@pytest.mark.parametrize(
    "text",
    [
        'f({a:1},"URL/x",b)', 'window.open(null,"URL/x")', '{"href":"URL/x"}', "[{},'URL/x']", "x?.y='URL/x'",
        '"<a href=\\"URL/x\\">"', "`\n  URL/x`", '"?a=1";b="URL/x"', "import('URL/x')", "#URL/x", "|URL/x|", "url(URL/x)",
        "[x](URL/x)", "&quot;URL/x&quot;", "&#34;URL/x",
    ],
)  # fmt: skip
def test_what_is_followed_is_mapped_in_scripts(text: str) -> None:
    """Wherever it is not plain that a URL is text, it is taken for one that leads somewhere."""
    before = text.replace("URL", "https://a.example.org")
    assert REWRITER.rewrite(before.encode(), SCRIPT).decode() == text.replace("URL", A)


def test_feeds_and_sitemaps_lead_to_where_things_are_served() -> None:
    """In XML the text of an element is data; its prose is prose all the same."""
    feed = (
        "<loc>https://a.example.org/x</loc><link> https://a.example.org/y </link><a href='https://a.example.org/z'/>"
        "<p>See https://a.example.org/p</p><q xmlns='http://www.w3.org/2005/Atom'/>"
    )
    assert REWRITER.rewrite(feed.encode(), XML).decode() == (
        f"<loc>{A}/x</loc><link> {A}/y </link><a href='{A}/z'/>"
        "<p>See https://a.example.org/p</p><q xmlns='http://www.w3.org/2005/Atom'/>"
    )


@pytest.mark.parametrize("slashes", ["&#47;&#47;", "&#x2F;&#x2f;", "&#0047;&#0047;", "&sol;&sol;"])
def test_slashes_may_be_character_references_in_html(slashes: str) -> None:
    """They stay so in what is mapped."""
    page = f'<a href="https:{slashes}a.example.org{slashes[: len(slashes) // 2]}x">'
    slash = slashes[: len(slashes) // 2]
    assert (
        REWRITER.rewrite(page.encode(), HTML).decode() == f'<a href="http:{slashes}127.0.0.1:8081{slash}x">'
    )


@pytest.mark.parametrize(
    ("charset", "mark", "content_type"),
    [
        ("utf-16-le", b"\xff\xfe", "text/html"),
        ("utf-16-be", b"\xfe\xff", ""),
        ("utf-16-le", b"", "text/html; charset=utf-16"),
        ("iso2022_jp", b"", 'text/html; charset="ISO-2022-JP"'),
    ],
)
def test_charsets_that_do_not_contain_ascii_are_kept(charset: str, mark: bytes, content_type: str) -> None:
    """A page in one of them is mapped, and stays in it."""
    page = '<p>安 <a href="https://a.example.org/x">表 https://a.example.org/</a>'
    body = mark + page.encode(charset)
    assert REWRITER.rewrite(body, HTML, content_type) == mark + page.replace(
        'href="https://a.example.org', f'href="{A}'
    ).encode(charset)


@pytest.mark.parametrize("charset", ["utf-8", "shift_jis", "gb18030", "big5", "euc_kr", "iso-8859-1"])
def test_charsets_that_contain_ascii_need_no_decoding(charset: str) -> None:
    """What is between the URLs is the same bytes, sound or not."""
    text = "ソ表能".encode(charset, "replace") + b"\xff\x80"
    page = b"<title>" + text + b'</title><a href="https://a.example.org/x">' + text
    assert REWRITER.rewrite(page, HTML) == page.replace(b"https://a.example.org", A.encode())


def test_a_page_that_is_not_in_its_charset_is_sent_as_it_is() -> None:
    """What browsers make of it is theirs."""
    page = b'<a href="https://a.example.org/x">\x1b$B\xff'
    assert REWRITER.rewrite(page, HTML, "text/html; charset=iso-2022-jp") is page


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
        f"<!-- https://a.example.org/ --><base href={A}/>"
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
    """Nothing is parsed and put together again, nothing is copied: whoever asked can tell that nothing changed."""
    page = "<P  class=x>Grüße & <br/><link rel=stylesheet href=x.css><meta charset=latin1>".encode("latin-1")
    assert REWRITER.rewrite(page, HTML) is page


def test_digests_that_scripts_check_by_are_emptied() -> None:
    """A loader that sets integrity attributes sets none; digests in text that is shown stay."""
    digest = "sha384-" + "A" * 64
    script = f'x.integrity="{digest}";y=\'sha256-{"a" * 43}=\';z="npm: {digest}";w="\\"{digest}\\""'
    assert REWRITER.rewrite(script.encode(), SCRIPT).decode() == (
        f'x.integrity="";y=\'\';z="npm: {digest}";w="\\"{digest}\\""'
    )


@pytest.mark.parametrize(
    ("tag", "tamed"),
    [
        ('<link rel="preconnect" href=//x.net>', '<link x-archived-rel="preconnect" href=//x.net>'),
        ("<LINK href=//x.net REL='dns-prefetch icon'>", None),
        ("<link rel=prerender href=/x>", None),
        ("<link rel=preload href=/preconnect.js>", "<link rel=preload href=/preconnect.js>"),
        ("<link rel=prefetch href=/x>", "<link rel=prefetch href=/x>"),
        (
            '<meta name="referrer" content="unsafe-url">',
            '<meta name="x-archived-referrer" content="unsafe-url">',
        ),
        ("<meta http-equiv=x-dns-prefetch-control content=on>", None),
        ('<meta http-equiv="refresh" content="0; url=https://x.net/">', None),
        ("<meta content='3;URL=//x.net/' http-equiv=Refresh>", None),
        ("<meta http-equiv=refresh content=0;url='//x.net/'>", None),
        ('<meta http-equiv=refresh content="0;url=https&#58;//x.net/">', None),
        ('<meta http-equiv=refresh content="0,/\\\\x.net/">', None),
        ('<meta http-equiv=refresh content="1 https:/x.net/">', None),
        (
            '<meta http-equiv="refresh" content="0; url=/x">',
            '<meta http-equiv="refresh" content="0; url=/x">',
        ),
        (
            '<meta http-equiv="refresh" content="0; url=https://a.example.org/x">',
            f'<meta http-equiv="refresh" content="0; url={A}/x">',
        ),
        (
            '<script type="speculationrules">{}</script>',
            '<script type="x-archived-speculationrules">{}</script>',
        ),
        (
            '<script type="importmap">{"imports":{"a":"https://a.example.org/x"},"integrity": {}}</script>',
            f'<script type="importmap">{{"imports":{{"a":"{A}/x"}},"x-archived-integrity": {{}}}}</script>',
        ),
    ],
)
def test_tags_that_lead_out_of_the_archive_do_nothing(tag: str, tamed: str | None) -> None:
    """Connections in advance, refreshes to elsewhere, referrer policies and rules for prefetching are set aside."""
    found = REWRITER.rewrite(tag.encode(), HTML).decode()
    if tamed is None:
        assert found != tag
        assert found.lower().replace("x-archived-", "") == tag.lower()
    else:
        assert found == tamed


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
        b"&#47;&#47;a.example.org", b"&#47;&#47;", b"\\", b"\\/", b"\\u002f", b"//", b"//a.", b"&#", b"&sol;", b"<link", b"<link rel=",
        b"<meta content=", b"<script type=importmap>", b'},"//a.example.org', b" //a.example.org", b"?a=//a.example.org",
    ],
)  # fmt: skip
def test_hostile_pages_take_linear_time(piece: bytes) -> None:
    """Of a page made to defeat a tokenizer sixteen times as much takes not much more than sixteen times as long."""
    small = min(_seconds(piece, 20_000) for _ in range(3))
    assert _seconds(piece, 320_000) < 64 * small + 0.2


@pytest.mark.parametrize(
    "start",
    [
        "meta http-equiv", "meta http-equiv=", "meta name=", "meta referrer name=", "meta http-equiv=refresh content=",
        "meta http-equiv=refresh content='", "link rel=", "link rel='", "link integrity=", "script type=", "meta refresh http-equiv='",
    ],
)  # fmt: skip
def test_tags_of_spaces_take_no_time(start: str) -> None:
    """No attribute has the server look at the spaces behind it over and over."""
    page = f"<{start}{' ' * 7900}>".encode() * 20
    began = time.process_time()
    REWRITER.rewrite(page, HTML)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("piece", [" ", "0", ";", "url ", "url= ", "'", " ' ", "a ", ".", "\t;"])
def test_hostile_refreshes_take_linear_time(piece: str) -> None:
    """What a refresh leads to is found at once, in a header and in a tag, however it is stuffed."""
    stuffed = piece * 7500 + "x"
    began = time.process_time()
    REWRITER.rewrite(f'<meta http-equiv=refresh content="{stuffed}'.encode()[:8000] * 5, HTML)
    kept_headers((("Refresh", stuffed * 5),), REWRITER)
    assert time.process_time() - began < 1.0


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
    "page", ["b > </a ={url}", "b > <! ={url}", "b > <? ={url}", "b > <!-- > ={url}", "b > <a x='={url}"]
)
def test_markup_that_is_never_closed_takes_the_rest(page: str) -> None:
    """As it does in browsers."""
    assert A in REWRITER.rewrite(page.format(url="https://a.example.org/x").encode(), HTML).decode()


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("text/html", HTML), ("application/xhtml+xml", HTML), ("image/svg+xml", HTML), ("text/css", CODE),
        ("text/javascript", SCRIPT), ("application/x-javascript", SCRIPT), ("application/ld+json", CODE),
        ("application/json", CODE), ("image/png", ""), ("text/plain", ""), ("font/woff2", ""), ("", HTML),
            ("application/rss+xml", XML), ("text/xml", XML), ("application/manifest+json", CODE), ("text/jscript", SCRIPT),
    ],
)  # fmt: skip
def test_only_text_with_urls_in_it_is_mapped(media_type: str, kind: str) -> None:
    """Pages, styles, scripts and JSON are mapped; everything else is sent byte for byte."""
    assert kind_of(media_type) == kind


@pytest.mark.parametrize(
    ("media_type", "url", "kind"),
    [
        ("application/octet-stream", "https://a.example.org/x.mjs?v=1", SCRIPT), ("text/plain", "https://a.example.org/x.css", CODE),
        ("", "https://a.example.org/app.js.map", CODE), ("text/plain", "https://a.example.org/install.sh", ""),
        ("", "https://a.example.org/a/", HTML), ("", "https://a.example.org/x.png", ""), ("", "https://a.example.org/x.html?y=z.js", HTML),
        ("text/plain", "https://a.example.org/", ""), ("image/png", "https://a.example.org/x.js", ""),
    ],
)  # fmt: skip
def test_a_name_tells_what_its_media_type_does_not(media_type: str, url: str, kind: str) -> None:
    """Scripts, styles, data and source maps of servers that know no type for them."""
    assert kind_of(media_type, url) == kind
