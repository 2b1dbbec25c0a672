"""A group coordinator whose committed offsets are those of the broker, also just after the broker has started.

Upstream: aiokafka 0.14.0 reads the error of each partition in an answer to OffsetFetch, but not that of the whole
answer, which Kafka sends since version 2 of the request. A broker that is still loading the group, or no longer
coordinates it, sends such an error and no partitions: aiokafka takes this for a group that has committed nothing, and
reads from the beginning or from the end. No issue is known. Remove this module when aiokafka raises that error.
"""

from __future__ import annotations

from typing import Any

from aiokafka import errors
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetFetchRequest

UPSTREAM = ("aiokafka", "0.14.0")
_ELSEWHERE = (errors.GroupCoordinatorNotAvailableError, errors.NotCoordinatorForGroupError)


class CommitsCoordinator(GroupCoordinator):  # type: ignore[misc]
    """aiokafka's coordinator, which requests committed offsets again when the broker does not know them yet."""

    async def _send_req(self, request: Any) -> Any:
        response = await super()._send_req(request)
        if isinstance(request, OffsetFetchRequest) and response.error_code:
            error = errors.for_code(response.error_code)
            if issubclass(error, _ELSEWHERE):
                self.coordinator_dead()
            raise error(self.group_id)
        return response
