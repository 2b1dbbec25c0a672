"""Find partitions whose committed offset does not advance although events wait and none is being worked on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from streams.patches.faust_consumer import PartitionState
from streams.worker.problems import Finding


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
