"""One HTTP exchange at a time: exactly what is sent, exactly what comes back, within bounds.

The library below follows no redirects, keeps content codings and adds no header of its own, so that the
request that a WARC records is the request that was sent. Transfer codings are removed, as WARC wants.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Mapping

import requests
import urllib3
from requests.utils import select_proxy

from archiver.collect.connections import Connections, WatchedAdapter
from archiver.collect.web.addresses import addresses_of
from archiver.collect.web.credentials import NO_CREDENTIALS
from archiver.collect.web.pace import FIRST_PAUSE, LONGEST_PAUSE
from archiver.collect.web.urls import origin_of, target_of
from archiver.core.clock import utc_now
from archiver.core.errors import FetchError, FetchTimeout, HostUnreachable, ResponseBroken
from archiver.core.printable import printable
from archiver.core.urlkey import Origin
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    import socket
    import threading
    from datetime import datetime

    from archiver.collect.watchdog import Watchdog
    from archiver.collect.web.addresses import AddressPolicy
    from archiver.collect.web.credentials import Credentials, Proxy

_CHUNK = 1 << 16
_SPOOL = 1 << 20  # bytes of a body that stay in memory
_PROXY_HINT = "http_proxy, https_proxy and all_proxy want http://host:port; SOCKS is not supported"
_PROXY_REFUSES = "the proxy wants a user name and password, or refuses those that it got"
_NO_CONNECTION = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.ProxyError,
)
_FOLD = re.compile(r"[\r\n]+[ \t]*")


@dataclass(frozen=True)
class FetchSettings:
    """How patiently to fetch. Times in seconds, sizes in bytes.

    Attributes:
        tries: how often a URL is asked for in all, where the server or the network fails.
        backoff: the wait before the second try; it doubles with every further one.
        longest_wait: the bound on the time for which a server may ask to be left alone.
        warm_up: for how long a body may come at any pace.
        slowest: the bytes a second that must have come on average after that.
        longest: how long a response may take in all, from connecting to its last byte.
        response_limit: bodies are cut here, and marked so.
    """

    tries: int = 3
    backoff: float = FIRST_PAUSE
    longest_wait: float = LONGEST_PAUSE
    connect_timeout: float = 15.0
    read_timeout: float = 30.0
    warm_up: float = 60.0
    slowest: float = 1000.0
    longest: float = 3600.0
    response_limit: int = 1 << 30


@dataclass(frozen=True)
class Exchange:
    """One request and its response.

    Attributes:
        url: what was asked for.
        moment: when the request was sent.
        request_headers: every header sent, in order; what must not be written down is withheld.
        version: ``HTTP/1.0`` or ``HTTP/1.1``.
        headers: the response's, in the form in which they are archived: transfer coding renamed,
            Content-Length as the body has it.
        body: the payload, content coding kept; positioned at its begin. The receiver closes it.
        size: the payload's length in bytes.
        digest: its sha256, ``sha256:…``.
        truncated: whether the body was cut at the limit.
    """

    url: str
    moment: datetime
    request_headers: tuple[tuple[str, str], ...]
    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: IO[bytes]
    size: int
    digest: str
    truncated: bool = False

    def header(self, name: str) -> str:
        """Return a response header's first value, or an empty string."""
        return header_value(self.headers, name)


