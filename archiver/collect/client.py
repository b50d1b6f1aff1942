"""HTTP for registries and downloads: one exchange at a time, with every failure an error of the tree.

Redirects are followed here and not by ``requests``, so that credentials go to the origin they are for
and nowhere else (an S3 or CDN address that a registry sends blobs from must not see them).
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import responses
from typing import TYPE_CHECKING, Generator, Iterator, Mapping
from urllib.parse import urljoin

import requests
import urllib3
from requests.auth import AuthBase

from archiver.collect.connections import Connections
from archiver.collect.contentlength import content_length
from archiver.collect.tls import TrustingAdapter, system_context, tls_error
from archiver.collect.watchdog import Watchdog
from archiver.core.errors import (
    FetchError,
    FetchTimeout,
    HostUnreachable,
    InvalidURL,
    ResponseBroken,
    ServerBusy,
    SpecError,
    StatusRefused,
)
from archiver.core.printable import printable
from archiver.core.retryafter import retry_after
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from archiver.collect.retry import Brake, Patience
    from archiver.collect.tls import TlsPolicy

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 8
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_RECEIVED = 112 << 10  # bytes at a time; larger ones cost an mmap each, however little comes (TLS: 16 KiB)
_SHORT = 16 << 10  # bytes
_MOST_WORDS = 200  # characters of a server's own that go into a message
_DIRECT = {"http": "", "https": ""}  # no proxy


class Client:
    """Sends requests. May be used by several threads; close it, or use it as a context manager.

    Proxies come from the environment, except for loopback. ``~/.netrc`` is not read.

    Args:
        user_agent: what to call ourselves.
        patience: time limits.
        brake: ends transfers early.
    """

    def __init__(self, user_agent: str, patience: Patience, brake: Brake) -> None:
        self._user_agent, self._patience, self._brake = user_agent, patience, brake
        self._local = threading.local()
        self._lines: list[_Line] = []
        self._aborted = False
        self._watchdog = Watchdog(patience.exchange)
        self._system: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._watchdog.close()
        with self._lock:
            for line in self._lines:
                line.session.close()
            self._lines.clear()

    def abort(self) -> None:
        """Pull the brake, and end what is under way in other threads.

        They get an error or Stopped at once, however silent a server is; only looking a name up and
        waiting for a host that takes no connection keep their own time limits.
        """
        self._brake.pull()
        with self._lock:
            self._aborted = True
            for line in self._lines:
                line.connections.abort()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        authorization: str = "",
        form: Mapping[str, str] | None = None,
        tls: TlsPolicy | None = None,
    ) -> requests.Response:
        """Send a request and follow redirects; return the answer, whatever its status, body unread.

        The caller closes the response.

        Args:
            method: GET, HEAD or POST.
            url: an absolute address.
            headers: further ones.
            authorization: the value of the Authorization header; it goes to the URL's own origin only.
            form: what to POST.
            tls: whose certificates to trust, where it is not the system's authorities alone.

        Raises:
            FetchError: or a subclass, where there is no answer; ``place`` is the URL.
            Stopped: the run is to end.
        """
        origin = _origin(url)
        for hop in range(_MOST_REDIRECTS):
            self._brake.check()
            allowed = authorization if _origin(url) == origin else ""
            with _fetch_errors(url, answered=hop > 0):
                response = self._send(
                    method, url, headers=headers or {}, authorization=allowed, form=form, tls=tls
                )
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or target is None:
                return response
            self.discard(response)
            target = _joined(url, _utf8(target))
            if _origin(url).scheme == "https" and _origin(target).scheme != "https":
                raise FetchError(f"redirects from https to plain http: {_shown(target)}", place=url)
            if method == "POST":
                raise FetchError(f"answers a POST with a redirect to {_shown(target)}", place=url)
            url = target
        raise FetchError(f"more than {_MOST_REDIRECTS} redirects", place=url)

    def open(self, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """GET a URL and return the answer, which has status 200 (or 304 if the headers ask for that).

        Raises:
            FetchError: as ``exchange``.
            ServerBusy, StatusRefused: any other status.
        """
        response = self.exchange("GET", url, headers=headers)
        if response.status_code not in (200, 304):
            with response:
                raise refusal(response)
        return response

    def chunks(self, response: requests.Response, *, decode: bool = False) -> Generator[bytes, None, None]:
        """Yield a response's body and close it.

        Args:
            response: the answer.
            decode: undo a Content-Encoding (which was not asked for).

        Raises:
            ResponseBroken: it ends early or breaks HTTP's framing.
            FetchTimeout: the server fell silent, or sends too slowly.
            Stopped: the run is to end.
        """
        elapsed, received = 0.0, 0
        # One context for the body, not one a chunk: those may be many and small.
        with _fetch_errors(response.url, answered=True), response:
            while True:
                self._brake.check()
                began = time.monotonic()
                # read1: what there is, for the sake of brake and pace
                chunk = response.raw.read1(_RECEIVED, decode_content=decode)
                if not chunk:
                    self._brake.check()  # aborting ends a body as well
                    return
                elapsed += time.monotonic() - began  # the receiver's own time is not the server's
                received += len(chunk)
                if self._patience.is_too_slow(received, elapsed):
                    slow = FetchTimeout(f"the server sends too slowly ({received} bytes)", place=response.url)
                    slow.answered = True
                    raise slow
                yield chunk

    def body(self, response: requests.Response, limit: int) -> bytes:
        """Return a small body whole, up to ``limit`` bytes and one more, so that the caller sees an excess.

        Raises:
            FetchError: as ``chunks``.
        """
        data = bytearray()
        with closing(self.chunks(response, decode=True)) as chunks:
            for chunk in chunks:
                data += chunk
                if len(data) > limit:
                    break
        return bytes(data[: limit + 1])

    def discard(self, response: requests.Response) -> None:
        """Finish with an answer whose body does not matter; a short one is read, which frees the connection."""
        length = 0 if response.request.method == "HEAD" else content_length(response.headers)
        with response, suppress(FetchError):
            if length is not None and length <= _SHORT:
                self.body(response, _SHORT)

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        authorization: str,
        form: Mapping[str, str] | None,
        tls: TlsPolicy | None,
    ) -> requests.Response:
        line = self._line(tls)
        with self._watchdog.watching(line.connections) as watch:
            try:
                response = line.session.request(
                    method,
                    url,
                    headers=headers,
                    auth=_Authorization(authorization),
                    data=form,
                    proxies=_DIRECT if _origin(url).is_loopback else None,
                    timeout=(self._patience.connect, self._patience.read),
                    allow_redirects=False,
                    stream=True,
                )
            except OSError:
                if not watch.over:
                    raise
        if not watch.over:
            return response
        self._drop(tls, line)  # its connections are shut, those to come too
        raise FetchTimeout("the server did not answer in time", place=url)

    def _line(self, tls: TlsPolicy | None) -> _Line:
        """Return this thread's own."""
        lines: dict[TlsPolicy | None, _Line] = self._local.__dict__.setdefault("lines", {})
        line = lines.get(tls)
        if line is None:
            line = lines[tls] = _Line(_Session(), Connections())
            context = tls.context if tls is not None else self._context
            adapter = TrustingAdapter(line.connections, context)
            for scheme in ("http://", "https://"):
                line.session.mount(scheme, adapter)
            # identity: what is hashed and counted is what the server holds
            line.session.headers.update({"User-Agent": self._user_agent, "Accept-Encoding": "identity"})
            with self._lock:
                self._lines.append(line)
                if self._aborted:
                    line.connections.abort()
        return line

    def _drop(self, tls: TlsPolicy | None, line: _Line) -> None:
        del self._local.lines[tls]
        with self._lock:
            self._lines.remove(line)
        line.session.close()

    def _context(self, _host: str) -> ssl.SSLContext:
        with self._lock:
            if self._system is None:
                try:
                    self._system = system_context()
                except SpecError as error:  # what the environment names is no part of a spec
                    raise FetchError(error.message, place=error.place) from error
            return self._system


