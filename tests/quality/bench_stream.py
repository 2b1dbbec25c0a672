"""Measure the cost of an event through four steps of trivial work, on a real local Kafka.

A plain aiokafka loop, Faust with its defaults, and our worker with all its guarantees, each in its own process.

python -m tests.quality.bench_stream [--events N] [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil

from agents.step import Step, Tools
from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_startup_cache
from infra.settings import load_settings
from schemas.base import Model, RequestId
from schemas.request_ended import Ending
from streams import topics
from streams.stage.runners import AnyStep, CompletedWork, Report
from streams.topics import PARTITIONS, Topic, TopicSpec
from streams.worker.create_topics import ensure_topics
from tests.kafka_settings import kafka_settings
from tests.paths import PROJECT
from tests.quality.report import figure

HOPS = 4
RATE_GOAL = 1.5
CPU_GOAL = 0.6
WARM_UP_EVENTS = 500
TIMEOUT_S = 120.0
VARIANTS = ("plain", "faust", "ours")


class Hop(Model):
    """A small event."""

    request_id: RequestId
    title: str
    number: int


class Hop0(Hop):
    """The input."""


class Hop1(Hop):
    """The result of the first step."""


class Hop2(Hop):
    """The result of the second step."""


class Hop3(Hop):
    """The result of the third step."""


class Hop4(Hop):
    """The output."""


EVENTS: tuple[type[Hop], ...] = (Hop0, Hop1, Hop2, Hop3, Hop4)


@dataclass(frozen=True)
class Cost:
    """The throughput of a run in events per second, and its CPU microseconds per event."""

    rate: float
    cpu_us: float

    def __str__(self) -> str:
        return f"{self.rate:8.0f} events/s {self.cpu_us:8.0f} us CPU per event"


def names(variant: str) -> list[str]:
    """Return the topics of a variant, from input to output."""
    if variant == "ours":
        return [topics.topic_of(event).full_name for event in EVENTS]
    return [f"{variant}-{number}" for number in range(HOPS + 1)]


def register_topics() -> None:
    """Add the topics of the hops to those of the project."""
    topics.TOPICS = (*topics.TOPICS, *(Topic(event.__name__.lower(), event) for event in EVENTS))


async def plain(kafka: KafkaConnection) -> None:
    """Run four loops of an aiokafka consumer and producer, one batch at a time."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    producer = AIOKafkaProducer(**kafka.client_options(), acks="all")
    await producer.start()

    async def step(source: str, sink: str) -> None:
        consumer = AIOKafkaConsumer(
            source,
            **kafka.client_options(),
            group_id=f"plain-{source}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        print("ready", flush=True)
        while True:
            sent = []
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                for message in batch:
                    value = json.dumps(trivial(json.loads(message.value))).encode()
                    sent.append(await producer.send(sink, value, key=message.key))
            if sent:
                await asyncio.gather(*sent)
                await consumer.commit()

    await asyncio.gather(*(step(source, sink) for source, sink in pairwise(names("plain"))))


def trivial(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with its number increased: the work of a step."""
    return event | {"number": event["number"] + 1}


def plain_faust(kafka: KafkaConnection, folder: Path) -> None:
    """Run four Faust agents with JSON values in Faust's worker with its defaults."""
    import faust

    from streams.worker.faust_app import credentials

    app = faust.App(
        "bench-faust",
        broker=f"kafka://{kafka}",
        broker_credentials=credentials(kafka),
        datadir=folder,
        topic_partitions=PARTITIONS,
    )
    channels = [app.topic(name, key_type=bytes, value_serializer="json") for name in names("faust")]

    def agent(source: Any, sink: Any, number: int) -> None:
        async def work(stream: Any) -> None:
            async for key, event in stream.items():
                await sink.send(key=key, value=trivial(event))

        work.__name__ = f"hop{number}"
        app.agent(source, name=work.__name__)(work)

    for number, (source, sink) in enumerate(pairwise(channels)):
        agent(source, sink, number)

    class Ready(faust.Worker):
        async def on_startup_finished(self) -> None:
            await super().on_startup_finished()
            print_ready()

    Ready(app, loglevel="warning").execute_from_commandline()


def print_ready() -> None:
    """Report that this process can be measured."""
    print("ready", file=sys.__stdout__, flush=True)


async def ours(kafka: KafkaConnection, folder: Path) -> None:
    """Run our worker with four steps whose trivial work runs inline."""
    from infra.logs import set_up_logs
    from streams.worker.build import build_worker

    os.environ["BACHATA_DATA_DIR"] = str(folder)
    set_up_logs()
    register_topics()
    steps = [_step(number) for number in range(HOPS)]
    worker = build_worker(load_settings(), kafka, steps, runners={"thread": _run_inline})
    publish_address = worker._publish_address

    async def publish_and_report() -> None:
        await publish_address()
        print_ready()

    worker._publish_address = publish_and_report  # type: ignore[method-assign]
    await worker.run()


async def _run_inline(step: AnyStep, work_input: Model, report: Report) -> CompletedWork:
    del report
    done = step.work(work_input, None)  # type: ignore[arg-type] # the steps measured here use no tools
    return CompletedWork(done.model_dump_json(), 0.0, 0)


def _step(number: int) -> AnyStep:
    source, sink = EVENTS[number], EVENTS[number + 1]

    def work(event: Hop, tools: Tools) -> Hop:
        del tools
        return sink(request_id=event.request_id, title=event.title, number=event.number + 1)

    return Step(
        name=f"hop{number}",
        version="1",
        consumes=source,
        result=sink,
        produces=sink,
        depends_on=lambda event, _: event,
        takes=source,
        work=work,
        emit=lambda event, result: result,
        subject=lambda event, result: event.request_id,
        runs_in="thread",
        ending=(lambda event: Ending()) if number == HOPS - 1 else None,
    )


@contextmanager
def running(variant: str, kafka: KafkaConnection, folder: Path) -> Iterator[psutil.Process]:
    """Start a variant's process, wait until it is ready, and stop it at the end of the context."""
    program = [sys.executable, "-m", "tests.quality.bench_stream"]
    command = [*program, "--variant", variant, "--folder", str(folder)]
    environment = os.environ | kafka_settings(kafka)
    log = folder / f"{variant}.log"
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=log.open("w")
    ) as process:
        try:
            _wait_until_ready(process, HOPS if variant == "plain" else 1, log)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], times: int, log: Path) -> None:
    assert process.stdout is not None
    while times and (line := process.stdout.readline()):
        times -= line == b"ready\n"
    if times:
        raise SystemExit(f"the variant did not start:\n{log.read_text()[-2000:]}")


