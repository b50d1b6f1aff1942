from __future__ import annotations

from dataclasses import replace

import pytest

from archiver.core.capture import LONGEST_LINE, Capture, distinct_pages
from archiver.core.errors import InvalidDocument

CAPTURE = Capture(
    "http://x.org/a", "20261123004401", "text/html", "200", "sha256:0", "docs", "page", "<urn:uuid:1>"
)


def test_a_line_reads_back() -> None:
    """What is written as an index line is the same capture when it is read."""
    assert Capture.from_cdxj(CAPTURE.to_cdxj()) == CAPTURE


def test_no_line_is_written_that_its_reader_would_refuse() -> None:
    """The longest line reads back; a longer one cannot be made."""
    spare = LONGEST_LINE - 1 - len(replace(CAPTURE, etag="x").to_cdxj())
    longest = replace(CAPTURE, etag="x" * (spare + 1))
    line = longest.to_cdxj()
    assert len(line) + 1 == LONGEST_LINE
    assert Capture.from_cdxj(line) == longest
    with pytest.raises(InvalidDocument):
        replace(CAPTURE, etag="x" * (spare + 2)).to_cdxj()


def test_a_page_of_several_urls_is_listed_once() -> None:
    """Of twins with the same content the folder's URL stands in a list; other content is another page."""
    urls = ["a", "a/", "a/index.html", "b", "b/index.html", "c", "c/", "d.html", "e?x=1", "e"]
    captures = [replace(CAPTURE, url=f"http://x.org/{url}", digest=f"sha256:{url[0]}") for url in urls]
    captures[6] = replace(captures[6], digest="sha256:other")
    captures += [
        replace(CAPTURE, kind="requisite"),
        replace(CAPTURE, status="404"),
        replace(CAPTURE, mime="a/b"),
    ]
    found = [capture.url.removeprefix("http://x.org/") for capture in distinct_pages(captures)]
    assert found == ["a/", "b", "c", "c/", "d.html", "e?x=1", "e"]
    assert len(distinct_pages(reversed(captures))) == len(found)


@pytest.mark.parametrize(
    ("text", "characters"),
    [("0", 0), ("4000", 4000), ("", None), ("-1", None), ("many", None), ("9" * 5000, None)],
)
def test_the_length_of_a_text_is_a_number_or_unknown(text: str, characters: int | None) -> None:
    """Whatever a line of an index says that nobody has checked."""
    assert replace(CAPTURE, text=text).characters == characters
