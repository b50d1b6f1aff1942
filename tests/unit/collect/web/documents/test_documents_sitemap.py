from __future__ import annotations

import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.collect.web.documents.sitemap import (
    MOST_BYTES,
    MOST_ENTRIES,
    NOT_A_SITEMAP,
    Sitemap,
    modification_time,
    read_sitemap,
)

AT = "https://docs.example.org/sitemap.xml"
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def _read(text: str | bytes, content_type: str = "application/xml") -> Sitemap:
    return read_sitemap(text if isinstance(text, bytes) else text.encode(), AT, content_type)


def _urlset(content: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {NAMESPACE}>{content}</urlset>'


PAGES = {"https://docs.example.org/a/": "2026-11-23T00:44:00Z", "https://docs.example.org/b/?x=1&y=2": ""}
PLAIN = _urlset(
    """
  <url>
    <loc> https://docs.example.org/a/#part </loc><lastmod>2026-11-23T01:44:00+01:00</lastmod>
    <changefreq>daily</changefreq><priority>0.8</priority>
  </url>
  <url><loc>https://docs.example.org/b/?x=1&amp;y=2</loc></url>
"""
)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(NAMESPACE, ""),
        PLAIN.replace(NAMESPACE, "").replace("<?xml", "\n\n<b>Warning</b>: it's late\n<?xml"),
        PLAIN.replace("<url", "<sm:url").replace("</url", "</sm:url").replace("xmlns", "xmlns:sm"),
        PLAIN.replace("<loc> ", "<loc><![CDATA[").replace(" </loc>", "]]></loc>"),
        PLAIN.replace("&amp;", "&"),
        PLAIN.replace("&amp;", "&#38;").replace("https:", "&#x68;ttps:"),
        PLAIN.replace("</url>\n  <url>", "<url>"),
        PLAIN.upper().replace("HTTPS://DOCS.EXAMPLE.ORG/A/", "https://docs.example.org/a/")
        .replace("HTTPS://DOCS.EXAMPLE.ORG/B/?X=1&AMP;Y=2", "/b/?x=1&y=2"),
        PLAIN.replace("<url>", "<!-- <url><loc>https://evil.example/</loc></url> --><url>"),
        PLAIN.replace("<loc>", "<unknown a='>' b=\">\"><loc>/no/</loc></unknown><loc>"),
    ],
    ids=["plain", "no-namespace", "warning-in-front", "prefixed", "cdata", "bare-ampersand", "references",
         "unclosed", "capitals", "comment", "unknown-elements"],
)  # fmt: skip
def test_the_urls_of_a_urlset_are_found_however_it_is_written(text: str) -> None:
    """Locations and times are the same with and without namespaces, CDATA, escapes and what is sloppy."""
    assert _read(text) == Sitemap(PAGES)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "gb18030", "iso-8859-1"])
def test_the_encoding_is_the_declared_one(encoding: str) -> None:
    """A byte order mark and the XML declaration say how a sitemap is encoded."""
    path = "é" if encoding == "iso-8859-1" else "中文"
    name = encoding.removesuffix("-sig")
    text = _urlset(f"<url><loc>https://docs.example.org/{path}</loc></url>").replace("UTF-8", name)
    escaped = "".join(f"%{byte:02X}" for byte in path.encode())
    assert list(_read(text.encode(encoding)).pages) == [f"https://docs.example.org/{escaped}"]


def test_a_gzipped_sitemap_is_known_by_its_bytes() -> None:
    """Whatever its type says, what begins like a gzip file is unpacked."""
    packed = gzip.compress(PLAIN.encode())
    for content_type in ("application/gzip", "application/x-gzip", "text/xml", ""):
        assert _read(packed, content_type) == Sitemap(PAGES)


