"""Carry out a plan of kills, each at its time, and measure how soon the work resumes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.chaos.cluster import Cluster
from tests.chaos.partition_owners import PartitionOwners
from tests.chaos.schedule import Aim, Kill
from tests.chaos.topic_reader import Outcomes, TopicRecord

PartitionOf = Callable[[str], int]

_AIM_STATES: dict[Aim, frozenset[tuple[str, str]]] = {
    "analysis": frozenset({("audio_analysis", "started"), ("audio_analysis", "running"), ("intake", "done")}),
    "rendering": frozenset({("rendering", "started"), ("rendering", "running"), ("sequence_planning", "done")}),
}
_AIM_TIMEOUT_S = 10.0
IDLE_TIMEOUT_S = 90.0


@dataclass(frozen=True)
class CompletedKill:
    """A kill carried out at `killed_at`, seconds since the epoch; `partitions` are the worker's at that time."""

    kill: Kill
    killed_at: float
    what: str
    partitions: frozenset[int]


class Killer:
    """Carries out a plan. `partition_of_request` returns the partition in which a request is processed."""

    def __init__(
        self, cluster: Cluster, owners: PartitionOwners, watch: Outcomes, partition_of_request: PartitionOf
    ) -> None:
        self.completed: list[CompletedKill] = []
        self._cluster = cluster
        self._owners = owners
        self._watch = watch
        self._partition_of_request = partition_of_request

    async def carry_out(self, plan: Sequence[Kill], requests: int) -> None:
        """Kill by the plan; stop where there is no more progress, which the checks then report."""
        for kill in plan:
            due = kill.share * requests
            if not await self._watch.until(lambda due=due: len(self._watch.ended) >= due, IDLE_TIMEOUT_S):  # type: ignore[misc]
                self._cluster.log_event(f"no progress for {IDLE_TIMEOUT_S:.0f} s: no further kills")
                return
            slot = await self._aim(kill)
            await asyncio.sleep(kill.delay_s)
            self._kill(kill, slot)

    async def _aim(self, kill: Kill) -> int:
        if kill.aim == "any time":
            return kill.slot
        record = await self._watch.next(lambda record: _matches_aim(kill.aim, record), _AIM_TIMEOUT_S)
        slot = None if record is None else self._owners.slot_of(self._partition_of_request(record.request_id))
        return kill.slot if slot is None else slot

    def _kill(self, kill: Kill, slot: int) -> None:
        partitions = self._owners.partitions.get(slot, frozenset())
        killed_at = self._cluster.kill_child(slot, kill.which) if kill.victim == "child" else None
        what = f"a child of worker {slot}"
        if killed_at is None:
            killed_at, what = self._cluster.kill(slot), f"worker {slot}"
            self._cluster.start(slot)
        self._cluster.log_event(f"kill {kill.number:2d} hits {what}, with partitions {sorted(partitions)}")
        self.completed.append(CompletedKill(kill, killed_at, what, partitions))


def _matches_aim(aim: Aim, record: TopicRecord) -> bool:
    state = record.payload.get("state")  # an outcome has none
    return state == "done" if aim == "done" else (record.payload["step"], state) in _AIM_STATES[aim]


def resumed_after(
    completed: CompletedKill, progress: Iterable[TopicRecord], partition_of_request: PartitionOf
) -> list[float]:
    """Return the seconds until each partition of the killed worker made progress again.

    Partitions without further progress are left out.
    """
    after: dict[int, list[float]] = {number: [] for number in completed.partitions}
    for record in progress:
        partition = partition_of_request(record.request_id)
        if partition in after and record.at > completed.killed_at:
            after[partition].append(record.at - completed.killed_at)
    return [min(delays_s) for delays_s in after.values() if delays_s]
