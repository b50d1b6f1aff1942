from __future__ import annotations

import hashlib
import io
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

from archiver.collect.web.fetch import Exchange, archived_headers
from archiver.collect.web.warc import IDENTICAL, NOT_MODIFIED, Position, Revisit, WarcOutput, recover
from archiver.store.warcfiles import scan_members

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "20261123T004400Z-docs"
INFO = {"http-header-user-agent": "archiver/0", "robots": "obey"}


def _exchange(url: str = "http://x.org/a?b=c", body: bytes = b"<p>hello", **changes: object) -> Exchange:
    values: dict[str, object] = {
        "url": url,
        "moment": datetime(2026, 11, 23, 0, 44, 1, tzinfo=timezone.utc),
        "request_headers": (("Host", "x.org"), ("User-Agent", "archiver/0")),
        "version": "HTTP/1.1",
        "status": 200,
        "reason": "OK",
        "headers": (("Content-Type", "text/html"), ("Content-Length", str(len(body)))),
        "body": io.BytesIO(body),
        "size": len(body),
        "digest": f"sha256:{hashlib.sha256(body).hexdigest()}",
    }
    return Exchange(**(values | changes))  # type: ignore[arg-type]  # the mapping has the right keys


def _read(path: Path) -> list[tuple[dict[str, str], bytes, bytes]]:
    found = []
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, no_record_parse=True):
            headers = dict(record.rec_headers.headers)
            head, _, body = record.content_stream().read().partition(b"\r\n\r\n")
            found.append((headers, head, body))
    return found


def _check(path: Path) -> int:
    return Checker(type("Options", (), {"inputs": [str(path)], "verbose": False})).process_all()  # type: ignore[no-any-return]  # warcio is untyped


def _written(folder: Path, *exchanges: Exchange, roll_over: int = 1 << 30) -> list[Path]:
    output = WarcOutput(folder, PREFIX, INFO, roll_over=roll_over)
    for exchange in exchanges:
        output.write(exchange)
    output.close()
    return sorted(folder.iterdir())


def test_a_capture_is_warcinfo_response_and_request(tmp_path: Path) -> None:
    """The three records come in this order, carry what WARC 1.1 wants, and pass warcio's check."""
    (path,) = _written(tmp_path, _exchange())
    info, response, request = _read(path)
    assert path.name == f"{PREFIX}-00000.warc.gz"
    assert info[0]["WARC-Type"] == "warcinfo"
    assert info[0]["WARC-Filename"] == path.name
    assert b"software: archiver" in info[1]
    assert b"conformsTo: https://iipc.github.io/" in info[1]
    assert b"http-header-user-agent: archiver/0" in info[1]
    assert response[0]["WARC-Type"] == "response"
    assert response[0]["WARC-Target-URI"] == "http://x.org/a?b=c"
    assert response[0]["WARC-Warcinfo-ID"] == info[0]["WARC-Record-ID"]
    assert response[1].startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/html")
    assert response[2] == b"<p>hello"
    assert request[0]["WARC-Type"] == "request"
    assert request[0]["WARC-Concurrent-To"] == response[0]["WARC-Record-ID"]
    assert request[0]["WARC-Date"] == response[0]["WARC-Date"] == "2026-11-23T00:44:01Z"
    assert request[1] == b"GET /a?b=c HTTP/1.1\r\nHost: x.org\r\nUser-Agent: archiver/0"
    assert path.read_bytes().count(b"\x1f\x8b\x08") >= 3
    assert _check(path) == 0


