"""What a site's own hosts are told beside the usual headers, and the proxy that a spec names.

The values come from the environment; they are sent to the seeds' own origins, and written down nowhere.

Sources: RFC 7617 (basic authentication), RFC 6265, section 4.2 (Cookie).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping
from urllib.parse import unquote

from archiver.collect.web.echoes import Secrets
from archiver.collect.web.urls import origin_of, resolve
from archiver.core.errors import InvalidURL, SecretEchoed, SpecError
from archiver.core.urlkey import Origin
from archiver.spec.environment import substituted, variables

if TYPE_CHECKING:
    from archiver.collect.web.fetch import Exchange
    from archiver.spec.access import Auth
    from archiver.spec.model import DocSite

    Headers = tuple[tuple[str, str], ...]
    At = tuple[str, ...]

WITHHELD = "withheld"
"""What is recorded in place of a header's value that must not be written down."""
_LONGEST = 8 << 10
_SETTING = frozenset({"set-cookie", "set-cookie2"})
_COOKIE = re.compile(
    r"[\x21-\x3a\x3c-\x7e]+"
)  # wider than RFC 6265's cookie-octet, as browsers are; no semicolon
_PROXY = re.compile(r"(https?://)(?:([^@/]*)@)?([^@/]+)/?")


@dataclass(frozen=True)
class Credentials:
    """The headers that one site's own origins get.

    Attributes:
        origins: where they are sent, and nowhere else.
        headers: names and values.
        withheld: the names, in lowercase, whose values must not be written down.
    """

    origins: frozenset[str] = frozenset()
    headers: Headers = field(default=(), repr=False)
    withheld: frozenset[str] = frozenset()
    _secrets: Secrets = field(default_factory=lambda: Secrets(()), repr=False)

    @classmethod
    def of(cls, site: DocSite, environment: Mapping[str, str]) -> Credentials:
        """Return what a spec's doc site asks for.

        Raises:
            SpecError: a variable is missing, or its value cannot be sent (``problems`` says where).
        """
        headers = {name: _value(text, environment) for name, text in site.headers.items()}
        secret = {name for name, text in site.headers.items() if variables(text)}
        if site.cookies:
            pairs = (f"{name}={_value(text, environment, _cookie)}" for name, text in site.cookies.items())
            headers["Cookie"] = "; ".join(pairs)
            secret.add("Cookie")
        if site.auth:
            name = _value(site.auth.username, environment, _username)
            password = _value(site.auth.password, environment, _password)
            headers["Authorization"] = _basic(name, password)
            secret.add("Authorization")
        return cls(
            _origins(site.seeds),
            tuple(headers.items()),
            frozenset(name.lower() for name in secret),
            Secrets(_sensitive(site, headers, secret, environment)),
        )

    def headers_for(self, origin: str) -> Headers:
        """Return what is sent to an origin beside the usual headers."""
        return self.headers if origin in self.origins else ()

    def recorded(self, sent: Headers) -> Headers:
        """Return request headers as they may be written down."""
        if not self.withheld:
            return sent
        return tuple((name, WITHHELD if name.lower() in self.withheld else value) for name, value in sent)

    def cleared(self, exchange: Exchange) -> Exchange:
        """Return the answer to a request that may have had credentials as it may be written down.

        Raises:
            SecretEchoed: it has one of the secrets in it.
        """
        if not self.withheld or origin_of(exchange.url) not in self.origins:
            return exchange
        headers = tuple(
            (name, WITHHELD if name.lower() in _SETTING else value) for name, value in exchange.headers
        )
        said = [exchange.reason, *(f"{name}: {value}" for name, value in headers)]
        shown = any(map(self._secrets.in_text, said))
        if shown or self._secrets.in_body(exchange.body, exchange.header("Content-Encoding")):
            raise SecretEchoed(
                "the answer shows one of the site's credentials, and is not archived", place=exchange.url
            )
        return replace(exchange, headers=headers)


NO_CREDENTIALS = Credentials()


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy: its address without user name and password, and the header that has them, or an empty string."""

    url: str
    authorization: str = field(default="", repr=False)

    @classmethod
    def of(cls, site: DocSite, environment: Mapping[str, str]) -> Proxy | None:
        """Return the proxy of a spec's doc site, if it names one. Raises SpecError as ``Credentials.of``."""
        return _parsed_proxy(_value(site.proxy, environment)) if site.proxy else None


