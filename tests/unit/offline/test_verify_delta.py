"""Verifying deltas that are consistent but for one lie, and changed at random: each is found, by its code and its place."""

from __future__ import annotations

import gzip
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.core.errors import DeltaIncomplete, NotABundle
from archiver.offline.bundle import open_bundle, read_bundle
from archiver.offline.verify import verify_bundle
from servers.handmade_bundle import (
    BASE,
    NEW,
    NEW_GUIDE_PATH,
    SITE,
    Bundle,
    Delta,
    Docs,
    identity,
    sample_docs,
    search_index,
    sha256,
    tar_of,
)

if TYPE_CHECKING:
    from archiver.offline.verify import VerifyReport

Check = Callable[[bytes], "VerifyReport"]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Verify a delta given as bytes."""

    def verify(data: bytes) -> VerifyReport:
        path = tmp_path / "delta.tar"
        path.write_bytes(data)
        return verify_bundle(path)

    return verify


def found(report: VerifyReport, code: str, where: str) -> bool:
    return any(problem.code == code and where in problem.where for problem in report.problems)


def codes(report: VerifyReport) -> set[str]:
    return {problem.code for problem in report.problems}


def altered(name: str, before: bytes, after: bytes) -> Docs:
    """Return the sample's docs with a record replaced, its index lines as they were."""
    docs = sample_docs()
    data = gzip.decompress(docs.records[name])
    assert before in data
    docs.records[name] = gzip.compress(data.replace(before, after), mtime=0)
    return docs


def test_a_sound_delta_has_no_problem(check: Check) -> None:
    """A delta made from the format's page alone verifies; only captures that are in it are counted."""
    report = check(Delta().pack())
    assert report.problems == ()
    assert (report.captures, report.images, report.files) == (3, 3, 1)


def test_a_delta_without_anything_new_is_sound(check: Check) -> None:
    """A warcinfo record may be all that there is of a doc site."""
    report = check(Delta(new=()).pack())
    assert report.problems == ()
    assert report.captures == 0


def test_a_delta_is_told_from_a_bundle_when_it_is_opened(tmp_path: Path) -> None:
    """What works with members opens it; what reads docs and images says what it builds on and how to read both."""
    path = tmp_path / "delta.tar"
    path.write_bytes(Delta().pack())
    with read_bundle(path) as delta:
        assert delta.contents.is_delta
    with pytest.raises(DeltaIncomplete) as refused:
        open_bundle(path)
    assert BASE in refused.value.message
    assert "archiver load" in str(refused.value.hint)


RECORDS = {
    "a URL": ("guide", b"Target-URI: https://docs.example.org/guide", b"Target-URI: https://docs.example.org/guida"),
    "a time": ("guide", b"WARC-Date: 2026-03-01T12:00:01Z", b"WARC-Date: 2026-03-01T12:00:02Z"),
    "an original's time": ("copy", b"Refers-To-Date: 2026-03-01T12:00:01Z", b"Refers-To-Date: 2026-03-01T12:00:03Z"),
    "an original's URL": ("copy", b"Refers-To-Target-URI: https://docs.example.org/guide", b"Refers-To-Target-URI: x:/y"),
    "an original": ("copy", identity("guide").encode(), identity("home").encode()),
    "a payload's digest": ("copy", sha256(b"<title>guide</title>" * 40).encode(), sha256(b"?").encode()),
}  # fmt: skip


@pytest.mark.parametrize("lie", RECORDS)
def test_records_that_are_not_what_the_index_says_are_found(check: Check, lie: str) -> None:
    """URL, time, digest and original of a record are those of its line in the snapshot's capture index."""
    name, before, after = RECORDS[lie]
    report = check(Delta(altered(name, before, after)).pack())
    assert found(report, "delta.record", NEW_GUIDE_PATH), report.problems


def test_an_original_outside_is_checked_where_the_index_has_it(check: Check) -> None:
    """A revisit of a capture that only the base has must refer to that capture's URL and time."""
    docs = altered("copy", b"Refers-To-Date: 2026-03-01T12:00:01Z", b"Refers-To-Date: 2026-03-01T12:00:03Z")
    report = check(Delta(docs, new=("copy",)).pack())
    assert found(report, "delta.record", NEW_GUIDE_PATH)


def test_a_payload_that_was_replaced_is_found(check: Check) -> None:
    """A record whose body was changed, every digest around it computed anew, betrays itself."""
    assert found(
        check(Delta(altered("guide", b"</title>", b"</titlE>")).pack()), "warc.digest", NEW_GUIDE_PATH
    )


