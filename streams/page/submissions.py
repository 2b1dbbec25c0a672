"""Submitting songs from the page: each request id once, and only what the broker has acknowledged counts."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from schemas.faults import Poison, Retryable
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message
from streams.ids import digest
from streams.request_events import control_message, submission

_SOURCE = "/http"
_PUBLISH_TIMEOUT_S = 45.0  # the producer gives up a record after 40 s: after this one, none is written later
_MAX_REMEMBERED = 10_000


@dataclass
class Submissions:
    """Publishes requests of the page.

    `publish` returns when the broker has acknowledged the messages; `is_known`: whether a request has been worked on.
    The contents of the last 10,000 requests are remembered, so that a repetition is known from another request.
    """

    publish: Callable[[Message], Awaitable[None]]
    is_known: Callable[[str], bool]
    _contents: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _pending: dict[str, asyncio.Event] = field(default_factory=dict)

    def has(self, request_id: str) -> bool:
        """Return whether a request with this id was submitted here."""
        return request_id in self._contents

    async def submit(self, request: SongSubmitted) -> None:
        """Publish a request, unless the same one was published before.

        Raises: `Poison` (`repeated_id`) if its id was used for another request, or for one that can never be sent;
        `Retryable` (`kafka`) if Kafka has not acknowledged it.
        """
        request_id, content = str(request.request_id), digest(request.model_dump_json())
        while (other := self._pending.get(request_id)) is not None:
            await other.wait()
        if request_id not in self._contents and self.is_known(request_id):
            return
        if self._contents.get(request_id, content) != content:
            raise Poison(f"the request id {request_id} was used for another request", reason="repeated_id")
        if request_id not in self._contents:
            await self._publish_once(request_id, content, submission(request, _SOURCE))

    async def cancel(self, request_id: str) -> None:
        """Publish that a request is cancelled. Raises: `Poison` for a wrong id; `Retryable` (`kafka`)."""
        await self._send(control_message(request_id, "cancel", _SOURCE))

    async def _publish_once(self, request_id: str, content: str, message: Message) -> None:
        done = self._pending[request_id] = asyncio.Event()
        try:
            await self._send(message)
            self._contents[request_id] = content
            if len(self._contents) > _MAX_REMEMBERED:
                self._contents.popitem(last=False)
        finally:
            del self._pending[request_id]
            done.set()

    async def _send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(_PUBLISH_TIMEOUT_S):
                await self.publish(message)
        except Poison:
            raise
        except Exception as error:
            what = "Kafka has not acknowledged the event; send it again with the same request id"
            raise Retryable(what, reason="kafka") from error
