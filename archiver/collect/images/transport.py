"""The HTTP of registries: authorization, and what their error answers mean.

Source: OCI distribution-spec v1.1 ("Error Codes", "Endpoints").
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Collection, Mapping

from archiver.collect.client import refusal
from archiver.core.complaint import ERROR_LIMIT, Complaint, read_complaint
from archiver.core.errors import (
    AuthenticationFailed,
    CertificateRefused,
    FetchError,
    ManifestUnknown,
    RateLimited,
    ServerBusy,
    TlsMissing,
)
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import requests

    from archiver.collect.client import Client
    from archiver.collect.images.authorization import Authorizer
    from archiver.collect.images.endpoints import Endpoint
    from archiver.collect.images.ratelimit import RateLimits
    from archiver.collect.tls import TlsPolicy

_MOST_LOGINS = 2  # answers to 401s a request: one may be a token that another thread got and that has aged


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
        said = Complaint()
        if response.request.method != "HEAD":
            with suppress(FetchError):  # then the status has to say enough
                said = _said(self.client.body(response, ERROR_LIMIT), response)
        detail = said.words
        response.close()
        if response.status_code == HTTPStatus.BAD_REQUEST and endpoint.scheme == "http" and "HTTPS" in detail:
            detail += (
                f" (if it is on this machine, write in the spec: registries, {endpoint.registry}, tls: {{}})"
            )
        error = refusal(response, detail)
        absent = response.status_code == HTTPStatus.NOT_FOUND and (said.code or _is_json(response))
        if absent or response.status_code == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
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


def _said(body: bytes, response: requests.Response) -> Complaint:
    secret = response.request.headers.get("Authorization", "").partition(" ")[2]
    return read_complaint(body, response.headers.get("Content-Type", ""), secret)
