from __future__ import annotations

import json
from dataclasses import replace

import pytest

from archiver.core.capture import Capture
from archiver.core.errors import InvalidDocument
from archiver.core.judgement import GONE, HEALTHY, Judgement
from archiver.core.snapshot import (
    BrokenLink,
    Failure,
    FileResult,
    ImageResult,
    SiteResult,
    Snapshot,
)

SITE = SiteResult("docs", ("http://a/",), ("http://a",), (), 1, 2, 3, 0, 0, 6, {"robots": 2})
SNAPSHOT = Snapshot(
    "20261123T004400Z", "p", "P", "archiver 0", "2026-11-23T00:44:00Z", "2026-11-23T00:45:00Z", {"project": "p"}, (SITE,),
    (ImageResult("docker.io/library/a:1", "sha256:0", "m", 1, ("linux/amd64",), ("sha256:1",), "t", "docker.io"),),
    (FileResult("http://a/f", "a/f", "sha256:2", 5, "x/y", "sha256:3", "t", carried=True),),
    (Failure("docs", "http://a/x", "fetch.timeout", "no answer"),), (BrokenLink("docs", "http://a/y", "404"),), 3, "sha256:4",
    judgements=(Judgement("docs", HEALTHY, good="20261123T004400Z", alive=1, peak=2),),
)  # fmt: skip


def test_a_record_reads_back_as_itself():
    """Writing and reading lose nothing."""
    assert Snapshot.from_json(SNAPSHOT.to_json(), what="x") == SNAPSHOT


def test_records_of_earlier_versions_can_be_read():
    """What they do not say is empty: reports, signatures, what is gone, what was reproduced, what was judged."""
    document = json.loads(SNAPSHOT.to_json())
    for member in ("report_digest", "locked", "reader_image", "accepted", "judgements"):
        del document[member]
    for site in document["sites"]:
        for member in ("not_due", "gone"):
            del site[member]
    for image in document["images"]:
        for member in ("refers_to", "artifact_type", "gone", "was"):
            del image[member]
    for file in document["files"]:
        for member in ("name", "index", "gone", "was"):
            del file[member]
    read = Snapshot.from_json(json.dumps(document).encode(), what="x")
    assert read == replace(SNAPSHOT, judgements=())
    assert read.verdict == HEALTHY


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other/9"},
        {"id": "../../etc"},
        {"captures": "3"},
        {"report_digest": 5},
        {"reader_image": "No Reference"},
        {"sites": {}},
        {"sites": [{}]},
        {"images": [{"reference": 1}]},
        {"failures": ["x"]},
        {"judgements": {}},
        {"judgements": [{"source": "docs", "verdict": "splendid"}]},
        {"judgements": [{"source": "docs", "verdict": "gone", "examples": [1]}]},
        {"spec": {"images": {"platforms": ["linux"]}}},
        {"sites": [{**json.loads(SNAPSHOT.to_json())["sites"][0], "origins": ["javascript:alert(1)"]}]},
    ],
)
def test_damaged_records_are_typed_errors(change):
    """A record with a member missing, of another type or out of its form is refused with its place."""
    document = {**json.loads(SNAPSHOT.to_json()), **change}
    with pytest.raises(InvalidDocument) as caught:
        Snapshot.from_json(json.dumps(document).encode(), what="here")
    assert caught.value.place == "here"


def test_the_worst_source_gives_the_verdict():
    """One source that is gone makes the snapshot's verdict, whatever the others are; each has its own."""
    assert SNAPSHOT.verdict == HEALTHY
    both = replace(SNAPSHOT, judgements=(*SNAPSHOT.judgements, Judgement("images", GONE)))
    assert both.verdict == GONE


def test_captures_round_trip_through_cdxj():
    """An index line reads back as the capture it was made of, also with characters beyond ASCII."""
    capture = Capture(
        "http://a/中?q=1",
        "20261123004400",
        "text/html",
        "200",
        "sha256:0",
        "docs",
        "page",
        "<urn:uuid:1>",
        etag='"x"',
    )
    line = capture.to_cdxj()
    assert line.isascii()
    assert line.split(" ", 2)[:2] == ["a)/%e4%b8%ad?q=1", "20261123004400"]
    assert Capture.from_cdxj(line) == capture
    assert capture.payload_record == "<urn:uuid:1>"


@pytest.mark.parametrize("line", ["", "a b", "a b c", "a b []", 'a b {"url":1}', 'a b {"mime":"x"}'])
def test_malformed_index_lines_are_typed_errors(line):
    """A line that is no CDXJ, or lacks its URL, is refused."""
    with pytest.raises(InvalidDocument):
        Capture.from_cdxj(line)
