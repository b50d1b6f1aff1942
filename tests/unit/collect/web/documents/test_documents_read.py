from __future__ import annotations

import pytest

from archiver.collect.web.documents.css import read_css
from archiver.collect.web.documents.document import Links
from archiver.collect.web.documents.elements import srcset_references
from archiver.collect.web.documents.html import read_html
from archiver.collect.web.documents.mediatype import media_type
from archiver.collect.web.documents.read import read_document

URL = "http://x.org/docs/page.html"


def _links(html: str) -> Links:
    return read_html(html.encode(), URL, "text/html; charset=utf-8").links


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<a href="b.html">', "http://x.org/docs/b.html"),
        ('<map><area href="b.html"></map>', "http://x.org/docs/b.html"),
        ('<a href="  b.html\n ">', "http://x.org/docs/b.html"),
        ('<a href="b.html?a=1&amp;b=2#frag">', "http://x.org/docs/b.html?a=1&b=2"),
        ('<link rel="next" href="b.html">', "http://x.org/docs/b.html"),
        ('<link rel="Alternate" hreflang="zh" href="/zh/">', "http://x.org/zh/"),
        ('<meta http-equiv="Refresh" content="0; URL=\'b.html\'">', "http://x.org/docs/b.html"),
        ('<meta http-equiv="refresh" content="5;b.html">', "http://x.org/docs/b.html"),
        ('<svg><a xlink:href="b.html"><text>x</text></a></svg>', "http://x.org/docs/b.html"),
        ('<template><a href="b.html"></a></template>', "http://x.org/docs/b.html"),
        ('<noscript><a href="b.html"></a></noscript>', "http://x.org/docs/b.html"),
    ],
)
def test_what_a_reader_follows_is_a_page(html: str, url: str) -> None:
    """Anchors, areas, navigational <link>s and refreshes lead to pages."""
    assert _links(html) == Links(pages=(url,))


@pytest.mark.parametrize(
    "html",
    [
        '<img src="r">',
        '<img src="data:image/gif;base64,AA" srcset="r 2x">',
        '<picture><source srcset="r 1x, r 2x"></picture>',
        '<video poster="r"></video>',
        '<video><source src="r"><track src="r"></video>',
        '<audio src="r"></audio>',
        '<script src="r"></script>',
        '<script type=module src="r"></script>',
        '<input type=image src="r">',
        '<body background="r">',
        '<table><tr><td background="r"></table>',
        '<link rel="stylesheet" href="r">',
        '<link rel="alternate stylesheet" href="r">',
        '<link rel="shortcut icon" href="r">',
        '<link rel="preload" as="image" imagesrcset="r 1x">',
        '<link rel="modulepreload" href="r">',
        '<link rel="manifest" href="r">',
        '<link rel="search" type="application/opensearchdescription+xml" href="r">',
        '<p style="background: url(r)">',
        '<style>p { background: url("r") }</style>',
        '<style>@import "r";</style>',
        '<svg><image href="r"/></svg>',
        '<svg><image xlink:href="r"/></svg>',
        '<svg><use xlink:href="r#icon"/></svg>',
        '<template><img src="r"></template>',
        '<noscript><img src="r"></noscript>',
    ],
)
def test_what_a_page_needs_is_a_requisite(html: str) -> None:
    """Everything that a browser loads to display the page is a requisite, once."""
    assert _links(html) == Links(requisites=("http://x.org/docs/r",))


@pytest.mark.parametrize("html", ['<iframe src="f">', '<object data="f">', '<embed src="f">'])
def test_documents_inside_the_document_are_frames(html: str) -> None:
    """Frames are told apart, because scope decides whether they are pages."""
    assert _links(html) == Links(frames=("http://x.org/docs/f",))


@pytest.mark.parametrize(
    "html",
    [
        '<a href="#part">',
        '<a href="">',
        '<a name="x">',
        '<a href="javascript:void(0)">',
        '<a href=" JavaScript:void(0)">',
        '<img src="data:image/png;base64,AAAA">',
        '<link rel="preconnect" href="https://cdn.example.org">',
        '<a href="http://exa mple.org/">',
        '<meta http-equiv="refresh" content="30">',
        '<svg><use href="#icon"/></svg>',
    ],
)
def test_what_names_no_resource_is_no_link(html: str) -> None:
    """Fragments of the page itself, inline content, hints and malformed URLs give nothing."""
    assert _links(html) == Links()


