"""IP addresses as sockets tell them."""

from __future__ import annotations

import socket
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


def outward_address() -> IPAddress | None:
    """Return the address by which this machine reaches others, and they most likely reach it; None where it has none.

    Nothing is sent: a datagram socket that is connected only chooses its own address.
    """
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as chosen:
                chosen.connect((elsewhere, 9))
                found = parse_ip(chosen.getsockname()[0])
        except OSError:
            continue
        if found is not None and not found.is_loopback:
            return found
    return None
