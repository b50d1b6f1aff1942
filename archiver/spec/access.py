"""How a doc site is reached that not everybody may read: headers, cookies, basic authentication, a proxy.

What is secret is never in a spec (see ``environment``). No message here shows a value: it may be a secret that
somebody wrote down by mistake.
"""

from __future__ import annotations

import re
from typing import Annotated, Mapping

from pydantic import AfterValidator, Field

from archiver.core.errors import InvalidURL, SpecError
from archiver.core.urlkey import Origin
from archiver.spec.environment import variables
from archiver.spec.values import Model, wrong

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, section 5.6.2
_LONGEST = 4096
_MOST = 50
_OWN_HEADERS = frozenset(
    {"host", "user-agent", "accept", "accept-encoding", "connection", "keep-alive", "content-length", "range",
     "content-type", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
)  # fmt: skip
_OWN_PREFIXES = ("if-", "proxy-", "sec-", "content-")
_SECRET_NAME = re.compile(
    r"auth|cookie|credential|key|passw|pwd|secret|session|signature|token", re.IGNORECASE
)
_REFER = "write it as ${NAME} and set the environment variable NAME; specs and bundles are handed on"


def _header_name(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise wrong(f"{text!r:.80} cannot be a header's name", "use letters, digits and -")
    lowered = text.lower()
    if lowered in _OWN_HEADERS or lowered.startswith(_OWN_PREFIXES):
        raise wrong(f"the header {text!r} is the program's own to set", "leave it out")
    return text


def _header_value(text: str) -> str:
    _variables(text)
    if not (
        text and text.isascii() and text.isprintable() and text == text.strip() and len(text) <= _LONGEST
    ):
        raise wrong(
            "this cannot be a header's value",
            f"write at most {_LONGEST} printable ASCII characters, without spaces around them",
        )
    return text


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    seen: set[str] = set()
    for name, value in headers.items():
        if name.lower() in seen:
            raise wrong(f"the header {name!r} is here twice", "case makes no difference; drop one", at=name)
        seen.add(name.lower())
        if _SECRET_NAME.search(name) and not _variables(value):
            raise wrong(f"the value of the header {name!r} must come from the environment", _REFER, at=name)
    return headers


def _cookie_name(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise wrong(f"{text!r:.80} cannot be a cookie's name", "use letters, digits, - and _")
    return text


def _few(values: Mapping[str, str]) -> Mapping[str, str]:
    if len(values) > _MOST:
        raise wrong(f"more than {_MOST} of them", "give those that the site needs")
    return values


def _referring(text: str) -> str:
    if not _variables(text):
        raise wrong("this value must come from the environment", _REFER)
    return _header_value(text)


def _proxy(text: str) -> str:
    if _variables(text):
        return text
    if "@" in text:
        raise wrong("a proxy's user name and password must not be in a spec", _REFER)
    try:
        Origin.of(text)
    except InvalidURL as error:
        raise wrong(
            "this is not the address of an HTTP proxy",
            "write http://host:port or https://host:port; SOCKS proxies are not supported",
        ) from error
    return text


def _variables(text: str) -> tuple[str, ...]:
    try:
        return variables(text)
    except SpecError as error:
        raise wrong(error.message, error.hint or _REFER) from error


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
Headers = Annotated[Mapping[HeaderName, HeaderValue], AfterValidator(_few), AfterValidator(_headers)]
CookieName = Annotated[str, AfterValidator(_cookie_name)]
Secret = Annotated[str, AfterValidator(_referring)]
Cookies = Annotated[Mapping[CookieName, Secret], AfterValidator(_few)]
Proxy = Annotated[str, AfterValidator(_proxy)]


class Auth(Model):
    """HTTP basic authentication (RFC 7617)."""

    username: Secret = Field(description="${NAME} of an environment variable")
    password: Secret = Field(description="${NAME} of an environment variable")
