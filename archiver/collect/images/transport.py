"""The HTTP of registries: authorization, and what their error answers mean.

Source: OCI distribution-spec v1.1 ("Error Codes", "Endpoints").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Collection, Mapping

from archiver.collect.client import refusal
from archiver.collect.images.authorization import denied
from archiver.core import jsontext
from archiver.core.errors import ArchiverError, AuthenticationFailed, FetchError, ManifestUnknown
from archiver.core.printable import printable
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import requests

    from archiver.collect.client import Client
    from archiver.collect.images.authorization import Authorizer
    from archiver.collect.images.endpoints import Endpoint

_MOST_LOGINS = 2  # answers to 401s a request: one may be a token that another thread got and that has aged
_ERROR_LIMIT = 64 << 10  # bytes of an error's body
_MOST_WORDS = 200  # characters of it that go into a message


class Transport:
    """Sends requests to registries, logging in where they ask for it. May be used by several threads."""

    def __init__(self, client: Client, authorizer: Authorizer) -> None:
        self.client = client
        self._authorizer = authorizer

    def request(
        self,
        method: str,
        endpoint: Endpoint,
        path: str,
        headers: Mapping[str, str] | None = None,
        accepted: Collection[int] = (200,),
    ) -> requests.Response:
        """Ask a repository for ``path`` (``manifests/latest``); return the answer, of an accepted status.

        The caller closes the response.

        Raises:
            ManifestUnknown: status 404.
            AuthenticationFailed: the registry lets us not in.
            ServerBusy: it cannot answer for now.
            FetchError: it cannot be reached, or refuses otherwise.
        """
        registry, repository = endpoint.registry, endpoint.repository
        url = endpoint.url(path)
        authorization = self._authorizer.known(registry, repository)
        for _ in range(_MOST_LOGINS + 1):
            response = self.client.exchange(method, url, headers=headers, authorization=authorization)
            if response.status_code in accepted:
                return response
            if response.status_code != 401 or Origin.of(response.url) != Origin.of(url):
                raise self._refused(response)
            self.client.discard(response)
            challenge = response.headers.get("WWW-Authenticate", "")
            authorization = self._authorizer.answer(registry, repository, authorization, challenge)
        raise denied(registry, repository)

    def _refused(self, response: requests.Response) -> FetchError:
        detail = ""
        if response.request.method != "HEAD":
            try:
                detail = _detail(self.client.body(response, _ERROR_LIMIT))
            except FetchError:  # the status says enough
                detail = ""
        response.close()
        error = refusal(response, detail)
        if response.status_code == 404:
            return ManifestUnknown(f"the registry does not have it ({error.message})", place=response.url)
        if response.status_code in (401, 403):
            return AuthenticationFailed(f"the registry denies access ({error.message})", place=response.url)
        return error


def _detail(body: bytes) -> str:
    """Return the first error's code and message, if the body is a registry's error document."""
    try:
        document = jsontext.load_object(body, limit=_ERROR_LIMIT, what="error")
    except ArchiverError:
        return ""
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return ""
    return printable(" ".join(str(first[key]) for key in ("code", "message") if first.get(key)), _MOST_WORDS)
