"""The judge, judged: a sound set of files passes, and each way of breaking it is found."""

from __future__ import annotations

import gzip
import hashlib
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable

import pytest

from judges.strictwarc import strict
from judges.warcs import captured_urls, judge_warcs, truncated_urls

if TYPE_CHECKING:
    from pathlib import Path

NAME = "20261123T004400Z-docs-00000.warc.gz"
URL, DATE, LATER = "http://x.org/a?b=c", "2026-11-23T00:44:01Z", "2026-11-24T00:44:01Z"
BODY = b"<p>hello"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\n\r\n"
ASKED = b"GET /a?b=c HTTP/1.1\r\nHost: x.org\r\n\r\n"
IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _id(number: int) -> str:
    return uuid.UUID(int=number, version=4).urn.join("<>")


@dataclass(frozen=True)
class Made:
    """A record to write: its headers, digests and lengths apart, and its block."""

    kind: str
    number: int
    block: bytes
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    line: str = ""

    def packed(self) -> bytes:
        """Return the record's gzip member."""
        payload = self.block.partition(b"\r\n\r\n")[2]
        headers = {
            "WARC-Type": self.kind,
            "WARC-Record-ID": _id(self.number),
            "WARC-Date": DATE,
            "WARC-Block-Digest": _digest(self.block),
            "Content-Length": str(len(self.block) if self.length is None else self.length),
        }
        if self.kind == "warcinfo":
            headers |= {"WARC-Filename": NAME, "Content-Type": "application/warc-fields"}
        else:
            kind = "request" if self.kind == "request" else "response"
            headers |= {
                "WARC-Target-URI": URL,
                "WARC-Warcinfo-ID": _id(1),
                "WARC-Payload-Digest": _digest(payload),
                "Content-Type": f"application/http; msgtype={kind}",
            }
        headers = {name: value for name, value in (headers | self.headers).items() if value}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + self.line
        return gzip.compress(f"WARC/1.1\r\n{lines}\r\n".encode() + self.block + b"\r\n\r\n", mtime=0)


INFO = Made(
    "warcinfo",
    1,
    b"software: x/1\r\nformat: WARC File Format 1.1\r\nconformsTo: https://example.org/warc-1.1/\r\n",
)
RESPONSE = Made("response", 2, HEAD + BODY)
REQUEST = Made("request", 3, ASKED, {"WARC-Concurrent-To": _id(2)})
REVISIT = Made(
    "revisit",
    4,
    HEAD,
    {
        "WARC-Date": LATER,
        "WARC-Payload-Digest": _digest(BODY),
        "WARC-Profile": IDENTICAL,
        "WARC-Refers-To": _id(2),
        "WARC-Refers-To-Target-URI": URL,
        "WARC-Refers-To-Date": DATE,
    },
)
ASKED_AGAIN = Made("request", 5, ASKED, {"WARC-Concurrent-To": _id(4), "WARC-Date": LATER})
SOUND = (INFO, RESPONSE, REQUEST, REVISIT, ASKED_AGAIN)


def _write(folder: Path, *made: Made, name: str = NAME, behind: bytes = b"") -> Path:
    path = folder / name
    path.write_bytes(b"".join(record.packed() for record in made) + behind)
    return path


