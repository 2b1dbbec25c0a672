"""Measure how fast one client submits songs, and how long it takes until `song-accepted`, beside a plain producer.

The plain producer is aiokafka's, with records of the same bytes that are made before. For the throughput no worker
runs, so that both find the same machine. For the latency the worker accepts a song that it has accepted before; songs
of the client and of the plain producer take turns, one at a time.

python -m tests.quality.bench_client [--submits N] [--rounds N] [--songs N]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from aiokafka import AIOKafkaProducer

from infra.kafka_connection import KafkaConnection
from schemas.base import Source
from schemas.song_submitted import SongSubmitted
from streams.client import Client
from streams.client.follower import Follower
from streams.client.kafka_log import KafkaLog
from streams.envelope import Message
from streams.ids import new_request_id
from streams.request_events import submission
from streams.topics import SONG_ACCEPTED, specs
from streams.worker.create_topics import ensure_topics
from tests.chaos.cluster import REAL_STEPS, Cluster
from tests.paths import DEMO
from tests.quality.report import Goal, figure

RATE_GOAL = 0.6  # of the plain producer's rate
LATENCY_GOALS = {"p50": 1.2, "p99": 1.5}  # of the plain producer's latency
_WARM_UP = 10
_TIMEOUT_S = 60.0


def plain_producer(kafka: KafkaConnection) -> Any:
    """Return a producer of aiokafka that waits for all replicas."""
    return AIOKafkaProducer(**kafka.client_options(), acks="all")


async def measure_rates(kafka: KafkaConnection, submits: int, rounds: int) -> dict[str, float]:
    """Return the submits per second: of a plain producer, of `submit` and of `submit_events`; medians of the rounds."""
    rates: dict[str, list[float]] = {"plain": [], "submit": [], "submit_events": []}
    async with Client(kafka) as client, plain_producer(kafka) as producer:
        source = Source(sha256="a" * 64)
        for number in range(rounds + 1):
            messages = [_message(client, _song(source)) for _ in range(submits)]
            songs = [_song(source) for _ in range(submits)]
            found = {
                "plain": await _seconds(lambda messages=messages: _send_all(producer, messages)),  # type: ignore[misc]
                "submit": await _seconds(lambda: asyncio.gather(*[client.submit(source) for _ in range(submits)])),
                "submit_events": await _seconds(lambda songs=songs: client.submit_events(songs)),  # type: ignore[misc]
            }
            if number:  # the first round warms up
                for name, seconds in found.items():
                    rates[name].append(submits / seconds)
    return {name: median(values) for name, values in rates.items()}


async def _send_all(producer: Any, messages: Sequence[Message]) -> None:
    sent = [
        await producer.send(message.topic, message.value, key=message.key, headers=message.headers)
        for message in messages
    ]
    await asyncio.gather(*sent)


async def _seconds(action: Callable[[], Awaitable[Any]]) -> float:
    start = time.perf_counter()
    await action()
    return time.perf_counter() - start


async def measure_latencies(cluster: Cluster, songs: int) -> dict[str, list[float]]:
    """Return the milliseconds from each submit to its `song-accepted`, of a plain producer and of the client."""
    latencies: dict[str, list[float]] = {"plain": [], "submit": []}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(cluster.kafka, data_folder=cluster.data))
        producer = await stack.enter_async_context(plain_producer(cluster.kafka))
        reader = await stack.enter_async_context(KafkaLog(cluster.kafka).reader([SONG_ACCEPTED.full_name]))
        accepted = Follower(reader)
        await accepted.start_at_end()
        source = await _stored_song(client, accepted)
        for number in range(songs + _WARM_UP):
            for name, found in latencies.items():
                request_id = new_request_id()
                message = _message(client, _song(source, request_id))
                start = time.perf_counter()
                if name == "plain":
                    await _send_all(producer, [message])
                else:
                    await client.submit(source, request_id=request_id)
                await _until_accepted(accepted, request_id)
                if number >= _WARM_UP:
                    found.append(1000 * (time.perf_counter() - start))
    return latencies


async def _stored_song(client: Client, accepted: Follower) -> Source:
    """Submit a demo song and return it as a stored source when it is accepted."""
    request_id = await client.submit(sorted((DEMO / "songs").glob("*.mp3"))[0])
    record = await _until_accepted(accepted, request_id)
    return Source(sha256=record.key.decode())


async def _until_accepted(accepted: Follower, request_id: str) -> Any:
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            for record in await accepted.read():
                if record.header("ce_correlationid") == request_id:
                    return record


def _song(source: Source, request_id: str | None = None) -> SongSubmitted:
    return SongSubmitted(source=source, request_id=request_id or new_request_id())


def _message(client: Client, song: SongSubmitted) -> Message:
    return submission(song, client._source)


async def _measure(cluster: Cluster, arguments: argparse.Namespace) -> None:
    await ensure_topics(cluster.kafka, specs())
    rates = await measure_rates(cluster.kafka, arguments.submits, arguments.rounds)
    cluster.delete_topics()  # the worker would work on these songs
    await cluster.start_all()
    latencies = await measure_latencies(cluster, arguments.songs)
    _print(rates, latencies)


def _print(rates: dict[str, float], latencies: dict[str, list[float]]) -> None:
    for name, rate in rates.items():
        print(f"{name:14} {rate:8.0f} submits/s {1e6 / rate:8.0f} us each")
    at = {name: (quantiles(values, n=100)[49], quantiles(values, n=100)[98]) for name, values in latencies.items()}
    for name, (p50, p99) in at.items():
        print(f"{name:14} {p50:8.1f} ms to song-accepted, p99 {p99:8.1f} ms")
    for name in ("submit", "submit_events"):
        figure(f"client_{name}_to_plain_rate", rates[name] / rates["plain"], Goal(RATE_GOAL, at_least=True))
    for number, (share, goal) in enumerate(LATENCY_GOALS.items()):
        ratio = at["submit"][number] / at["plain"][number]
        figure(f"client_accepted_{share}_to_plain", ratio, Goal(goal))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submits", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--songs", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), REAL_STEPS, workers=1) as cluster:
        asyncio.run(_measure(cluster, arguments))


if __name__ == "__main__":
    main()
