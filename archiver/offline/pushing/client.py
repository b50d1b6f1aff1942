"""HTTP for pushing, by the standard library alone.

Every answer is small (blobs only go the other way), so it is read whole, up to a bound.

Source: RFC 9110 and RFC 9112.
"""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping
from urllib.parse import urlsplit

from archiver.core.complaint import ERROR_LIMIT
from archiver.core.errors import FetchError, FetchTimeout, RegistryError, ResponseBroken, Stopped
from archiver.core.urlkey import Origin
from archiver.offline.pushing.answer import NOTHING, Answer, Body, shown_url
from archiver.offline.pushing.connections import error_words
from archiver.version import VERSION

if TYPE_CHECKING:
    from archiver.offline.pushing.connections import Connections

_USER_AGENT = f"archiver/{VERSION}"
_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: Body
    limit: int


class _Stale(Exception):
    """A connection that was kept had been closed meanwhile."""


class Client:
    """Sends requests, a connection a request at a time; may be used by several threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        authorization: str = "",
        body: Body = NOTHING,
        limit: int = ERROR_LIMIT,
    ) -> Answer:
        """Send a request and return the answer, whatever its status.

        Redirects are followed, by a method that changes something only where the status says that it stays the
        same; the authorization goes along to the same origin alone, and never from https to http. What is posted, which
        may be a token, goes to no other origin at all.

        Args:
            method: the method.
            url: where to.
            headers: further ones.
            authorization: the Authorization header's value; empty for none.
            body: what to send.
            limit: the most bytes of an answer's body.

        Raises:
            HostUnreachable, FetchTimeout, ResponseBroken: there is no whole answer.
            RegistryError: it redirects too often, to where nothing may be sent, or answers at too great a length.
            Stopped: the work was aborted.
        """
        origin = Origin.of(url)
        for _ in range(_MOST_REDIRECTS + 1):
            sent = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
            if authorization and Origin.of(url) == origin:
                sent["Authorization"] = authorization
            answer = self._exchanged(_Request(method, url, sent, body, limit))
            url = answer.redirect
            if not url:
                return answer
            if method == "POST" and body.length and Origin.of(url) != origin:
                raise RegistryError("redirects a login to another host", place=answer.place)
        raise RegistryError(f"redirects more than {_MOST_REDIRECTS} times", place=shown_url(url))

    def abort(self) -> None:
        """End what is under way in other threads, and let nothing new begin."""
        self._connections.abort()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._connections.close()

    def _exchanged(self, request: _Request) -> Answer:
        line = self._connections.kept(Origin.of(request.url))
        if line is not None:
            with suppress(_Stale):
                return self._once(line, request, kept=True)
        return self._once(self._connections.fresh(request.url), request, kept=False)

    def _once(self, line: http.client.HTTPConnection, request: _Request, *, kept: bool) -> Answer:
        keep_for = None
        try:
            answer, reusable = self._spoken(line, request, kept=kept)
            keep_for = Origin.of(request.url) if reusable else None
        except (FetchError, _Stale):
            if self._connections.aborted:
                raise Stopped("stopped") from None
            raise
        else:
            return answer
        finally:
            self._connections.done(line, keep_for)

    def _spoken(
        self, line: http.client.HTTPConnection, request: _Request, *, kept: bool
    ) -> tuple[Answer, bool]:
        """Return the answer, and whether the connection is fit for another request."""
        url, whole = request.url, True
        try:
            whole = self._sent(line, request)
            response = line.getresponse()
        except ConnectionError as error:  # http.client's RemoteDisconnected is one
            if kept and whole:
                raise _Stale from error
            raise ResponseBroken("the connection breaks off", place=shown_url(url)) from error
        except socket.timeout as error:  # TimeoutError only from Python 3.10 on
            raise FetchTimeout(
                f"does not answer within {self._connections.read:.0f} s", place=shown_url(url)
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ResponseBroken(f"the exchange fails: {error_words(error)}", place=shown_url(url)) from error
        data = self._read(response, request)
        answer = Answer(request.method, url, response.status, response.reason or "", response.headers, data)
        return answer, whole and not response.will_close

    def _sent(self, line: http.client.HTTPConnection, request: _Request) -> bool:
        """Send a request; say whether all of it was sent, and not only what the server would take before it answered."""
        parts = urlsplit(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        proxied = self._connections.proxy_headers(Origin.of(request.url))
        line.putrequest(request.method, target if proxied is None else request.url, skip_accept_encoding=True)
        for name, value in {**request.headers, **(proxied or {})}.items():
            line.putheader(name, value)
        if request.body.length or request.method in ("POST", "PUT", "PATCH"):
            line.putheader("Content-Length", str(request.body.length))
        line.endheaders()
        begun = False
        try:
            for piece in request.body.pieces():
                line.send(piece)
                begun = True
        except ConnectionError:
            if not begun:
                raise
            return False  # it may have said why before it closed the connection
        return True

    def _read(self, response: http.client.HTTPResponse, request: _Request) -> bytes:
        try:
            data = response.read(request.limit + 1)
            if len(data) <= request.limit:
                data += response.read(1)  # the end: what comes next on this connection is another answer
        except socket.timeout as error:
            raise FetchTimeout(
                f"sends nothing for {self._connections.read:.0f} s", place=shown_url(request.url)
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ResponseBroken("the answer breaks off", place=shown_url(request.url)) from error
        if len(data) > request.limit:
            raise RegistryError(f"answers with more than {request.limit} bytes", place=shown_url(request.url))
        return data
