"""A fetcher that gets the offsets of partitions while a fetch waits for records.

Upstream: aiokafka 0.14.0 sends both requests on one connection, and Kafka answers the requests of a connection one
after the other, so the first and last offsets come up to half a second late, after the fetch. No issue is known.
Remove this module when aiokafka requests them on another connection.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.fetcher import Fetcher

UPSTREAM = ("aiokafka", "0.14.0")

_CONNECTION = "offsets"  # aiokafka has one connection to a broker for each such key


class OffsetsFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, with another connection for offsets."""

    async def _proc_offset_request(self, node_id: int, topic_data: Any) -> Any:
        if not self._pending_tasks:
            return await super()._proc_offset_request(node_id, topic_data)
        other = SimpleNamespace(_client=_OffsetsClient(self._client), _isolation_level=self._isolation_level)
        return await Fetcher._proc_offset_request(other, node_id, topic_data)


class _OffsetsClient:
    def __init__(self, client: Any) -> None:
        self._client = client

    async def send(self, node_id: int, request: Any) -> Any:
        return await self._client.send(node_id, request, group=_CONNECTION)
