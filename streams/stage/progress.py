"""What a step says of a request on the `progress` topic, while it works and when it is through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from schemas.base import Payload
from schemas.progress import Progress
from streams.envelope import Message, seal
from streams.topics import PROGRESS

log = logging.getLogger(__name__)
_SAID: set[asyncio.Future[None]] = set()  # on their way: the loop itself holds no task


class Asked(NamedTuple):
    """A request, and what it is about."""

    request_id: str
    subject: str


def asked_by(event: Payload) -> Asked:
    """The request of an event that has been read."""
    request_id: str = getattr(event, "request_id")  # noqa: B009 - every consumed event has one once it is read
    return Asked(request_id, getattr(event, "title", None) or getattr(event, "clip", None) or request_id)


def word(step: str, asked: Asked, **said: Any) -> Message:
    """A step's word on a request. The same word has the same id."""
    progress = Progress(request_id=asked.request_id, subject=asked.subject, step=step, **said)
    name = f"{asked.request_id}:{step}:{progress.state}:{progress.fraction:.3f}"
    headers = seal(PROGRESS, f"/agents/{step}", name, asked.request_id)
    return Message(PROGRESS.full_name, asked.request_id.encode(), progress.model_dump_json().encode(), headers)


class Saying:
    """What a step says while it works. Nobody waits for it, and what cannot be said is left out."""

    def __init__(self, publish: Callable[[Message], Awaitable[None]], step: str, asked: Asked) -> None:
        self._publish = publish
        self._step = step
        self._asked = asked
        self._lack: str | None = None

    def running(self, fraction: float) -> None:
        """How far it is; 0 when it starts."""
        self._say(state="running" if fraction else "started", fraction=fraction)

    def waiting(self, lack: str) -> None:
        """What it waits for; said once."""
        if lack != self._lack:
            self._lack = lack
            log.warning("%s waits: %s", self._step, lack)
            self._say(state="waiting", reason=lack)

    def _say(self, **said: Any) -> None:
        task = asyncio.ensure_future(self._try(word(self._step, self._asked, **said)))
        _SAID.add(task)
        task.add_done_callback(_SAID.discard)

    async def _try(self, message: Message) -> None:
        with suppress(Exception):  # a word on the way may get lost; the last one may not
            await self._publish(message)
