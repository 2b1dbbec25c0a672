"""Two workers on one flow share the partitions; each time one is killed the other goes on with all of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.song_accepted import SongAccepted
from streams.topics import PARTITIONS
from tests.chaos.checks import at_most, count_is, figure, not_once, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster
from tests.chaos.killing import QUIET_S
from tests.chaos.schedule import scaled, show
from tests.chaos.submissions import Flow, flowing, sending, trifle
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, Seen, Watch, name_of, read_all, watching

pytestmark = pytest.mark.chaos

_KILLS = 12
_RATE = 40.0
_TAKEN_WITHIN_S = 90.0
_SETTLED_WITHIN_S = 60.0
_SHARED_FOR_S = 2.0
_MOST = 100_000


async def test_the_other_worker_goes_on_with_everything(tmp_path: Path) -> None:
    kills = scaled(_KILLS, 2)
    request_ids = [str(trifle(number).request_id) for number in range(_MOST)]
    outputs, outcomes = Watch(), Outcomes(request_ids)
    with Cluster(tmp_path, COUNTING) as rig:
        show(f"{kills} takeovers", [f"worker {number % 2} is killed" for number in range(kills)])
        await rig.start_all()
        rig.say("the workers are ready")
        async with (
            sending(rig.bootstrap) as sender,
            watching(rig.bootstrap, [name_of(SongAccepted)], outputs),
            watching(rig.bootstrap, PROGRESS_AND_OUTCOMES, outcomes),
        ):
            flow = Flow(sender, _RATE)
            async with flowing(flow):
                rounds = [await _round(rig, number % 2, outputs) for number in range(kills)]
                await flow.stop()
            sent = request_ids[: flow.sent]
            await outcomes.until(lambda: outcomes.ended >= set(sent), QUIET_S)
        passed = await read_all(rig.bootstrap, name_of(SongAccepted))
        wrong = wrong_outcomes(outcomes.seen, sent) + not_once(passed, sent)
        at_most("takeover", [seconds for found in rounds for seconds in found], 15.0)
        shared = sum(len(found) == PARTITIONS // 2 for found in rounds)
        figure("takeover_rounds_with_two_partitions_each", shared, str(kills), met=shared == kills)
        count_is("takeover_wrong", wrong, 0)
        assert wrong == []


async def _round(rig: Cluster, slot: int, outputs: Watch) -> list[float]:
    """Kill the slot's worker; seconds until each of its partitions moved on. Both share the work again at the end."""
    lost = await _partitions_of(rig, slot, outputs)
    start, survivor = len(outputs.seen), str(rig.pid(1 - slot))
    moment = rig.kill(slot)
    await _taken(outputs, lost, survivor, start)
    firsts = _firsts(outputs.seen[start:], survivor)
    seconds = [firsts[number] - moment if number in firsts else float("inf") for number in sorted(lost)]
    shown = ", ".join(f"{number}: {took:.1f} s" for number, took in zip(sorted(lost), seconds, strict=True))
    rig.say(f"worker {slot} was killed; the other went on with {shown or 'nothing: it had no partition'}")
    if float("inf") in seconds:
        rig.say(f"the logs of this stall are in {rig.logs}")
    rig.start(slot)
    await rig.ready(slot)
    return seconds


async def _partitions_of(rig: Cluster, slot: int, outputs: Watch) -> frozenset[int]:
    """The partitions whose events come from the slot's worker, once events come from both."""
    pids = [str(rig.pid(slot)) for slot in rig.slots]

    def shared() -> bool:
        spoken = outputs.seen[-round(_RATE * _SHARED_FOR_S) :]
        return {_pid(seen) for seen in spoken} == set(pids)

    async with asyncio.timeout(_SETTLED_WITHIN_S):
        while not (shared() and len(_latest(outputs.seen)) == PARTITIONS):
            await outputs.next(lambda _: True, _SETTLED_WITHIN_S)
    await asyncio.sleep(_SHARED_FOR_S)
    latest = _latest(outputs.seen)
    return frozenset(number for number, pid in latest.items() if pid == pids[slot])


async def _taken(outputs: Watch, lost: frozenset[int], survivor: str, start: int) -> None:
    """Wait until all that was lost comes from the survivor, but not for ever."""

    def is_taken() -> bool:
        return lost <= _firsts(outputs.seen[start:], survivor).keys()

    try:
        async with asyncio.timeout(_TAKEN_WITHIN_S):
            await outputs.until(is_taken, _TAKEN_WITHIN_S)
    except TimeoutError:
        return


def _firsts(records: Iterable[Seen], pid: str) -> dict[int, float]:
    """By partition: when the process with this id first wrote to it."""
    moments: dict[int, list[float]] = defaultdict(list)
    for seen in records:
        if _pid(seen) == pid:
            moments[seen.partition].append(seen.at)
    return {number: min(found) for number, found in moments.items()}


def _latest(records: Iterable[Seen]) -> dict[int, str]:
    """By partition: which process wrote to it last."""
    return {seen.partition: _pid(seen) for seen in records}


def _pid(seen: Seen) -> str:
    return str(seen.said["song"]["codec"])
