"""Tokens for registries: what to ask a token server for, and what its answer says. Nothing is sent from here.

Sources: RFC 6750; the distribution project's "Token Authentication Specification" (GET with scope) and
"OAuth 2.0 Token Authentication" (POST with a refresh token).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping
from urllib.parse import urlencode, urlsplit

from archiver.core import jsontext
from archiver.core.errors import AuthenticationFailed, InvalidDocument, InvalidURL
from archiver.core.urlkey import Origin

TOKEN_LIMIT = 1 << 20  # bytes of a token server's answer; tokens are a few kilobytes
_CLIENT_ID = "archiver"
_ETERNITY = 1e9  # seconds; no token is told to last so long, and numbers beyond have no bound
_MARGIN = 10.0  # seconds before a token's end at which it is used no more


@dataclass(frozen=True)
class TokenRequest:
    """What a token is asked for: the token server's address, the service's name, and scopes such as ``repository:a/b:pull``."""

    realm: str
    service: str
    scopes: tuple[str, ...]

    @property
    def url(self) -> str:
        """What to GET, by Basic or without a login."""
        asked = [("service", self.service), *(("scope", scope) for scope in self.scopes)]
        return (
            self.realm
            + ("&" if urlsplit(self.realm).query else "?")
            + urlencode([pair for pair in asked if pair[1]])
        )

    def form(self, refresh_token: str) -> dict[str, str]:
        """Return what to POST to the realm with a refresh token."""
        return {
            "service": self.service,
            "scope": " ".join(self.scopes),
            "grant_type": "refresh_token",
            "client_id": _CLIENT_ID,
            "refresh_token": refresh_token,
        }


@dataclass(frozen=True)
class Token:
    """A token, and for how many seconds it is to be used: not up to its very end, and for ever where none is told."""

    value: str
    lifetime: float


def read_token(data: bytes, realm: str) -> Token:
    """Read a token server's answer.

    Raises:
        AuthenticationFailed: there is no usable token in it.
    """
    try:
        answer = jsontext.load_object(data, limit=TOKEN_LIMIT, what=realm)
    except InvalidDocument as error:
        raise AuthenticationFailed(f"the token server's answer is {error.message}", place=realm) from error
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        raise AuthenticationFailed("the token server gives no usable token", place=realm)
    return Token(token, _lifetime(answer))


def _lifetime(answer: Mapping[str, Any]) -> float:
    told = answer.get("expires_in")
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not 0 < told < _ETERNITY:
        return math.inf
    return max(told - _MARGIN, told / 2)


def check_realm(realm: str, root: str, registry: str) -> None:
    """Refuse to send credentials in the clear, or to something that is no address.

    Args:
        realm: the token server's address, as a registry names it.
        root: the registry's own address.
        registry: what errors call the registry.

    Raises:
        AuthenticationFailed: it is neither https, nor beside a registry that is spoken to in the clear.
    """
    try:
        origin = Origin.of(realm)
    except InvalidURL:
        fit = False
    else:  # a registry that is meant to be spoken to in the clear may have its token server beside it
        beside = Origin.of(root)
        fit = (
            origin.scheme == "https"
            or (origin.is_loopback and beside.is_loopback)
            or (origin.scheme, origin.host) == (beside.scheme, beside.host)
        )
    if not fit:
        raise AuthenticationFailed(
            f"names {realm!r:.120} as its token server, which is not https", place=registry
        )
