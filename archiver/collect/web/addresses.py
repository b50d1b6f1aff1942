"""Which addresses a crawl may speak to.

What a page on the internet refers to must not make the program ask the keeper's own machines and network:
routers, cloud metadata, databases. A site that is itself at such an address refers to its like freely.
"""

from __future__ import annotations

import socket
from functools import cached_property
from ipaddress import IPv6Address, ip_address
from typing import Iterable

from archiver.core.errors import PrivateAddress


def is_private(address: str) -> bool:
    """Say whether an IP address means this host, this link, a private network or a group; False for a name.

    Source: IANA's special-purpose address registries (RFC 6890), as Python's ``ipaddress`` has them.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.is_multicast or not parsed.is_global


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
        hosts: the hosts that the spec itself names for the site. They are always allowed; where one of
            them is at a private address, everything is.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(hosts)

    def check(self, host: str, addresses: Iterable[str]) -> None:
        """Raise PrivateAddress where a host is at an address that the site has no business with."""
        for address in addresses:
            if is_private(address) and host not in self._hosts and not self._site_is_private:
                raise PrivateAddress(f"{host} is at {address}, which only a private network reaches")

    @cached_property
    def _site_is_private(self) -> bool:
        return any(is_private(address) for host in self._hosts for address in addresses_of(host))
