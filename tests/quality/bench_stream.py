"""What an event costs on its way through four steps of trivial work, on a real local Kafka.

A plain aiokafka loop, Faust as it comes, and ours with all its guarantees, side by side, each in a process of its own.

python tests/quality/bench_stream.py [--events N] [--rounds N]
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

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from agents.step import Step, Tools  # noqa: E402
from infra.kafka_jars import ensure_jars  # noqa: E402
from infra.local_kafka import LocalKafka, find_java, installed_warm_up  # noqa: E402
from infra.settings import load_settings  # noqa: E402
from schemas.base import Model, RequestId  # noqa: E402
from schemas.request_ended import Ending  # noqa: E402
from streams import topics  # noqa: E402
from streams.stage.runners import AnyStep, Done, Report  # noqa: E402
from streams.topics import PARTITIONS, Topic, TopicSpec  # noqa: E402
from streams.worker.create_topics import ensure_topics  # noqa: E402

HOPS = 4
RATE_GOAL = 1.5
CPU_GOAL = 0.6
WARM_UP = 500
GIVE_UP_S = 120.0
VARIANTS = ("plain", "faust", "ours")


class Hop(Model):
    """A small event."""

    request_id: RequestId
    title: str
    number: int


class Hop0(Hop):
    """What goes in."""


class Hop1(Hop):
    """After the first step."""


class Hop2(Hop):
    """After the second step."""


class Hop3(Hop):
    """After the third step."""


class Hop4(Hop):
    """What comes out."""


EVENTS: tuple[type[Hop], ...] = (Hop0, Hop1, Hop2, Hop3, Hop4)


@dataclass(frozen=True)
class Cost:
    """Of a run: events a second through all steps, and CPU microseconds an event."""

    rate: float
    cpu_us: float


def names(variant: str) -> list[str]:
    """The topics of a variant, in the order of the way."""
    if variant == "ours":
        return [topics.topic_of(event).full_name for event in EVENTS]
    return [f"{variant}-{number}" for number in range(HOPS + 1)]


def put_to_use() -> None:
    """Make the hops topics of ours."""
    topics.TOPICS = (*topics.TOPICS, *(Topic(event.__name__.lower(), event) for event in EVENTS))


async def plain(bootstrap: str) -> None:
    """Four loops of an aiokafka consumer and producer, a batch at a time."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()

    async def step(source: str, sink: str) -> None:
        consumer = AIOKafkaConsumer(
            source,
            bootstrap_servers=bootstrap,
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

    way = names("plain")
    await asyncio.gather(*(step(source, sink) for source, sink in pairwise(way)))


def trivial(event: dict[str, Any]) -> dict[str, Any]:
    """The work."""
    return event | {"number": event["number"] + 1}


def as_it_comes(bootstrap: str, folder: Path) -> None:
    """Four Faust agents with JSON values, its worker with its defaults."""
    import faust

    app = faust.App("bench-faust", broker=f"kafka://{bootstrap}", datadir=folder, topic_partitions=PARTITIONS)
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
            await said_ready()

    Ready(app, loglevel="warning").execute_from_commandline()


async def said_ready() -> None:
    """What a process says when it can be measured."""
    print("ready", file=sys.__stdout__, flush=True)


async def ours(bootstrap: str, folder: Path) -> None:
    """A worker as it is, with four steps that do trivial work at once."""
    from infra.logs import set_up_logs
    from streams.worker.build import build_worker

    os.environ["BACHATA_DATA_DIR"] = str(folder)
    set_up_logs()
    put_to_use()
    steps = [_step(number) for number in range(HOPS)]
    worker = build_worker(load_settings(), bootstrap, steps, runners={"thread": _at_once})
    announce = worker._announce

    async def announce_and_say() -> None:
        await announce()
        await said_ready()

    worker._announce = announce_and_say  # type: ignore[method-assign]
    await worker.run()


async def _at_once(step: AnyStep, work_input: Model, report: Report) -> Done:
    del report
    done = step.work(work_input, None)  # type: ignore[arg-type] # the steps measured here use no tools
    return Done(done.model_dump_json(), 0.0, 0)


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
def running(variant: str, bootstrap: str, folder: Path) -> Iterator[psutil.Process]:
    """A variant's process, ready."""
    command = [sys.executable, __file__, "--variant", variant, "--bootstrap", bootstrap, "--folder", str(folder)]
    log = folder / f"{variant}.log"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log.open("w")) as process:
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
        raise SystemExit(f"it did not start:\n{log.read_text()[-2000:]}")


