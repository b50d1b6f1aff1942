"""IP addresses as sockets tell them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Union

IPAddress = Union[IPv4Address, IPv6Address]


def parse_ip(text: str) -> IPAddress | None:
    """Read an address; None where it is none.

    What sockets for both kinds call ``::ffff:192.0.2.7`` is ``192.0.2.7``; the network interface behind a ``%`` is
    left out.
    """
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found
