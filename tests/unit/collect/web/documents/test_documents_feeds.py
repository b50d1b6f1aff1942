from __future__ import annotations

import pytest

from archiver.collect.web.documents.document import Links
from archiver.collect.web.documents.feeds import read_feed
from archiver.collect.web.documents.read import read_document

URL = "http://x.org/docs/feed.xml"


RSS = """<?xml version="1.0"?><rss version="2.0"><channel><link>http://x.org/docs/</link>
<item><link><![CDATA[http://x.org/docs/a?b=1&c=2]]></link><guid>5</guid></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="feed.xml"/>
<entry><link href='/docs/a?b=1&amp;c=2'/><link rel='enclosure' href='/big.iso'/></entry></feed>"""
OPENSEARCH = """<OpenSearchDescription xmlns="x"><Image width="16">i.png</Image>
<Url type="text/html" template="http://x.org/search?q={searchTerms}"/></OpenSearchDescription>"""


@pytest.mark.parametrize(
    ("feed", "links"),
    [
        (RSS, Links(pages=("http://x.org/docs/", "http://x.org/docs/a?b=1&c=2"))),
        (ATOM, Links(pages=("http://x.org/docs/feed.xml", "http://x.org/docs/a?b=1&c=2"))),
        (OPENSEARCH, Links(guessed_requisites=("http://x.org/docs/i.png",))),
        ("<project><link>http://x.org/docs/</link></project>", Links()),
        ("", Links()),
    ],
)
def test_feeds_lead_to_pages_and_search_descriptions_to_icons(feed: str, links: Links) -> None:
    """Links of RSS and Atom are followed, enclosures are not; a search bar's icon is a guess; other XML says nothing."""
    assert read_document(feed.encode(), URL, "text/xml; charset=utf-8").links == links


@pytest.mark.parametrize("piece", ["<link>", "<link ", "<Image ", "<link a='", "<link>\t", "<a:link b"])
def test_hostile_feeds_take_no_more_than_linear_time(piece: str) -> None:
    """Half a megabyte of beginnings is read at once."""
    for root in ("<rss>", "<feed>", "<OpenSearchDescription>"):
        read_feed(root + piece * (500_000 // len(piece)), URL)
