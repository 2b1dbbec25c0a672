"""A plan of kills is carried out, each at its moment, and it is told how soon the work went on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.chaos.cluster import Cluster
from tests.chaos.partition_owners import PartitionOwners
from tests.chaos.schedule import Aim, Kill
from tests.chaos.topic_reader import Outcomes, Seen

PlaceOf = Callable[[str], int]

_MOMENTS: dict[Aim, frozenset[tuple[str, str]]] = {
    "analysis": frozenset({("audio_analysis", "started"), ("audio_analysis", "running"), ("intake", "done")}),
    "rendering": frozenset({("rendering", "started"), ("rendering", "running"), ("sequence_planning", "done")}),
}
_AIM_FOR_S = 10.0
QUIET_S = 90.0


@dataclass(frozen=True)
class Struck:
    """A kill that was carried out at `moment`, seconds since the epoch; `partitions` the worker's at that time."""

    kill: Kill
    moment: float
    what: str
    partitions: frozenset[int]


class Killer:
    """Carries a plan out. `place_of` gives the partition in which a request is worked on."""

    def __init__(self, rig: Cluster, owners: PartitionOwners, watch: Outcomes, place_of: PlaceOf) -> None:
        self.struck: list[Struck] = []
        self._rig = rig
        self._owners = owners
        self._watch = watch
        self._place_of = place_of

    async def carry_out(self, plan: Sequence[Kill], requests: int) -> None:
        """Kill by the plan; stop where nothing moves any more, which the verdict then shows."""
        for kill in plan:
            due = kill.share * requests
            if not await self._watch.until(lambda due=due: len(self._watch.ended) >= due, QUIET_S):  # type: ignore[misc]
                self._rig.say(f"nothing has moved for {QUIET_S:.0f} s: no further kills")
                return
            slot = await self._aim(kill)
            await asyncio.sleep(kill.delay_s)
            self._strike(kill, slot)

    async def _aim(self, kill: Kill) -> int:
        if kill.aim == "any moment":
            return kill.slot
        seen = await self._watch.next(lambda seen: _is_moment(kill.aim, seen), _AIM_FOR_S)
        slot = None if seen is None else self._owners.slot_of(self._place_of(seen.request_id))
        return kill.slot if slot is None else slot

    def _strike(self, kill: Kill, slot: int) -> None:
        partitions = self._owners.partitions.get(slot, frozenset())
        moment = self._rig.kill_child(slot, kill.which) if kill.victim == "child" else None
        what = f"a child of worker {slot}"
        if moment is None:
            moment, what = self._rig.kill(slot), f"worker {slot}"
            self._rig.start(slot)
        self._rig.say(f"kill {kill.number:2d} hits {what}, with partitions {sorted(partitions)}")
        self.struck.append(Struck(kill, moment, what, partitions))


def _is_moment(aim: Aim, seen: Seen) -> bool:
    state = seen.said.get("state")  # an outcome has none
    return state == "done" if aim == "done" else (seen.said["step"], state) in _MOMENTS[aim]


def resumed_after(struck: Struck, progress: Iterable[Seen], place_of: PlaceOf) -> list[float]:
    """For each partition of the one killed that had work left: seconds until it moved on, infinite where it did not."""
    after: dict[int, list[float]] = {number: [] for number in struck.partitions}
    for seen in progress:
        place = place_of(seen.request_id)
        if place in after and seen.at > struck.moment:
            after[place].append(seen.at - struck.moment)
    return [min(moments) for moments in after.values() if moments]