def header_value(headers: tuple[tuple[str, str], ...], name: str) -> str:
    """Return the first value of a header, or an empty string."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), "")


class _CheckedConnections(Connections):
    """Looks at where a new connection has led, before anything is sent: names may change their addresses."""

    def __init__(self, policy: AddressPolicy) -> None:
        super().__init__()
        self._policy = policy
        self.host = ""

    def add(self, connected: socket.socket) -> None:
        if self.host:
            self._policy.check(self.host, (str(connected.getpeername()[0]),))
        super().add(connected)


class _Adapter(WatchedAdapter):
    """Gives a proxy the password that was kept apart from its address, besides those that have one in it."""

    def __init__(self, connections: Connections, proxy: Proxy | None) -> None:
        self._proxy = proxy
        super().__init__(connections)

    def proxy_headers(self, proxy: str) -> dict[str, str]:  # requests' hook
        if self._proxy is not None and self._proxy.authorization:
            return {"Proxy-Authorization": self._proxy.authorization}
        headers: dict[str, str] = super().proxy_headers(proxy)
        return headers


@dataclass(frozen=True)
class _Route:
    """How an origin is reached.

    Attributes:
        host: whose address is checked; empty where a proxy does the connecting.
        pool: the kept connections, as requests sets them up for proxies and certificates.
        whole: whether the request line has the whole URL, as a proxy wants it.
    """

    host: str
    pool: urllib3.HTTPConnectionPool
    whole: bool


class Fetcher:
    """Fetches from one origin over one kept connection. Belongs to one thread.

    Certificate bundles, and proxies where the site has none of its own, are taken from the environment as
    requests does; passwords in ``.netrc`` are not. Loopback is spoken to without a proxy.

    How to reach an origin is left to requests; the exchanges themselves go to urllib3, on which requests
    rests, because what requests does with each of them in between takes longer than the exchange.

    Args:
        user_agent: sent with every request.
        settings: timeouts and limits.
        stop: set from outside to end early.
        policy: where connections may lead to.
        watchdog: ends what takes too long.
        credentials: what the site's own origins are told besides.
        proxy: the site's own proxy, if it has one.
    """

    def __init__(
        self,
        user_agent: str,
        settings: FetchSettings,
        stop: threading.Event,
        policy: AddressPolicy,
        watchdog: Watchdog,
        *,
        credentials: Credentials = NO_CREDENTIALS,
        proxy: Proxy | None = None,
    ) -> None:
        self._user_agent, self._settings, self._stop, self._policy = user_agent, settings, stop, policy
        self._watchdog, self._credentials, self._proxy = watchdog, credentials, proxy
        self._timeout = urllib3.Timeout(settings.connect_timeout, settings.read_timeout)
        self._open()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def fetch(self, url: str, conditions: tuple[tuple[str, str], ...] = ()) -> Exchange | None:
        """Ask for a URL in canonical spelling, once.

        A server that drips its headers, or the frame around its chunks, lets no code here run; so
        the watchdog shuts the socket, which ends any waiting for it.

        Args:
            url: the URL.
            conditions: further request headers (If-None-Match, If-Modified-Since).

        Returns:
            The response, whatever its status; None where ``stop`` was set meanwhile.

        Raises:
            HostUnreachable, FetchTimeout, ResponseBroken: there was no usable response.
            PrivateAddress: the host is none that may be asked.
            SecretEchoed: the response must not be written down.
        """
        exchange: Exchange | None = None
        with self._watchdog.watching(self._connections) as watch:
            try:
                exchange = self._tried(url, conditions)
            except FetchError:
                if not watch.over:
                    raise
        if watch.over:
            self.close()
            self._open()
            if exchange is not None:  # cut, but without a length nobody could tell
                exchange.body.close()
            raise FetchTimeout("the response took longer than allowed", place=url)
        return exchange

    def _open(self) -> None:
        self._connections = _CheckedConnections(self._policy)
        self._session = requests.Session()
        self._adapter = _Adapter(self._connections, self._proxy)
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)
        self._routes: dict[str, _Route] = {}

    def _tried(self, url: str, conditions: tuple[tuple[str, str], ...]) -> Exchange | None:
        headers = (
            ("Host", origin_of(url).partition("://")[2]),
            ("User-Agent", self._user_agent),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip"),
            ("Connection", "keep-alive"),
            *conditions,
            *self._credentials.headers_for(origin_of(url)),
        )
        moment = utc_now()
        route = self._route(url)
        self._connections.host = route.host
        try:
            response = route.pool.urlopen(
                "GET",
                url if route.whole else target_of(url),
                headers=dict(headers),
                timeout=self._timeout,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                if route.whole and response.status == 407:
                    raise HostUnreachable(_PROXY_REFUSES, place=url)
                return self._received(url, moment, self._credentials.recorded(headers), response)
            finally:
                response.release_conn()
        except _NO_CONNECTION as error:
            raise HostUnreachable(f"cannot connect: {_reason(error)}", place=url) from error
        except urllib3.exceptions.TimeoutError as error:
            raise FetchTimeout("no answer within the time allowed", place=url) from error
        except urllib3.exceptions.ProtocolError as error:
            raise ResponseBroken(f"the connection broke: {_reason(error)}", place=url) from error
        except urllib3.exceptions.HTTPError as error:
            raise ResponseBroken(f"the response is broken: {_reason(error)}", place=url) from error

    def _route(self, url: str) -> _Route:
        """Return how a URL is reached. Raises PrivateAddress where it must not be."""
        name = origin_of(url)
        known = self._routes.get(name)
        if known is not None:
            return known
        origin = Origin.of(url)
        environment: Mapping[str, Any] = self._session.merge_environment_settings(url, {}, True, None, None)
        proxies = {} if origin.is_loopback else self._proxies(environment)
        proxied = select_proxy(url, proxies) is not None
        if proxied:
            self._policy.check_name(origin.host)
        else:
            self._policy.check(origin.host, addresses_of(origin.host))
        request = requests.Request("GET", f"{name}/").prepare()
        verify = environment["verify"]
        try:
            pool = self._adapter.get_connection_with_tls_context(request, verify, proxies=proxies)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, TypeError):
            # what the library says has the proxy's address in it, perhaps with a password
            raise HostUnreachable(
                "the proxy that the environment names cannot be used", place=url, hint=_PROXY_HINT
            ) from None
        self._adapter.cert_verify(pool, request.url, verify, None)  # type: ignore[no-untyped-call]  # types-requests lacks it
        whole = not self._adapter.request_url(request, proxies).startswith("/")
        route = self._routes[name] = _Route("" if proxied else origin.host, pool, whole)
        return route

    def _proxies(self, environment: Mapping[str, Any]) -> Mapping[str, str]:
        if self._proxy is not None:
            return {"http": self._proxy.url, "https": self._proxy.url}
        proxies: Mapping[str, str] = environment["proxies"]
        return proxies

    def _received(
        self,
        url: str,
        moment: datetime,
        sent: tuple[tuple[str, str], ...],
        raw: urllib3.BaseHTTPResponse,
    ) -> Exchange | None:
        body: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115 - the receiver closes it
        hasher, size, began, complete = hashlib.sha256(), 0, time.monotonic(), False
        try:
            # read1 hands on what has come, so that neither a slow server nor ``stop`` waits for a whole chunk
            while chunk := raw.read1(_CHUNK, decode_content=False):
                kept = chunk[: self._settings.response_limit - size]
                hasher.update(kept)
                with storage_errors(Path(tempfile.gettempdir())):
                    body.write(kept)
                size += len(kept)
                if len(kept) < len(chunk) or self._stop.is_set():
                    raw.close()  # what is left would otherwise be read to reuse the connection
                    break
                self._check_pace(url, size, time.monotonic() - began)
            else:
                complete = True
            body.seek(0)
        except BaseException:
            body.close()
            raw.close()
            raise
        if not complete and self._stop.is_set():
            body.close()
            return None
        headers = archived_headers(tuple(raw.headers.items()), size, bodiless=raw.status in (204, 304))
        version = "HTTP/1.0" if raw.version == 10 else "HTTP/1.1"
        exchange = Exchange(
            url,
            moment,
            sent,
            version,
            raw.status,
            _FOLD.sub(" ", raw.reason or ""),
            headers,
            body,
            size,
            f"sha256:{hasher.hexdigest()}",
            not complete,
        )
        try:
            return self._credentials.cleared(exchange)
        except BaseException:
            body.close()
            raise

    def _check_pace(self, url: str, size: int, elapsed: float) -> None:
        if elapsed > self._settings.warm_up and size < self._settings.slowest * elapsed:
            raise FetchTimeout("the server sends too slowly", place=url)


def archived_headers(
    headers: tuple[tuple[str, str], ...], size: int, *, bodiless: bool
) -> tuple[tuple[str, str], ...]:
    """Return response headers as a WARC record has them.

    Args:
        headers: as received.
        size: the payload's length in bytes.
        bodiless: whether the status allows no body; Content-Length, if any, then speaks of another response.
    """
    kept: list[tuple[str, str]] = []
    for raw_name, raw_value in headers:
        name, value = _FOLD.sub(" ", raw_name), _FOLD.sub(" ", raw_value)
        lowered = name.lower()
        if lowered == "transfer-encoding":
            kept.append((f"X-Orig-{name}", value))
        elif lowered != "content-length" or bodiless:
            kept.append((name, value))
    if not bodiless:
        kept.append(("Content-Length", str(size)))
    return tuple(kept)


def _reason(error: BaseException) -> str:
    """Return the innermost message of a chain of library errors: the part that tells something."""
    cause: BaseException = error
    for _ in range(8):
        inner = getattr(cause, "reason", None) or next(
            (a for a in cause.args if isinstance(a, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        cause = inner
    return printable(str(cause) or type(cause).__name__, 200)
