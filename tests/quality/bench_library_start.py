"""Measure a worker with a large library: the start, the events before it is ready, and the edit of many annotations.

python -m tests.quality.bench_library_start [--moves N] [--edits N]

`first start`: until all `move-indexed` events are applied. `next start`: until the worker is ready and answers a
search. The start of a worker without moves stands beside it. `edit`: from the publication of annotations until a search
by their style finds all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from time import monotonic

from infra.kafka_connection import KafkaConnection
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveIndexed
from streams.kafka import make_producer
from streams.operations.library_events import annotate_moves
from streams.topics import MOVE_INDEXED
from tests.chaos.cluster import REAL_STEPS, Cluster
from tests.chaos.topic_reader import name_of, read_all
from tests.chaos.worker_api import call_api, wait_until
from tests.quality.bench_library import library
from tests.quality.report import Goal, figure

_STYLE = "sensual"
_TIMEOUT_S = 600.0


def main() -> None:
    """Print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=20_000)
    parser.add_argument("--edits", type=int, default=1_000)
    sizes = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), sizes.moves, sizes.edits))


async def _measure(folder: Path, moves: int, edits: int) -> None:
    with Cluster(folder, REAL_STEPS, workers=1) as cluster:
        await _seconds("start without moves", cluster.start_all())
        await cluster.stop(0)
        await _seconds(f"publication of {moves} moves", _publish(cluster.kafka, moves))
        filled_s = await _seconds("first start", _start(cluster, moves))
        print(f"{'':24}{moves / filled_s:8.0f} moves per second")
        edited_s = await _seconds(f"edit of {edits} moves", _edit(cluster, edits))
        await cluster.stop(0)
        started_s = await _seconds("next start", _start(cluster, moves))
        events = len(await read_all(cluster.kafka, name_of(MoveIndexed)))
    figure(f"worker_start_{moves}_moves_s", started_s, Goal(10.0))
    figure(f"edit_{edits}_annotations_s", edited_s, Goal(10.0))
    figure("moves_indexed_again_by_edits", events - moves, Goal(0))


async def _seconds(name: str, work: Awaitable[None]) -> float:
    started = monotonic()
    await work
    took = monotonic() - started
    print(f"{name:24}{took:8.2f} s", flush=True)
    return took


async def _publish(kafka: KafkaConnection, moves: int) -> None:
    producer = make_producer(kafka)
    await producer.start()
    try:
        for move in library(moves):
            event = MoveIndexed(request_id="bench", move=move)
            await producer.send(MOVE_INDEXED.full_name, event.model_dump_json().encode(), key=move.clip.sha256.encode())
        await producer.flush()
    finally:
        await producer.stop()


async def _start(cluster: Cluster, moves: int) -> None:
    cluster.start(0)
    await cluster.ready(0)
    await wait_until(lambda: call_api(cluster, "/library")[1].get("moves") == moves, _TIMEOUT_S)
    await wait_until(lambda: bool(_found(cluster, {"limit": 1})))


async def _edit(cluster: Cluster, edits: int) -> None:
    clips = [str(move.clip.sha256) for move in library(edits)]
    await annotate_moves(cluster.kafka, dict.fromkeys(clips, MoveAnnotation(style=_STYLE)))
    await wait_until(lambda: _found(cluster, {"styles": [_STYLE], "limit": edits}) == edits, _TIMEOUT_S)


def _found(cluster: Cluster, query: dict[str, object]) -> int:
    return len(call_api(cluster, "/moves/search", query)[1].get("moves", ()))


if __name__ == "__main__":
    main()
