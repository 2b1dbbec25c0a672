"""A broker and a table of results in memory, to run steps without Kafka: for this project's tests and its users'.

broker = await run_step(STEP, SongSubmitted(...), tools)
[accepted] = broker.payloads(SONG_ACCEPTED)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from agents.step import In, Input, Out, Result, Step, Tools, View
from schemas.base import Model
from schemas.request_ended import RequestEnded
from streams.envelope import Headers, Message, Record
from streams.ids import place_id
from streams.stage.progress import ProgressReporter
from streams.stage.runners import AnyStep, Done, Report, Runner
from streams.stage.stage import Stage
from streams.topics import REQUEST_ENDED, Topic, topic_of


@dataclass
class InMemoryBroker:
    """Keeps what is published, in order. The first `failures` attempts to publish fail."""

    records: list[Message] = field(default_factory=list)
    failures: int = 0

    async def publish(self, *messages: Message) -> None:
        """Keep the messages. Raises `ConnectionError` while failures are left."""
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the broker is away")
        self.records += messages

    def on(self, topic: str) -> list[Message]:
        """Return the messages on a topic, by its full name."""
        return [message for message in self.records if message.topic == topic]

    def payloads(self, topic: Topic) -> list[Any]:
        """Return the payloads of the events on a topic."""
        return [topic.payload.model_validate_json(message.value or b"") for message in self.on(topic.full_name)]

    def dead_letters(self, topic: Topic) -> list[Message]:
        """Return the dead letters of a topic."""
        return self.on(topic.dead_letter_name)

    @property
    def ended(self) -> list[RequestEnded]:
        """The outcomes of requests."""
        return self.payloads(REQUEST_ENDED)


@dataclass
class InMemoryResults:
    """Stores results in a dictionary, by partition and key."""

    stored: dict[tuple[int, str], str] = field(default_factory=dict)

    def get(self, partition: int, key: str) -> str | None:
        """Return what is stored under the key, or None."""
        return self.stored.get((partition, key))

    async def put(self, partition: int, results: Mapping[str, str]) -> None:
        """Store the results."""
        await asyncio.sleep(0)
        self.stored.update({(partition, key): result for key, result in results.items()})


def inline(tools: Tools) -> Runner:
    """Return a runner that does the work on the event loop itself."""

    async def run(step: AnyStep, work_input: Model, report: Report) -> Done:
        report(0.0)
        return Done(step.work(work_input, tools).model_dump_json(), cpu_seconds=0.0, peak_rss_bytes=0)

    return run


def tools_below(folder: Path, **more: Any) -> Tools:
    """Return tools whose folders lie below `folder`, without a library. `more`: other values for any of them."""
    from infra.media_store import MediaStore

    usual: dict[str, Any] = {
        "media": MediaStore(folder / "media"),
        "cache_dir": folder / "cache",
        "output_dir": folder / "output",
        "allowed_roots": (),
        "pose_model": folder / "pose_landmarker.task",
    }
    return Tools(**usual | more)


def record_of_event(event: Model, *, partition: int = 0, offset: int = 0, headers: Iterable[Any] = ()) -> Record:
    """Return the event as a record of its topic."""
    topic = topic_of(type(event)).full_name
    given: Headers = list(headers) or [("ce_id", place_id(topic, partition, offset).encode())]
    return Record(topic, partition, offset, None, event.model_dump_json().encode(), given)


class _UpToDate:
    async def caught_up(self) -> None:
        return None


def make_stage(
    step: AnyStep, tools: Tools, broker: InMemoryBroker, results: InMemoryResults | None = None, **more: Any
) -> Stage:
    """Return a stage that publishes to the broker in memory. `more`: other fields of the stage.

    Its views have always caught up: the library is the one of `tools`.
    """
    usual: dict[str, Any] = {
        "run": inline(tools),
        "observers": (ProgressReporter(broker.publish),),
        "views": dict.fromkeys(get_args(View), _UpToDate()),
    }
    return Stage(step, tools, broker, results or InMemoryResults(), **usual | more)


def work_of(step: AnyStep, event: Model, tools: Tools) -> Any:
    """Return the result of a step's work on an event, as the step wrapper would call it."""
    return step.work(step.depends_on(event, tools), tools)


def event_after(step: Step[In, Input, Result, Out], event: In, result: Result) -> Out:
    """Return the event that a step makes of an event and its result. Raises `ValueError` where it produces none."""
    if step.emit is None:
        raise ValueError(f"{step.name} produces no event")
    return step.emit(event, result)


async def run_step(step: AnyStep, event: Model, tools: Tools, **more: Any) -> InMemoryBroker:
    """Take one event through a step, and return the broker with all that was published. `more`: as of `make_stage`."""
    broker = InMemoryBroker()
    await make_stage(step, tools, broker, **more).handle(record_of_event(event))
    await asyncio.sleep(0)  # progress is published in the background
    return broker
