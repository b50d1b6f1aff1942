"""The record of what the guard refused reads back as it was written; a damaged one is a typed error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archiver.core.errors import InvalidDocument
from archiver.core.judgement import DEGRADED, Judgement
from archiver.core.refusal import Refusal
from archiver.core.snapshot import FileResult, ImageResult, SiteResult

RUN = "20261123T004400Z"
JUDGED = Judgement(
    "docs", DEGRADED, "3 of 9 pages are lost", ("https://x.org/a",), since="2026-11-23T00:44:00Z"
)
SITE = Refusal(
    RUN, JUDGED, {"asked": 9, "lost": [{"kind": "missing"}]},
    SiteResult("docs", ("https://x.org/",), ("https://x.org",), (), 6, 2, 8, 1, 3, 9, {}, gone=3),
    captures=8, captures_digest="sha256:ab",
)  # fmt: skip
SETS = Refusal(
    RUN, Judgement("images", DEGRADED), {},
    images=(ImageResult("docker.io/a:1", "sha256:1", "m", 1, ("linux/amd64",), ("sha256:2",), "t", "docker.io"),),
    files=(FileResult("https://x.org/f", "x.org/f", "sha256:3", 5, "x/y", "sha256:4", "t", carried=True),),
)  # fmt: skip


@pytest.mark.parametrize("refusal", [SITE, SETS])
def test_a_record_reads_back_as_itself(refusal: Refusal) -> None:
    """Of a doc site with its index, of images and files with their results; the source is told in front."""
    assert Refusal.from_json(refusal.to_json(), what="x") == refusal
    assert json.loads(refusal.to_json())["source"] == refusal.source


@pytest.mark.parametrize(
    "change",
    [
        {"format": "archiver-snapshot/1"}, {"snapshot": "../../etc"}, {"judgement": None}, {"judgement": {}},
        {"judgement": {"source": "docs", "verdict": "fine"}}, {"evidence": []}, {"site": {}}, {"site": "x"},
        {"images": None}, {"images": [{}]}, {"files": {}}, {"captures": "8"}, {"captures_digest": 1},
    ],
)  # fmt: skip
def test_a_damaged_record_is_a_typed_error(change: dict[str, Any]) -> None:
    """Whatever is missing or of another type, the error names the place."""
    document = {**json.loads(SITE.to_json()), **change}
    with pytest.raises(InvalidDocument) as caught:
        Refusal.from_json(json.dumps(document).encode(), what="here")
    assert caught.value.place == "here"
