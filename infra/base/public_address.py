"""Addresses of the public Internet: the only ones to connect to where a stranger names the host.

The address that is checked is the one that is connected to: a second look-up of the name could give another one.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from schemas.faults import Poison, Retryable

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]  # as `socket.getaddrinfo` returns it
_UNICAST_V6 = ip_network("2000::/3")  # all other IPv6 addresses are private, reserved, or contain an IPv4 address
_REFUSED_V6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_REFUSED_V4 = tuple(
    map(
        ip_network,
        (
            "168.63.129.16/32",  # Azure's service for its virtual machines
            "192.88.99.0/24",  # relays from IPv4 to IPv6
        ),
    )
)


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to a machine of the public Internet.

    Not public: private, loopback, link-local, shared, multicast, reserved and unspecified addresses, and IPv6 addresses
    that lead to an IPv4 address (mapped, NAT64, 6to4, Teredo). A text that is no address is not public.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(ip) if isinstance(ip, IPv4Address) else _is_public_v6(ip)


def is_loopback(host: str) -> bool:
    """Return whether a host, as an address or `localhost`, can be reached from this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_public_v4(ip: IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _REFUSED_V4)


def _is_public_v6(ip: IPv6Address) -> bool:
    return ip.scope_id is None and ip in _UNICAST_V6 and not any(ip in network for network in _REFUSED_V6)


def check_public(address: str) -> None:
    """Check an IP address. Raises: `Poison` (`url_not_allowed`) for one that is not public."""
    if not is_public(address):
        raise Poison(f"{address} is not an address of the public Internet", reason="url_not_allowed")


def public_socket(info: AddressInfo) -> socket.socket:
    """Return a new socket for a public address; it is not connected. For aiohttp's `TCPConnector(socket_factory=…)`.

    Raises: `Poison` (`url_not_allowed`) for an address that is not public.
    """
    family, kind, protocol, _, address = info
    check_public(str(address[0]))
    return socket.socket(family, kind, protocol)


def resolve_public(host: str, port: int) -> list[AddressInfo]:
    """Return the addresses of a host, all of them public.

    Raises:
        Poison: (`url_not_allowed`) one of them is not public, or the name cannot be one of a host.
        Retryable: (`no_network`) the name has no address now.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a name with an empty part, or one that is too long
        raise Poison(f"'{host}' is not the name of a host", reason="url_not_allowed") from error
    except OSError as error:
        raise Retryable(f"the host '{host}' has no address now: {error.strerror}", reason="no_network") from error
    for info in found:
        check_public(str(info[4][0]))
    return found


def look_up(host: str, port: int, *, allow_private: bool) -> list[AddressInfo]:
    """Return the addresses of a host. Raises: as `resolve_public`, or `OSError` where private ones are allowed."""
    if allow_private:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return resolve_public(host, port)