def test_digests_are_sha256_of_block_and_payload(tmp_path: Path) -> None:
    """Both digests are lowercase hex of exactly the bytes in the record."""
    (path,) = _written(tmp_path, _exchange())
    _, (headers, head, body), _ = _read(path)
    block = head + b"\r\n\r\n" + body
    assert headers["WARC-Payload-Digest"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert headers["WARC-Block-Digest"] == f"sha256:{hashlib.sha256(block).hexdigest()}"
    assert int(headers["Content-Length"]) == len(block)


def test_locations_are_those_of_the_gzip_members(tmp_path: Path) -> None:
    """What write returns is where the members are: response, and response with its request."""
    output = WarcOutput(tmp_path, PREFIX, INFO)
    locations = [output.write(_exchange(f"http://x.org/{n}")) for n in range(3)]
    output.close()
    members = list(scan_members(tmp_path / locations[0].file))
    responses = [member for member in members if member.type == "response"]
    assert [(at.id, at.offset, at.length) for at in locations] == [
        (member.record, member.offset, member.length) for member in responses
    ]
    ends = [member.end for member in members if member.type == "request"]
    assert [at.offset + at.pair_length for at in locations] == ends


def test_revisits_refer_to_their_original(tmp_path: Path) -> None:
    """A revisit has no payload and names record, URL, date and digest of the one that has."""
    output = WarcOutput(tmp_path, PREFIX, INFO)
    digest = f"sha256:{'0' * 64}"
    for profile, status in ((IDENTICAL, 200), (NOT_MODIFIED, 304)):
        revisit = Revisit(profile, "<urn:uuid:1>", "http://x.org/old", "2025-01-01T00:00:00Z", digest)
        output.write(_exchange(status=status), revisit)
    output.close()
    (path,) = tmp_path.iterdir()
    revisits = [record for record in _read(path) if record[0]["WARC-Type"] == "revisit"]
    assert [headers["WARC-Profile"] for headers, _, _ in revisits] == [IDENTICAL, NOT_MODIFIED]
    for headers, head, body in revisits:
        assert headers["WARC-Refers-To"] == "<urn:uuid:1>"
        assert headers["WARC-Refers-To-Target-URI"] == "http://x.org/old"
        assert headers["WARC-Refers-To-Date"] == "2025-01-01T00:00:00Z"
        assert headers["WARC-Payload-Digest"] == digest
        assert head.startswith(b"HTTP/1.1 ")
        assert body == b""


def test_header_bytes_beyond_ascii_are_kept(tmp_path: Path) -> None:
    """A header that came in UTF-8 (read as Latin-1 by http.client) is written as the bytes that came."""
    name = "ü.pdf".encode().decode("latin-1")
    (path,) = _written(tmp_path, _exchange(headers=(("Content-Disposition", name), ("Content-Length", "8"))))
    assert "Content-Disposition: ü.pdf".encode() in _read(path)[1][1]


def test_a_cut_body_is_marked(tmp_path: Path) -> None:
    """A response longer than the limit says WARC-Truncated: length."""
    (path,) = _written(tmp_path, _exchange(truncated=True))
    assert _read(path)[1][0]["WARC-Truncated"] == "length"


def test_a_new_file_is_begun_when_one_is_full(tmp_path: Path) -> None:
    """Files roll over at the limit; each begins with its own warcinfo and no capture is split."""
    paths = _written(tmp_path, *(_exchange(f"http://x.org/{n}") for n in range(3)), roll_over=1)
    assert [path.name for path in paths] == [f"{PREFIX}-0000{n}.warc.gz" for n in range(3)]
    for path in paths:
        assert [member.type for member in scan_members(path)] == ["warcinfo", "response", "request"]


def test_files_of_a_site_with_a_longer_name_do_not_count(tmp_path: Path) -> None:
    """The numbers of a site's files have no gaps, whatever other site's name begins with its own."""
    for prefix in (f"{PREFIX}-zh", PREFIX):
        output = WarcOutput(tmp_path, prefix, INFO)
        output.write(_exchange())
        output.close()
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{prefix}-00000.warc.gz" for prefix in (PREFIX, f"{PREFIX}-zh")
    }


def test_a_run_that_got_nothing_leaves_no_file(tmp_path: Path) -> None:
    """Opening and closing the output writes nothing."""
    assert _written(tmp_path) == []


@pytest.mark.parametrize("kept", [-1, -200, -400])
def test_recovery_keeps_whole_pairs_and_cuts_the_rest(tmp_path: Path, kept: int) -> None:
    """After a crash, pairs past the durable position are found again; half a pair is cut off."""
    output = WarcOutput(tmp_path, PREFIX, INFO)
    output.write(_exchange("http://x.org/0"))
    position = output.sync()
    locations = [output.write(_exchange(f"http://x.org/{n}")) for n in (1, 2)]
    output.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:kept])
    pairs, end = recover(tmp_path, PREFIX, position)
    assert pairs == locations[:1]
    assert end == Position(path.name, locations[0].offset + locations[0].pair_length)
    assert path.stat().st_size == end.offset


def test_what_a_killed_process_wrote_is_recovered(tmp_path: Path) -> None:
    """Each capture is in the file once it was written, however small it is and whatever ends the process then."""
    output = WarcOutput(tmp_path, PREFIX, INFO)
    location = output.write(_exchange())
    found, _ = recover(tmp_path, PREFIX, None)
    assert found == [location]
    output.close()


def test_recovery_spans_files_that_the_state_never_heard_of(tmp_path: Path) -> None:
    """A crash after a roll-over loses nothing: the newer file's pairs are found as well."""
    output = WarcOutput(tmp_path, PREFIX, INFO, roll_over=1)
    output.write(_exchange("http://x.org/0"))
    position = output.sync()
    locations = [output.write(_exchange(f"http://x.org/{n}")) for n in (1, 2)]
    output.close()
    assert recover(tmp_path, PREFIX, position)[0] == locations
    assert recover(tmp_path, "20260101T000000Z-docs", None) == ([], None)


def test_writing_goes_on_where_recovery_ended(tmp_path: Path) -> None:
    """The same file is continued: one warcinfo, and a whole sequence of members."""
    output = WarcOutput(tmp_path, PREFIX, INFO)
    output.write(_exchange("http://x.org/0"))
    output.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b"\x1f\x8b\x08half a member")
    _, position = recover(tmp_path, PREFIX, None)
    resumed = WarcOutput(tmp_path, PREFIX, INFO, position)
    location = resumed.write(_exchange("http://x.org/1"))
    resumed.close()
    members = list(scan_members(path))
    assert [member.type for member in members] == ["warcinfo", "response", "request", "response", "request"]
    assert (location.file, location.offset) == (path.name, members[3].offset)
    assert _check(path) == 0


def test_headers_are_archived_without_transfer_coding() -> None:
    """Transfer-Encoding is renamed, Content-Length is the payload's, folded lines are unfolded."""
    headers = (("Transfer-Encoding", "chunked"), ("content-length", "99"), ("X-Long", "a\r\n  b"))
    assert archived_headers(headers, 5, bodiless=False) == (
        ("X-Orig-Transfer-Encoding", "chunked"),
        ("X-Long", "a b"),
        ("Content-Length", "5"),
    )
    assert archived_headers((("Content-Length", "99"),), 0, bodiless=True) == (("Content-Length", "99"),)
