from __future__ import annotations

from dataclasses import replace

import pytest

from archiver.core.capture import LONGEST_LINE, Capture
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
