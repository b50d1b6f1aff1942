"""What the server says to requests that try something, byte by byte, as clients and smugglers send them.

Refusals are plain 4xx and the end of the connection, so that nothing behind them is taken for another request. Sources: RFC
9112 section 11.2 (request smuggling), RFC 9110 section 14 (ranges), and the tricks known to work between servers that read
lengths differently.
"""

from __future__ import annotations

import re
import socket
from typing import Iterator

import pytest

from servers.serving import Running, serving
from servers.small_archive import SITE, small_archive

_SECOND = b"GET /-/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A small archive, served."""
    folder = tmp_path_factory.mktemp("hostile")
    small_archive(folder)
    with serving(folder) as server:
        yield server


def statuses(said: bytes) -> list[int]:
    """Return the statuses of all answers on a connection."""
    return [int(text) for text in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", said)]


def request(*lines: bytes, start: bytes = b"GET / HTTP/1.1", body: bytes = b"") -> bytes:
    """Return a request with a Host and these further lines."""
    return b"\r\n".join((start, b"Host: a", *lines, b"", b"")) + body


SMUGGLING = {
    "both lengths": request(
        b"Content-Length: 6", b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.1", body=b"0\r\n\r\n"
    ),
    "both lengths, the other way round": request(
        b"Transfer-Encoding: chunked", b"Content-Length: 4", start=b"POST / HTTP/1.1", body=b"5c\r\n"
    ),
    "two lengths": request(b"Content-Length: 0", b"Content-Length: 44"),
    "the same length twice": request(b"Content-Length: 0", b"Content-Length: 0"),
    "a list of lengths": request(b"Content-Length: 0, 44"),
    "a signed length": request(b"Content-Length: +0"),
    "a negative length": request(b"Content-Length: -1"),
    "a hexadecimal length": request(b"Content-Length: 0x10"),
    "a length with a space in it": request(b"Content-Length: 1 0"),
    "a length of thousands of digits": request(b"Content-Length: " + b"9" * 9000),
    "a length in other digits": request("Content-Length: \u0661".encode()),
    "chunks": request(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks, folded": request(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"),
    "chunks with a space before the colon": request(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "chunks with a vertical tab": request(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"),
    "chunks twice": request(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks twice in a line": request(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunks that are none": request(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunks and what is none": request(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "quoted chunks": request(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "chunks for an old client": request(
        b"Transfer-Encoding: chunked", start=b"GET / HTTP/1.0", body=b"0\r\n\r\n"
    ),
    "a chunk too large to be": request(b"Transfer-Encoding: chunked", body=b"F" * 40 + b"\r\n"),
    "a chunk's size with a line feed": request(b"Transfer-Encoding: chunked", body=b"5\n\r\nhello\r\n0\r\n\r\n"),
    "a folded line": request(b"X: a", b" b"),
    "a folded first line": request(b" X: a").replace(b"Host: a\r\n", b""),
    "line feeds only": b"GET / HTTP/1.1\nHost: a\n\n" + b"\r\n\r\n",
    "a line feed in a line": request(b"X: a\nTransfer-Encoding: chunked"),
    "a carriage return in a line": request(b"X: a\rTransfer-Encoding: chunked"),
    "a zero byte in a value": request(b"X: a\0b"),
    "a zero byte in a name": request(b"X\0: a"),
    "a space in a name": request(b"X Y: a"),
    "no name": request(b": a"),
    "no colon": request(b"Transfer-Encoding"),
    "two hosts": request(b"Host: b"),
    "two hosts in a line": request().replace(b"Host: a", b"Host: a, b"),
}  # fmt: skip


@pytest.mark.parametrize("trick", list(SMUGGLING))
def test_nothing_is_smuggled(running: Running, trick: str) -> None:
    """A request that could be read in two ways is refused, and what follows it is no request."""
    said = running.raw(SMUGGLING[trick] + _SECOND)
    assert len(statuses(said)) in (1, 2)
    assert 400 <= statuses(said)[0] < 500 or statuses(said)[0] == 501
    if len(statuses(said)) == 2:  # well-formed after all, but for the name of the server
        assert trick.startswith("two hosts")
    assert not running.log


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
def test_a_body_is_not_taken_for_a_request(running: Running, method: str) -> None:
    """A body of a stated length is passed over, whoever sends it, and the next request is the next one."""
    start = f"{method} / HTTP/1.1".encode()
    said = running.raw(
        request(b"Content-Length: %d" % len(_SECOND), start=start, body=_SECOND)
        + request(b"Connection: close")
    )
    assert len(statuses(said)) == 2
    assert statuses(said)[1] == 200
    assert b"smuggled" not in said


def test_what_cannot_be_one_request_is_no_answer_split_in_two(running: Running) -> None:
    """Line ends in a target, escaped, do not end a header line of the answer."""
    said = running.raw(
        request(start=b"GET /%0d%0aSet-Cookie:%20a=b%0d%0a HTTP/1.1", body=b""), port=running.port_of(SITE)
    )
    assert statuses(said) == [404]
    assert b"\r\nSet-Cookie" not in said


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * (33 << 10) + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20000 + b"\r\n", 431),
        (b"GET /" + b"y" * (40 << 10) + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET /" + b"y" * (20 << 10) + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"\x00\x01\x02\x03\r\n\r\n", 400),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        (b'GET / HTTP/1.1\r\nHost: "><script>\r\n\r\n', 400),
        (b"GET / HTTP/1.1\r\nHost: " + b"a" * 5000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n", 400),
        (b"\n", 400),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused(running: Running, sent: bytes, status: int) -> None:
    """In a line of plain text, without a trace of the program, and with nothing in the log."""
    said = running.raw(sent)
    assert statuses(said) == [status]
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"Content-Type: text/plain" in head
    assert body.count(b"\n") == 1
    assert b"Traceback" not in said
    assert not running.log


def test_a_refusal_reaches_who_is_still_sending(running: Running) -> None:
    """A client that sends megabytes of header lines reads why it was refused, and not that the connection was reset."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200000)
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert statuses(said) == [431]


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..\\..\\..\\windows\\win.ini",
        "/%5c..%5c..%5cetc%5cpasswd",
        "/files/../../../etc/passwd",
        "/files/%2e%2e/%2e%2e/etc/passwd",
        "/files//etc/passwd",
        "/files/dl.example.org/../../../../../etc/passwd",
        "/-/assets/../../server.py",
        "/-/assets/%2e%2e%2f%2e%2e%2fserver.py",
        "/-/assets//etc/passwd",
        "/v2/../../etc/passwd/manifests/latest",
        "/v2/x/blobs/../../../etc/passwd",
        "/v2/x/blobs/sha256:..%2f..%2fetc%2fpasswd",
        "/-/o/http/../../../etc/passwd",
        "/-/o/file//etc/passwd",
        "/-/at/../../x",
        "/%00",
        "/%",
        "/%zz",
        "//etc/passwd",
        "/etc/passwd%00.html",
    ],
)
@pytest.mark.parametrize("place", ["main", "docs"])
def test_no_path_leads_out(running: Running, path: str, place: str) -> None:
    """Whatever climbs, in whichever spelling, gets a plain 4xx on both kinds of address."""
    port = running.port if place == "main" else running.port_of(SITE)
    said = running.raw(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode(), port=port)
    assert len(statuses(said)) == 1
    assert 400 <= statuses(said)[0] < 500
    assert b"root:" not in said
    assert not running.log


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"bytes=0-0", 206),
        (b"bytes=-1", 206),
        (b"bytes=0-99999999999999", 206),
        (b"bytes=-99999999999999", 206),
        (b"bytes=99999999999999-", 416),
        (b"bytes=0-99999999999999999999999999", 200),
        (b"bytes=-99999999999999999999999999", 200),
        (b"bytes=99999999999999999999999999-", 200),
        (b"bytes=1-0", 200),
        (b"bytes=-0", 416),
        (b"bytes=-", 200),
        (b"bytes=a-b", 200),
        (b"bytes=" + b"9" * 5000 + b"-", 200),
        (b"bytes=" + b",".join(b"%d-%d" % (at, at) for at in range(2000)), 200),
        (b"bytes=0-0,0-0", 200),
        (b"lines=0-1", 200),
        (b"bytes=\xd9\xa1-\xd9\xa2", 200),
    ],
)
def test_absurd_ranges_are_no_burden(running: Running, value: bytes, status: int) -> None:
    """Out of reach is 416; what is no single range, or of numbers that nothing has, is as if it were not there."""
    start = b"GET /files/dl.example.org/releases/tool-1.0.tar.gz HTTP/1.1"
    said = running.raw(request(b"Range: " + value, b"Connection: close", start=start))
    assert statuses(said) == [status]
    assert len(said) < 4 << 20
    assert not running.log


def test_a_flood_of_connections_keeps_nobody_out(running: Running) -> None:
    """Three hundred that say nothing, or half a line, and a reader among them."""
    idle = [socket.create_connection(("127.0.0.1", running.port), timeout=20) for _ in range(300)]
    try:
        for connection in idle[::2]:
            connection.sendall(b"GET / HT")
        assert running.get("/").status == 200
    finally:
        for connection in idle:
            connection.close()
