"""What a reverse proxy tells of the request that it passes on: whom the reader called, how, and below which path.

Anybody can send these headers, so they are believed from the proxies that the operator names, and from nobody
else. There they are believed strictly: what is malformed, or contradicts itself, is refused, since addresses made
from a guess would lead readers astray.

Source: RFC 7239 for ``Forwarded``; for the ``X-Forwarded-`` headers what nginx, Apache, HAProxy and Traefik send.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Iterable, Mapping, TypeVar, Union

from archiver.core.errors import UsageError
from archiver.offline.ip import parse_ip
from archiver.offline.wsgi import Host, Reply, plain

if TYPE_CHECKING:
    from archiver.offline.wsgi import Caller, Request

_T = TypeVar("_T")
Network = Union[IPv4Network, IPv6Network]

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'[ \t]*(?:({_WORD})=(?:({_WORD})|"((?:[^"\\]|\\.)*)")[ \t]*)?(?P<end>[;,]|\Z)')
_SCHEMES = ("http", "https")
_PREFIX = re.compile(r"\A(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]{1,100}){0,10}/?\Z")
_NODE = re.compile(r"\A(?:\[([^\]]+)\]|([^:]+))(?::[^:]+)?\Z")
_MOST = 4000  # characters of such a header


class _Malformed(Exception):
    """Carries what to tell the client."""


@dataclass(frozen=True)
class TrustedProxies:
    """The proxies whose word counts.

    Attributes:
        networks: their addresses.
    """

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> TrustedProxies:
        """Read addresses and networks, such as ``127.0.0.1`` and ``10.1.0.0/16``. Raises UsageError."""
        return cls(tuple(_network(text) for text in texts))

    def trusts(self, address: str) -> bool:
        """Say whether an address is that of a trusted proxy."""
        parsed = parse_ip(address)
        return parsed is not None and any(
            parsed.version == network.version and parsed in network for network in self.networks
        )

    def original(self, request: Request) -> Request | Reply:
        """Return the request as the reader sent it to the proxy; a refusal where the proxy's word is unusable.

        Of whom the operator did not name, the request is returned as it is.
        """
        if not self.networks or not self.trusts(str(request.environ.get("REMOTE_ADDR", ""))):
            return request
        try:
            return replace(request, caller=self._caller(request))
        except _Malformed as error:
            return plain(400, str(error))

    def _caller(self, request: Request) -> Caller:
        standard = self._element(_short(request, "Forwarded"))
        scheme = _agreed(
            _scheme(standard.get("proto", "")), _scheme(_last(request, "X-Forwarded-Proto")), "scheme"
        )
        name = _agreed(_host(standard.get("host", "")), _host(_last(request, "X-Forwarded-Host")), "host")
        host, port = name or request.caller.host, _port(_last(request, "X-Forwarded-Port"))
        if not host.port:
            host = replace(host, port=port)
        return replace(
            request.caller,
            host=host,
            scheme=scheme or request.caller.scheme,
            prefix=_prefix(_last(request, "X-Forwarded-Prefix")),
        )

    def _element(self, text: str) -> Mapping[str, str]:
        """Return what ``Forwarded`` says of the reader's own request.

        Each proxy adds an element behind those of the proxies before it. The last one is from our peer; an earlier
        one counts where the one behind it says that it came from a trusted proxy, too.
        """
        elements = _elements(text)
        if not elements:
            return {}
        at = len(elements) - 1
        while at and self._trusts_node(elements[at].get("for", "")):
            at -= 1
        return elements[at]

    def _trusts_node(self, node: str) -> bool:
        match = _NODE.match(node)
        return match is not None and self.trusts(match[1] or match[2])


NO_PROXIES = TrustedProxies()


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r:.80} is no address of a proxy: {error}",
            hint="give an IP address, or a network such as 10.1.0.0/16",
        ) from error


def _agreed(first: _T, second: _T, what: str) -> _T:
    """Return what both kinds of headers say; where one says nothing, the other one counts."""
    if first and second and first != second:
        raise _Malformed(f"Forwarded and X-Forwarded- headers contradict each other about the {what}")
    return first or second


def _short(request: Request, name: str) -> str:
    value = request.header(name)
    if len(value) > _MOST:
        raise _Malformed(f"malformed {name}")
    return value


def _last(request: Request, name: str) -> str:
    """Return what our peer said: proxies that add to a list add at its end."""
    return _short(request, name).rpartition(",")[2].strip()


def _elements(text: str) -> list[dict[str, str]]:
    """Read ``Forwarded`` (RFC 7239 section 4): elements of pairs, with names in lowercase."""
    elements: list[dict[str, str]] = [{}]
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None or (pair[1] or "").lower() in elements[-1]:
            raise _Malformed("malformed Forwarded")
        if pair[1]:
            value = pair[2] if pair[2] is not None else re.sub(r"\\(.)", r"\1", pair[3])
            elements[-1][pair[1].lower()] = value
        if pair["end"] == ",":
            elements.append({})
        at = pair.end()
    return [element for element in elements if element]


def _scheme(text: str) -> str:
    if text and text.lower() not in _SCHEMES:
        raise _Malformed("malformed scheme in what the proxy forwarded")
    return text.lower()


def _host(text: str) -> Host | None:
    found = Host.parse(text)
    if text and found is None:
        raise _Malformed("malformed host in what the proxy forwarded")
    return found


def _port(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65535):
        raise _Malformed("malformed X-Forwarded-Port")
    return int(text)


def _prefix(text: str) -> str:
    if not _PREFIX.match(text):
        raise _Malformed("malformed X-Forwarded-Prefix")
    return text.rstrip("/")
