"""The HTTP of registries: authorization, and what their error answers mean.

Source: OCI distribution-spec v1.1 ("Error Codes", "Endpoints").
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Collection, Mapping

from archiver.collect.client import refusal
from archiver.core import jsontext
from archiver.core.errors import (
    ArchiverError,
    AuthenticationFailed,
    CertificateRefused,
    FetchError,
    ManifestUnknown,
    RateLimited,
    ServerBusy,
    TlsMissing,
)
from archiver.core.printable import printable
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import requests

    from archiver.collect.client import Client
    from archiver.collect.images.authorization import Authorizer
    from archiver.collect.images.endpoints import Endpoint
    from archiver.collect.images.ratelimit import RateLimits
    from archiver.collect.tls import TlsPolicy

_MOST_LOGINS = 2  # answers to 401s a request: one may be a token that another thread got and that has aged
_ERROR_LIMIT = 64 << 10  # bytes of an error's body
_MOST_WORDS = 200  # characters of it that go into a message


class Transport:
    """Sends requests to registries, logging in where they ask for it. May be used by several threads.

    Args:
        client: speaks HTTP.
        authorizer: answers to requests for a login.
        limits: is told what registries say of their limits.
        tls: how registries' certificates are judged, where the spec says it.
    """

    def __init__(
        self, client: Client, authorizer: Authorizer, limits: RateLimits, tls: Mapping[str, TlsPolicy]
    ) -> None:
        self.client, self.limits = client, limits
        self._authorizer, self._tls = authorizer, tls

    def request(
        self,
        method: str,
        endpoint: Endpoint,
        url: str,
        headers: Mapping[str, str] | None = None,
        accepted: Collection[int] = (HTTPStatus.OK,),
    ) -> requests.Response:
        """Ask a repository for something; return the answer, of an accepted status.

        The caller closes the response.

        Args:
            method: GET or HEAD.
            endpoint: the repository.
            url: an address in it (``Endpoint.url``), or one of the same origin that it leads to.
            headers: further ones.
            accepted: the statuses that are no errors.

        Raises:
            ManifestUnknown: the registry says that there is no such thing.
            AuthenticationFailed: it lets us not in.
            RateLimited: it wants no more requests for now.
            ServerBusy: it cannot answer for now.
            FetchError: it cannot be reached, or refuses otherwise.
        """
        authorization = self._authorizer.current(endpoint)
        for _ in range(_MOST_LOGINS + 1):
            response = self._exchanged(method, endpoint, url, headers, authorization)
            if response.status_code in accepted:
                return response
            if response.status_code != 401 or Origin.of(response.url) != Origin.of(url):
                raise self._refused(endpoint, response)
            self.client.discard(response)
            challenge = response.headers.get("WWW-Authenticate", "")
            authorization = self._authorizer.answer(endpoint, authorization, challenge)
        raise self._authorizer.denied(endpoint)

    def _exchanged(
        self,
        method: str,
        endpoint: Endpoint,
        url: str,
        headers: Mapping[str, str] | None,
        authorization: str,
    ) -> requests.Response:
        try:
            response = self.client.exchange(
                method,
                url,
                headers=headers,
                authorization=authorization,
                tls=self._tls.get(endpoint.registry),
            )
        except CertificateRefused as error:
            error.message += (
                " (if it is signed by an authority of your own, name that in the spec:"
                f" registries, {endpoint.registry}, tls, ca)"
            )
            raise
        except TlsMissing as error:
            error.message += (
                f" (if it is meant to, write in the spec: registries, {endpoint.registry}, plain_http: true)"
            )
            raise
        if Origin.of(response.url) == Origin.of(url):  # not where blobs are sent from
            self.limits.learn(endpoint.registry, response.headers)
        return response

    def _refused(self, endpoint: Endpoint, response: requests.Response) -> FetchError:
        code, detail = "", ""
        if response.request.method != "HEAD":
            with suppress(FetchError):  # then the status has to say enough
                code, detail = _detail(self.client.body(response, _ERROR_LIMIT), response)
        response.close()
        if response.status_code == HTTPStatus.BAD_REQUEST and endpoint.scheme == "http" and "HTTPS" in detail:
            detail += (
                f" (if it is on this machine, write in the spec: registries, {endpoint.registry}, tls: {{}})"
            )
        error = refusal(response, detail)
        if response.status_code == HTTPStatus.NOT_FOUND and (code or _is_json(response)):
            return ManifestUnknown(f"the registry does not have it ({error.message})", place=response.url)
        if response.status_code in (401, 403):
            return AuthenticationFailed(f"the registry denies access ({error.message})", place=response.url)
        if isinstance(error, ServerBusy) and response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            limit = self.limits.known.get(endpoint.registry)
            window = limit.window if limit is not None else None
            return RateLimited(error.message, place=response.url, wait=error.wait, window=window)
        return error


def _is_json(response: requests.Response) -> bool:
    return "json" in response.headers.get("Content-Type", "").lower()


def _detail(body: bytes, response: requests.Response) -> tuple[str, str]:
    """Return the first error's code, and code and message, if the body is a registry's error document.

    What a server says in plain words instead is a message without a code.
    """
    secret = response.request.headers.get("Authorization", "").partition(" ")[2].encode()
    if secret and secret in body:  # nothing of an answer that repeats it is shown
        return "", ""
    if response.headers.get("Content-Type", "").lower().startswith("text/plain"):
        return "", printable(body.decode("utf-8", "replace").strip().partition("\n")[0].strip(), _MOST_WORDS)
    try:
        document = jsontext.load_object(body, limit=_ERROR_LIMIT, what="error")
    except ArchiverError:
        return "", ""
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", ""
    words = " ".join(str(first[key]) for key in ("code", "message") if first.get(key))
    return str(first.get("code", "")), printable(words, _MOST_WORDS)