async def through(bootstrap: str, variant: str, events: int, mark: str) -> float:
    """Send events in and wait until all came out; the seconds that took."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

    first, last = names(variant)[0], names(variant)[-1]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    await asyncio.gather(consumer.start(), producer.start())
    consumer.assign([TopicPartition(last, number) for number in range(PARTITIONS)])
    await consumer.seek_to_end()
    begun = monotonic()
    for number in range(events):
        name = f"{mark}-{number}"
        event = Hop0(request_id=name, title=name, number=0)
        await producer.send(first, event.model_dump_json().encode(), key=name.encode())
    await producer.flush()
    waiting = {f"{mark}-{number}" for number in range(events)}
    while waiting:
        if monotonic() - begun > GIVE_UP_S:
            raise SystemExit(f"{variant}: {len(waiting)} events did not come out")
        for batch in (await consumer.getmany(timeout_ms=1000)).values():
            waiting -= {json.loads(message.value)["request_id"] for message in batch}
    taken = monotonic() - begun
    await asyncio.gather(consumer.stop(), producer.stop())
    return taken


def measured(bootstrap: str, variant: str, events: int, mark: str, folder: Path) -> Cost:
    """A variant's cost over `events`, warm."""
    with running(variant, bootstrap, folder) as process:
        asyncio.run(through(bootstrap, variant, WARM_UP, f"{mark}-warm"))
        sleep(2)
        before = process.cpu_times()
        taken = asyncio.run(through(bootstrap, variant, events, mark))
        after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return Cost(events / taken, used / events * 1e6)


def compare(events: int, rounds: int) -> None:
    """Print the table and the figures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        class_path = ensure_jars(load_settings().user_cache_dir, print)
        kafka = LocalKafka(folder / "kafka", class_path, find_java(), installed_warm_up(class_path))
        bootstrap = kafka.start()
        try:
            put_to_use()
            wanted = [TopicSpec(name, PARTITIONS, {}) for variant in VARIANTS[:2] for name in names(variant)]
            asyncio.run(ensure_topics(bootstrap, [*wanted, *topics.specs()]))
            runs: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
            for number in range(rounds):
                for variant in VARIANTS:
                    cost = measured(bootstrap, variant, events, f"r{number}", folder)
                    runs[variant].append(cost)
                    print(f"{variant:6} {cost.rate:8.0f} events/s {cost.cpu_us:8.0f} us CPU an event", flush=True)
        finally:
            kafka.stop()
    show(runs, events)


def show(runs: dict[str, list[Cost]], events: int) -> None:
    """The table of medians, and the figures with their goals."""
    middle = {name: _median(costs) for name, costs in runs.items()}
    print(f"\n{events} events through {HOPS} steps, {PARTITIONS} partitions; load {os.getloadavg()[0]:.1f}")
    for name, cost in middle.items():
        print(f"{name:6} {cost.rate:8.0f} events/s {cost.cpu_us:8.0f} us CPU an event")
    rate = middle["ours"].rate / middle["faust"].rate
    cpu = middle["ours"].cpu_us / middle["faust"].cpu_us
    print(f"figure stream_rate_ratio = {rate:.2f} (goal {RATE_GOAL}) {'met' if rate >= RATE_GOAL else 'missed'}")
    print(f"figure stream_cpu_ratio = {cpu:.2f} (goal {CPU_GOAL}) {'met' if cpu <= CPU_GOAL else 'missed'}")


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.rate for cost in costs), statistics.median(cost.cpu_us for cost in costs))


def main() -> None:
    """Compare, or be one of the variants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--bootstrap", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.variant == "plain":
        asyncio.run(plain(asked.bootstrap))
    elif asked.variant == "faust":
        as_it_comes(asked.bootstrap, asked.folder / "faust")
    elif asked.variant == "ours":
        asyncio.run(ours(asked.bootstrap, asked.folder / "ours"))
    else:
        compare(asked.events, asked.rounds)


if __name__ == "__main__":
    main()
