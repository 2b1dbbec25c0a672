"""Test that the table is restored after it was deleted, corrupted, lost by the broker, or lost with its worker.

An answer contains the id of the process that computed it, so an unchanged answer was stored.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import psutil
import pytest

from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.topics import PARTITIONS, RESULTS_TABLE, changelog_name
from tests.chaos.cluster import COUNTING, Cluster
from tests.chaos.schedule import scaled
from tests.chaos.submissions import cheap_request, sending, submission
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Watch, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_SONGS = 400
_IDLE_TIMEOUT_S = 60.0
_EVENTS_PER_ROUND = 30_000
_GROWTH_GOAL_MB = 20.0


def _request(number: int, turn: int) -> SongSubmitted:
    return cheap_request(number).model_copy(update={"request_id": f"turn-{turn}-{number:06d}"})


async def _answers(cluster: Cluster, turn: int, count: int = _SONGS) -> dict[int, str]:
    """Submit `count` songs; return for each song the process that computed its answer."""
    watch, answers = Watch(), {}
    requests = {str(_request(number, turn).request_id): _request(number, turn) for number in range(count)}
    async with sending(cluster.kafka) as sender, watching(cluster.kafka, [name_of(SongAccepted)], watch):
        await sender.send_all([submission(request, str(request.source.sha256)) for request in requests.values()])

        def all_arrived() -> bool:
            return requests.keys() <= {record.request_id for record in watch.records}

        assert await watch.until(all_arrived, _IDLE_TIMEOUT_S), (
            f"some results of turn {turn} are missing: {cluster.logs}"
        )
    for record in watch.records:
        if record.request_id in requests:
            answers[int(record.request_id.rsplit("-", 1)[1])] = str(record.payload["song"]["codec"])
    return answers


async def test_a_table_that_is_deleted_comes_back_from_its_changelog(tmp_path: Path) -> None:
    with Cluster(tmp_path, COUNTING, workers=1) as cluster:
        await cluster.start_all()
        first = await _answers(cluster, 1)
        cluster.kill(0)
        shutil.rmtree(cluster.data / "state")
        await cluster.start_all()
        assert await _answers(cluster, 2) == first


async def test_a_table_that_is_corrupt_is_built_again(tmp_path: Path) -> None:
    with Cluster(tmp_path, COUNTING, workers=1) as cluster:
        await cluster.start_all()
        first = await _answers(cluster, 1)
        cluster.kill(0)
        damaged = [*cluster.data.glob("state/**/results-1.db/CURRENT"), *cluster.data.glob("state/**/requests/CURRENT")]
        assert len(damaged) == 2
        for file in damaged:
            file.write_bytes(b"garbage")
        await cluster.start_all()
        assert await _answers(cluster, 2) == first
        assert cluster.log_of(0).count("rebuilt from its topic") == 2


async def test_topics_deleted_by_the_broker_are_written_again(tmp_path: Path) -> None:
    with Cluster(tmp_path, COUNTING, workers=1) as cluster:
        await cluster.start_all()
        first = await _answers(cluster, 1)
        assert await cluster.stop(0) == 0
        await asyncio.to_thread(cluster.delete_topics)
        await cluster.start_all()
        assert "is another log than the one read" in cluster.log_of(0)
        assert await _answers(cluster, 2) == first
        changelog = await read_all(cluster.kafka, changelog_name(RESULTS_TABLE))
        assert len({record.key for record in changelog}) == _SONGS


async def test_a_standby_takes_over_with_all_results(tmp_path: Path) -> None:
    with Cluster(tmp_path, COUNTING) as cluster:
        await cluster.start_all()
        first = await _answers(cluster, 1)
        assert len(set(first.values())) == 2, "both workers had partitions"
        for slot in cluster.slots:
            stores = {file.name for file in cluster.data.glob(f"state/worker-{slot}/**/results-*.db")}
            assert stores == {f"results-{number}.db" for number in range(PARTITIONS)}, (
                "each worker has all partitions, some as a standby"
            )
        cluster.kill(0)
        shutil.rmtree(cluster.data / "state" / "worker-0")
        assert await _answers(cluster, 2) == first


async def test_memory_does_not_grow(tmp_path: Path) -> None:
    count = scaled(_EVENTS_PER_ROUND, 2000)
    with Cluster(tmp_path, COUNTING, workers=1) as cluster:
        await cluster.start_all()
        sizes = []
        for turn in range(4):
            await _answers(cluster, turn, count)
            sizes.append(psutil.Process(cluster.pid(0)).memory_info().rss / 1e6)
            cluster.log_event(f"{count} events, the worker uses {sizes[-1]:.0f} MB")
        growth = sizes[-1] - sizes[1]
        figure("worker_rss_growth_mb", round(growth, 1), f"< {_GROWTH_GOAL_MB:.0f}", met=growth < _GROWTH_GOAL_MB)


@pytest.mark.parametrize(("takes_s", "grace_s", "finished"), [(3, 20, True), (60, 1, False)])
async def test_a_stopping_worker_finishes_its_step_or_leaves_it_to_the_next(
    tmp_path: Path, takes_s: int, grace_s: int, finished: bool
) -> None:
    with Cluster(tmp_path, COUNTING, workers=1) as cluster:
        cluster.extra_env = {"CHAOS_STEP_S": str(takes_s), "BACHATA_GRACE_S": str(grace_s)}
        await cluster.start_all()
        watch = Watch()
        request = _request(7, 1)
        async with (
            sending(cluster.kafka) as sender,
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
        ):
            await sender.send(submission(request, "key"))
            assert await watch.until(lambda: bool(watch.records), _IDLE_TIMEOUT_S)
            worker = str(cluster.pid(0))
            assert await cluster.stop(0) == 0
            cluster.extra_env = {}
            await cluster.start_all()
            assert await watch.until(
                lambda: any(record.payload.get("outcome") for record in watch.records), _IDLE_TIMEOUT_S
            )
        await asyncio.sleep(2.0)  # time for a repeated result
        answers = await read_all(cluster.kafka, name_of(SongAccepted))
        assert len(answers) == 1
        assert (answers[0].payload["song"]["codec"] == worker) == finished
