"""Mutants: the program with one mend taken out. The simulation must find an error in each within a few seeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from streams import log_position, topics
from streams.control.controls import WorkerControls
from streams.ids import position_id
from streams.log_position import Position
from streams.patches import aiokafka_records, faust_consumer
from streams.stage import dead_letters, event_run
from streams.stage.delivery import Delivery
from streams.stage.outbox import Outbox
from streams.views.control_store import ControlStore
from streams.views.requests import Requests
from streams.worker import publisher, worker
from streams.worker.publisher import KafkaPublisher

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]
MUTANTS: dict[str, Mutant] = {}
KILLERS: dict[str, int] = {}  # a seed that found an error in the mutant: it is tried first


def _mutant(killer: int) -> Callable[[Mutant], Mutant]:
    def register(function: Mutant) -> Mutant:
        name = function.__name__.strip("_").replace("_", " ")
        MUTANTS[name], KILLERS[name] = function, killer
        return function

    return register


@contextmanager
def mutated(mutant: Mutant | None) -> Iterator[None]:
    """Take a mend out of the program."""
    with pytest.MonkeyPatch.context() as patch:
        if mutant is not None:
            mutant(patch)
        yield


# Offsets


@_mutant(18)
def _commit_past_what_is_not_yet_processed(patch: Patch) -> None:
    def new_offset(self: Any, tp: Any) -> int | None:
        if not self._dispatched[tp]:
            return None
        last = self._dispatched[tp][-1]
        self._dispatched[tp].clear()
        self._positions[tp] = self._positions[tp].after(last)
        return int(self._positions[tp].offset)

    patch.setattr(faust_consumer.Consumer, "_new_offset", new_offset)


@_mutant(0)
def _no_seek_after_a_rebalance(patch: Patch) -> None:
    perform_seek = faust_consumer.Consumer.perform_seek

    async def seek_once(self: Any) -> None:
        if not self._positions:
            await perform_seek(self)
            return
        committed = await self._thread.committed_positions(
            [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        )
        self._positions.update({tp: position or Position(0) for tp, position in committed.items()})
        self._is_sought = True

    patch.setattr(faust_consumer.Consumer, "perform_seek", seek_once)


@_mutant(27)
def _commit_beyond_the_end_is_believed(patch: Patch) -> None:
    async def believe(client: Any, tp: Any, position: Position, start: int, end: int) -> Position:
        return position

    patch.setattr(log_position, "_in_same_log", believe)


@_mutant(5)
def _log_that_was_lost_and_written_again_is_not_noticed(patch: Patch) -> None:
    async def believe(client: Any, tp: Any, position: Position, start: int, end: int) -> Position:
        return Position(end) if position.offset > end else position

    patch.setattr(log_position, "_in_same_log", believe)


@_mutant(48)
def _added_partitions_are_not_noticed(patch: Patch) -> None:
    async def never(partitions: Any) -> str:
        await asyncio.Event().wait()
        return ""

    patch.setattr(worker, "partitions_added", never)


# Records


@_mutant(9)
def _batch_that_cannot_be_read_raises(patch: Patch) -> None:
    patch.setattr(aiokafka_records.TolerantConsumer, "start", AIOKafkaConsumer.start)


@_mutant(1)
def _records_of_aborted_transactions_are_read(patch: Patch) -> None:
    create = faust_consumer._ConsumerThread._create_worker_consumer

    def uncommitted(self: Any, transport: Any) -> Any:
        consumer = create(self, transport)
        consumer._isolation_level = "read_uncommitted"
        return consumer

    patch.setattr(faust_consumer._ConsumerThread, "_create_worker_consumer", uncommitted)


# Topics


def _change_specs(patch: Patch, **config: str) -> None:
    specs = topics.specs

    def changed() -> list[topics.TopicSpec]:
        changes = {key.replace("_", "."): value for key, value in config.items()}
        return [
            replace(spec, config=spec.config | changes) if set(changes) <= set(spec.enforced) else spec
            for spec in specs()
        ]

    for module in (topics, worker):
        patch.setattr(module, "specs", changed)


@_mutant(41)
def _records_between_steps_are_deleted_by_age(patch: Patch) -> None:
    _change_specs(patch, retention_ms=str(7 * topics.DAY_MS))


@_mutant(5)
def _clock_of_the_producer_counts(patch: Patch) -> None:
    _change_specs(patch, message_timestamp_type="CreateTime")


# Writing


@_mutant(10)
def _ack_before_delivery(patch: Patch) -> None:
    add = Outbox.add

    async def add_acked(self: Any, out: Any, on_delivered: Callable[[], None]) -> None:
        on_delivered()
        await add(self, out, lambda: None)

    patch.setattr(Outbox, "add", add_acked)


@_mutant(3)
def _publish_is_not_awaited(patch: Patch) -> None:
    wait_for_all = publisher._wait_for_all
    append = KafkaPublisher.append
    awaited: set[int] = set()

    async def wait(sent: Any) -> None:
        if id(asyncio.current_task()) in awaited:
            await wait_for_all(sent)
        else:
            publisher._ignore(sent)

    async def append_awaited(self: Any, *arguments: Any) -> tuple[int, int]:
        awaited.add(id(asyncio.current_task()))
        try:
            return await append(self, *arguments)
        finally:
            awaited.discard(id(asyncio.current_task()))

    patch.setattr(publisher, "_wait_for_all", wait)
    patch.setattr(KafkaPublisher, "append", append_awaited)


class _NoResults:
    """Stores nothing."""

    async def put(self, partition: int, results: Any) -> None:
        return


@_mutant(225)
def _results_are_stored_after_the_event_is_published(patch: Patch) -> None:
    write = Delivery._write

    async def write_first(self: Any, outputs: Any, reraise: Any = (Exception,)) -> None:
        await write(replace(self, results=_NoResults()), outputs, reraise)
        await self._store(outputs, reraise)

    patch.setattr(Delivery, "_write", write_first)


@_mutant(18)
def _batches_are_written_at_the_same_time(patch: Patch) -> None:
    async def add(self: Any, out: Any, on_delivered: Callable[[], None]) -> None:
        async def deliver() -> None:
            await asyncio.sleep(self._pause)
            await self._deliver([out])
            on_delivered()

        self._pause = 0.2 if getattr(self, "_pause", 0.0) == 0.0 else 0.0
        self._pending.append((out, on_delivered))
        self._writing = asyncio.ensure_future(deliver())

    patch.setattr(Outbox, "add", add)


@_mutant(18)
def _permanent_fault_of_publishing_is_retried(patch: Patch) -> None:
    patch.setattr(publisher, "permanent_fault", lambda *_: None)


@_mutant(78)
def _dead_letter_id_is_the_position_alone(patch: Patch) -> None:
    def dead_letter_id(record: Any, step: str) -> str:
        return position_id(record.topic, record.partition, record.offset, step)

    for module in (dead_letters, event_run):
        patch.setattr(module, "dead_letter_id", dead_letter_id)


@_mutant(9)
def _an_event_published_again_has_another_id(patch: Patch) -> None:
    numbers = count()
    patch.setattr(event_run, "event_id", lambda cause, request: f"{next(numbers)}")


# Views


@_mutant(1)
def _position_of_a_view_is_stored_before_its_records(patch: Patch) -> None:
    apply = Requests.apply

    def positions_first(self: Any, records: Any, positions: Any) -> None:
        apply(self, [], positions)
        apply(self, records, {})

    patch.setattr(Requests, "apply", positions_first)


# Requests that are cancelled or held


@_mutant(1)
def _an_outcome_is_published_without_a_decision(patch: Patch) -> None:
    async def cancelled(self: Any, request_ids: Any) -> Any:
        return [id_ for id_ in request_ids if self._store.cancelled(id_) is not None]

    patch.setattr(WorkerControls, "cancelled", cancelled)


@_mutant(0)
def _the_last_decision_counts(patch: Patch) -> None:
    apply = ControlStore.apply

    def apply_last(self: Any, records: Any, positions: Any) -> None:
        for record in records:
            if record.value is not None and record.value.startswith((b"cancel", b"end")):
                self.db.delete(b"d" + record.key)
        apply(self, records, positions)

    patch.setattr(ControlStore, "apply", apply_last)


@_mutant(6)
def _a_held_event_is_not_released(patch: Patch) -> None:
    patch.setattr(ControlStore, "held_events", lambda *_: {})
