"""Which addresses a crawl may speak to.

What a page refers to must not make the program ask the keeper's own machines and network: routers, cloud
metadata, databases. A site in that network is no exception: anyone may write into a wiki.
"""

from __future__ import annotations

import socket
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Iterable

from archiver.core.errors import PrivateAddress

_UNICAST = IPv6Network("2000::/3")  # all of IPv6 that is given out so far
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is the last 32 bits
_ASSIGNMENTS = IPv4Network("192.0.0.0/24")  # RFC 6890; older versions of ``ipaddress`` know half of it
_STAND_INS = IPv4Network("198.18.0.0/15")  # RFC 2544; transparent proxies give every name an address of these
_LOCAL_NAMES = frozenset(
    {"localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "localdomain"}
)


def is_private(address: str) -> bool:
    """Say whether an IP address means this host, this link, a private network or a group; False for a name.

    Addresses that lead to an IPv4 address by translation or tunnel (IPv4-mapped, NAT64, 6to4) count as that.

    Source: IANA's special-purpose address registries (RFC 6890), as Python's ``ipaddress`` has them.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        carried = _carried(parsed)
        if carried is None:
            return parsed.is_multicast or not parsed.is_global or parsed not in _UNICAST
        parsed = carried
    return parsed.is_multicast or not parsed.is_global or parsed in _ASSIGNMENTS


def is_local_name(host: str) -> bool:
    """Say whether a name has a meaning within a network only, so that each resolver may give it its own.

    Sources: RFC 6761 (localhost), RFC 6762 and its appendix G (local and what is in use beside it), RFC 8375
    (home.arpa); a name of one label is completed by the resolver.
    """
    name = host.removesuffix(".").lower()
    if ":" in name or _is_address(name):
        return False
    return "." not in name or name.rpartition(".")[2] in _LOCAL_NAMES or f".{name}".endswith(".home.arpa")


def addresses_of(host: str) -> tuple[str, ...]:
    """Return the addresses of a host name, or the address that it is; nothing where it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(str(place[0]) for *_, place in found)


class AddressPolicy:
    """Where one site's crawl may connect to. May be used by several threads.

    Args:
        hosts: the hosts that the spec itself names for the site. They are always allowed, and so are other
            names for the addresses that they are at.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(hosts)

    def check(self, host: str, addresses: Iterable[str]) -> None:
        """Raise PrivateAddress where a host is at an address that the site has no business with."""
        for address in addresses:
            if is_private(address) and not self._allows(host, address):
                raise PrivateAddress(f"{host} is at {address}, which only a private network reaches")

    def check_name(self, host: str) -> None:
        """Raise PrivateAddress where a host's name says as much; for hosts that a proxy connects to."""
        self.check(host, (host,))
        if is_local_name(host) and host not in self._hosts:
            raise PrivateAddress(f"{host} is a name that only a private network knows")

    def _allows(self, host: str, address: str) -> bool:
        if host in self._hosts or address in self._named:
            return True
        return _is_stand_in(address) and any(map(_is_stand_in, self._named))

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(address for host in self._hosts for address in addresses_of(host))


def _is_stand_in(address: str) -> bool:
    """Say whether an address tells nothing of a host: no network has machines there."""
    return _is_address(address) and ip_address(address) in _STAND_INS


def _carried(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
