"""Test that two workers share the partitions, and that one takes over all of them when the other is killed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.song_accepted import SongAccepted
from streams.topics import PARTITIONS
from tests.chaos.checks import at_most, count_is, not_once, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster
from tests.chaos.killing import IDLE_TIMEOUT_S
from tests.chaos.schedule import print_schedule, scaled
from tests.chaos.submissions import Flow, cheap_request, flowing, sending
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, TopicRecord, Watch, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_KILLS = 12
_RATE_PER_S = 40.0
_TAKEOVER_TIMEOUT_S = 90.0
_BALANCED_TIMEOUT_S = 60.0
_SETTLE_S = 2.0
_MAX_EVENTS = 100_000


async def test_the_other_worker_takes_over_all_partitions(tmp_path: Path) -> None:
    kills = scaled(_KILLS, 2)
    request_ids = [str(cheap_request(number).request_id) for number in range(_MAX_EVENTS)]
    outputs, outcomes = Watch(), Outcomes(request_ids)
    with Cluster(tmp_path, COUNTING) as cluster:
        print_schedule(f"{kills} takeovers", [f"worker {number % 2} is killed" for number in range(kills)])
        await cluster.start_all()
        cluster.log_event("the workers are ready")
        async with (
            sending(cluster.kafka) as sender,
            watching(cluster.kafka, [name_of(SongAccepted)], outputs),
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, outcomes),
        ):
            flow = Flow(sender, _RATE_PER_S)
            async with flowing(flow):
                rounds = [await _round(cluster, number % 2, outputs) for number in range(kills)]
                await flow.stop()
            sent = request_ids[: flow.sent]
            await outcomes.until(lambda: outcomes.ended >= set(sent), IDLE_TIMEOUT_S)
        passed = await read_all(cluster.kafka, name_of(SongAccepted))
        wrong = wrong_outcomes(outcomes.records, sent) + not_once(passed, sent)
        at_most("takeover", [seconds for found in rounds for seconds in found], 15.0)
        shared = sum(len(found) == PARTITIONS // 2 for found in rounds)
        figure("takeover_rounds_with_two_partitions_each", shared, str(kills), met=shared == kills)
        count_is("takeover_wrong", wrong, 0)
        assert wrong == []


async def _round(cluster: Cluster, slot: int, outputs: Watch) -> list[float]:
    """Kill the slot's worker; return the seconds until each of its partitions resumed.

    Both workers are ready again at the end.
    """
    lost = await _partitions_of(cluster, slot, outputs)
    start, survivor = len(outputs.records), str(cluster.pid(1 - slot))
    killed_at = cluster.kill(slot)
    await _wait_for_takeover(outputs, lost, survivor, start)
    firsts = _firsts(outputs.records[start:], survivor)
    seconds = [firsts[number] - killed_at if number in firsts else float("inf") for number in sorted(lost)]
    delays = ", ".join(f"{number}: {took:.1f} s" for number, took in zip(sorted(lost), seconds, strict=True))
    cluster.log_event(f"worker {slot} was killed; the other one took over {delays or 'nothing: it had no partition'}")
    if float("inf") in seconds:
        cluster.log_event(f"the logs of this stall are in {cluster.logs}")
    cluster.start(slot)
    await cluster.ready(slot)
    return seconds


async def _partitions_of(cluster: Cluster, slot: int, outputs: Watch) -> frozenset[int]:
    """Return the partitions whose events come from the slot's worker, after events come from both workers."""
    pids = [str(cluster.pid(slot)) for slot in cluster.slots]

    def shared() -> bool:
        recent = outputs.records[-round(_RATE_PER_S * _SETTLE_S) :]
        return {_pid(record) for record in recent} == set(pids)

    async with asyncio.timeout(_BALANCED_TIMEOUT_S):
        while not (shared() and len(_latest(outputs.records)) == PARTITIONS):
            await outputs.next(lambda _: True, _BALANCED_TIMEOUT_S)
    await asyncio.sleep(_SETTLE_S)
    latest = _latest(outputs.records)
    return frozenset(number for number, pid in latest.items() if pid == pids[slot])


async def _wait_for_takeover(outputs: Watch, lost: frozenset[int], survivor: str, start: int) -> None:
    """Wait until all lost partitions have events from the survivor, at most 90 s."""

    def is_taken_over() -> bool:
        return lost <= _firsts(outputs.records[start:], survivor).keys()

    try:
        async with asyncio.timeout(_TAKEOVER_TIMEOUT_S):
            await outputs.until(is_taken_over, _TAKEOVER_TIMEOUT_S)
    except TimeoutError:
        return


def _firsts(records: Iterable[TopicRecord], pid: str) -> dict[int, float]:
    """Return for each partition the time of the first record by the process with this id."""
    times: dict[int, list[float]] = defaultdict(list)
    for record in records:
        if _pid(record) == pid:
            times[record.partition].append(record.at)
    return {number: min(found) for number, found in times.items()}


def _latest(records: Iterable[TopicRecord]) -> dict[int, str]:
    """Return for each partition the process of its last record."""
    return {record.partition: _pid(record) for record in records}


def _pid(record: TopicRecord) -> str:
    return str(record.payload["song"]["codec"])
