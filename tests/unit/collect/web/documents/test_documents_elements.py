from __future__ import annotations

import pytest

from archiver.collect.web.documents.document import Links
from archiver.collect.web.documents.html import read_html

SITE = "http://x.org/docs"


def _links(html: str) -> Links:
    return read_html(html.encode(), f"{SITE}/page.html", "text/html; charset=utf-8").links


@pytest.mark.parametrize(
    "html",
    [
        '<link rel="prefetch" href="r">',
        '<link rel="preload" as="fetch" href="r">',
        '<link rel="preload" as="image" imagesrcset="r 1x" imagesizes="50vw">',
        '<noscript><link rel="stylesheet" href="r"></noscript>',
        '<template><script src="r"></script></template>',
        '<iframe srcdoc="&lt;img src=&quot;r&quot;&gt;"></iframe>',
        '<svg><feImage href="r"/></svg>',
        '<svg><use href="r#icon"/></svg>',
        '<svg><script href="r"/></svg>',
        '<?xml-stylesheet type="text/css" href="r"?><svg></svg>',
    ],
)
def test_what_a_browser_loads_is_a_requisite(html: str) -> None:
    """Preloads, fallbacks, templates, documents in attributes and the parts of pictures are needed."""
    assert _links(html).requisites == (f"{SITE}/r",)


@pytest.mark.parametrize(
    "html",
    [
        '<img data-src="r.png">',
        '<img data-src="r.png" src="data:,">',
        '<div data-bg="r.png"></div>',
        '<img data-srcset="r.png 2x">',
        "<input data-search-index-src=./r.png>",
        "<p data-x='./r.png'>",
        """<p data-config='{"logo": "./r.png"}'>""",
        "<p data-config='{&quot;logo&quot;: &quot;./r.png&quot;}'>",
    ],
)
def test_what_a_script_may_load_later_is_a_guess(html: str) -> None:
    """Pictures that wait to be scrolled to, and files that data attributes name, are worth asking for."""
    assert _links(html) == Links(guessed_requisites=(f"{SITE}/r.png",))


@pytest.mark.parametrize(
    ("html", "links"),
    [
        ('<form action="search.html">', Links(guessed_pages=(f"{SITE}/search.html",))),
        ('<form method="POST" action="search.html">', Links()),
        ('<link rel="amphtml" href="p">', Links(pages=(f"{SITE}/p",))),
        ('<link rel="sitemap" type="application/xml" href="/sitemap.xml">', Links(sitemaps=("http://x.org/sitemap.xml",))),
        ('<a download href="p">', Links(pages=(f"{SITE}/p",))),
    ],
)  # fmt: skip
def test_forms_and_links_lead_to_pages(html: str, links: Links) -> None:
    """A form that only asks leads to a page, if there is one; sitemaps are told apart."""
    assert _links(html) == links


@pytest.mark.parametrize(
    "html",
    [
        '<a ping="/p.png">',
        '<blockquote cite="/q.html">',
        '<meta property="og:image" content="/o.png">',
        '<p data-x="r.png">',
        '<p data-x="a/b c.png">',
        "data-src='/r.png'",
        '<p data-src="">',
        '<link rel="preconnect" href="/x.png">',
        '<iframe srcdoc="">',
    ],
)
def test_what_is_not_needed_is_left_out(html: str) -> None:
    """Pings, sources of quotations, pictures for social networks, and attributes that only resemble files."""
    assert _links(html) == Links()


def test_what_is_linked_is_not_guessed() -> None:
    """A file that stands in a link and in a data attribute is a requisite and nothing else."""
    assert _links('<img src="/a.png" data-src="/a.png">') == Links(requisites=("http://x.org/a.png",))


@pytest.mark.parametrize(
    "piece",
    ["data-", " data-a=", " data-a='", ' data-src="a/', " data-a={", "<?xml-stylesheet ", "<script>'a/"],
)
def test_hostile_attributes_take_no_more_than_linear_time(piece: str) -> None:
    """Half a megabyte of unfinished data attributes is read at once."""
    _links(piece * (500_000 // len(piece)))
