"""Measure what it costs the local Kafka to flush each acknowledged event to the disk, and what a power cut loses.

Each variant writes small events to a topic of its own, in batches as a worker does and one by one as a client does.
Then the broker is killed, each topic is cut to what was flushed, as a power cut does at worst, and what is left is
counted.

python -m tests.quality.bench_durability [--events N] [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, files, find_java, installed_startup_cache
from infra.settings import load_settings
from streams.kafka import make_producer
from streams.topics import PARTITIONS, TopicSpec
from streams.worker.create_topics import ensure_topics
from tests.chaos.log_files import lose_unflushed
from tests.chaos.topic_reader import read_all
from tests.quality.report import figure

_NEVER = str((1 << 63) - 1)
_VARIANTS = {
    "page cache": {"flush.messages": _NEVER, "flush.ms": _NEVER},
    "each second": {"flush.messages": _NEVER},  # the default of the local Kafka
    "each batch": {"flush.messages": "1"},  # of the topics that others write
}
_ONE_BY_ONE = 300
_LAST = 1000
_IN_FLIGHT = 500
_VALUE = b"x" * 500
_CHECKPOINT_MS = 100


@dataclass(frozen=True)
class Cost:
    """Acknowledged events per second in batches, the broker's CPU microseconds per event, and ms of a single one."""

    rate: float
    cpu_us: float
    single_ms: float


async def _measure(kafka: KafkaConnection, topic: str, broker: psutil.Process, events: int) -> Cost:
    producer = make_producer(kafka)
    await producer.start()
    try:
        before, start = broker.cpu_times(), time.monotonic()
        await _send(producer, topic, events)
        duration_s, after = time.monotonic() - start, broker.cpu_times()
        singles_ms = []
        for number in range(_ONE_BY_ONE):
            start = time.monotonic()
            await producer.send_and_wait(topic, _VALUE, partition=number % PARTITIONS)
            singles_ms.append((time.monotonic() - start) * 1e3)
    finally:
        await producer.stop()
    used_s = after.user + after.system - before.user - before.system
    return Cost(events / duration_s, used_s / events * 1e6, median(singles_ms))


async def _send(producer: Any, topic: str, events: int) -> None:
    for first in range(0, events, _IN_FLIGHT):
        count = min(_IN_FLIGHT, events - first)
        sent = [await producer.send(topic, _VALUE, partition=number % PARTITIONS) for number in range(count)]
        await asyncio.gather(*sent)


async def _send_to_all(kafka: KafkaConnection) -> None:
    """Send the last events, to all variants at the same time: those of the moment before the power cut."""
    producer = make_producer(kafka)
    await producer.start()
    await asyncio.gather(*[_send(producer, _topic(name), _LAST) for name in _VARIANTS])
    await producer.stop()


def _run(folder: Path, events: int, rounds: int) -> None:
    class_path = ensure_jars(load_settings().cache_dir, print)
    files._SERVER += f"log.flush.offset.checkpoint.interval.ms={_CHECKPOINT_MS}\n"  # to see soon what is flushed
    broker = LocalKafka(folder / "kafka", class_path, find_java(), installed_startup_cache(class_path))
    kafka = broker.start()
    try:
        specs = [TopicSpec(_topic(name), PARTITIONS, config, ()) for name, config in _VARIANTS.items()]
        asyncio.run(ensure_topics(kafka, specs))
        process = psutil.Process(broker.pid)
        costs: dict[str, list[Cost]] = {name: [] for name in _VARIANTS}
        for number in range(rounds + 1):  # the first warms up
            for name, found in costs.items():
                cost = asyncio.run(_measure(kafka, _topic(name), process, events))
                if number:
                    found.append(cost)
        asyncio.run(_send_to_all(kafka))
        kafka = _cut_power(broker)
        left = {name: len(asyncio.run(read_all(kafka, _topic(name)))) for name in _VARIANTS}
    finally:
        broker.stop()
    _print(costs, left, (rounds + 1) * (events + _ONE_BY_ONE) + _LAST)


def _cut_power(broker: LocalKafka) -> KafkaConnection:
    time.sleep(2 * _CHECKPOINT_MS / 1000)
    os.kill(broker.pid or 0, signal.SIGKILL)
    broker.stop()
    for name in _VARIANTS:
        lose_unflushed(broker.folder, _topic(name))
    return broker.start()


def _print(costs: dict[str, list[Cost]], left: dict[str, int], acknowledged: int) -> None:
    print(f"\n{'':12} {'events/s':>10} {'CPU us/event':>13} {'ms, one alone':>14} {'lost of':>8} {acknowledged}")
    for name, found in costs.items():
        rate, cpu_us, single_ms = (median(getattr(c, f) for c in found) for f in ("rate", "cpu_us", "single_ms"))
        print(f"{name:12} {rate:10.0f} {cpu_us:13.0f} {single_ms:14.2f} {acknowledged - left[name]:8}")
    lost = acknowledged - left["each batch"]
    figure("durability_lost_when_each_batch_is_flushed", lost, "0", met=lost == 0)


def _topic(variant: str) -> str:
    return f"durability-{variant.replace(' ', '-')}"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        _run(Path(name), arguments.events, arguments.rounds)


if __name__ == "__main__":
    main()
