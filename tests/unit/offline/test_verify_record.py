"""Verifying bundles that lie about what an archive is to take in: each lie below ``record/`` is found."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any, Callable

import pytest

from archiver.offline.verify import verify_bundle
from archiver.store.blockindex import write_lines
from servers.handmade_bundle import CHART, Bundle, as_json, file_artifact, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.verify import VerifyReport

Check = Callable[[bytes], "VerifyReport"]
SNAPSHOT = "record/snapshot.json"
CAPTURES = "record/captures.cdxj.gz"
FILES = "record/files.jsonl"


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Verify a bundle given as bytes."""

    def verify(data: bytes) -> VerifyReport:
        path = tmp_path / "bundle.tar"
        path.write_bytes(data)
        return verify_bundle(path)

    return verify


def found(report: VerifyReport, code: str, where: str) -> bool:
    return any(problem.code == code and problem.where == where for problem in report.problems)


RECORDS: dict[str, dict[str, Any]] = {
    "another project": {"project": "other"},
    "another title": {"title": "Other"},
    "another time": {"finished": "2026-03-02T12:00:30Z"},
    "other captures": {"captures_digest": sha256(b"")},
    "more captures": {"captures": 99},
    "no doc site": {"sites": []},
    "no images": {"images": []},
    "no files": {"files": []},
    "a failure": {"failures": [{"source": "s", "subject": "u", "code": "c", "message": "m", "referrer": ""}]},
    "a broken link": {"broken_links": [{"source": "guide", "url": "u", "status": "404", "referrer": ""}]},
}


@pytest.mark.parametrize("lie", RECORDS)
def test_the_snapshots_record_says_what_bundle_json_says(check: Check, lie: str) -> None:
    """Whatever both have is equal: who loads the bundle gets what its reader was shown."""
    report = check(Bundle().pack(snapshot=lambda document: document.update(RECORDS[lie])))
    assert any(problem.code == "record.disagree" for problem in report.problems), report.problems


def _first_image(**members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["images"][0].update(members)


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_first_image(manifests=[]), "record.disagree"),
        (_first_image(manifests=["sha256:7"]), "record.document"),
        (_first_image(manifests=[sha256(b"none of its own")]), "images.missing"),
        (_first_image(platforms=["linux/arm64"]), "record.disagree"),
    ],
    ids=["none", "no digest", "another", "another platform"],
)
def test_an_images_manifests_are_those_that_it_leads_to(
    check: Check, edit: Callable[[dict[str, Any]], None], code: str
) -> None:
    """The record names one manifest a platform, each of that image: an archive finds them by the record alone."""
    assert found(check(Bundle().pack(snapshot=edit)), code, SNAPSHOT)


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.update(started=""),
        _first_image(resolved="yesterday"),
        lambda document: document["files"][0].update(fetched="2026-03-01"),
    ],
    ids=["started", "resolved", "fetched"],
)
def test_times_are_times(check: Check, edit: Callable[[dict[str, Any]], None]) -> None:
    """An archive that takes the snapshot in goes by them: of two that name an image, the later one counts."""
    assert found(check(Bundle().pack(snapshot=edit)), "record.document", SNAPSHOT)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"format": "archiver-snapshot/9"}'])
def test_a_record_that_is_none_is_found(check: Check, data: bytes) -> None:
    """Anything but the snapshot's record in its place is a malformed document."""
    assert found(
        check(Bundle().pack(record=lambda members: members.update({SNAPSHOT: data}))),
        "record.document",
        SNAPSHOT,
    )


def _lines(edit: Callable[[list[bytes]], list[bytes]]) -> Callable[[dict[str, bytes]], None]:
    """Change the lines of the capture index, and have the record name the new one."""

    def change(members: dict[str, bytes]) -> None:
        lines = edit(gzip.decompress(members[CAPTURES]).splitlines(keepends=True))
        members[CAPTURES] = gzip.compress(b"".join(lines), mtime=0)
        document = json.loads(members[SNAPSHOT])
        document |= {"captures": len(lines), "captures_digest": sha256(members[CAPTURES])}
        members[SNAPSHOT] = as_json(document)

    return change


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda lines: lines[1:], "record.disagree"),
        (
            lambda lines: [*lines, lines[-1].replace(b"org,example,docs)", b"org,example,zoo)")],
            "record.document",
        ),
        (lambda lines: [line.replace(b'"200"', b'"404"') for line in lines], "record.disagree"),
        (lambda lines: [line.replace(b"page", b"requisite") for line in lines], "record.disagree"),
        (lambda lines: [line.replace(b'"guide"', b'"other"') for line in lines], "record.disagree"),
        (lambda lines: lines[::-1], "record.document"),
        (lambda lines: [*lines, lines[-1]], "record.document"),
        (lambda lines: [*lines, b"\xff\n"], "record.document"),
        (lambda lines: [*lines, b"no line\n"], "record.document"),
        (lambda lines: [*lines, b"z" * 70_000 + b"\n"], "record.document"),
    ],
    ids=[
        *("a line left out", "another key", "another status", "another kind", "another site", "out of order"),
        *("a line twice", "no ASCII", "no CDXJ", "a line without an end"),
    ],
)
def test_the_capture_index_is_that_of_the_docs(
    check: Check, edit: Callable[[list[bytes]], list[bytes]], code: str
) -> None:
    """The archive's index has the captures that the WACZ's has, each once and in order."""
    assert found(check(Bundle().pack(record=_lines(edit))), code, CAPTURES)


