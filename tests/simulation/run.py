"""One run: a seed decides how many workers there are, what is submitted and which faults happen when.

First events are submitted while faults happen; then the faults stop, and everything must be done within a bound.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import random
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from streams import topics
from streams.topics import SONG_SUBMITTED
from streams.views.requests import Requests
from tests.simulation import clock
from tests.simulation.broker import Broker, Partition
from tests.simulation.clock import VirtualLoop
from tests.simulation.faults import FAULTS
from tests.simulation.log import Item, make_batch
from tests.simulation.model import CONTROL, KINDS, SOURCES, Expectations, Place
from tests.simulation.mutants import Mutant, mutated
from tests.simulation.network import Network
from tests.simulation.steps import Work
from tests.simulation.worker import Machine, replaced
from tests.song_requests import SongRequest

SETTLE_S = 150.0  # from the last fault to the last outcome
_QUIET_S = 3.0  # after everything is done, in which nothing may happen twice
_POLL_S = 1.0
_SMALL_BYTES = 4000  # the largest dead letter of topics that an operator has made small
_AWAY_S = 8 * 24 * 3600.0
_FEW_GIGABYTES = Path("/dev/shm")  # noqa: S108 - only empty folders and lock files


@dataclass
class Result:
    """What a run found. `trace`: a hash of all that was published, with its time: the same for the same seed."""

    seed: int
    errors: list[str]
    simulated_s: float
    cpu_s: float
    inputs: int
    faults: list[str]
    trace: str
    lost: int = 0
    doubled: int = 0
    blocked: int = 0


@dataclass
class World:
    """Everything that exists in a run."""

    seed: int
    folder: Path
    loop: VirtualLoop
    rng: random.Random
    broker: Broker
    network: Network
    model: Expectations
    work: Work
    machines: list[Machine]
    trace: Any = field(default_factory=hashlib.sha256)
    faults: list[str] = field(default_factory=list)
    songs: int = 0
    numbers: Iterator[int] = field(default_factory=count)  # of the submitted events
    event_numbers: dict[SongRequest, int] = field(default_factory=dict)
    share_of_transactions: float = 0.0
    share_of_garbage: float = 0.05
    share_of_controls: float = 0.0
    away_s: float = 0.0
    damage_next: bool = False  # the next batch that is submitted is damaged on disk

    def note(self, text: str) -> None:
        """Record a fault."""
        self.faults.append(f"{self.loop.now - 1000:.1f} {text}")

    def start_later(self, machine: Machine, delay_s: float) -> None:
        """Start a machine's worker after a time, unless it runs."""
        self.loop.call_outside(delay_s, lambda: None if machine.running else machine.start())


def run(seed: int, mutant: Mutant | None = None) -> Result:
    """Run a seed; `mutant` takes a mend out of the program."""
    started = clock.cpu_time()
    rng = random.Random(seed)  # noqa: S311 - not a secret
    random.seed(seed)
    loop = VirtualLoop(random.Random(seed + 1))  # noqa: S311
    folder = Path(tempfile.mkdtemp(dir=_FEW_GIGABYTES if _FEW_GIGABYTES.is_dir() else None))
    clock.use(loop)
    asyncio.set_event_loop(loop)
    broker = Broker(loop, random.Random(seed + 2))  # noqa: S311
    network = Network(loop, broker, random.Random(seed + 3))  # noqa: S311
    try:
        with replaced(network), mutated(mutant):
            world = _make_world(seed, folder, loop, rng, broker, network)
            errors = loop.run_until_complete(_run(world))
            return _result(world, errors, clock.cpu_time() - started)
    finally:
        _tear_down(loop)
        shutil.rmtree(folder, ignore_errors=True)


def _make_world(
    seed: int, folder: Path, loop: VirtualLoop, rng: random.Random, broker: Broker, network: Network
) -> World:
    for spec in topics.specs():
        broker.create(spec.name, spec.partitions, spec.config)
    if rng.random() < 0.3:
        for topic in SOURCES:
            broker.topics[topic.dead_letter_name].config["max.message.bytes"] = str(_SMALL_BYTES)
    model = Expectations(broker)
    work = Work(random.Random(seed + 4))  # noqa: S311
    machines = [Machine(f"m{number}", folder, loop, network, work) for number in range(rng.choice((1, 2, 2, 3)))]
    world = World(seed, folder, loop, rng, broker, network, model, work, machines)
    broker.on_append.append(lambda *place: world.trace.update(repr((place, round(loop.now, 6))).encode()))
    return world


