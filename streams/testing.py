"""An in-memory broker and table of results, to run steps without Kafka: for tests of this project and of its users.

broker = await run_step(STEP, SongSubmitted(...), tools)
[accepted] = broker.payloads(SONG_ACCEPTED)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from agents.step import Tools, View
from schemas.base import Model
from schemas.request_ended import RequestEnded
from streams.envelope import Headers, Message, Record
from streams.ids import position_id
from streams.stage.progress import ProgressReporter
from streams.stage.runners import AnyStep, CompletedWork, Report, Runner
from streams.stage.stage import Stage
from streams.topics import REQUEST_ENDED, Topic, topic_of


@dataclass
class InMemoryBroker:
    """Stores published messages in order. The first `failures` attempts to publish fail."""

    records: list[Message] = field(default_factory=list)
    failures: int = 0

    async def publish(self, *messages: Message) -> None:
        """Store the messages. Raises: `ConnectionError` while `failures` is above 0."""
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the broker is unavailable")
        self.records += messages

    async def append(self, topic: str, partition: int, items: Mapping[bytes, bytes]) -> None:
        """Store records of one partition. Raises: as `publish`."""
        del partition
        await self.publish(*(Message(topic, key, value, []) for key, value in items.items()))

    def messages_on(self, topic: str) -> list[Message]:
        """Return the messages on the topic with this full name."""
        return [message for message in self.records if message.topic == topic]

    def payloads(self, topic: Topic) -> list[Any]:
        """Return the payloads of the events on a topic."""
        return [
            topic.payload.model_validate_json(message.value or b"") for message in self.messages_on(topic.full_name)
        ]

    def dead_letters(self, topic: Topic) -> list[Message]:
        """Return the dead letters of a topic."""
        return self.messages_on(topic.dead_letter_name)

    @property
    def ended(self) -> list[RequestEnded]:
        """Return the outcomes of requests."""
        return self.payloads(REQUEST_ENDED)


@dataclass
class InMemoryResults:
    """Stores results in a dictionary, by partition and key."""

    stored: dict[tuple[int, str], str] = field(default_factory=dict)

    def get(self, partition: int, key: str) -> str | None:
        """Return the result stored under the key, or None."""
        return self.stored.get((partition, key))

    async def put(self, partition: int, results: Mapping[str, str]) -> None:
        """Store the results."""
        await asyncio.sleep(0)
        self.stored.update({(partition, key): result for key, result in results.items()})


def inline(tools: Tools) -> Runner:
    """Return a runner that does the work on the event loop itself."""

    async def run(step: AnyStep, work_input: Model, report: Report) -> CompletedWork:
        report(0.0)
        return CompletedWork(step.work(work_input, tools).model_dump_json(), cpu_seconds=0.0, peak_rss_bytes=0)

    return run


def tools_below(folder: Path, **changes: Any) -> Tools:
    """Return tools whose folders are below `folder`, without a library. `changes`: other values for any of them."""
    from infra.media_store import MediaStore

    defaults: dict[str, Any] = {
        "media": MediaStore(folder / "media"),
        "cache_dir": folder / "cache",
        "output_dir": folder / "output",
        "allowed_roots": (),
        "pose_model": folder / "pose_landmarker.task",
    }
    return Tools(**defaults | changes)


def record_of_event(event: Model, *, partition: int = 0, offset: int = 0, headers: Iterable[Any] = ()) -> Record:
    """Return the event as a record of its topic."""
    topic = topic_of(type(event)).full_name
    record_headers: Headers = list(headers) or [("ce_id", position_id(topic, partition, offset).encode())]
    return Record(topic, partition, offset, None, event.model_dump_json().encode(), record_headers)


class _UpToDate:
    async def caught_up(self) -> None:
        return None


def make_stage(
    step: AnyStep, tools: Tools, broker: InMemoryBroker, results: InMemoryResults | None = None, **changes: Any
) -> Stage:
    """Return a stage that publishes to the in-memory broker. `changes`: other values for fields of the stage.

    Its views are always up to date; the library is `tools.library`.
    """
    defaults: dict[str, Any] = {
        "run": inline(tools),
        "observers": (ProgressReporter(broker.publish),),
        "views": dict.fromkeys(get_args(View), _UpToDate()),
    }
    return Stage(step, tools, broker, results or InMemoryResults(), **defaults | changes)


def work_of(step: AnyStep, event: Model, tools: Tools) -> Any:
    """Return the result of a step's work on an event, called as the step wrapper calls it."""
    return step.work(step.depends_on(event, tools), tools)


async def run_step(step: AnyStep, event: Model, tools: Tools, **changes: Any) -> InMemoryBroker:
    """Run a step on one event and return the broker with all published messages. `changes`: see `make_stage`."""
    broker = InMemoryBroker()
    await make_stage(step, tools, broker, **changes).handle(record_of_event(event))
    await asyncio.sleep(0)  # progress is published in the background
    return broker