def test_a_gzipped_sitemap_that_is_cut_gives_what_is_there_and_says_so() -> None:
    """Entries before the damage count; that there should be more is told."""
    entries = "".join(f"<url><loc>/{number}{'x' * (number % 7)}</loc></url>" for number in range(5000))
    packed = gzip.compress(_urlset(entries).encode())
    read = _read(packed[: len(packed) // 2])
    assert 100 < len(read.pages) < 5000
    assert read.problem == "it ends in the middle"


def test_an_index_names_sitemaps() -> None:
    """The locations of a sitemapindex are sitemaps, not pages."""
    read = _read(
        f"<sitemapindex {NAMESPACE}><sitemap><loc>https://docs.example.org/en.xml.gz</loc>"
        "<lastmod>2026-11-23</lastmod></sitemap><sitemap><loc>/zh.xml</loc></sitemap></sitemapindex>"
    )
    assert read == Sitemap(
        {},
        {
            "https://docs.example.org/en.xml.gz": "2026-11-23T23:59:59Z",
            "https://docs.example.org/zh.xml": "",
        },
    )


def test_alternates_are_pages_too_and_images_are_not() -> None:
    """xhtml:link names the same page in other languages; what extensions nest in an entry is left alone."""
    read = _read(
        f'<urlset {NAMESPACE} xmlns:xhtml="http://www.w3.org/1999/xhtml">'
        "<url><loc>https://docs.example.org/en/</loc>"
        '<xhtml:link rel="alternate" hreflang="zh" href="https://docs.example.org/zh/?a=1&amp;b=2"/>'
        '<xhtml:link rel="alternate" hreflang="en" href="https://docs.example.org/en/"/>'
        '<xhtml:link rel="stylesheet" href="/style.css"/>'
        "<image:image><image:loc>https://docs.example.org/a.png</image:loc></image:image>"
        "<lastmod>2026-11-23</lastmod></url></urlset>"
    )
    assert read == Sitemap(
        {
            "https://docs.example.org/en/": "2026-11-23T23:59:59Z",
            "https://docs.example.org/zh/?a=1&b=2": "",
        }
    )


def test_feeds_are_sitemaps() -> None:
    """RSS 1.0 and 2.0 and Atom name pages and when they changed; a feed's own links do not count."""
    rss = """<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News</title>
      <link>https://docs.example.org/</link><atom:link href="https://docs.example.org/feed.xml" rel="self"/>
      <item><title>a</title><link>https://docs.example.org/a/</link>
        <pubDate>Mon, 23 Nov 2026 01:44:00 +0100</pubDate></item></channel></rss>"""
    atom = """<feed xmlns="http://www.w3.org/2005/Atom"><link href="https://docs.example.org/"/>
      <entry><link rel="edit" href="/edit/"/><link rel="alternate" href="https://docs.example.org/a/"/>
        <link href="/second/"/><updated>2026-11-23T00:44:00Z</updated>
        <source><link href="/elsewhere/"/></source></entry></feed>"""
    rdf = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><channel/>
      <item><link>https://docs.example.org/a/</link><dc:date>2026-11-23T00:44:00Z</dc:date></item></rdf:RDF>"""
    for feed in (rss, atom, rdf):
        assert _read(feed) == Sitemap({"https://docs.example.org/a/": "2026-11-23T00:44:00Z"})


def test_a_text_sitemap_is_a_url_a_line() -> None:
    """Lines end as they like; what is no URL is counted."""
    text = "\ufeffhttps://docs.example.org/a/\r\n\nhttps://docs.example.org/b/\nmailto:me@example.org\n"
    assert _read(text, "text/plain") == Sitemap(
        {"https://docs.example.org/a/": "", "https://docs.example.org/b/": ""}, unusable=1
    )


@pytest.mark.parametrize(
    "text",
    ["", "   ", "<!DOCTYPE html><html><body>not found</body></html>", "not found", '{"a": 1}', "<svg></svg>"],
)
def test_what_is_no_sitemap_is_told_apart(text: str) -> None:
    """An error page answered with 200 where a sitemap was asked for is not taken for an empty one."""
    assert _read(text) == Sitemap(problem=NOT_A_SITEMAP)


@pytest.mark.parametrize("text", [_urlset(""), f"<urlset {NAMESPACE}/>"])
def test_an_empty_sitemap_is_a_sitemap(text: str) -> None:
    """A site may list nothing."""
    assert _read(text) == Sitemap()


def test_locations_that_cannot_be_followed_are_counted() -> None:
    """Other schemes, overlong URLs and entries without a location are no pages."""
    text = _urlset(
        "<url><loc>ftp://docs.example.org/</loc></url><url><loc>http://[</loc></url><url></url>"
        f"<url><loc>/{'x' * 9000}</loc></url><url/><url><loc>/a/</loc></url>"
    )
    assert _read(text) == Sitemap({"https://docs.example.org/a/": ""}, unusable=5)


def test_a_sitemap_is_read_as_far_as_the_protocol_allows() -> None:
    """At most 50,000 entries and 50 MiB count; that there is more is told."""
    entries = "".join(f"<url><loc>/{number}</loc></url>" for number in range(MOST_ENTRIES + 1))
    read = _read(_urlset(entries))
    assert len(read.pages) == MOST_ENTRIES
    assert read.problem == "more than 50,000 entries; the rest is not read"
    packed = gzip.compress(_urlset("<url><loc>/a/</loc></url>" + " " * MOST_BYTES).encode(), 1)
    assert _read(packed) == Sitemap(
        {"https://docs.example.org/a/": ""}, problem="longer than 50 MiB; the rest is not read"
    )


@pytest.mark.parametrize(
    ("text", "time_"),
    [
        ("2026-11-23T00:44:00Z", "2026-11-23T00:44:00Z"),
        ("2026-11-23T00:44:00.123456+00:00", "2026-11-23T00:44:00Z"),
        ("2026-11-23T00:44-05:00", "2026-11-23T05:44:00Z"),
        ("2026-11-23 00:44:00", "2026-11-23T00:44:00Z"),
        ("2026-11-23", "2026-11-23T23:59:59Z"),
        ("Mon, 23 Nov 2026 00:44:00 GMT", "2026-11-23T00:44:00Z"),
        ("2026", ""),
        ("0001-01-01T00:00:00+14:00", ""),
        ("9999-12-31T23:59:59-14:00", ""),
        ("yesterday", ""),
        ("Mon, 99 Nov 2026 99:99:99 +9999", ""),
        ("", ""),
        ("2" * 1000, ""),
    ],
)
def test_times_are_brought_to_one_form(text: str, time_: str) -> None:
    """Times come out in UTC, to the second; a day alone is over before anything on it is older."""
    assert modification_time(text) == time_


def test_entities_are_never_expanded_and_nothing_is_loaded() -> None:
    """Neither nested entities nor external ones are more than text; tags in their values are no tags."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
    text = (
        f'<!DOCTYPE urlset [<!ENTITY l0 "<url><loc>/evil/</loc></url>">{laughs}'
        '<!-- it\'s ]> --><!ENTITY x SYSTEM "file:///etc/passwd">]>'
        f"<urlset {NAMESPACE}><url><loc>/&l29;&x;</loc></url></urlset>"
    )
    assert _read(text) == Sitemap({"https://docs.example.org/&l29;&x;": ""})


@pytest.mark.parametrize(
    "piece",
    ["<url>", "<url><loc>", "<a>", "<!--", "<![CDATA[", "<!DOCTYPE", "<!DOCTYPE a [", "<a b='", "<a b=\"'", "<",
     "</", "<?", "&", "&#", "<loc>&#x", "<link href ", "<link href=", "<link a a a ", "]]>", "-->", "\"'<", "<a <"],
)  # fmt: skip
def test_hostile_markup_takes_time_in_proportion_to_its_length(piece: str) -> None:
    """Whatever is repeated or left open, a sitemap four times as long takes no more than some times as long."""

    def seconds(size: int) -> float:
        text = "<urlset><url>" + piece * (size // len(piece))
        begun = time.process_time()
        _read(text)
        return time.process_time() - begun

    seconds(1 << 12)
    short, long = (min(seconds(size) for _ in range(2)) for size in (1 << 17, 1 << 19))
    assert long < 10 * short + 0.1


def test_deep_nesting_ends_the_reading() -> None:
    """Elements within each other beyond anything meant are not followed down."""
    read = _read(_urlset("<url><loc>/a/</loc></url><url>" + "<a>" * 100_000))
    assert read == Sitemap({"https://docs.example.org/a/": ""}, problem="nested too deeply")


_PIECES = st.sampled_from(
    ["<urlset>", "</urlset>", "<sitemapindex>", "<rss>", "<feed>", "<url>", "</url>", "<sitemap>", "<item>",
     "<entry>", "<loc>", "</loc>", "<link href='/x'/>", "<lastmod>", "2026-11-23", "<![CDATA[", "]]>", "<!--",
     "-->", "<!DOCTYPE a [", "]>", "&amp;", "&#0;", "&#xD800;", "&#x110000;", "'", '"', "/a", "http://a/", "\0",
     "\ud800", "<?", "?>", "\n", "<html>"]
)  # fmt: skip


@given(st.lists(_PIECES | st.text(max_size=8), max_size=40), st.sampled_from(["", "utf-16-le", "gzip"]))
def test_anything_can_be_read(pieces: list[str], form: str) -> None:
    """No bytes make reading fail, and what is found are URLs in their canonical form."""
    body = "".join(pieces).encode(form if form.startswith("utf") else "utf-8", "surrogatepass")
    read = _read(gzip.compress(body) if form == "gzip" else body)
    for url, modified in (*read.pages.items(), *read.sitemaps.items()):
        assert url.startswith(("http://", "https://"))
        assert url.isascii()
        assert "#" not in url
        assert modified == "" or modification_time(modified) == modified


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(body: bytes) -> None:
    """What is no sitemap at all is no error either."""
    assert isinstance(_read(body), Sitemap)
