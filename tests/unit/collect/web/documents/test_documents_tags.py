from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from archiver.collect.web.documents.tags import Tag, attribute_text, tags_of

_LOOKED_AT = "area audio base embed form frame iframe img input link meta object source track use video script style title"


def _parsed(html: str) -> set[str]:
    """Return the href values that an HTML5 parser finds on anchors."""
    tree = LexborHTMLParser(html)
    roots = [tree, *tree.template_fragments()]
    found = {node.attributes.get("href") for root in roots for node in root.css("a[href]")}
    return {href for href in found if href}


@pytest.mark.parametrize(
    "html",
    [
        '<a href="x">',
        "<A HREF='x'>",
        "<a href=x>",
        "<a\n\thref\n=\n'x'>",
        '<a class="reference internal" title=\'it"s\' href="x" id=y>',
        '<a/href="x"/>',
        '<a title="href=no" href="x">',
        '<a title="a > b" href="x">',
        "<a =href=1 href=x>",
        "<a data-href=y href=x>",
        "<a hrefx=1 href=x>",
        '<a href="x" href="y">',
        '<a disabled href="x">',
        "<a href=x/y>",
        '<a href="?a=1&amp;b=2&copy=3&lt;&#65;&unknown;">',
        '<!-- <a href="no"> --><a href="x">',
        '<!--> <a href="x">',
        '<!-- a --!> <a href="x">',
        '<script>"<a href=no>"</script><a href="x">',
        '<script src="y"/>text</script><a href="x">',
        "<style>a > b {}</style><a href=x>",
        '<title><a href="no"></title><a href="x">',
        '<textarea><a href="no"></textarea><a href="x">',
        "<abbr href=no><a href=x>",
        '<svg><a xlink:href="y" href="x"></a></svg>',
        '<template><a href="x"></template>',
        '<noscript><a href="x"></noscript>',
        "a < b <a href=x> c > d",
        '<a href="x"',
        "",
    ],
)
def test_anchors_are_found_as_a_parser_finds_them(html: str) -> None:
    """Quoting, case, odd spacing, comments and raw text are read as HTML5 parsers read them."""
    expected = _parsed(html)
    if html == '<a href="x"':
        expected = {"x"}  # a tag that the document's end cuts counts here
    assert set(tags_of(html).hrefs) == expected


@given(
    st.lists(
        st.sampled_from(
            [
                "<a",
                " href",
                "=",
                '"',
                "'",
                "x",
                ">",
                "/",
                " ",
                "<",
                "</a>",
                "<!--",
                "-->",
                "<script>",
                "</script>",
                "<img src=y>",
                "&amp;",
                "<title>",
                "</title>",
                "\n",
                "<p>",
                "<svg>",
                "</svg>",
            ]
        ),
        max_size=30,
    )
)
@settings(max_examples=400, deadline=None)
def test_whatever_a_parser_finds_is_found(pieces: list[str]) -> None:
    """On any mess of markup, no anchor that an HTML5 parser finds is missing."""
    html = "".join(pieces)
    if "<svg>" in html and ("<title>" in html or "<script>" in html):
        return  # in SVG these hold elements; their content is passed over here
    found = {href.replace("\n", "") for href in tags_of(html).hrefs}
    assert {href.replace("\n", "") for href in _parsed(html)} <= found


def test_the_other_tags_come_with_attributes_and_text() -> None:
    """Names are in lowercase, of equal attributes the first counts, and raw text comes along."""
    html = '<IMG Src="a&amp;b" src=c ALT><script type=module>x < y</script><link rel="icon" href=\'i\'>'
    assert tags_of(html).others == (
        Tag("img", {"src": "a&b", "alt": ""}),
        Tag("script", {"type": "module"}, "x < y"),
        Tag("link", {"rel": "icon", "href": "i"}),
    )


@pytest.mark.parametrize("name", _LOOKED_AT.split())
def test_every_element_that_refers_is_looked_at(name: str) -> None:
    """Each kind of element that can refer to something is among the tags, in either case."""
    for spelt in (name, name.upper()):
        assert [tag.name for tag in tags_of(f'<div><{spelt} id="x"></div>').others] == [name]


def test_styles_and_backgrounds_of_any_element_are_found() -> None:
    """These two attributes may refer to something wherever they stand."""
    html = "<p style=\"background:url('a b')\"><td background=b><q data-style='url(c)'>"
    found = tags_of(html)
    assert (found.styles, found.backgrounds) == (("background:url('a b')",), ("b",))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("a&amp;b", "a&b"),
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("?a=1&copyx=2", "?a=1&copyx=2"),
        ("&copy", "©"),
        ("&copy;", "©"),
        ("&#x41;&#66", "AB"),
        ("&nosuch;", "&nosuch;"),
        ("&", "&"),
    ],
)
def test_character_references_in_attributes(raw: str, value: str) -> None:
    """References are undone by the rules for attributes: a query's ``&copy=`` is none."""
    assert attribute_text(raw) == value


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<a href='",
        '<a href="',
        "<a x='<a y=\"",
        "<!--",
        "<script>",
        "<script ",
        "<img a=",
        "<title>",
        "<a href",
    ],
)
def test_hostile_documents_take_no_longer_than_their_length(piece: str) -> None:
    """Megabytes of tags that never end are read to their end; quadratic time would be hours."""
    found = tags_of(piece * (4_000_000 // len(piece)))
    assert len(found.hrefs) + len(found.others) <= 4_000_000
