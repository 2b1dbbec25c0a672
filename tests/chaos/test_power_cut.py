"""Test that a power cut of the machine loses no acknowledged event: the worker, and all that Kafka had not flushed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infra.local_kafka import files
from schemas.song_accepted import SongAccepted
from streams.topics import specs
from tests.chaos.checks import count_is, not_once, repeats, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster, restarting_crashed
from tests.chaos.log_files import lose_unflushed
from tests.chaos.schedule import scaled
from tests.chaos.submissions import Flow, cheap_request, flowing, sending
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_RATE_PER_S = 100.0
_CUTS = 3
_UP_S = 12.0  # longer than the delay of commits
_IDLE_TIMEOUT_S = 60.0


async def test_a_power_cut_loses_no_acknowledged_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = "log.flush.offset.checkpoint.interval.ms=100\n"  # to know what was flushed
    monkeypatch.setattr(files, "_SERVER", files._SERVER + checkpoint)
    # Of the others each acknowledged record is flushed. The committed offsets stay, which is the worst case.
    cut_topics = [spec.name for spec in specs() if "flush.messages" not in spec.config]
    cuts, lost = scaled(_CUTS), 0
    with Cluster(tmp_path, COUNTING, workers=1) as cluster:
        await cluster.start_all()
        watch = Outcomes(str(cheap_request(number).request_id) for number in range(100_000))
        async with (
            sending(cluster.kafka) as sender,
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
            restarting_crashed(cluster),
        ):
            flow = Flow(sender, _RATE_PER_S)
            async with flowing(flow):
                for _ in range(cuts):
                    await asyncio.sleep(_UP_S)
                    cluster.kill(0)
                    with cluster.broker_down(killed=True) as folder:
                        lost += sum(lose_unflushed(folder, topic) for topic in cut_topics)
                    cluster.log_event(f"the power was cut after {flow.sent} events")
                await asyncio.sleep(_UP_S)
                await flow.stop()
            sent = [str(cheap_request(number).request_id) for number in range(flow.sent)]
            await watch.until(lambda: set(sent) <= watch.ended, _IDLE_TIMEOUT_S)
        outcomes = await read_all(cluster.kafka, PROGRESS_AND_OUTCOMES[1])
        passed = await read_all(cluster.kafka, name_of(SongAccepted))
    wrong = wrong_outcomes(outcomes, sent) + not_once(passed, sent)
    print(f"  {len(sent)} events, {repeats(passed)} are repeated")
    figure("power_cut_batches_lost_by_the_broker", lost, "> 0", met=lost > 0)
    count_is("power_cut_lost_or_doubled", wrong, 0)
    assert lost
    assert wrong == []
