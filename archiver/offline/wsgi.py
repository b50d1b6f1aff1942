"""Requests and replies: the little that the server's parts need to know of WSGI (PEP 3333).

A request is checked once, here: method, target and Host are well-formed or the answer is a plain 4xx.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Callable, Iterable, Iterator, Mapping, Union
from urllib.parse import parse_qs, urlsplit

from archiver.core import jsontext

Headers = tuple[tuple[str, str], ...]
Body = Union[bytes, Iterator[bytes]]
Environ = Mapping[str, Any]
StartResponse = Callable[..., Any]
SANDBOX: Headers = (
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)
"""For strangers' bytes on the landing page's origin: whatever a browser takes them for, they speak for nobody."""
LOCAL_ADDRESS = "archiver.local_address"
"""In the environment of a request: the IP address that the connection came in by."""

_LABEL = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_HOST = re.compile(
    rf"\A(?:(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?|\[(?P<v6>[0-9A-Fa-f:.]{{2,45}})\])(?::(?P<port>[0-9]{{1,5}}))?\Z"
)
_MOST_AUTHORITY = 300  # characters of a host and its port
_MOST_HOST = 253  # characters of a host name (RFC 1035 section 2.3.4)
_TARGET = re.compile(r"\A[\x21-\x7e]{1,16000}\Z")
_HEADER_NAME = re.compile(r"\A[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_HEADER_VALUE = re.compile(r"\A[\t\x20-\x7e\x80-\xff]{0,8000}\Z")
_MOST_PARAMETERS = 20
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Host:
    """What the client calls this server.

    Attributes:
        name: in lowercase, without a dot at its end; an IPv6 address in brackets, in its short form.
        port: as written, or 0.
    """

    name: str
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Host | None:
        """Read a Host header; None where it is malformed."""
        match = _HOST.match(text)
        port = int(match["port"] or 0) if match else 0
        if match is None or port > 65535 or len(match["name"] or "") > _MOST_HOST:
            return None
        if match["name"]:
            return cls(match["name"].lower(), port)
        try:
            return cls(f"[{IPv6Address(match['v6'])}]", port)
        except AddressValueError:
            return None


@dataclass(frozen=True)
class Caller:
    """How a reader reaches this server, which is what all addresses that are told to them go by.

    Attributes:
        host: what they call it.
        scheme: ``http`` or ``https``.
        port: the local port that the connection came in by.
        address: the local IP address that it came in by, where that is known.
        prefix: the path below which a reverse proxy shows the main site, without a final slash; else empty.
    """

    host: Host
    scheme: str = "http"
    port: int = 0
    address: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class Request:
    """A well-formed request.

    ``path`` is as the client wrote it, percent-escapes kept, and begins with a slash; ``caller`` is how they
    reached this server.
    """

    method: str
    path: str
    query: str
    caller: Caller
    environ: Environ

    @property
    def is_read(self) -> bool:
        """Whether the method is GET or HEAD, the only ones that anything here answers."""
        return self.method in ("GET", "HEAD")

    @property
    def target(self) -> str:
        """The path with the query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def header(self, name: str) -> str:
        """Return a header's value, empty where the client sent none."""
        return str(self.environ.get(_environ_name(name), ""))

    def parameter(self, name: str) -> str:
        """Return the first value of a query parameter, decoded; empty where there is none."""
        try:
            found = parse_qs(self.query, max_num_fields=_MOST_PARAMETERS, errors="replace").get(name)
        except ValueError:  # more parameters than anybody needs
            found = None
        return found[0] if found else ""


@dataclass(frozen=True)
class Reply:
    """A response. A body that is an iterator is closed by whoever sends it, sent or not."""

    status: int
    headers: Headers = ()
    body: Body = b""

    def with_headers(self, *more: tuple[str, str]) -> Reply:
        """Return the reply with headers added."""
        return Reply(self.status, self.headers + more, self.body)


@lru_cache(maxsize=256)  # readers ask for more than one page
def _caller(host: str, scheme: str, port: int, address: str) -> Caller | None:
    """Return how a request came here; None where the host is malformed."""
    called = Host.parse(host)
    return Caller(called, scheme, port, address) if called else None


@lru_cache(maxsize=128)  # of names that this program asks for
def _environ_name(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def read_request(environ: Environ) -> Request | Reply:
    """Check what came in; where it is malformed return the refusal.

    Source: RFC 9112 sections 3.2 (request target, Host) and 3.2.2 (absolute form).
    """
    target = str(environ.get("REQUEST_URI") or environ.get("PATH_INFO") or "/")
    host_text = str(environ.get("HTTP_HOST", ""))
    if not _TARGET.match(target):
        return plain(400, "malformed request target")
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return plain(400, "malformed request target")
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return plain(400, "malformed request target")
        host_text = parts.netloc
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    local_port = int(environ.get("SERVER_PORT") or 0)
    if not host_text and environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        host_text = f"127.0.0.1:{local_port}"
    if len(host_text) > _MOST_AUTHORITY:
        return plain(400, "missing or malformed Host")
    scheme, address = str(environ.get("wsgi.url_scheme", "http")), str(environ.get(LOCAL_ADDRESS, ""))
    caller = _caller(host_text, scheme, local_port, address)
    if caller is None:
        return plain(400, "missing or malformed Host")
    path, _, query = target.partition("#")[0].partition("?")
    return Request(str(environ.get("REQUEST_METHOD", "")), path, query, caller, environ)


def send(reply: Reply, method: str, start_response: StartResponse) -> Iterable[bytes]:
    """Hand a reply to the WSGI server. HEAD gets the headers only."""
    phrase = _PHRASES.get(reply.status, "Archived")
    headers = [pair for pair in reply.headers if is_safe_header(*pair)]
    if isinstance(reply.body, bytes):
        if not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(reply.body))))
        start_response(f"{reply.status} {phrase}", headers)
        return () if method == "HEAD" else (reply.body,)
    start_response(f"{reply.status} {phrase}", headers)
    if method == "HEAD":
        close_body(reply)
        return ()
    return reply.body


def close_body(reply: Reply) -> None:
    """Release what an unsent body holds open."""
    close = getattr(reply.body, "close", None)
    if close is not None:
        close()


def is_safe_header(name: str, value: str) -> bool:
    """Say whether a header can be sent: captured ones come from strangers."""
    return _HEADER_NAME.match(name) is not None and _HEADER_VALUE.match(value) is not None


def plain(status: int, message: str, *headers: tuple[str, str]) -> Reply:
    """Return a one-line text reply."""
    content = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    return Reply(status, content + headers, f"{message}\n".encode())


def json_reply(document: Any, policy: Headers, status: int = 200) -> Reply:
    """Return a document as JSON, not to be kept; ``policy`` says what a browser may take it for."""
    headers = (("Content-Type", "application/json"), ("Cache-Control", "no-cache"))
    return Reply(status, headers + policy, jsontext.dump(document))


def method_not_allowed() -> Reply:
    """Return the refusal of anything but GET and HEAD (RFC 9110 section 15.5.6)."""
    return plain(405, "only GET and HEAD are answered here", ("Allow", "GET, HEAD"))