def _with(made: Made, **headers: str) -> Made:
    """Change headers of a record (underscores stand for hyphens); an empty value takes one away."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(made, headers=made.headers | changed)


def _instead(old: Made, *new: Made) -> tuple[Made, ...]:
    return tuple(each for made in SOUND for each in (new if made is old else (made,)))


def test_a_sound_file_passes_all_judges(tmp_path: Path) -> None:
    """Info, a pair, and a revisit with its request: no judge finds anything, and the records are handed back."""
    _write(tmp_path, *SOUND)
    records = judge_warcs(tmp_path)
    assert captured_urls(records) == [URL, URL]
    assert truncated_urls(records) == {}


def test_a_not_modified_revisit_is_sound_with_a_304_only(tmp_path: Path) -> None:
    """The profile server-not-modified goes with status 304, and status 304 with it."""
    head = b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
    _write(tmp_path, *_instead(REVISIT, replace(_with(REVISIT, WARC_Profile=NOT_MODIFIED), block=head)))
    judge_warcs(tmp_path)


def _response(head: bytes, body: bytes = BODY, **headers: str) -> tuple[Made, ...]:
    return (INFO, _with(replace(RESPONSE, block=head + body), **headers), REQUEST)


BROKEN: dict[str, tuple[tuple[Made, ...], str]] = {
    "no warcinfo": (SOUND[1:], "does not begin with a warcinfo"),
    "another name": (_instead(INFO, _with(INFO, WARC_Filename="b.warc.gz")), "WARC-Filename"),
    "two warcinfo": ((*SOUND, replace(INFO, number=9)), "not the file's first"),
    "no request": ((INFO, RESPONSE), "ends before the response's request"),
    "two responses": ((INFO, RESPONSE, RESPONSE, REQUEST), "stands where the request"),
    "two requests": ((INFO, RESPONSE, REQUEST, replace(REQUEST, number=7)), "no response right before"),
    "another response's request": (
        _instead(REQUEST, _with(REQUEST, WARC_Concurrent_To=_id(8))),
        "WARC-Concurrent-To is",
    ),
    "dates differ": (_instead(REQUEST, _with(REQUEST, WARC_Date=LATER)), "WARC-Date is"),
    "URLs differ": (_instead(REQUEST, _with(REQUEST, WARC_Target_URI="http://x.org/")), "WARC-Target-URI is"),
    "the same ID": (_instead(REQUEST, replace(REQUEST, number=2)), "is there twice"),
    "no ID of the kind": (_instead(RESPONSE, _with(RESPONSE, WARC_Record_ID="<urn:x:1>")), "WARC-Record-ID"),
    "no date": (_instead(RESPONSE, _with(RESPONSE, WARC_Date="2026-02-30T00:00:00Z")), "no moment"),
    "a header missing": (_instead(RESPONSE, _with(RESPONSE, WARC_Warcinfo_ID="")), "is missing"),
    "a header twice": (
        _instead(RESPONSE, replace(RESPONSE, line=f"WARC-Date: {DATE}\r\n")),
        "WARC-Date is there twice",
    ),
    "a length too small": (_instead(RESPONSE, replace(RESPONSE, length=3)), "Content-Length is 3"),
    "a wrong block digest": (
        _instead(RESPONSE, _with(RESPONSE, WARC_Block_Digest=_digest(b""))),
        "the block is not",
    ),
    "a wrong payload digest": (
        _instead(RESPONSE, _with(RESPONSE, WARC_Payload_Digest=_digest(b""))),
        "the payload is not",
    ),
    "an unescaped URL": (_instead(RESPONSE, _with(RESPONSE, WARC_Target_URI="http://x.org/ü")), "WARC-Target-URI"),
    "an HTTP length that is wrong": (_response(HEAD, BODY + b"!"), "the body has 9 bytes"),
    "two HTTP lengths": (
        _response(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 8\r\n\r\n")),
        "HTTP Content-Length is",
    ),
    "a transfer coding": (
        _response(HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")),
        "Transfer-Encoding was left",
    ),
    "chunks": (
        _response(
            b"HTTP/1.1 200 OK\r\nX-Orig-Transfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\n",
            b"3\r\nabc\r\n0\r\n\r\n",
        ),
        "chunk framing",
    ),
    "a folded header": (_response(HEAD.replace(b": text", b":\r\n text")), "an HTTP header line"),
    "a 304 as response": (
        _response(b"HTTP/1.1 304 Not Modified\r\n\r\n", b""),
        "a 304 as a response",
    ),
    "an interim answer": (_response(b"HTTP/1.1 100 Continue\r\nContent-Length: 8\r\n\r\n"), "interim"),
    "a body with 204": (_response(b"HTTP/1.1 204 No Content\r\n\r\n"), "a body with status 204"),
    "a reason to cut that is none": (_response(HEAD, WARC_Truncated="yes"), "WARC-Truncated"),
    "another request line": (
        _instead(REQUEST, replace(REQUEST, block=ASKED.replace(b"/a", b"/b"))),
        "asks for /b?b=c",
    ),
    "another host": (_instead(REQUEST, replace(REQUEST, block=ASKED.replace(b"x.", b"y."))), "Host is"),
    "a password": (
        _instead(REQUEST, replace(REQUEST, block=ASKED[:-2] + b"Authorization: Basic eDp5\r\n\r\n")),
        "the keeper's authorization",
    ),
    "an original that is not there": (
        _instead(REVISIT, _with(REVISIT, WARC_Refers_To=_id(9))),
        "there is no response",
    ),
    "an original of another date": (
        _instead(REVISIT, _with(REVISIT, WARC_Refers_To_Date=LATER)),
        "refers to",
    ),
    "an original with other bytes": (
        _instead(REVISIT, _with(REVISIT, WARC_Payload_Digest=_digest(b"x"))),
        "another payload digest",
    ),
    "a revisit without a reference": (
        _instead(REVISIT, _with(REVISIT, WARC_Refers_To_Date="")),
        "WARC-Refers-To-Date is missing",
    ),
    "a revisit with a payload": (
        _instead(REVISIT, replace(REVISIT, block=HEAD + BODY)),
        "a revisit with a payload",
    ),
    "not modified without a 304": (
        _instead(REVISIT, _with(REVISIT, WARC_Profile=NOT_MODIFIED)),
        "does not go with status 200",
    ),
    "an unknown profile": (_instead(REVISIT, _with(REVISIT, WARC_Profile="http://x.org/")), "unknown profile"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_found(tmp_path: Path, case: str) -> None:
    """Each rule of the format, broken alone, is named in a finding."""
    records, expected = BROKEN[case]
    findings = strict([_write(tmp_path, *records)]).findings
    assert any(expected in finding for finding in findings), findings


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a tail that is cut": (lambda data: data[:-5], "does not end"),
    "something behind the end": (lambda data: data + b"\0" * 10, "no gzip member"),
    "one flipped bit": (lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:], "is damaged"),
    "an empty file": (lambda _: b"", "no record at all"),
    "one member of all records": (lambda data: gzip.compress(gzip.decompress(data)), "the block has"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_to_the_members_is_found(tmp_path: Path, case: str) -> None:
    """The file is gzip members of one record each, from its first byte to its last."""
    damage, expected = DAMAGES[case]
    path = _write(tmp_path, *SOUND)
    path.write_bytes(damage(path.read_bytes()))
    findings = strict([path]).findings
    assert any(expected in finding for finding in findings), findings


def test_a_gap_in_the_numbers_is_found(tmp_path: Path) -> None:
    """Files of one source are numbered without a gap, and are called as the format says."""
    name = NAME.replace("00000", "00001")
    path = _write(tmp_path, _with(INFO, WARC_Filename=name), name=name)
    assert any("numbered [1]" in finding for finding in strict([path]).findings)
    assert strict([_write(tmp_path, INFO, name="other.warc.gz")]).findings


@pytest.mark.parametrize("case", ["a wrong block digest", "a length too small"])
def test_the_other_judges_are_asked_as_well(tmp_path: Path, case: str) -> None:
    """What warcio and fastwarc find is among the findings, by name."""
    _write(tmp_path, *BROKEN[case][0])
    with pytest.raises(AssertionError) as failed:
        judge_warcs(tmp_path)
    assert {"warcio:", "fastwarc:"} <= set(str(failed.value).split())