async def _run(world: World) -> list[str]:
    world.loop.set_exception_handler(lambda *_: None)
    for machine in world.machines:
        world.start_later(machine, world.rng.uniform(0, 3))
    active_s = world.rng.uniform(20, 60)
    chosen = [fault for fault in FAULTS if world.rng.random() < fault.share]
    world.share_of_garbage = world.rng.choice((0.02, 0.05, 0.3))
    world.share_of_controls = world.rng.choice((0, 0.1, 0.4))
    world.share_of_transactions = world.rng.choice((0, 0, 0.2))
    for machine in world.machines if world.rng.random() < 0.2 else []:
        machine.clock_error_s = world.rng.choice((-7200.0, -600.0, 0.0, 600.0, 7200.0))
    chosen_away = world.rng.random() < 0.1
    world.work.unique_results = all(fault.leaves_one_owner for fault in chosen) and not chosen_away
    chaos = asyncio.ensure_future(_chaos(world, chosen))
    submitter = asyncio.ensure_future(_submit(world))
    await asyncio.sleep(active_s / 2)
    if chosen_away:
        await _go_away(world)
    await asyncio.sleep(active_s / 2)
    for task in (chaos, submitter):
        task.cancel()
    await asyncio.gather(chaos, submitter, return_exceptions=True)
    _end_faults(world)
    return await _settle(world)


async def _go_away(world: World) -> None:
    """Stop all workers for days, with events waiting in each topic."""
    if world.broker.up:
        _submit_some(world, 15)
    await asyncio.sleep(world.rng.uniform(0.1, 3))
    world.note("all workers are away for 8 days")
    for machine in world.machines:
        machine.kill()
    before = world.loop.now
    world.loop.now += _AWAY_S
    world.away_s = world.loop.now - before
    world.broker.expire(offsets=world.rng.random() < 0.5)
    for machine in world.machines:
        world.start_later(machine, 1.0)


async def _chaos(world: World, chosen: list[Any]) -> None:
    pause_s = world.rng.choice((2.0, 5.0, 10.0))
    while chosen:
        await asyncio.sleep(world.rng.expovariate(1 / pause_s))
        fault = world.rng.choice(chosen)
        world.note(fault.name)
        fault.happen(world)


async def _submit(world: World) -> None:
    rng = world.rng
    pause_s = rng.choice((1.0, 3.0, 6.0))
    while True:
        await asyncio.sleep(rng.expovariate(1 / pause_s))
        if world.broker.up:
            _submit_some(world, rng.randint(1, 5))


def _submit_some(world: World, number: int) -> None:
    topic = SONG_SUBMITTED.full_name
    by_partition: dict[int, list[SongRequest | bytes | None]] = {}
    for _ in range(number):
        sent = _make_input(world)
        # A song is always in one partition: there its result is stored.
        by_partition.setdefault(world.songs % len(world.broker.topics[topic].partitions), []).append(sent)
    for partition, inputs in by_partition.items():
        _append(world, Partition(topic, partition), inputs)
        for sent in inputs:
            if isinstance(sent, SongRequest) and world.rng.random() < world.share_of_controls:
                _control_later(world, sent.request_id)


def _control_later(world: World, request_id: str) -> None:
    """Cancel a request soon, or hold it and perhaps cancel or resume it."""
    delay_s = world.rng.choice((0.0, 0.05, 0.3, 2.0, 6.0)) * world.rng.random()
    if world.rng.random() < 0.6:
        world.loop.call_outside(delay_s, _control, world, request_id, "cancel")
        return
    world.model.held.add(request_id)
    world.loop.call_outside(delay_s, _control, world, request_id, "hold")
    after = world.rng.choice(("cancel", "resume", "resume"))
    world.loop.call_outside(delay_s + world.rng.choice((0.01, 0.5, 5.0)), _control, world, request_id, after)


def _control(world: World, request_id: str, action: str) -> None:
    if not world.broker.up:
        return
    if action == "cancel":
        world.model.cancelled.add(request_id)
    value = json.dumps({"request_id": request_id, "action": action}).encode()
    items: list[Item] = [(None, value, [("ce_id", b"c%d" % next(world.numbers))])]
    number = zlib.crc32(request_id.encode()) % len(world.broker.topics[CONTROL].partitions)
    partition = Partition(CONTROL, number)
    world.broker.append(partition, make_batch(items, timestamp_ms=world.broker.now_ms, sequence=0))
    world.broker.when_flushed(int)


def _append(world: World, partition: Partition, inputs: list[SongRequest | bytes | None]) -> None:
    rng = world.rng
    items: list[Item] = [_item(sent, _event_number(world, sent)) for sent in inputs]
    timestamp = world.broker.now_ms
    producer = next(world.numbers) if rng.random() < world.share_of_transactions else -1
    codec = rng.choice((0, 0, 1, 2, 3, 4))
    data = make_batch(items, timestamp_ms=timestamp, compression=codec, producer_id=producer, sequence=min(0, producer))
    damaged = world.damage_next and producer < 0
    world.damage_next = world.damage_next and not damaged
    base = world.broker.append(partition, data, damaged=damaged)
    world.model.submitted(partition, base, inputs)
    world.broker.when_flushed(int)
    if damaged:
        world.model.damaged |= {Place(partition, base + number) for number in range(len(inputs))}
    if producer >= 0:
        world.loop.call_outside(rng.choice((0.1, 3.0, 12.0)), _end_transaction, world, partition, producer, base)


