from __future__ import annotations

import time

import pytest

from archiver.bundle.documents import (
    Document,
    Section,
    decode_html,
    read_document,
)


def test_sections_follow_the_headings() -> None:
    """The text before the first heading is a section of its own; each heading begins one, with its anchor but for the page's own."""
    page = (
        "<title>Guide &amp; more</title><main><p>Before.<h1 id=top>Guide</h1><p>Intro<b>duction</b>."
        "<h2>Second</h2><ul><li>One<li>Two</ul></main>"
    )
    assert read_document(page) == Document(
        "Guide & more",
        (
            Section("", "", "Before."),
            Section("", "Guide", "Introduction."),
            Section("", "Second", "One Two"),
        ),
    )


@pytest.mark.parametrize(
    ("markup", "anchor", "heading"),
    [
        ('<section id="s"><h2>Title<a class="headerlink" href="#s">¶</a></h2><p>x</section>', "s", "Title"),
        ('<div id="s"><span id="old"></span><h2>Title</h2></div>', "s", "Title"),
        ('<section id="s"><p>text before</p><h2>Title</h2></section>', "", "Title"),
        ('<h2><a name="n"></a>Title</h2>', "n", "Title"),
        ('<h2 id="x"><a class="header" href="#x">Title</a></h2>', "x", "Title"),
        ('<h2 id="d">Title<a class="hash-link" href="#d">#</a></h2>', "d", "Title"),
    ],
)
def test_anchors_are_found_as_generators_write_them(markup: str, anchor: str, heading: str) -> None:
    """Sphinx, docutils, mdBook, Docusaurus and hand-written pages: the heading's text and its anchor."""
    section = read_document(f"<body>{markup}</body>").sections[-1]
    assert (section.anchor, section.heading) == (anchor, heading)


def test_navigation_and_boilerplate_are_left_out() -> None:
    """Menus, sidebars, headers, footers, scripts and styles are not searched; an article's own header is."""
    page = """<body><header>site header</header><nav>menu</nav><div class=sphinxsidebar>sidebar</div>
    <main><aside>related</aside><article><header><h1>Title</h1></header><p>Real text.</p>
    <script>code()</script><style>p {}</style></article></main><footer>footer</footer></body>"""
    document = read_document(page)
    assert [section.heading for section in document.sections] == ["Title"]
    assert " ".join(section.text for section in document.sections).split() == ["Real", "text."]


@pytest.mark.parametrize(
    "markup",
    [
        "<div class=tabbed-labels><label for=a>Debian</label><label for=b>From source</label></div><p>text</p>",
        "<input><label>Debian</label><label>From source</label><div class=language-sh><i class=lang>sh</i><p>text</p></div>",
        "<figure><label>Debian</label></figure><form>From<legend>source</legend></form><address>text</address>",
    ],
)
def test_names_of_tabs_are_words_of_their_own(markup: str) -> None:
    """MkDocs Material and VitePress write them without a space between: run together, neither would be found."""
    (section,) = read_document(f"<body><main>{markup}</main></body>").sections
    assert section.text == "Debian From source text"


def test_a_page_without_a_main_element_is_its_body() -> None:
    """Plain pages lose only what is marked as navigation."""
    document = read_document("<body><div role=navigation>menu</div><p>All of <i>this</i>.</p>tail</body>")
    assert document.sections == (Section("", "", "All of this. tail"),)


def test_several_articles_are_all_read() -> None:
    """A list of articles is not cut down to its first."""
    document = read_document("<main><article>one</article><article>two</article></main>")
    assert document.sections[0].text == "one two"


def test_a_title_is_taken_from_the_first_heading_where_there_is_none() -> None:
    """A page without a title element is named by its heading."""
    assert read_document("<h1>Named <b>so</b></h1>").title == "Named so"


def test_nothing_at_all_is_a_document_too() -> None:
    """Empty input has no title and one empty section."""
    assert read_document("") == Document("", (Section("", "", ""),))


def test_control_characters_cannot_forge_headings() -> None:
    """The marks that are used inside are taken out of the page first."""
    document = read_document("<body>\x021\x03 text <h1>One</h1> more")
    assert [section.heading for section in document.sections] == ["", "One"]


@pytest.mark.parametrize(
    "depth", ["<div>" * 200_000, "<div></b>" * 100_000, "</p>" * 50_000 + "<b>" * 100_000]
)
def test_absurd_nesting_takes_no_time(depth: str) -> None:
    """A page of nothing but opened elements is read as one text at once, not parsed for hours."""
    before = time.process_time()
    document = read_document(f"<title>Deep</title>{depth}text")
    assert time.process_time() - before < 10
    assert (document.title, document.sections[0].text) == ("Deep", "Deep text")


