"""The look-up of hosts for aiohttp, in which addresses that are not public are refused unless they are allowed."""

from __future__ import annotations

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from infra.base.public_address import look_up

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class HostResolver(AbstractResolver):
    """Looks up each host once per connection; without `allow_private` only public addresses are returned.

    `on_thread`: look up on another thread. Where nothing else runs, look up on the same one: another thread could
    outlast the request.
    """

    def __init__(self, *, allow_private: bool, on_thread: bool = True) -> None:
        self._allow_private, self._on_thread = allow_private, on_thread

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises: as `look_up`."""
        if self._on_thread:
            infos = await asyncio.to_thread(look_up, host, port, allow_private=self._allow_private)
        else:
            infos = look_up(host, port, allow_private=self._allow_private)
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=info_family, proto=protocol, flags=_NUMERIC
            )
            for info_family, _, protocol, _, address in infos
        ]

    async def close(self) -> None:
        """Do nothing: nothing is open."""
