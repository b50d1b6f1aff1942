from __future__ import annotations

import pytest

from archiver.bundle.nesting import MOST_NESTED, is_too_deep

MANY = MOST_NESTED + 1


@pytest.mark.parametrize(
    "level",
    [
        "<div>",
        "<DIV\n>",
        "<div/>",
        "<div title='</div>'>",
        '<div title="></div>">',
        "<div><object></div></object>",
        "<div><script></div></script>",
        "<div><!--</div>-->",
        "<div><svg><![CDATA[></svg></div>]]>",
    ],
)
def test_depth_is_seen_whatever_hides_it(level: str) -> None:
    """End tags that a parser passes over (in attributes, comments, scripts, out of turn) do not count."""
    assert is_too_deep(level * MANY)


@pytest.mark.parametrize(
    "before", ["<script><!--</script>", "<script><a b='</script>", "<![CDATA[>", "<!-->"]
)
def test_start_tags_cannot_be_hidden(before: str) -> None:
    """What looks like the inside of a comment or an attribute may be none for a parser."""
    assert is_too_deep(before + "<div>" * MANY)


@pytest.mark.parametrize(
    "page",
    [
        "<div><b>x</b></div>" * MANY,
        "<p>x" * MANY,
        f"<ul>{'<li><a href=x><img src=y></a>' * MANY}</ul>",
        f"<table>{'<tr><td>x' * MANY}</table>",
        f"<svg>{'<circle r=1 /><g><path/></g>' * MANY}</svg>",
        "<br>" * MANY,
        "<" * MANY,
        "<div>" * (MOST_NESTED - 1),
    ],
)
def test_long_pages_are_not_deep_ones(page: str) -> None:
    """Any number of elements beside each other is fine, end tags left out as HTML allows included."""
    assert not is_too_deep(page)


@pytest.mark.parametrize(
    "piece", ["<a ", "<a b='", "<a b=", "<!--", "<![CDATA[", "</a", "<", "= ", "<a b=\n\n"]
)
def test_no_page_takes_long(piece: str) -> None:
    """Unfinished tags, attributes and comments cost linear time: a megabyte of them does not show."""
    is_too_deep("<a" + piece * (1_000_000 // len(piece)))
