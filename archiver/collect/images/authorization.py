"""Answering registries' challenges: Basic, and Bearer tokens from a token server.

Sources: RFC 6750; OCI distribution-spec v1.1; core/tokens.py.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, Mapping

from archiver.collect.client import refusal
from archiver.core.challenge import Challenge, parse_challenges
from archiver.core.errors import AuthenticationFailed, RateLimited, ServerBusy, StatusRefused
from archiver.core.tokens import TOKEN_LIMIT, Token, TokenRequest, check_realm, read_token

if TYPE_CHECKING:
    import requests

    from archiver.collect.client import Client
    from archiver.collect.images.endpoints import Endpoint
    from archiver.collect.tls import TlsPolicy
    from archiver.core.logins import Credential, Credentials

_NO_POST = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
)  # a token server without OAuth 2.0


@dataclass(frozen=True)
class _Grant:
    """What a registry accepts, until when on the clock, and what it asked for; ``challenge`` is None for Basic."""

    value: str
    ends: float
    challenge: Challenge | None


class Authorizer:
    """Finds what to put into the Authorization header, and remembers what a registry accepted.

    Tokens are fetched once a repository, again shortly before their end where the token server told it, and
    again when the registry refuses them. May be used by several threads.

    Args:
        client: sends requests to token servers.
        credentials: what is known of the keeper's accounts.
        tls: how registries' certificates are judged, where the spec says it; also those of their token servers.
        clock: tells the time in seconds from wherever.
    """

    def __init__(
        self,
        client: Client,
        credentials: Credentials,
        tls: Mapping[str, TlsPolicy],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._credentials, self._tls, self._clock = client, credentials, tls, clock
        self._grants: dict[tuple[str, str], _Grant] = {}
        self._by_basic: set[str] = set()
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def current(self, endpoint: Endpoint) -> str:
        """Return the header's value to send without being asked; empty where nothing is known yet.

        Raises:
            AuthenticationFailed, FetchError: a token ended, and the token server gives no other one.
        """
        grant = self._grant(endpoint)
        if grant is None:
            return self._basic(endpoint) if endpoint.registry in self._by_basic else ""
        if grant.ends > self._clock():
            return grant.value
        with self._lock_of(endpoint):
            grant = self._grant(endpoint) or grant
            if grant.ends > self._clock() or grant.challenge is None:
                return grant.value
            return self._remembered(endpoint, self._way_in(endpoint, (grant.challenge,)))

    def answer(self, endpoint: Endpoint, refused: str, header: str) -> str:
        """Return the header's value that answers a 401.

        Args:
            endpoint: what is to be pulled from.
            refused: the value that was sent with the request; empty where none was.
            header: the answer's WWW-Authenticate.

        Raises:
            AuthenticationFailed: there is no way in with what is known.
            FetchError: the token server does not answer.
        """
        with self._lock_of(endpoint):
            grant = self._grant(endpoint)
            if grant is not None and grant.value != refused:
                return grant.value  # another thread was here first
            found = self._way_in(endpoint, parse_challenges(header))
            if not found.value or found.value == refused:
                raise self.denied(endpoint)
            return self._remembered(endpoint, found)

    def denied(self, endpoint: Endpoint) -> AuthenticationFailed:
        """Return the error for a registry that lets us not in; many answer so for what does not exist, too."""
        credential = self._credentials.find(endpoint.registry, endpoint.repository)
        if credential is None:
            return AuthenticationFailed(
                f"denies access to {endpoint.repository}: it needs a login, or does not exist (log in by"
                f" `docker login {endpoint.registry}`, or give it in the spec: registries, {endpoint.registry}, auth)",
                place=endpoint.registry,
            )
        return AuthenticationFailed(
            f"denies access to {endpoint.repository} with the login of {credential.origin}: it does not count"
            " there, or there is no such repository",
            place=endpoint.registry,
        )

    def _grant(self, endpoint: Endpoint) -> _Grant | None:
        with self._lock:
            return self._grants.get((endpoint.registry, endpoint.repository))

    def _lock_of(self, endpoint: Endpoint) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault((endpoint.registry, endpoint.repository), threading.Lock())

    def _remembered(self, endpoint: Endpoint, grant: _Grant) -> str:
        with self._lock:
            self._grants[endpoint.registry, endpoint.repository] = grant
            if grant.value.startswith("Basic "):  # then it wants that for every repository
                self._by_basic.add(endpoint.registry)
        return grant.value

    def _way_in(self, endpoint: Endpoint, challenges: tuple[Challenge, ...]) -> _Grant:
        offered = {challenge.scheme: challenge for challenge in reversed(challenges)}
        if "bearer" in offered:
            return self._bearer(endpoint, offered["bearer"])
        if "basic" in offered:
            return _Grant(self._basic(endpoint), math.inf, None)
        names = ", ".join(offered) or "none"
        raise AuthenticationFailed(
            f"asks for a kind of login that is not known ({names:.80})", place=endpoint.registry
        )

    def _basic(self, endpoint: Endpoint) -> str:
        credential = self._credentials.find(endpoint.registry, endpoint.repository)
        return credential.basic if credential is not None else ""

    def _bearer(self, endpoint: Endpoint, challenge: Challenge) -> _Grant:
        credential = self._credentials.find(endpoint.registry, endpoint.repository)
        if credential is not None and credential.registry_token:
            return _Grant(f"Bearer {credential.registry_token}", math.inf, None)
        realm = challenge.parameters.get("realm", "")
        check_realm(realm, endpoint.root, endpoint.registry)
        scope = challenge.parameters.get("scope") or f"repository:{endpoint.repository}:pull"
        wanted = TokenRequest(realm, challenge.parameters.get("service", ""), (scope,))
        asked = self._clock()
        token = self._token_answer(self._ask(endpoint, wanted, credential), endpoint, realm)
        return _Grant(f"Bearer {token.value}", asked + token.lifetime, challenge)

    def _ask(
        self, endpoint: Endpoint, wanted: TokenRequest, credential: Credential | None
    ) -> requests.Response:
        tls = self._tls.get(endpoint.registry)
        if credential is not None and credential.identity_token:
            form = wanted.form(credential.identity_token)
            response = self._client.exchange("POST", wanted.realm, form=form, tls=tls)
            if response.status_code not in _NO_POST or not credential.basic:
                return response
            self._client.discard(response)
        authorization = credential.basic if credential is not None else ""
        return self._client.exchange("GET", wanted.url, authorization=authorization, tls=tls)

    def _token_answer(self, response: requests.Response, endpoint: Endpoint, realm: str) -> Token:
        if response.status_code != HTTPStatus.OK:
            with response:
                error = refusal(response)
            if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and isinstance(error, ServerBusy):
                raise RateLimited(error.message, place=realm, wait=error.wait)
            if not isinstance(error, StatusRefused):
                raise error
            credential = self._credentials.find(endpoint.registry, endpoint.repository)
            told = f" to the login of {credential.origin}" if credential is not None else ""
            raise AuthenticationFailed(f"the token server answers {error.message}{told}", place=realm)
        return read_token(self._client.body(response, TOKEN_LIMIT), realm)
