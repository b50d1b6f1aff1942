"""What servers do wrong, by name: each an answer for a RawSite, served as ``/docs/<name>``.

Where an answer has a page, the page links to ``<name>-reached``, so that a test sees whether it was read.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from servers.rawsite import Raw, Saying, Then, chunked, reply, wire

if TYPE_CHECKING:
    from servers.site import Asked

_OK, _HTML, _GZIP = "HTTP/1.1 200 OK", "Content-Type: text/html", "Content-Encoding: gzip"
_CHUNKED = "Transfer-Encoding: chunked"
_SMUGGLED = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"
# "<a href=brotli-reached>x</a>" as `brotli` packs it: stored, not compressed, with the window bits of 16.
_BROTLI = b"\x8b\r\x80<a href=brotli-reached>x</a>\x03"
_BLOCK = 16 << 20


def page(name: str) -> bytes:
    """Return a page that links to ``<name>-reached``."""
    return f"<!DOCTYPE html><title>{name}</title><p>The page {name}.<p><a href={name}-reached>x</a>".encode()


def gzip_bomb(size: int, content: bytes = b"\0") -> bytes:
    """Return a gzip file that unpacks to ``size`` bytes (a multiple of 16 MiB): the same again and again.

    The blocks are repeated as they were packed once; only the checksum at the end is not right, where no
    reader should ever get.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = (content * (_BLOCK // len(content) + 1))[:_BLOCK]
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + packed * (size // _BLOCK) + b"\x03\x00" + b"\0" * 8


def _wall(asked: Asked) -> Raw:
    """Send everyone without the cookie back to the same page, to fetch it."""
    if "met=1" in asked.headers.get("cookie", ""):
        return reply(page("cookie-wall"))
    return reply(b"", "Set-Cookie: met=1; Path=/", "Location: /docs/cookie-wall", status="302 Found")


def maze(asked: Asked) -> Raw:
    """Redirect for ever, to a new address each time: an answer for ``/docs/maze-N``."""
    number = int(asked.target.rpartition("-")[2])
    return reply(b"", f"Location: /docs/maze-{number + 1}", status="302 Found")


def _page(name: str, *lines: str | bytes, status: str | bytes = _OK, then: Then = Then.CLOSE) -> Raw:
    """Return a page with its right length behind header lines that are said to be wrong."""
    length = f"Content-Length: {len(page(name))}"
    return wire(status, _HTML, length, *lines, body=page(name), then=then)


def _gzipped(name: str, body: bytes, coding: str = "gzip") -> Raw:
    return wire(
        _OK, _HTML, f"Content-Encoding: {coding}", f"Content-Length: {len(body)}", body=body, then=Then.KEEP
    )


MISBEHAVIOURS: dict[str, Saying] = {
    # The body ends where it should not, or not at all.
    "drops-mid-body": wire(_OK, _HTML, "Content-Length: 1000", body=page("drops-mid-body")),
    "resets-mid-body": wire(_OK, _HTML, "Content-Length: 1000", body=b"<p>", then=Then.RESET),
    "length-too-small": wire(_OK, _HTML, "Content-Length: 10", body=b"<p>0123456" + _SMUGGLED, then=Then.KEEP),
    "length-behind-a-return": _page("length-behind-a-return", b"X-Return: a\rContent-Length: 3"),
    "two-lengths": wire(_OK, _HTML, "Content-Length: 8", "Content-Length: 9", body=b"<p>01234", then=Then.KEEP),
    "the-same-length-twice": _page(
        "the-same-length-twice", f"Content-Length: {len(page('the-same-length-twice'))}"
    ),
    "negative-length": wire(_OK, _HTML, "Content-Length: -5", body=page("negative-length")),
    "length-that-is-none": wire(_OK, _HTML, "Content-Length: long", body=page("length-that-is-none")),
    "length-without-end": wire(_OK, _HTML, "Content-Length: " + "9" * 5000, body=page("length-without-end")),
    "endless-body": wire(_OK, "Content-Type: application/zip", then=Then.FLOOD, more=b"endless " * 4096),
    "endless-page": wire(_OK, _HTML, _CHUNKED, then=Then.FLOOD, more=chunked(b"<p>endless " * 1000, end=b"")),
    "endless-chunk-header": wire(_OK, _HTML, _CHUNKED, then=Then.FLOOD, more=b"0" * 4096),
    "slow-drip": wire(_OK, _HTML, "Content-Length: 100000", then=Then.DRIP),
    "slow-headers": Raw(b"HTTP/1.1 200 OK\r\nX-Slow: ", Then.DRIP),
    # Chunked coding gone wrong.
    "chunk-size-that-is-none": wire(_OK, _HTML, _CHUNKED, body=b"zz\r\n<p>\r\n0\r\n\r\n", then=Then.KEEP),
    "negative-chunk": wire(_OK, _HTML, _CHUNKED, body=b"-5\r\n<p>ab\r\n0\r\n\r\n", then=Then.KEEP),
    "enormous-chunk": wire(_OK, _HTML, _CHUNKED, body=b"f" * 40 + b"\r\n<p>"),
    "chunks-without-end": wire(_OK, _HTML, _CHUNKED, body=chunked(b"<p>no end", end=b"")),
    "chunk-longer-than-it-says": wire(_OK, _HTML, _CHUNKED, body=b"3\r\n<p>abc\r\n0\r\n\r\n", then=Then.KEEP),
    "chunks-with-trailers": wire(
        _OK, _HTML, _CHUNKED, "Trailer: X-Late",
        body=chunked(page("chunks-with-trailers"), end=b"0;last=1\r\nX-Late: 1\r\n\r\n"), then=Then.KEEP,
    ),
    "chunked-and-a-length": wire(
        _OK, _HTML, _CHUNKED, "Content-Length: 3", body=chunked(page("chunked-and-a-length")), then=Then.KEEP
    ),
    "chunks-in-gzip-transfer": wire(
        _OK, _HTML, "Transfer-Encoding: gzip, chunked",
        body=chunked(gzip.compress(page("chunks-in-gzip-transfer"))), then=Then.KEEP,
    ),
    # Status lines and headers.
    "http-1.0-without-length": wire("HTTP/1.0 200 OK", _HTML, body=page("http-1.0-without-length")),
    "no-headers-at-all": Raw(b"HTTP/1.1 200 OK\r\n\r\n" + page("no-headers-at-all")),
    "bare-line-feeds": Raw(b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n" + page("bare-line-feeds")),
    "says-nothing": Raw(b""),
    "another-protocol": Raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "no-status": Raw(b"HTTP/1.1 OK\r\n\r\n" + page("no-status")),
    "http-2": Raw(b"HTTP/2 200\r\nContent-Length: 3\r\n\r\nabc"),
    "status-999": reply(b"go away", status="999 Request denied"),
    "reason-beyond-ascii": _page("reason-beyond-ascii", status="HTTP/1.1 200 Schön \x1b[31m中"),
    "continue-first": Raw(
        b"HTTP/1.1 100 Continue\r\nX-Junk: 1\r\n\r\n" * 3 + reply(page("continue-first")).data, Then.KEEP
    ),
    "early-hints-first": Raw(
        b"HTTP/1.1 103 Early Hints\r\nLink: </docs/early.css>; rel=preload\r\n\r\n"
        + reply(page("early-hints-first")).data,
        Then.KEEP,
    ),
    "endless-interim-answers": Raw(b"", Then.FLOOD, b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "switches-protocols": Raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + page("x")),
    "204-with-a-body": wire("HTTP/1.1 204 No Content", "Content-Length: 8", body=b"smuggled", then=Then.KEEP),
    "205-with-a-body": reply(page("205-with-a-body"), status="205 Reset Content"),
    "304-unasked": wire("HTTP/1.1 304 Not Modified", 'ETag: "1"', then=Then.KEEP),
    "206-unasked": reply(b"<p>abc", "Content-Range: bytes 0-5/100", status="206 Partial Content"),
    "content-range-nonsense": _page("content-range-nonsense", "Content-Range: bytes 900-5/3", then=Then.KEEP),
    "huge-header": _page("huge-header", "X-Huge: " + "h" * 200_000),
    "thousands-of-headers": _page("thousands-of-headers", *(f"X-{number}: 1" for number in range(5000))),
    "big-headers": _page("big-headers", *(f"X-{number}: {'h' * 500}" for number in range(60)), then=Then.KEEP),
    "endless-headers": Raw(b"HTTP/1.1 200 OK\r\n", Then.FLOOD, b"X-More: 1\r\n" * 100),
    "folded-headers": _page("folded-headers", "X-Folded: a\r\n b\r\n\tc", then=Then.KEEP),
    "injected-headers": _page(
        "injected-headers",
        b"X-Return: a\rX-Inside: 3\rSet-Cookie: b=1",
        b"X-Nul: a\0b",
        b"X-Latin: caf\xe9 \x85 \xff",
        "X-Escape: \x1b]0;owned\x07",
        "X-Unicode: 中\u2028\u2029x\v\fy",
        then=Then.KEEP,
    ),
    "a-line-that-is-no-header": _page("a-line-that-is-no-header", "this is no header"),
    "a-name-with-blanks": _page("a-name-with-blanks", "X Bad Name : 1", then=Then.KEEP),
    "an-empty-name": _page("an-empty-name", ": nameless", then=Then.KEEP),
    # Redirects.
    "redirects-to-itself": reply(b"", "Location: redirects-to-itself", status="302 Found"),
    "redirects-in-a-loop": reply(b"", "Location: loop-b", status="301 Moved Permanently"),
    "loop-b": reply(b"", "Location: redirects-in-a-loop", status="308 Permanent Redirect"),
    "cookie-wall": _wall,
    "redirects-nowhere": reply(b"", status="302 Found"),
    "redirects-to-nonsense": reply(b"", "Location: http://[::bad/", status="302 Found"),
    "redirects-with-injection": wire(
        "HTTP/1.1 302 Found", b"Location: /docs/a\r b\0\x1b\xff", "Content-Length: 0", then=Then.KEEP
    ),
    "redirects-to-a-script": reply(b"", "Location: javascript:alert(1)", status="302 Found"),
    # For a moment only.
    "busy-then-fine": [reply(b"later", "Retry-After: 0", status="429 Too Many Requests"), reply(page("busy-then-fine"))],
    "down-then-fine": [reply(b"later", status="503 Service Unavailable"), reply(page("down-then-fine"))],
    "dropped-then-fine": [Raw(b""), reply(page("dropped-then-fine"))],
    # Content.
    "bad-charset": reply(page("bad-charset"), type_="text/html; charset=no-such-thing"),
    "bad-type": reply(page("bad-type"), type_="text/html; ;; =; charset"),
    "bytes-that-are-no-text": reply(bytes(range(256)) * 40 + page("bytes-that-are-no-text")),
    "bad-gzip": _gzipped("bad-gzip", page("bad-gzip")),
    "cut-gzip": _gzipped("cut-gzip", gzip.compress(page("cut-gzip") + bytes(range(256)) * 99)[:-400]),
    "gzip-with-garbage-behind": _gzipped("x", gzip.compress(page("gzip-with-garbage-behind")) + b"garbage" * 9),
    "gzip-of-two-members": _gzipped("x", gzip.compress(b"<p>" * 9) + gzip.compress(page("gzip-of-two-members"))),
    "gzip-twice": _gzipped("x", gzip.compress(gzip.compress(page("gzip-twice"))), "gzip, gzip"),
    "deflate": _gzipped("x", zlib.compress(page("deflate")), "deflate"),
    "raw-deflate": _gzipped("x", zlib.compress(page("raw-deflate"), wbits=-15), "deflate"),
    "brotli": _gzipped("x", _BROTLI, "br"),
    "unknown-coding": _gzipped("x", page("unknown-coding"), "x-nonsense"),
}  # fmt: skip
