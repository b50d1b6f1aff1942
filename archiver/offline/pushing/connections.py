"""Connections to a registry and to where it sends us: TLS, proxies of the environment, and keeping them.

Source: RFC 9112, section 9; proxies as Python's urllib takes them from the environment.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from archiver.core.errors import CertificateRefused, HostUnreachable, Stopped, TlsMissing, UsageError
from archiver.core.printable import printable
from archiver.core.urlkey import Origin
from archiver.offline.pushing.answer import shown_url

if TYPE_CHECKING:
    from pathlib import Path

_MOST_WORDS = 200
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE"})


@dataclass(frozen=True)
class Trust:
    """Whose certificates are taken for good: the system's authorities and one's own, or anybody's."""

    ca: Path | None = None
    verify: bool = True

    def contexts(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """Return what to speak TLS with to the registry, and to other hosts that it sends us to.

        Raises:
            UsageError: the authority's certificate cannot be read.
        """
        return self._context(verify=self.verify), self._context(verify=True)

    def _context(self, *, verify: bool) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.ca is not None:
            try:
                context.load_verify_locations(cafile=str(self.ca))
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                words = getattr(error, "strerror", None) or str(error)
                raise UsageError(
                    f"the authority's certificate cannot be read: {words}",
                    place=str(self.ca),
                    hint="it must be a file in PEM form",
                ) from error
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class Connections:
    """Opens connections, and keeps those that are fit for another request; may be used by several threads.

    Args:
        home: the registry's address; what it is trusted by does not count for other hosts.
        trust: whose certificates are taken for good.
        connect: how long connecting may take, in seconds.
        read: how long a server may be silent, in seconds.

    Raises:
        UsageError: the authority's certificate cannot be read.
    """

    def __init__(self, home: str, trust: Trust, *, connect: float, read: float) -> None:
        self.read = read
        self._home = Origin.of(home)
        self._own, self._others = trust.contexts()
        self._connect = connect
        self._proxies = getproxies()
        self._idle: dict[Origin, list[http.client.HTTPConnection]] = defaultdict(list)
        self._busy: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        self.aborted = False

    def kept(self, origin: Origin) -> http.client.HTTPConnection | None:
        """Return a connection that was used before, or None."""
        with self._lock:
            self._check()
            if not self._idle[origin]:
                return None
            line = self._idle[origin].pop()
            self._busy.add(line)
            return line

    def fresh(self, url: str) -> http.client.HTTPConnection:
        """Return a new connection for a URL.

        Raises:
            CertificateRefused, TlsMissing, HostUnreachable: it cannot be opened.
            Stopped: the work was aborted.
        """
        line = self._line(Origin.of(url))
        with self._lock:
            self._check()
            self._busy.add(line)
        try:
            self._open(line, url)
            with self._lock:
                self._check()
        except BaseException:
            self.done(line)
            raise
        return line

    def done(self, line: http.client.HTTPConnection, keep_for: Origin | None = None) -> None:
        """Take a connection back: to be kept for an origin, or to be closed."""
        with self._lock:
            self._busy.discard(line)
            if keep_for is not None and not self.aborted:
                self._idle[keep_for].append(line)
                return
        line.close()

    def proxy_headers(self, origin: Origin) -> dict[str, str] | None:
        """Return what to tell a proxy in a request for an origin; None where requests do not go to one by themselves."""
        proxy = self._proxy(origin) if origin.scheme == "http" else None
        return None if proxy is None else _proxy_headers(proxy)

    def abort(self) -> None:
        """End what is under way in other threads, and let nothing new begin."""
        with self._lock:
            self.aborted = True
            for line in self._busy:
                if line.sock is not None:
                    with suppress(OSError):
                        socket.socket.shutdown(line.sock, socket.SHUT_RDWR)  # TLS is not asked

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            lines = [line for idle in self._idle.values() for line in idle]
            self._idle.clear()
        for line in lines:
            line.close()

    def _check(self) -> None:
        if self.aborted:
            raise Stopped("stopped")

    def _proxy(self, origin: Origin) -> str | None:
        address = self._proxies.get(origin.scheme)
        # A proxy cannot reach what is on this machine; urllib asks it all the same.
        return None if not address or origin.is_loopback or proxy_bypass(origin.netloc) else address

    def _line(self, origin: Origin) -> http.client.HTTPConnection:
        """Return a connection that is not open yet."""
        proxy = self._proxy(origin)
        context = self._own if origin == self._home else self._others
        if proxy is None:
            if origin.scheme == "http":
                return http.client.HTTPConnection(origin.host, origin.port, timeout=self._connect)
            return http.client.HTTPSConnection(
                origin.host, origin.port, timeout=self._connect, context=context
            )
        parts = _proxy_parts(proxy)
        host, port = parts.hostname or "", parts.port or 80
        if origin.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._connect)
        line = http.client.HTTPSConnection(host, port, timeout=self._connect, context=context)
        line.set_tunnel(origin.host, origin.port, _proxy_headers(proxy))
        return line

    def _open(self, line: http.client.HTTPConnection, url: str) -> None:
        try:
            line.connect()
            line.sock.settimeout(self.read)
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused(
                f"its certificate is not trusted: {error.verify_message}",
                place=shown_url(url),
                hint="--ca FILE names the authority that signed it; --skip-tls-verify takes any",
            ) from error
        except ssl.SSLError as error:
            reason = error.reason or str(error)
            if reason in _NOT_TLS:
                raise TlsMissing(
                    "speaks no TLS there",
                    place=shown_url(url),
                    hint="--plain-http, if it is meant to speak plain HTTP",
                ) from error
            words = reason.replace("_", " ").lower()
            raise HostUnreachable(f"TLS fails: {words}", place=shown_url(url)) from error
        except (OSError, http.client.HTTPException) as error:
            raise HostUnreachable(f"cannot be reached: {error_words(error)}", place=shown_url(url)) from error


def _proxy_parts(proxy: str) -> SplitResult:
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _proxy_headers(proxy: str) -> dict[str, str]:
    parts = _proxy_parts(proxy)
    if not parts.username:
        return {}
    account = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(account.encode()).decode()}


def error_words(error: Exception) -> str:
    """Return what the system says of an error."""
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, _MOST_WORDS)