def problems(site: DocSite, environment: Mapping[str, str]) -> Iterator[tuple[At, SpecError]]:
    """Yield what keeps a site's credentials from being used, with the keys that lead to it in the site."""
    checks: list[tuple[At, str, Callable[[str], object]]] = [
        *((("headers", name), text, _sendable) for name, text in site.headers.items()),
        *((("cookies", name), text, _cookie) for name, text in site.cookies.items()),
    ]
    yield from _failing(checks, environment)
    if site.auth:
        yield from auth_problems(site.auth, environment)
    if site.proxy:
        yield from _failing([(("proxy",), site.proxy, _parsed_proxy)], environment)


def auth_problems(auth: Auth, environment: Mapping[str, str]) -> Iterator[tuple[At, SpecError]]:
    """Yield what keeps a user name and password from being used, with the keys that lead to it in the site or registry."""
    yield from _failing(
        [
            (("auth", "username"), auth.username, _username),
            (("auth", "password"), auth.password, _password),
        ],
        environment,
    )


def _failing(
    checks: Iterable[tuple[At, str, Callable[[str], object]]], environment: Mapping[str, str]
) -> Iterator[tuple[At, SpecError]]:
    for at, text, check in checks:
        try:
            check(substituted(text, environment))
        except SpecError as error:
            yield at, error


def _value(text: str, environment: Mapping[str, str], check: Callable[[str], str] | None = None) -> str:
    return (check or _sendable)(substituted(text, environment))


def _origins(seeds: tuple[str, ...]) -> frozenset[str]:
    """Return the seeds' origins, and where one is http on its usual port, https of the same host as well."""
    urls = [url for seed in seeds if (url := resolve(seed, seed))]
    own = {origin_of(url) for url in urls}
    upgraded = {
        f"https://{name[7:]}" for name in own if name.startswith("http://") and Origin.of(name).port == 80
    }
    return frozenset(own | upgraded)


def _sensitive(
    site: DocSite, headers: Mapping[str, str], secret: set[str], environment: Mapping[str, str]
) -> Iterator[str]:
    """Yield what must not be written down: whole values, and the variables that they were made of."""
    yield from (headers[name] for name in secret)
    texts = [*site.headers.values(), *site.cookies.values()]
    if site.auth:  # a user name alone is no secret, and may be a word that any page has
        texts.append(site.auth.password)
        yield headers["Authorization"].partition(" ")[2]
    for text in texts:
        yield from (environment[name] for name in variables(text))


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


# Checks of values from the environment. Their messages never have the value.


def _sendable(value: str) -> str:
    if not (value.isascii() and value.isprintable() and value == value.strip() and len(value) <= _LONGEST):
        raise SpecError(
            "what the environment gives for this cannot be sent in a header",
            hint=f"at most {_LONGEST} printable ASCII characters, without spaces or line breaks around them",
        )
    return value


def _cookie(value: str) -> str:
    if not _COOKIE.fullmatch(_sendable(value)):
        raise SpecError(
            "what the environment gives for this cannot be a cookie's value",
            hint="give one cookie's value only, without spaces and semicolons",
        )
    return value


def _username(value: str) -> str:
    if ":" in _password(value):
        raise SpecError("a user name cannot have a colon in it", hint="RFC 7617 leaves no way to send it")
    return value


def _password(value: str) -> str:
    if not value.isprintable() or len(value) > _LONGEST:
        raise SpecError(
            "what the environment gives for this cannot be sent",
            hint=f"at most {_LONGEST} printable characters, without line breaks",
        )
    return value


def _parsed_proxy(value: str) -> Proxy:
    match = _PROXY.fullmatch(_sendable(value))
    if match is None or not _is_web_origin(match[1] + match[3]):
        raise SpecError(
            "what the environment gives for this is not the address of an HTTP proxy",
            hint="http://host:port or https://host:port, with user:password@ where needed, percent-encoded; "
            "SOCKS proxies are not supported",
        )
    name, _, password = (unquote(part) for part in (match[2] or "").partition(":"))
    return Proxy(match[1] + match[3], _basic(name, password) if match[2] else "")


def _is_web_origin(text: str) -> bool:
    try:
        Origin.of(text)
    except InvalidURL:
        return False
    return True
