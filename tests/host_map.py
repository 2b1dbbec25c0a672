"""Names of hosts for tests: what they resolve to, and which addresses of this machine count as public."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

import pytest

from infra.base import public_address

PUBLIC = "127.0.0.2"  # an address of this machine that counts as one of the public Internet


def map_hosts(patch: pytest.MonkeyPatch, hosts: Mapping[str, list[list[str]]]) -> None:
    """Resolve names by a map: for each name the answers, one a look-up; the last one is repeated.

    Other names are resolved as ever; one without answers has no address. `PUBLIC` counts as a public address.
    """
    answers: dict[str, Iterator[list[str]]] = {name: _repeating(found) for name, found in hosts.items()}
    resolve, is_public = socket.getaddrinfo, public_address.is_public

    def look_up(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host in answers:
            found = next(answers[host])
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [_info(address, port) for address in found]
        return resolve(host, port, *args, **options)

    patch.setattr(socket, "getaddrinfo", look_up)
    patch.setattr(public_address, "is_public", lambda address: address == PUBLIC or is_public(address))


def _repeating(answers: list[list[str]]) -> Iterator[list[str]]:
    yield from answers
    while True:
        yield answers[-1]


def _info(address: str, port: int) -> Any:
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    return (family, socket.SOCK_STREAM, 6, "", (address, port))
