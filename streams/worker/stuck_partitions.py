"""Find partitions whose committed offset does not advance although events wait and none is being worked on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from streams.worker.problems import Finding


class PartitionState(NamedTuple):
    """Offsets of a partition of a source topic that is assigned to this worker.

    `committed`: the next one to work on; `position`: the next one to fetch; `end`: that of the next record; `stable`:
    the first one of an open transaction, or `end`; `handed_over`: the number of fetched events that are not done.
    """

    topic: str
    partition: int
    committed: int
    position: int
    end: int
    stable: int
    handed_over: int


def stuck_partitions(states: Iterable[PartitionState], working: Collection[tuple[str, int]]) -> Iterator[Finding]:
    """Yield the partitions where events wait; not those in `working` (topic, partition), where an event is worked on.

    What is found twice has not advanced in between.
    """
    for state in states:
        if (state.topic, state.partition) in working or not (state.handed_over or state.position < state.end):
            continue
        yield Finding(f"{state.topic}[{state.partition}] at offset {state.committed}", _reason(state))


def _reason(state: PartitionState) -> str:
    waiting = state.end - state.committed
    if state.handed_over:
        return f"{waiting} offsets wait, and {state.handed_over} events that were read are not done"
    if state.stable < state.end and state.position >= state.stable:
        return f"an open transaction holds the {state.end - state.stable} offsets from {state.stable} on back"
    return f"{waiting} offsets wait, and none is read"


def partition_states(consumer: Any) -> Iterator[PartitionState]:
    """Yield the states of the partitions assigned to our consumer of Faust, as far as they are known."""
    aiokafka = consumer._thread._consumer
    if aiokafka is None:
        return
    assignment = aiokafka._subscription.subscription and aiokafka._subscription.subscription.assignment
    for tp in assignment.tps if assignment is not None else ():
        state = assignment.state_value(tp)
        committed = consumer._committed_offset.get(tp)
        if consumer._is_changelog_tp(tp) or not consumer.has_position(tp) or state.highwater is None:
            continue
        stable = state.highwater if state.lso is None or state.lso < 0 else state.lso
        handed_over = len(consumer._dispatched.get(tp, ()))
        yield PartitionState(
            tp.topic, tp.partition, committed or 0, state.position, state.highwater, stable, handed_over
        )
