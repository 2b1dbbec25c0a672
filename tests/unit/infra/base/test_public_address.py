"""Which addresses count as public, however they are written."""

from __future__ import annotations

import socket

import pytest

from infra.base import public_address
from infra.base.public_address import is_loopback, is_public, public_socket, resolve_public
from schemas.faults import Poison, Retryable

NOT_PUBLIC = {
    "loopback": "127.0.0.1",
    "loopback, another": "127.8.9.1",
    "private, class A": "10.0.0.1",
    "private, class B": "172.31.255.255",
    "private, class C": "192.168.1.1",
    "link-local": "169.254.1.1",
    "metadata of clouds": "169.254.169.254",
    "metadata of Alibaba, shared": "100.100.100.200",
    "service of Azure": "168.63.129.16",
    "unspecified": "0.0.0.0",  # noqa: S104 - nothing listens there
    "this network": "0.1.2.3",
    "multicast": "224.0.0.1",
    "multicast, scoped": "239.255.255.250",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "documentation": "203.0.113.9",
    "benchmark": "198.18.0.1",
    "relay to IPv6": "192.88.99.1",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with zone": "fe80::1%eth0",
    "IPv6 with zone": "2606:4700::1%eth0",
    "IPv6 site-local": "fec0::1",
    "IPv6 unique local": "fd00:ec2::254",
    "IPv6 multicast": "ff02::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 documentation, new": "3fff::1",
    "IPv4-mapped loopback": "::ffff:127.0.0.1",
    "IPv4-mapped, public": "::ffff:8.8.8.8",
    "IPv4-compatible": "::127.0.0.1",
    "NAT64 of a private address": "64:ff9b::10.0.0.1",
    "NAT64 of a public address": "64:ff9b::8.8.8.8",
    "NAT64, local": "64:ff9b:1::1",
    "6to4 of a private address": "2002:0a00:0001::1",
    "Teredo": "2001:0:1234::1",
    "discard": "100::1",
    "no address": "localhost",
    "decimal, which is no address": "2130706433",
    "empty": "",
}
WRITTEN_OTHERWISE = {
    "name": "localhost",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "octal": "0177.0.0.1",
    "short": "127.1",
    "zero": "0",
    "IPv6": "::1",
    "IPv4-mapped": "::ffff:127.0.0.1",
    "IPv4-mapped, hexadecimal": "::ffff:7f00:1",
}


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_an_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_an_address_of_the_public_internet_is_accepted(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", WRITTEN_OTHERWISE.values(), ids=WRITTEN_OTHERWISE.keys())
def test_a_host_is_judged_by_its_address_however_it_is_written(host: str) -> None:
    with pytest.raises(Poison, match="public") as refused:
        resolve_public(host, 80)
    assert refused.value.reason == "url_not_allowed"


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "x" * 300])
def test_a_text_that_no_resolver_takes_is_one_fault(host: str) -> None:
    with pytest.raises((Poison, Retryable), match="host"):
        resolve_public(host, 80)


def test_a_host_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1", "1.1.1.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    with pytest.raises(Poison, match=r"10\.0\.0\.1"):
        resolve_public("two.example", 80)


def test_a_name_that_changes_its_address_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_address, "is_public", lambda address: address == "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as public:
        port = public.getsockname()[1]
        answers = iter([[(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))] for host in ("127.0.0.1", "::1")])
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: next(answers))
        [info] = resolve_public("changing.example", port)
        with public_socket(info) as connection:
            connection.connect(info[4])
            assert connection.getpeername() == ("127.0.0.1", port)
    assert len(list(answers)) == 1


def test_only_addresses_of_this_machine_alone_are_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.1", "example.org", "")))  # noqa: S104 - text only


def test_no_socket_is_made_for_a_private_address() -> None:
    with pytest.raises(Poison, match=r"127\.0\.0\.1"):
        public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