def refusal(response: requests.Response, detail: str = "") -> FetchError:
    """Return the error that an answer's status means: ServerBusy where asking later may help."""
    status = response.status_code
    reason = _shown(response.reason or responses.get(status, ""))
    message = f"HTTP {status} {reason}".rstrip() + (f": {detail}" if detail else "")
    if status in _BUSY:
        return ServerBusy(
            message, place=response.url, wait=retry_after(response.headers.get("Retry-After", ""))
        )
    return StatusRefused(message, place=response.url)


def _shown(text: str) -> str:
    return printable(text, _MOST_WORDS)


@dataclass(frozen=True)
class _Line:
    """A session of one thread, and the connections that it has."""

    session: requests.Session
    connections: Connections


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - requests' own signature
        """Know of no redirects: requests would read their bodies, however long, even where told not to follow."""
        return None


class _Authorization(AuthBase):
    """Sets the header given, or none. Being there keeps requests from reading ~/.netrc."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value:
            request.headers["Authorization"] = self._value
        return request


def _origin(url: str) -> Origin:
    try:
        return Origin.of(url)
    except InvalidURL as error:
        raise FetchError(f"not an http or https address: {_shown(url)}") from error


def _joined(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError as error:
        raise FetchError(f"redirects to what is no address: {_shown(target)}", place=base) from error


def _utf8(header: str) -> str:
    """Undo the latin-1 that headers are read as, where a server wrote raw UTF-8 into one."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


@contextmanager
def _fetch_errors(url: str, *, answered: bool) -> Iterator[None]:
    """Turn what requests and urllib3 raise into the tree's errors. Never let an OSError out: the store takes it for its own."""
    try:
        yield
    except (OSError, urllib3.exceptions.HTTPError) as error:  # what requests raises is an OSError
        failure = _failure(error, url)
        failure.answered = answered
        raise failure from error


def _failure(error: Exception, url: str) -> FetchError:
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.SSLError)):
        return tls_error(error, url) or HostUnreachable(f"cannot connect: {_reason(error)}", place=url)
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return FetchTimeout("the server did not answer in time", place=url)
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.HTTPError)):
        return ResponseBroken(f"the response broke off: {_shown(str(error))}", place=url)
    if isinstance(error, requests.ConnectionError):
        if error.args and isinstance(error.args[0], urllib3.exceptions.ProtocolError):
            return ResponseBroken("the server closed the connection without an answer", place=url)
        return HostUnreachable(f"cannot connect: {_reason(error)}", place=url)
    return FetchError(_shown(str(error)), place=url)


def _reason(error: requests.ConnectionError) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "no answer within the time allowed"
    cause: object = error.args[0] if error.args else error
    cause = getattr(cause, "reason", None) or cause
    text = str(cause).partition(": ")[2] or str(cause)  # urllib3 puts the connection's repr in front
    return _shown(text)
