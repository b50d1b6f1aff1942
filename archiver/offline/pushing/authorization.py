"""Logging in to the registry that is pushed to: Basic, and Bearer tokens from its token server.

Sources: RFC 6750; RFC 7617; core/tokens.py.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable
from urllib.parse import urlencode

from archiver.core.challenge import Challenge, parse_challenges
from archiver.core.errors import AuthenticationFailed, ServerBusy
from archiver.core.tokens import TOKEN_LIMIT, TokenRequest, check_realm, read_token
from archiver.offline.pushing.answer import Body

if TYPE_CHECKING:
    from archiver.core.errors import FetchError
    from archiver.core.logins import Credential, Credentials
    from archiver.offline.pushing.answer import Answer
    from archiver.offline.pushing.client import Client

_NO_POST = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
)  # a token server without OAuth 2.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Access:
    """What a request needs: to push to a repository, and to pull from another one whose blob is to be mounted."""

    repository: str
    mounted_from: str = ""

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of a token."""
        further = (f"repository:{self.mounted_from}:pull",) if self.mounted_from else ()
        return (f"repository:{self.repository}:pull,push", *further)


@dataclass(frozen=True)
class _Grant:
    """What the registry accepts, and until when on the clock."""

    value: str
    ends: float


class Authorizer:
    """Finds what to put into the Authorization header, and remembers it. May be used by several threads.

    Args:
        registry: the registry, as credentials are kept by.
        root: its address.
        client: sends requests to the token server.
        credentials: what is known of the user's accounts.
        clock: tells the time in seconds from wherever.
    """

    def __init__(
        self,
        registry: str,
        root: str,
        client: Client,
        credentials: Credentials,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry, self._root = registry, root
        self._client, self._credentials, self._clock = client, credentials, clock
        self._grants: dict[Access, _Grant] = {}
        self._denied: dict[Access, AuthenticationFailed] = {}
        self._bearer: Challenge | None = None
        self._basic = False
        self._lock = threading.Lock()

    def current(self, access: Access) -> str:
        """Return the header's value to send; empty as long as the registry did not ask for a login.

        Raises:
            AuthenticationFailed: it was denied before: a registry is not asked again and again, blob by blob.
            FetchError: the token server gives no token.
        """
        with self._lock:
            if access in self._denied:
                raise self._denied[access]
            if self._basic:
                return self._name_and_password(access)
            grant = self._grants.get(access)
            if grant is not None and grant.ends > self._clock():
                return grant.value
            return self._token(access, self._bearer) if self._bearer is not None else ""

    def answer(self, access: Access, refused: str, header: str) -> str:
        """Return the header's value that answers a 401.

        Args:
            access: what was asked for.
            refused: the value that was sent; empty where none was.
            header: the answer's WWW-Authenticate.

        Raises:
            AuthenticationFailed: there is no way in with what is known.
            FetchError: the token server does not answer.
        """
        with self._lock:
            grant = self._grants.get(access)
            if grant is not None and grant.value != refused and grant.ends > self._clock():
                return grant.value  # another thread was here first
            offered = {challenge.scheme: challenge for challenge in reversed(parse_challenges(header))}
            if "bearer" in offered:
                self._bearer = offered["bearer"]
                return self._token(access, offered["bearer"])
            if "basic" not in offered:
                names = ", ".join(offered) or "none"
                raise AuthenticationFailed(
                    f"asks for a kind of login that is not known ({names:.80})", place=self._registry
                )
            found = self._name_and_password(access)
            if not found or found == refused:
                raise self.denied(access)
            self._basic = True
            return found

    def denied(self, access: Access) -> AuthenticationFailed:
        """Return the error for a registry that lets us not in, and remember it."""
        error = self._denied[access] = self._denial(access)
        return error

    def _denial(self, access: Access) -> AuthenticationFailed:
        credential = self._credential(access)
        if credential is None:
            return AuthenticationFailed(
                f"lets nobody push to {access.repository} without a login",
                place=self._registry,
                hint=f"docker login {self._registry}, or --username NAME --password-stdin",
            )
        return AuthenticationFailed(
            f"does not let the login of {credential.origin or credential.username} push to {access.repository}",
            place=self._registry,
        )

    def _credential(self, access: Access) -> Credential | None:
        return self._credentials.find(self._registry, access.repository)

    def _name_and_password(self, access: Access) -> str:
        credential = self._credential(access)
        return credential.basic if credential is not None else ""

    def _token(self, access: Access, challenge: Challenge) -> str:
        credential = self._credential(access)
        if credential is not None and credential.registry_token:
            return f"Bearer {credential.registry_token}"  # fixed: a registry that refuses it lets us not in
        realm = challenge.parameters.get("realm", "")
        check_realm(realm, self._root, self._registry)
        scopes = _with_ours(access.scopes, challenge.parameters.get("scope", "").split())
        wanted = TokenRequest(realm, challenge.parameters.get("service", ""), scopes)
        asked = self._clock()
        answer = self._ask(wanted, credential)
        if answer.status != HTTPStatus.OK:
            raise _no_token(answer, credential)
        token = read_token(answer.body, realm)
        value = f"Bearer {token.value}"
        self._grants[access] = _Grant(value, asked + token.lifetime)
        return value

    def _ask(self, wanted: TokenRequest, credential: Credential | None) -> Answer:
        if credential is not None and credential.identity_token:
            form = Body.of(urlencode(wanted.form(credential.identity_token)).encode())
            answer = self._client.exchange("POST", wanted.realm, headers=_FORM, body=form, limit=TOKEN_LIMIT)
            if answer.status not in _NO_POST or not credential.basic:
                return answer
        basic = credential.basic if credential is not None else ""
        return self._client.exchange("GET", wanted.url, authorization=basic, limit=TOKEN_LIMIT)


def _no_token(answer: Answer, credential: Credential | None) -> FetchError:
    sent = (
        (credential.password, credential.identity_token, credential.basic.partition(" ")[2])
        if credential
        else ()
    )
    if any(secret and secret.encode() in answer.body for secret in sent):
        answer = replace(answer, body=b"")  # nothing is told of words that repeat a secret
    error = answer.refusal()
    if isinstance(error, ServerBusy):
        return error
    told = f" to the login of {credential.origin}" if credential is not None and credential.origin else ""
    return AuthenticationFailed(f"the token server answers HTTP {answer.status}{told}", place=answer.place)


def _with_ours(ours: tuple[str, ...], asked: list[str]) -> tuple[str, ...]:
    """Return the scopes that we need, and what else the registry asks for: it may know repositories by other names."""
    known = {scope.rpartition(":")[0] for scope in ours}
    return (*ours, *(scope for scope in asked if scope.rpartition(":")[0] not in known))
