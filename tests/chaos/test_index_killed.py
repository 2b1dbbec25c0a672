"""Kill a Qdrant server while clips arrive, and workers while they rebuild their index: every move is there once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from infra.kafka_connection import KafkaConnection
from infra.move_index import QdrantConfig
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from schemas.move_indexed import Move, MoveIndexed
from streams.operations import library_events
from streams.topics import MOVE_INDEXED
from tests.chaos.cluster import REAL_STEPS, Cluster
from tests.chaos.qdrant_process import API_KEY, QdrantProcess
from tests.chaos.worker_api import call_api, submitted, wait_until
from tests.paths import DEMO
from tests.unit.infra.moves import make_move

pytestmark = [pytest.mark.chaos, pytest.mark.broker]
_CLIPS = sorted((DEMO / "clips").glob("*.mp4"))[:6]
_KILLS = 3


async def _publish(kafka: KafkaConnection, moves: list[Move]) -> None:
    events = [MoveIndexed(request_id="r", move=move).model_dump_json().encode() for move in moves]
    values = zip([move.clip.sha256 for move in moves], events, strict=True)
    await library_events._publish(kafka, MOVE_INDEXED, "indexed", values)


async def test_a_server_that_is_killed_while_clips_arrive_has_every_move_once(tmp_path: Path) -> None:
    with QdrantProcess(tmp_path / "qdrant") as qdrant, Cluster(tmp_path, REAL_STEPS, workers=1) as cluster:
        cluster.extra_env = {"BACHATA_QDRANT_URL": qdrant.url, "BACHATA_QDRANT_API_KEY": API_KEY}
        await cluster.start_all()
        async with submitted(cluster, _CLIPS):
            for seconds in (4.0, 7.0, 5.0):
                await asyncio.sleep(seconds)
                qdrant.kill()
                cluster.log_event("the server is killed")
                await asyncio.sleep(2.0)
                await asyncio.to_thread(qdrant.start)
        await wait_until(lambda: call_api(cluster, "/library")[1].get("moves") == len(_CLIPS))
        await cluster.ready(0)
        index = QdrantServerMoveIndex(QdrantConfig.of_url(qdrant.url, api_key=API_KEY))
        assert len({move.clip.sha256 for move in index.all_moves()}) == index.count() == len(_CLIPS)
        index.close()


async def test_a_worker_that_is_killed_while_it_rebuilds_has_every_move_once(tmp_path: Path) -> None:
    random = Random(17)  # noqa: S311 - the same kills in each run
    moves = [make_move(number) for number in range(600)]
    with Cluster(tmp_path, REAL_STEPS, workers=1) as cluster:
        await cluster.start_all()
        await _publish(cluster.kafka, moves[:500])
        await wait_until(lambda: call_api(cluster, "/library")[1].get("moves") == 500)
        version = call_api(cluster, "/library")[1]["version"]
        for _ in range(_KILLS):
            assert call_api(cluster, "/library/rebuild", {})[1]["state"] == "running"
            await asyncio.sleep(random.uniform(0.2, 3.0))
            cluster.log_event(f"killed while {call_api(cluster, '/library/rebuild')[1]}")
            cluster.kill(0)
            cluster.start(0)
            await cluster.ready(0)
            assert call_api(cluster, "/library")[1] == {"version": version, "moves": 500}
        await _rebuild_while_moves_arrive(cluster, moves[500:])
        assert await cluster.stop(0) == 0
        index = EdgeMoveIndex(cluster.data / "state" / "worker-0" / "moves" / "edge")
        assert [move.name for move in index.all_moves()] == [move.name for move in moves]
        index.close()


async def _rebuild_while_moves_arrive(cluster: Cluster, moves: list[Move]) -> None:
    """Rebuild the index while moves are published one by one, and check that it has all of them."""
    call_api(cluster, "/library/rebuild", {})
    started = monotonic()
    for move in moves:
        await _publish(cluster.kafka, [move])
    cluster.log_event(f"{len(moves)} moves published in {monotonic() - started:.1f} s")
    await wait_until(lambda: call_api(cluster, "/library/rebuild")[1].get("state") == "done")
    await wait_until(lambda: call_api(cluster, "/library")[1].get("moves") == 500 + len(moves))
