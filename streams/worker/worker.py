"""The worker: makes the topics, opens the state, and puts every step to work until it is told to stop."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import logging
import os
import signal
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.step import Step
from infra.move_index import open_index
from infra.room import Room
from infra.settings import Settings
from schemas.base import Payload
from schemas.faults import Poison, Retryable
from streams.ids import digest
from streams.page.server import Page, read_token
from streams.page.state import LibraryView
from streams.stage.in_flight import Gate
from streams.stage.stage import Runner, Stage, in_thread
from streams.steps import STEPS
from streams.tools import make_tools
from streams.topics import MOVE_INDEXED, PROGRESS, specs
from streams.views.move_index_sink import MoveSink
from streams.views.requests import Requests
from streams.views.topic_view import TopicReader
from streams.worker.create_topics import ensure_topics
from streams.worker.faust_app import TableResults, add_agent, make_app
from streams.worker.publisher import KafkaPublisher
from streams.worker.step_pool import Children, Done

Steps = Sequence[Step[Any, Any, Any]]

log = logging.getLogger(__name__)
_MOST_WORKERS = 64
_STOP_WITHIN_S = 8.0


class Worker:
    """One worker on one machine. Its tables and move index lie in a folder that no other process has open.

    `steps` are what it puts to work; `runners` say, by a step's place, who does its work where that is not the usual.
    """

    def __init__(
        self, settings: Settings, bootstrap: str, steps: Steps = STEPS, runners: Mapping[str, Runner] | None = None
    ) -> None:
        self._settings = settings
        self._bootstrap = bootstrap
        self._number, self._lock = _claim(settings.state_dir)
        folder = settings.state_dir / f"worker-{self._number}"
        self._index = open_index(settings, folder / "moves")
        sink = MoveSink(self._index, folder / "moves" / f"positions-{_backend(settings)}.json")
        self._moves = TopicReader(bootstrap, MOVE_INDEXED, sink)
        self._requests = Requests(folder / "requests")
        self._progress = TopicReader(bootstrap, PROGRESS, self._requests, gather_s=0.2)
        self._room = Room((settings.data_dir, settings.cache_dir, settings.output_dir), settings.least_free_bytes)
        self._publisher = KafkaPublisher(bootstrap)
        self._app = make_app(bootstrap, folder)
        self._gate = Gate()
        self._children = Children(settings.children)
        self._add_stages(steps, runners or {})
        view = LibraryView(self._index, self._requests, self._health)
        self._page = Page(view, read_token(settings.run_dir))
        self._state = "starting"

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises `Retryable` where the stream itself broke down."""
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await ensure_topics(self._bootstrap, specs())
        await self._page.start()
        for part in (self._moves, self._progress, self._publisher):
            await part.start()
        self._app.on_startup_finished = self._announce
        try:
            await self._until(stopping)
        finally:
            await self._stop()

    async def _until(self, stopping: asyncio.Event) -> None:
        app = asyncio.ensure_future(self._app.start())
        broken = asyncio.ensure_future(self._app.wait_until_stopped())
        told = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({app, told}, return_when=asyncio.FIRST_COMPLETED)  # a failed start breaks nothing else
        if not told.done() and app.exception() is None:
            await asyncio.wait({broken, told}, return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            reason = app.exception() or self._app.crash_reason
            raise Retryable(f"the stream broke down: {reason!r}", reason="stream") from reason
        await self._drain()
        broken.cancel()
        app.cancel()

    async def _drain(self) -> None:
        self._state = "stopping"
        self._address.unlink(missing_ok=True)
        left = await self._gate.close(self._settings.grace_s)
        if left:
            log.warning("%d events are not finished after %.0f s and come again", left, self._settings.grace_s)

    async def _announce(self) -> None:
        self._state = ""
        gc.collect()
        gc.freeze()  # what is there now stays: looking through it again and again took a fifth of all time
        gc.set_threshold(20_000, 20, 20)
        self._address.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._address.with_suffix(".new")
        temporary.write_text(json.dumps({"pid": os.getpid(), "url": self._page.url, "bootstrap": self._bootstrap}))
        temporary.replace(self._address)
        log.warning("ready: %s", self._page.url)

    @property
    def _address(self) -> Path:
        return self._settings.run_dir / f"worker-{self._number}.json"

    async def _stop(self) -> None:
        self._state = "stopping"
        self._address.unlink(missing_ok=True)
        await self._within(self._app.stop())
        await self._children.stop()
        for part in (self._moves, self._progress, self._page):
            await part.stop()
        await self._within(self._publisher.stop())
        self._index.close()
        self._requests.close()
        self._lock.close()

    async def _within(self, stopping: Awaitable[None]) -> None:
        """Faust and aiokafka wait for ever where Kafka goes away in that very moment; what is not acked comes again."""
        try:
            await asyncio.wait_for(stopping, _STOP_WITHIN_S)
        except TimeoutError:
            log.warning("the stream did not stop within %.0f s and is left as it is", _STOP_WITHIN_S)

    def _health(self) -> dict[str, Any]:
        named = {"move index": self._moves.error, "requests": self._progress.error}
        said = [self._state, *(f"{name}: {error}" for name, error in named.items() if error), self._room.lack()]
        problems = [problem for problem in said if problem]
        return {"ready": not problems, "problems": problems, "worker": self._number}

    def _add_stages(self, steps: Steps, runners: Mapping[str, Runner]) -> None:
        tools = replace(make_tools(self._settings), library=self._index)
        results = TableResults(self._app, self._publisher)
        usual: dict[str, Runner] = {"child": self._in_child, "worker": in_thread(tools)}
        makers = {step.produces: step.name for step in steps}
        for step in steps:
            stage = Stage(
                step=step,
                tools=tools,
                publisher=self._publisher,
                results=results,
                run=(usual | dict(runners))[step.place],
                short_of=self._room.lack,
                fed_by=makers.get(step.consumes),
                **_waits(step, self._moves),
            )
            add_agent(self._app, stage, self._gate)

    async def _in_child(self, step: Step[Any, Any, Any], event: Payload, report: Any) -> Done:
        return await self._children.run(step.name, event.model_dump_json(), step.timeout_s, report)


def _backend(settings: Settings) -> str:
    return digest(settings.qdrant_url)[:8] if settings.qdrant_url else "embedded"


def _waits(step: Step[Any, Any, Any], moves: TopicReader) -> dict[str, Any]:
    if step.name == "move_scoring":
        return {"before": moves.caught_up}
    if step.name == "move_indexing":
        return {"after": moves.caught_up}
    return {}


def _claim(state_dir: Path) -> tuple[int, Any]:
    state_dir.mkdir(parents=True, exist_ok=True)
    for number in range(_MOST_WORKERS):
        lock = (state_dir / f"worker-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return number, lock
    raise Poison(f"{_MOST_WORKERS} workers have {state_dir} open already", reason="too_many_workers")