def test_other_schemes_are_reported_apart() -> None:
    """mailto: links are not followed but can be counted."""
    assert _links('<a href="mailto:a@x.org">').others == ("mailto:a@x.org",)


def test_a_url_of_absurd_length_is_not_followed() -> None:
    """A link longer than any server takes is counted with the others, cut."""
    links = _links(f'<a href="{"a" * 20_000}">')
    assert not links.pages
    assert len(links.others[0]) == 8192


def test_base_moves_every_reference() -> None:
    """References are relative to <base>, which is itself relative to the document; the first one counts."""
    html = '<base href="../other/"><base href="/no/"><a href="b.html"><img src="i.png">'
    assert _links(html) == Links(("http://x.org/other/b.html",), ("http://x.org/other/i.png",))


def test_each_link_is_given_once_in_order() -> None:
    """Fragments and spellings of one URL collapse; order is the document's."""
    assert _links('<a href="b#1"><a href="a"><a href="./b#2"><a href="b">').pages == (
        "http://x.org/docs/b",
        "http://x.org/docs/a",
    )


def test_broken_html_is_read_as_browsers_do() -> None:
    """Unclosed tags, missing quotes and stray bytes do not hide links."""
    body = b'<a href=one.html><p><a href="two.html"<div><<a href=\xff.html'
    pages = read_document(body, URL, "text/html").links.pages
    assert "http://x.org/docs/one.html" in pages
    assert "http://x.org/docs/two.html" in pages


@pytest.mark.parametrize("encoding", ["gbk", "big5", "shift_jis", "utf-16"])
def test_pages_in_other_encodings_give_the_right_urls(encoding: str) -> None:
    """A path is encoded as UTF-8 and a query in the page's encoding, as browsers do (UTF-16: UTF-8)."""
    body = '<a href="日本.html?日本">'.encode(encoding)
    (url,) = read_html(body, URL, f"text/html; charset={encoding}").links.pages
    query = "日本".encode("utf-8" if encoding == "utf-16" else encoding)
    escaped = "".join(chr(b) if b < 128 and chr(b).isalnum() else f"%{b:02X}" for b in query)
    path, _, rest = url.partition("?")
    assert path == "http://x.org/docs/%E6%97%A5%E6%9C%AC.html"
    assert rest.replace("%7B", "{") == escaped.replace("%7B", "{")


def test_css_references_are_found() -> None:
    """url() in all its spellings and @import, but not what is commented out."""
    css = """
      @import "a.css"; @import url('b.css') screen;
      /* url(no.png) */ .x { background: URL( c.png ), url("d e.png"), url('data:image/png;base64,AA') }
      @font-face { src: url(f.woff2?#iefix) format("woff2"), url(\\67.woff) }
      .y { mask: url(#local) } .z { background: url("open.png
    } .end { background: url( last.png    """
    assert read_css(css, "http://x.org/css/s.css").links.requisites == tuple(
        f"http://x.org/css/{name}"
        for name in ("a.css", "b.css", "c.png", "d%20e.png", "f.woff2?", "g.woff", "last.png")
    )


@pytest.mark.parametrize(
    ("css", "names"),
    [
        ('a{background:image-set("a.png" 1x, "b.png" 2x)}', ["a.png", "b.png"]),
        (
            "a{background:-webkit-image-set(url(a.png) 1x, 'b.avif' type('image/avif') 1.5dppx)}",
            ["a.png", "b.avif"],
        ),
        ('a{content:image-set("a.png"1x)} b::after{content:"2x" "3"}', ["a.png"]),
        ("@namespace svg url(http://www.w3.org/2000/svg); a{background:url(a.png)}", ["a.png"]),
        ('@namespace "http://www.w3.org/1999/xhtml"; @import url("a.css") layer(x)', ["a.css"]),
    ],
)
def test_css_strings_are_references_where_they_name_pictures(css: str, names: list[str]) -> None:
    """The strings of image-set() are URLs; those of namespaces and of text are not."""
    assert read_css(css, "http://x.org/css/s.css").links.requisites == tuple(
        f"http://x.org/css/{name}" for name in names
    )