def test_a_record_that_no_capture_needs_is_found(check: Check) -> None:
    """What is neither a capture of the view nor an original of one has no business in a delta."""
    docs = sample_docs()
    docs.response("stray", "/stray", b"stray")
    del docs.lines["stray"]
    delta = Delta(docs, new=(*NEW, "stray"))
    assert found(check(delta.pack()), "delta.unindexed", NEW_GUIDE_PATH)


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda data: data + data[data.rindex(b"\x1f\x8b\x08") :], "warc.pair"),
        (lambda data: data + b"junk", "warc.record"),
        (lambda data: data[: data.rindex(b"\x1f\x8b\x08")], "warc.pair"),
        (lambda data: data[data.index(b"\x1f\x8b\x08", 1) :], "warc.record"),
        (lambda data: data + data[data.index(b"\x1f\x8b\x08", 1) :], "delta.record"),
    ],
    ids=["a request twice", "junk at the end", "a request cut off", "no warcinfo", "every record twice"],
)
def test_records_that_are_not_whole_are_found(
    check: Check, edit: Callable[[bytes], bytes], code: str
) -> None:
    """Responses and revisits with their requests, behind a warcinfo, once each, and nothing between them."""
    delta = Delta()
    delta.members[NEW_GUIDE_PATH] = edit(delta.members[NEW_GUIDE_PATH])
    assert found(check(delta.pack()), code, NEW_GUIDE_PATH)


def test_a_document_of_another_capture_is_found(check: Check) -> None:
    """The search index speaks of pages of the snapshot only."""
    delta = Delta()
    delta.members["docs/search.sqlite"] = search_index([("guide", f"{SITE}/gone", "20260301120001", "t")])
    assert codes(check(delta.pack())) == {"search.dangling"}


def _edited(**members: object) -> Callable[[dict[str, object]], None]:
    return lambda document: document.update(members)


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_edited(since={"snapshot": "20270101T000000Z", "captures_digest": sha256(b"")}), "bundle.reference"),
        (_edited(since={"snapshot": "yesterday", "captures_digest": sha256(b"")}), "bundle.document"),
        (_edited(since=None), "bundle.reference"),
        (_edited(since=7), "bundle.document"),
        (_edited(requires=["sha256:7"]), "bundle.document"),
        (_edited(captures_digest=sha256(b"others")), "bundle.reference"),
        (lambda document: document["requires"].reverse(), "bundle.reference"),
        (lambda document: document["requires"].remove(document["images"][0]["digest"]), "images.missing"),
        (lambda document: document["requires"].append(document["blobs"][0]["digest"]), "bundle.reference"),
        (lambda document: document["requires"].remove(document["files"][0]["digest"]), "bundle.reference"),
    ],
    ids=[
        *("a newer base", "a base without a name", "no base", "a number", "no digest", "other captures"),
        *("unsorted", "an image's blob nowhere", "a blob here and elsewhere", "a file nowhere"),
    ],
)
def test_what_a_delta_says_of_itself_is_checked(
    check: Check, edit: Callable[[dict[str, object]], None], code: str
) -> None:
    """Base and requirements are what a delta can have, and all that is not here is required."""
    assert code in codes(check(Delta().pack(edit)))


def test_a_full_bundle_requires_nothing(check: Check) -> None:
    """What requires something and names no base is no bundle that anybody could use."""
    assert "bundle.reference" in codes(check(Bundle().pack(_edited(requires=[sha256(b"something")]))))


def test_manifest_json_is_for_whole_images(check: Check) -> None:
    """images.tar of a delta has none: a container runtime would take a part for the whole."""
    delta = Delta()
    delta.images.is_part = False
    delta.members["images/images.tar"] = tar_of(delta.images.members())
    assert found(check(delta.pack()), "member.unexpected", "manifest.json")


def test_a_blob_that_nothing_leads_to_is_found(check: Check) -> None:
    """Also in a delta every blob is there because an image needs it."""
    delta = Delta()
    delta.images.put("application/octet-stream", b"stray")
    delta.members["images/images.tar"] = tar_of(delta.images.members())
    assert found(check(delta.pack()), "images.unreferenced", sha256(b"stray").removeprefix("sha256:"))


@cache
def sound() -> bytes:
    return Delta().pack()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(Delta().pack()) - 1), st.integers(1, 255))
def test_every_changed_byte_of_a_delta_is_found(place: int, mask: int) -> None:
    """One byte changed anywhere in a delta: verify says so, and never fails to work."""
    data = bytearray(sound())
    data[place] ^= mask
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "delta.tar"
        path.write_bytes(data)
        try:
            assert not verify_bundle(path).ok
        except NotABundle:
            raise AssertionError("one byte does not make a bundle unrecognisable") from None