def test_entries_of_a_reference_are_sections() -> None:
    """A function in an API reference, or a term of a glossary, is found by its own name and anchor."""
    page = (
        "<h1 id=top>Functions</h1><dl><dt id=abs>abs(x)</dt><dd>Return the absolute value.</dd></dl>"
        "<dl><dt id=all>all(xs)</dt><dd>Return True.</dd></dl><dl><dt>no id</dt><dd>stays</dd></dl>"
    )
    sections = read_document(page).sections
    assert [(section.anchor, section.heading) for section in sections] == [
        ("", "Functions"),
        ("abs", "abs(x)"),
        ("all", "all(xs)"),
    ]
    assert sections[1].text == "Return the absolute value."
    assert "no id stays" in sections[2].text


def test_a_long_page_of_siblings_is_parsed() -> None:
    """Many elements side by side are nothing to be afraid of."""
    document = read_document(
        "<title>Long</title><table>" + "<tr><td>x<td><div>y</div>" * 20_000 + "</table><h1>End</h1>"
    )
    assert document.sections[-1].heading == "End"


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("安装".encode("gb18030"), "gb2312", "安装"),
        ("安装".encode(), "", "安装"),
        (b'<meta charset="euc-jp">' + "日本語".encode("euc-jp"), "", "日本語"),
        (b'<meta charset="big5">' + "安裝".encode(), "utf-8", "安裝"),
        ("한국어".encode("utf-16"), "iso-8859-1", "한국어"),
        (b"\xef\xbb\xbf" + "é".encode(), "iso-8859-1", "é"),
        (b"caf\xe9 \x80", "iso-8859-1", "café €"),
        (b"caf\xe9 and a longer text in French, d\xe9j\xe0 vu", "no-such-charset", "café"),
        (b"broken \xff utf-8", "utf-8", "broken \ufffd utf-8"),
        (b"quoted", "rot13", "quoted"),
    ],
)
def test_charsets_are_those_that_browsers_would_use(data: bytes, charset: str, text: str) -> None:
    """A byte order mark wins over the header, the header over the page; damage does not change the charset."""
    assert text in decode_html(data, f"text/html; charset={charset}" if charset else "")


def test_a_page_of_nothing_but_tags_takes_no_memory() -> None:
    """Of megabytes of empty elements the first are looked at: a tree of all would take gigabytes."""
    page = "<title>Tags</title><h1>First</h1>" + "<br>" * 4_000_000 + "<h2>Last</h2>"
    assert [section.heading for section in read_document(page).sections] == ["First"]


@pytest.mark.parametrize(
    ("titled", "heading", "expected"),
    [
        ("Install - KubeSphere", "Install", "Install"),
        ("Install | Docs", "Install", "Install"),
        ("Install \u2014 Python 3.11 documentation", "Install¶", "Install"),
        ("Install", "Install", "Install"),
        ("Installing - Docs", "Install", "Installing - Docs"),
        ("ArrayList (Java SE 17)", "Class ArrayList", "ArrayList (Java SE 17)"),
        ("安装 · 文档", "安装", "安装"),
        ("", "Install", "Install"),
    ],
)
def test_the_site_s_name_is_no_part_of_a_title(titled: str, heading: str, expected: str) -> None:
    """A page is called by its own heading where its title is that and what all pages of the site have."""
    mark = '<a class="headerlink" href="#x">¶</a>' if heading.endswith("¶") else ""
    page = f"<title>{titled}</title><main><h1>{heading.rstrip('¶')}{mark}</h1><p>x</main>"
    assert read_document(page).title == expected


@pytest.mark.parametrize(
    ("declared", "language"),
    [
        ("en", "en"),
        ("zh-CN", "zh-cn"),
        ("zh_Hans_CN", "zh-hans-cn"),
        ("", ""),
        ("{{ lang }}", ""),
        ("x" * 50, ""),
    ],
)
def test_the_language_is_what_the_page_declares(declared: str, language: str) -> None:
    """A well-formed tag in normal form; anything else is none."""
    assert read_document(f'<html lang="{declared}"><p>x').language == language


def test_lists_of_links_are_left_out() -> None:
    """A table of contents or an index of names repeats other pages' titles; a list of a few references stays."""
    many = "".join(f"<li><a href=/{number}>name {number}</a></li>" for number in range(40))
    page = f"<h1>Index</h1><ul>{many}</ul><p>Text.<ul><li>See <a href=/a>that</a></ul>"
    assert read_document(page).sections[0].text == "Text. See that"


@pytest.mark.parametrize(
    ("markup", "anchor"),
    [
        ('<h2><a id="before"/></h2><h2 class="title"><a id="own"/>Title</h2>', "own"),
        ('<div class="source">source</div><section id="m"><h4>Title</h4></section>', "m"),
    ],
)
def test_anchors_of_docbook_and_rustdoc(markup: str, anchor: str) -> None:
    """An anchor written as an empty XML element goes on into the next heading, and is not that one's."""
    assert read_document(f"<h1>Top</h1><p>x</p>{markup}<p>y").sections[-1].anchor == anchor