@pytest.mark.parametrize(
    "text",
    [
        "/*" * 200_000,
        "image-set(" + '"\\"' * 200_000,
        "image-set(" + '"a' * 200_000,
        "image-set(" + '"a" 1' + "1" * 400_000,
        "@namespace " * 100_000,
        "url(" * 200_000,
        '@import "' * 200_000,
        "url('\\" * 200_000,
        "url(" + " " * 800_000,
        "url(a" + " " * 800_000 + "x",
        '@import "' + "\\" * 800_000,
    ],
)
def test_hostile_css_takes_no_more_than_linear_time(text: str) -> None:
    """Unclosed comments, strings and functions, many times over, give an answer at once."""
    assert len(read_css(text, URL).links.requisites) <= 1


def test_srcset_is_split_as_the_standard_says() -> None:
    """Commas inside a URL belong to it; commas after one end it."""
    text = "a.png, b.png 2x,c,d.png 3x , data:image/gif;base64,AA== 1x,, e.png 100w"
    assert list(srcset_references(text)) == [
        "a.png",
        "b.png",
        "c,d.png",
        "data:image/gif;base64,AA==",
        "e.png",
    ]


@pytest.mark.parametrize(
    ("header", "mime"),
    [
        ("Text/HTML; charset=utf-8", "text/html"),
        ("image/svg+xml", "image/svg+xml"),
        ("", ""),
        ("html", ""),
        ("text/\xe4", ""),
        (f"text/{'x' * 200}", ""),
        ("text/html\n", "text/html"),
    ],
)
def test_a_media_type_is_of_the_registered_form_or_empty(header: str, mime: str) -> None:
    """Parameters go, case folds, and what RFC 6838 does not allow is nothing."""
    assert media_type(header) == mime


@pytest.mark.parametrize(
    ("body", "type_", "links"),
    [
        (b'<a href="b">', "", Links(pages=("http://x.org/docs/b",))),
        (b'<a href="b">', "application/xhtml+xml", Links(pages=("http://x.org/docs/b",))),
        (
            b'<svg xmlns:xlink="x"><image xlink:href="b"/></svg>',
            "image/svg+xml",
            Links((), ("http://x.org/docs/b",)),
        ),
        (b"p{background:url(b)}", "text/css; charset=utf-8", Links((), ("http://x.org/docs/b",))),
        (b'<a href="b">', "text/plain", Links()),
        (b'<a href="b">', "application/octet-stream", Links()),
    ],
)
def test_the_media_type_decides_how_a_document_is_read(body: bytes, type_: str, links: Links) -> None:
    """HTML, XHTML, SVG and CSS have links; plain text has none; no type at all is looked at."""
    assert read_document(body, URL, type_).links == links


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_document_nested_without_end_has_its_links(charset: str) -> None:
    """Links are found however deep elements are nested, which would take a parser for ever."""
    text = (
        "<div>" * 100_000
        + """<a href="a.html?x=1&amp;y=\u4e2d">x</a><IMG SRC='p.png'><a class=x href=b.html data-href=no>"""
    )
    links = read_html(text.encode(charset), "http://x.org/docs/", f"text/html; charset={charset}").links
    query = "%E4%B8%AD" if charset == "utf-8" else "%D6%D0"
    assert links.pages == (f"http://x.org/docs/a.html?x=1&y={query}", "http://x.org/docs/b.html")
    assert links.requisites == ("http://x.org/docs/p.png",)


@pytest.mark.parametrize(
    "piece", ["<div>", "<b src=", "<b href='", '<b href="', "<b src ", " src=x", '<b\n src="\n']
)
def test_searching_for_links_takes_linear_time(piece: str) -> None:
    """A megabyte of unfinished references after endless nesting is read to its end; quadratic time would be hours."""
    links = read_html(b"<div>" * 30_000 + piece.encode() * 200_000, "http://x.org/", "").links
    assert len(links.pages) + len(links.requisites) <= 1