async def send_through(kafka: KafkaConnection, variant: str, events: int, prefix: str) -> float:
    """Send events and wait until the last step has published all of them; return the seconds.

    Raises: `SystemExit` after 120 s.
    """
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

    first, last = names(variant)[0], names(variant)[-1]
    consumer = AIOKafkaConsumer(**kafka.client_options())
    producer = AIOKafkaProducer(**kafka.client_options(), linger_ms=5)
    await asyncio.gather(consumer.start(), producer.start())
    consumer.assign([TopicPartition(last, number) for number in range(PARTITIONS)])
    await consumer.seek_to_end()
    start = monotonic()
    for number in range(events):
        name = f"{prefix}-{number}"
        event = Hop0(request_id=name, title=name, number=0)
        await producer.send(first, event.model_dump_json().encode(), key=name.encode())
    await producer.flush()
    missing = {f"{prefix}-{number}" for number in range(events)}
    while missing:
        if monotonic() - start > TIMEOUT_S:
            raise SystemExit(f"{variant}: {len(missing)} events are missing after {TIMEOUT_S:.0f} s")
        for batch in (await consumer.getmany(timeout_ms=1000)).values():
            missing -= {json.loads(message.value)["request_id"] for message in batch}
    duration_s = monotonic() - start
    await asyncio.gather(consumer.stop(), producer.stop())
    return duration_s


def measure(kafka: KafkaConnection, variant: str, events: int, prefix: str, folder: Path) -> Cost:
    """Return a variant's cost over `events` events after a warm-up."""
    with running(variant, kafka, folder) as process:
        asyncio.run(send_through(kafka, variant, WARM_UP_EVENTS, f"{prefix}-warm"))
        sleep(2)
        before = process.cpu_times()
        duration_s = asyncio.run(send_through(kafka, variant, events, prefix))
        after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return Cost(events / duration_s, used / events * 1e6)


def compare(events: int, rounds: int) -> None:
    """Print the table and the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        class_path = ensure_jars(load_settings().cache_dir, print)
        broker = LocalKafka(folder / "kafka", class_path, find_java(), installed_startup_cache(class_path))
        kafka = broker.start()
        try:
            register_topics()
            plain_topics = [TopicSpec(name, PARTITIONS, {}) for variant in VARIANTS[:2] for name in names(variant)]
            asyncio.run(ensure_topics(kafka, [*plain_topics, *topics.specs()]))
            runs: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
            for number in range(rounds):
                for variant in VARIANTS:
                    cost = measure(kafka, variant, events, f"r{number}", folder)
                    runs[variant].append(cost)
                    print(f"{variant:6} {cost}", flush=True)
        finally:
            broker.stop()
    print_summary(runs, events)


def print_summary(runs: dict[str, list[Cost]], events: int) -> None:
    """Print the table of medians and the figures."""
    medians = {name: _median(costs) for name, costs in runs.items()}
    print(f"\n{events} events through {HOPS} steps, {PARTITIONS} partitions; load {os.getloadavg()[0]:.1f}")
    for name, cost in medians.items():
        print(f"{name:6} {cost}")
    rate = medians["ours"].rate / medians["faust"].rate
    cpu = medians["ours"].cpu_us / medians["faust"].cpu_us
    figure("stream_rate_ratio", rate, str(RATE_GOAL), met=rate >= RATE_GOAL)
    figure("stream_cpu_ratio", cpu, str(CPU_GOAL), met=cpu <= CPU_GOAL)


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.rate for cost in costs), statistics.median(cost.cpu_us for cost in costs))


def main() -> None:
    """Compare the variants, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    kafka = configured_kafka(load_settings())
    if kafka is None or arguments.variant is None:
        compare(arguments.events, arguments.rounds)
    elif arguments.variant == "plain":
        asyncio.run(plain(kafka))
    elif arguments.variant == "faust":
        plain_faust(kafka, arguments.folder / "faust")
    else:
        asyncio.run(ours(kafka, arguments.folder / "ours"))


if __name__ == "__main__":
    main()