@pytest.mark.parametrize("place", [-1, -11, -60])
def test_the_tables_of_a_capture_index_are_checked(check: Check, place: int) -> None:
    """Where an index has tables they are its own: nobody looks up by tables that verify has not found right."""

    def change(members: dict[str, bytes], flip: int) -> None:
        stream = io.BytesIO()
        write_lines(gzip.decompress(members[CAPTURES]).splitlines(keepends=True), stream)
        data = bytearray(stream.getvalue())
        data[place] ^= flip
        members[CAPTURES] = bytes(data)
        document = json.loads(members[SNAPSHOT])
        members[SNAPSHOT] = as_json(document | {"captures_digest": sha256(members[CAPTURES])})

    assert not found(
        check(Bundle().pack(record=lambda members: change(members, 0))), "record.document", CAPTURES
    )
    assert found(check(Bundle().pack(record=lambda members: change(members, 1))), "record.document", CAPTURES)


@pytest.mark.parametrize("data", [b"", b"no gzip", gzip.compress(b"a line", mtime=0)[:-4]])
def test_an_index_that_cannot_be_unpacked_is_found(check: Check, data: bytes) -> None:
    """What is no gzip, or cut short, is reported like any other damage."""
    report = check(Bundle().pack(record=lambda members: members.update({CAPTURES: data})))
    assert any(problem.where == CAPTURES for problem in report.problems), report.problems


def _file(**members: str) -> Callable[[dict[str, bytes]], None]:
    return lambda record: record.update({FILES: as_json({**json.loads(record[FILES]), **members}) + b"\n"})


OTHER = file_artifact({"url": "u", "media_type": "a/b", "digest": sha256(b"other"), "size": 5})


@pytest.mark.parametrize(
    "edit",
    [
        _file(config="{}"),
        _file(manifest="{}"),
        _file(digest=sha256(b"")),
        _file(**OTHER),
        _file(more="than there is"),
        lambda record: record.update({FILES: b""}),
        lambda record: record.update({FILES: record[FILES] * 2}),
        lambda record: record.update({FILES: record[FILES][:-1]}),
    ],
    ids=["config", "manifest", "digest", "another file", "more", "nothing", "two lines", "no newline"],
)
def test_a_files_artifact_is_the_one_that_wraps_it(
    check: Check, edit: Callable[[dict[str, bytes]], None]
) -> None:
    """Manifest and config hash to what points to them, and the manifest wraps the file's own content."""
    assert found(check(Bundle().pack(record=edit)), "record.file", FILES)


def test_a_report_is_the_one_that_the_record_names(check: Check) -> None:
    """The run's report, where there is one, has the digest that the record gives; alone it is incomplete."""
    data = as_json({"format": "archiver-report/1"})
    pages = {"record/report.json": data, "record/report.html": b"<!doctype html>"}

    def with_report(record: dict[str, bytes]) -> None:
        last = record.pop(FILES)
        record.update({**pages, FILES: last})

    def named(document: dict[str, Any]) -> None:
        document["report_digest"] = sha256(data)

    assert check(Bundle().pack(record=with_report, snapshot=named)).problems == ()
    assert found(check(Bundle().pack(record=with_report)), "record.disagree", "record/report.json")
    del pages["record/report.html"]
    assert not check(Bundle().pack(record=with_report, snapshot=named)).ok


@pytest.mark.parametrize("name", [SNAPSHOT, CAPTURES, FILES])
def test_a_member_that_is_missing_is_found(check: Check, name: str) -> None:
    """Without any one of them an archive could not take the snapshot in."""
    report = check(Bundle().pack(record=lambda members: members.pop(name)))
    assert any(name in problem.where for problem in report.problems), report.problems


def test_compressions_are_those_of_the_layers(check: Check) -> None:
    """What bundle.json says of the layers decides what a reader is told about runtimes: it is what the manifests say."""
    bundle = Bundle()
    bundle.document["images"][0]["compressions"] = ["zstd"]
    report = check(bundle.pack())
    assert any("packed otherwise" in problem.detail for problem in report.problems), report.problems
    chart = Bundle()
    next(image for image in chart.document["images"] if image["reference"] == CHART)["compressions"] = [
        "gzip"
    ]
    assert not check(chart.pack()).ok


@pytest.mark.parametrize("names", [["brotli"], ["zstd", "gzip"], ["gzip", "gzip"], "gzip"])
def test_compressions_have_one_form(check: Check, names: object) -> None:
    """They are sorted, known, and named once."""
    bundle = Bundle()
    bundle.document["images"][0]["compressions"] = names
    assert any(problem.code == "bundle.document" for problem in check(bundle.pack()).problems)


def test_the_readers_image_is_one_of_the_images(check: Check) -> None:
    """A reference that nothing is packed for would be a command in the README that fails."""
    bundle = Bundle()
    bundle.document["reader_image"] = "docker.io/library/python:3"
    assert any("reader's image" in problem.detail for problem in check(bundle.pack()).problems)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("application/x", "record.disagree"), ("rm -rf /", "bundle.document"), (1, "bundle.document")],
)
def test_the_kind_of_an_artifact_is_what_the_snapshot_says(check: Check, kind: object, code: str) -> None:
    """A reader is given commands by it: it is a media type, and the one in the snapshot's record."""
    bundle = Bundle()
    bundle.document["images"][0]["artifact_type"] = kind
    assert any(problem.code == code for problem in check(bundle.pack()).problems)