def _end_transaction(world: World, partition: Partition, producer: int, base: int) -> None:
    log = world.broker.log(partition)
    if log.open_transactions.get(producer) != base:
        return  # the broker lost it
    commit = world.rng.random() < 0.5
    if not commit:
        batch = next(batch for batch in log.batches if batch.base == base)
        world.model.aborted_from(partition, base, batch.last + 1)
    world.broker.end_transaction(partition, producer, commit=commit)


def _event_number(world: World, sent: SongRequest | bytes | None) -> int:
    """Return the number of an event: that of its first submission for one that is submitted again."""
    number = next(world.numbers)
    return world.event_numbers.setdefault(sent, number) if isinstance(sent, SongRequest) else number


def _item(sent: SongRequest | bytes | None, number: int) -> Item:
    if sent is None:
        return None, None, []
    return b"k", sent.value if isinstance(sent, SongRequest) else sent, [("ce_id", b"e%d" % number)]


def _make_input(world: World) -> SongRequest | bytes | None:
    rng = world.rng
    if rng.random() < world.share_of_garbage:
        world.songs += 1
        return b"\xff garbage %d " % world.songs + b"x" * rng.choice((0, 0, 2 * _SMALL_BYTES))
    if rng.random() < 0.03:
        world.songs += 1
        return None
    kind = rng.choices(KINDS, weights=(12, 1, 1, 1, 1, 1, 1))[0]
    if rng.random() < 0.8:
        world.songs += 1
    sent = SongRequest(kind, world.songs, rng.randint(0, 1))
    world.work.kinds[sent.sha256] = kind
    return sent


def _end_faults(world: World) -> None:
    world.network.faults = type(world.network.faults)()
    world.network.before.clear()
    world.network.after.clear()
    world.broker.up = True
    world.broker.flush_delay_s = 0.0
    for request_id in sorted(world.model.held):  # the broker may have been away, or may have lost a record
        _control(world, request_id, "resume")
    for task_end in list(_open_transactions(world)):
        _end_transaction(world, *task_end)


def _open_transactions(world: World) -> Iterator[tuple[Partition, int, int]]:
    for name, topic in world.broker.topics.items():
        for number, log in enumerate(topic.partitions):
            for producer, first in list(log.open_transactions.items()):
                yield Partition(name, number), producer, first


async def _settle(world: World) -> list[str]:
    deadline = world.loop.now + SETTLE_S
    done_since = None
    while True:
        for machine in world.machines:
            if not machine.running:
                world.start_later(machine, 0.5)
        await asyncio.sleep(_POLL_S)
        if world.model.errors:
            return world.model.errors
        pending = [*world.model.missing(), *world.model.blocked(), *views_behind(world)]
        if pending:
            done_since = None
        elif done_since is None:
            done_since = world.loop.now
        elif world.loop.now - done_since >= _QUIET_S:
            return _violations(world)
        if world.loop.now > deadline:
            return [*pending, *_violations(world)]


def _violations(world: World) -> list[str]:
    return [*world.model.errors, *world.model.doubled(), *world.model.out_of_order()]


def views_behind(world: World) -> list[str]:
    """Return the views of running workers that do not equal the fold of their topics, one line each."""
    found = []
    for machine in world.machines:
        if machine.worker is None or not machine.running:
            found.append(f"{machine.name} does not run")
            continue
        [requests] = [store for store in machine.worker.stores if isinstance(store, Requests)]
        for request, outcomes in world.model.outcomes.items():
            state = requests.get(request)
            if state is None or state["outcome"] is None:
                found.append(f"{machine.name}: the view of requests lacks the outcome of {request}: {outcomes.keys()}")
                break
    return found


def _result(world: World, errors: list[str], cpu_s: float) -> Result:
    world.trace.update(repr(sorted(world.model.outcomes.items())).encode())
    return Result(
        world.seed,
        errors,
        world.loop.now - 1000 - world.away_s,
        cpu_s,
        len(world.model.inputs),
        world.faults,
        world.trace.hexdigest()[:16],
        lost=len(world.model.missing()),
        doubled=len(world.model.doubled()),
        blocked=len(world.model.blocked()),
    )


def _tear_down(loop: VirtualLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.drop_all()
    clock.use(None)
    asyncio.set_event_loop(None)
    loop.close()
    gc.collect()
