"""Answering registries' challenges: Basic, and Bearer tokens from a token server.

Sources: RFC 6750; the distribution project's "Token Authentication Specification" (GET with scope) and
"OAuth 2.0 Token Authentication" (POST with a refresh token); OCI distribution-spec v1.1.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from archiver.collect.client import refusal
from archiver.collect.images.challenge import Challenge, parse_challenges
from archiver.core import jsontext
from archiver.core.errors import AuthenticationFailed, InvalidDocument, InvalidURL, StatusRefused
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import requests

    from archiver.collect.client import Client
    from archiver.collect.images.credentials import Credential, CredentialStore

_LIMIT = 1 << 20  # bytes of a token server's answer; tokens are a few kilobytes
_CLIENT_ID = "archiver"


class Authorizer:
    """Finds what to put into the Authorization header, and remembers what a registry accepted.

    Tokens are fetched once a repository and again when the registry refuses them, which is how their
    end of life shows. May be used by several threads.

    Args:
        client: sends requests to token servers.
        credentials: what is known of the keeper's accounts.
    """

    def __init__(self, client: Client, credentials: CredentialStore) -> None:
        self._client, self._credentials = client, credentials
        self._known: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def known(self, registry: str, repository: str) -> str:
        """Return the header's value to send without being asked; empty where nothing is known yet."""
        with self._lock:
            return self._known.get((registry, repository)) or self._known.get((registry, ""), "")

    def answer(self, registry: str, repository: str, refused: str, header: str) -> str:
        """Return the header's value that answers a 401.

        Args:
            registry: the registry as references name it.
            repository: what is to be pulled from.
            refused: the value that was sent with the request; empty where none was.
            header: the answer's WWW-Authenticate.

        Raises:
            AuthenticationFailed: there is no way in with what is known.
            FetchError: the token server does not answer.
        """
        with self._lock_of(registry):
            current = self.known(registry, repository)
            if current and current != refused:
                return current  # another thread was here first
            value, scope = self._way_in(registry, repository, parse_challenges(header))
            if not value or value == refused:
                raise denied(registry, repository)
            with self._lock:
                self._known[registry, scope] = value
            return value

    def _lock_of(self, registry: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(registry, threading.Lock())

    def _way_in(self, registry: str, repository: str, challenges: tuple[Challenge, ...]) -> tuple[str, str]:
        """Return the value and which repository it is for; an empty one stands for the whole registry."""
        offered = {challenge.scheme: challenge for challenge in reversed(challenges)}
        credential = self._credentials.find(registry)
        if "bearer" in offered:
            if credential is not None and credential.registry_token:
                return f"Bearer {credential.registry_token}", repository
            return self._bearer(registry, repository, offered["bearer"], credential), repository
        if "basic" in offered:
            return credential.basic if credential else "", ""
        names = ", ".join(offered) or "none"
        raise AuthenticationFailed(
            f"asks for a kind of login that is not known ({names:.80})", place=registry
        )

    def _bearer(
        self, registry: str, repository: str, challenge: Challenge, credential: Credential | None
    ) -> str:
        realm = challenge.parameters.get("realm", "")
        _check_realm(realm, registry)
        query = {
            "service": challenge.parameters.get("service", ""),
            "scope": challenge.parameters.get("scope") or f"repository:{repository}:pull",
        }
        return f"Bearer {self._token(self._ask(realm, query, credential), realm)}"

    def _ask(self, realm: str, query: dict[str, str], credential: Credential | None) -> requests.Response:
        if credential is not None and credential.identity_token:
            form = {
                **query,
                "grant_type": "refresh_token",
                "client_id": _CLIENT_ID,
                "refresh_token": credential.identity_token,
            }
            return self._client.exchange("POST", realm, form=form)
        asked = urlencode({name: value for name, value in query.items() if value})
        url = realm + ("&" if urlsplit(realm).query else "?") + asked
        return self._client.exchange("GET", url, authorization=credential.basic if credential else "")

    def _token(self, response: requests.Response, realm: str) -> str:
        if response.status_code != 200:
            with response:
                error = refusal(response)
            if not isinstance(error, StatusRefused):
                raise error
            raise AuthenticationFailed(
                f"the token server answers {error.message}", place=realm, hint="check docker's credentials"
            )
        try:
            answer = jsontext.load_object(self._client.body(response, _LIMIT), limit=_LIMIT, what=realm)
        except InvalidDocument as error:
            raise AuthenticationFailed(
                f"the token server's answer is {error.message}", place=realm
            ) from error
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
            raise AuthenticationFailed("the token server gives no usable token", place=realm)
        return token


def denied(registry: str, repository: str) -> AuthenticationFailed:
    """Return the error for a registry that lets us not in; many answer so for what does not exist, too."""
    return AuthenticationFailed(
        f"denies access to {repository}: it needs a login, or does not exist",
        place=registry,
        hint=f"run: docker login {registry}",
    )


def _check_realm(realm: str, registry: str) -> None:
    """Refuse to send credentials in the clear, or to something that is no address."""
    try:
        origin = Origin.of(realm)
        fit = origin.scheme == "https" or origin.is_loopback
    except InvalidURL:
        fit = False
    if not fit:
        raise AuthenticationFailed(
            f"names {realm!r:.120} as its token server, which is not https", place=registry
        )
