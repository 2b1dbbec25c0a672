"""Test that no event is lost when one of three brokers is killed while events flow."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas.song_accepted import SongAccepted
from streams.kafka import make_consumer
from streams.topics import SONG_SUBMITTED
from tests.chaos.checks import count_is, not_once, repeats, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster, restarting_crashed
from tests.chaos.schedule import scaled, seed
from tests.chaos.submissions import Flow, cheap_request, flowing, sending
from tests.chaos.three_brokers import ThreeBrokers
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_RATE_PER_S = 50.0
_DURATION_S = 60
_IDLE_TIMEOUT_S = 90.0


async def test_a_lost_broker_of_three_loses_nothing(tmp_path: Path) -> None:
    duration_s = scaled(_DURATION_S, 10)
    brokers = ThreeBrokers(tmp_path / "brokers")
    with Cluster(tmp_path, COUNTING, kafka=brokers) as cluster:
        await cluster.start_all()
        copies = await _copies(cluster)
        watch = Outcomes(str(cheap_request(number).request_id) for number in range(100_000))
        async with (
            sending(cluster.kafka) as sender,
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
            restarting_crashed(cluster) as crashed,
        ):
            flow = Flow(sender, _RATE_PER_S)
            async with flowing(flow):
                await asyncio.sleep(duration_s / 3)
                node = 1 + seed() % 3
                await asyncio.to_thread(brokers.kill, node)
                cluster.log_event(f"broker {node} of 3 is killed after {flow.sent} events")
                await asyncio.sleep(duration_s * 2 / 3)
                await flow.stop()
            sent = [str(cheap_request(number).request_id) for number in range(flow.sent)]
            await watch.until(lambda: set(sent) <= watch.ended, _IDLE_TIMEOUT_S)
            passed = await read_all(cluster.kafka, name_of(SongAccepted))
        wrong = wrong_outcomes(watch.records, sent) + not_once(passed, sent)
        print(f"  {len(sent)} events, {repeats(passed)} are repeated, {len(crashed)} workers ended by themselves")
        figure("three_brokers_copies", copies, "3", met=copies == 3)
        count_is("three_brokers_lost_or_doubled", wrong, 0)
        assert copies == 3
        assert wrong == []


async def _copies(cluster: Cluster) -> int:
    """Return the number of copies of a partition."""
    consumer = make_consumer(cluster.kafka)
    await consumer.start()
    try:
        metadata = await consumer._client.fetch_all_metadata()
        return len(metadata._partitions[SONG_SUBMITTED.full_name][0].replicas)
    finally:
        await consumer.stop()
