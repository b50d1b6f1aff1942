"""One HTTP exchange at a time: exactly what is sent, exactly what comes back, within bounds.

The library below follows no redirects, keeps content codings and adds no header of its own, so that the
request that a WARC records is the request that was sent. Transfer codings are removed, as WARC wants.
"""

from __future__ import annotations

import hashlib
import random
import re
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Mapping

import requests
import urllib3
from requests.adapters import HTTPAdapter

from archiver.collect.web.urls import origin_of, target_of
from archiver.core.clock import utc_now
from archiver.core.errors import FetchError, FetchTimeout, HostUnreachable, ResponseBroken
from archiver.core.printable import printable
from archiver.core.urlkey import Origin
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    import threading

_CHUNK = 1 << 16
_SPOOL = 1 << 20  # bytes of a body that stay in memory
_PATIENCE, _SLOWEST = 60.0, 1 << 10  # after so many seconds a body must have come at so many bytes a second
_RETRIED = frozenset({429, 500, 502, 503, 504})
_FOLD = re.compile(r"[\r\n]+[ \t]*")


@dataclass(frozen=True)
class FetchSettings:
    """How patiently to fetch. Times in seconds, sizes in bytes.

    Attributes:
        tries: how often a URL is asked for in all, where the server or the network fails.
        backoff: the wait before the second try; it doubles with every further one.
        longest_wait: the bound on a server's Retry-After.
        response_limit: bodies are cut here, and marked so.
    """

    tries: int = 3
    backoff: float = 1.0
    longest_wait: float = 120.0
    connect_timeout: float = 15.0
    read_timeout: float = 30.0
    response_limit: int = 1 << 30


@dataclass(frozen=True)
class Exchange:
    """One request and its response.

    Attributes:
        url: what was asked for.
        moment: when the request was sent.
        request_headers: every header sent, in order.
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


class _ExactAdapter(HTTPAdapter):
    """Sends the path as it is; requests would fold the slashes of ``//path`` into one."""

    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        url = super().request_url(request, proxies)
        return target_of(request.url) if url.startswith("/") and request.url else url


@dataclass
class Fetcher:
    """Fetches from one origin over one kept connection. Belongs to one thread.

    Proxies (except for loopback) and certificate bundles are taken from the environment as requests does;
    passwords in ``.netrc`` are not, because they would end up in the WARC.
    """

    user_agent: str
    settings: FetchSettings
    stop: threading.Event
    _session: requests.Session = field(default_factory=requests.Session, init=False)
    _environment: Mapping[str, object] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        adapter = _ExactAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def fetch(self, url: str, conditions: tuple[tuple[str, str], ...] = ()) -> Exchange | None:
        """Ask for a URL in canonical spelling, again where the server or the network fails.

        Args:
            url: the URL.
            conditions: further request headers (If-None-Match, If-Modified-Since).

        Returns:
            The last response, whatever its status; None where ``stop`` was set meanwhile.

        Raises:
            HostUnreachable, FetchTimeout, ResponseBroken: the last try had no usable response.
        """
        for attempt in range(1, self.settings.tries + 1):
            last = attempt == self.settings.tries
            wait = self.settings.backoff * 2 ** (attempt - 1) * random.uniform(1, 1.25)  # noqa: S311 - spreads retries
            try:
                exchange = self._once(url, conditions)
            except FetchError:
                if last:
                    raise
            else:
                if exchange is None or last or exchange.status not in _RETRIED:
                    return exchange
                exchange.body.close()
                wait = max(wait, min(_retry_after(exchange), self.settings.longest_wait))
            if self.stop.wait(wait):
                return None
        raise AssertionError("tries is at least one")

    def _once(self, url: str, conditions: tuple[tuple[str, str], ...]) -> Exchange | None:
        headers = (
            ("Host", origin_of(url).partition("://")[2]),
            ("User-Agent", self.user_agent),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip"),
            ("Connection", "keep-alive"),
            *conditions,
        )
        moment = utc_now()
        try:
            with self._send(url, headers) as response:
                return self._received(url, moment, headers, response.raw)
        except FetchError:
            raise
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise FetchTimeout("no answer within the time allowed", place=url) from error
        except requests.ConnectionError as error:
            if isinstance(error.args[0] if error.args else None, urllib3.exceptions.ProtocolError):
                raise ResponseBroken(f"the connection broke: {_reason(error)}", place=url) from error
            raise HostUnreachable(f"cannot connect: {_reason(error)}", place=url) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise ResponseBroken(f"the response is broken: {_reason(error)}", place=url) from error

    def _send(self, url: str, headers: tuple[tuple[str, str], ...]) -> requests.Response:
        if self._environment is None:  # of one origin, so once is enough
            self._environment = self._session.merge_environment_settings(url, {}, True, None, None)
        request = requests.Request("GET", url, headers=dict(headers)).prepare()
        request.url = url  # preparing undoes some escapes
        timeout = (self.settings.connect_timeout, self.settings.read_timeout)
        adapter = self._session.get_adapter(url)  # Session.send would read a redirect's body, decoded
        return adapter.send(
            request,
            stream=True,
            timeout=timeout,
            verify=self._environment["verify"],  # type: ignore[arg-type]  # what requests itself made
            proxies=None if Origin.of(url).is_loopback else self._environment["proxies"],  # type: ignore[arg-type]  # as above
        )

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
            for chunk in raw.stream(_CHUNK, decode_content=False):
                kept = chunk[: self.settings.response_limit - size]
                hasher.update(kept)
                with storage_errors(Path(tempfile.gettempdir())):
                    body.write(kept)
                size += len(kept)
                if len(kept) < len(chunk) or self.stop.is_set():
                    raw.close()  # what is left would otherwise be read to reuse the connection
                    break
                _check_pace(url, size, time.monotonic() - began)
            else:
                complete = True
            body.seek(0)
        except BaseException:
            body.close()
            raw.close()
            raise
        if not complete and self.stop.is_set():
            body.close()
            return None
        headers = archived_headers(tuple(raw.headers.items()), size, bodiless=raw.status in (204, 304))
        version = "HTTP/1.0" if raw.version == 10 else "HTTP/1.1"
        return Exchange(
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


def _check_pace(url: str, size: int, elapsed: float) -> None:
    if elapsed > _PATIENCE and size < _SLOWEST * elapsed:
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


def _retry_after(exchange: Exchange) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3); 0 without one."""
    value = exchange.header("Retry-After").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


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
