"""The faults of a run. Each run draws which kinds happen in it, so that some runs have few kinds and many of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.topics import SONG_SUBMITTED
from tests.simulation.broker import Partition
from tests.simulation.network import Faults
from tests.simulation.worker import Machine

_MAX_PARTITIONS = 6

if TYPE_CHECKING:
    from tests.simulation.run import World


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    `share`: of the runs in which it happens. `leaves_one_owner`: whether no worker ever works on a partition that
    another worker has by now: then a result is never computed twice.
    """

    name: str
    happen: Callable[[World], None]
    share: float = 0.3
    leaves_one_owner: bool = False


def _any_running(world: World) -> Machine | None:
    running = [machine for machine in world.machines if machine.running]
    return world.rng.choice(running) if running else None


def _pause(rng: random.Random) -> float:
    return rng.choice((0.1, 1.0, 5.0, 15.0)) * rng.uniform(0.5, 1.5)


def _kill(world: World) -> None:
    if (machine := _any_running(world)) is not None:
        machine.kill()
        world.start_later(machine, _pause(world.rng))


def _stop(world: World) -> None:
    if (machine := _any_running(world)) is not None:
        machine.stop()
        world.start_later(machine, 20 + _pause(world.rng))


def _power_cut_of_machine(world: World) -> None:
    machine = world.rng.choice(world.machines)
    machine.power_cut(world.rng)
    world.start_later(machine, _pause(world.rng))


def _kill_at_request(world: World) -> None:
    """Kill a worker before or after one of its next requests is handled."""
    at = world.rng.choice((world.network.before, world.network.after))

    def kill(process: object) -> None:
        for machine in world.machines:
            if machine.process is process and machine.running:
                machine.kill()
                world.start_later(machine, pause_s)

    pause_s = _pause(world.rng)
    at[world.network.requests + world.rng.randint(1, 60)] = kill


def _power_cut(world: World) -> None:
    """Cut the power of the broker: what is not acknowledged is lost."""
    world.broker.shut_down()
    world.network.break_connections()
    for partition, _ in world.broker.power_cut():
        world.model.cut(partition)
    world.loop.call_outside(world.rng.uniform(0.5, 15), setattr, world.broker, "up", True)


def _broker_restart(world: World) -> None:
    world.broker.shut_down()
    world.network.break_connections()
    world.loop.call_outside(world.rng.uniform(0.5, 20), setattr, world.broker, "up", True)


def _disconnect(world: World) -> None:
    machine = _any_running(world)
    world.network.break_connections(None if machine is None else machine.process)


def _bad_network(world: World) -> None:
    rng = world.rng
    world.network.faults = Faults(
        lost_requests=rng.choice((0, 0.02)),
        lost_responses=rng.choice((0, 0.02)),
        lost_acks=rng.choice((0, 0.1, 0.3)),
        slow=rng.choice((0, 0.05)),
        slow_s=rng.choice((0.5, 3.0, 12.0)),
    )
    world.loop.call_outside(rng.uniform(1, 15), setattr, world.network, "faults", Faults())


def _slow_fsync(world: World) -> None:
    world.broker.flush_delay_s = world.rng.choice((0.05, 0.5, 4.0))
    world.loop.call_outside(world.rng.uniform(5, 30), setattr, world.broker, "flush_delay_s", 0.01)


def _compact(world: World) -> None:
    for topic in world.broker.topics.values():
        if topic.compacted:
            for log in topic.partitions:
                log.compact()


def _lose_results(world: World) -> None:
    """Lose the store of a machine."""
    machine = world.rng.choice(world.machines)
    machine.kill()
    machine.disk.wipe()
    world.start_later(machine, _pause(world.rng))


def _any_source(world: World) -> Partition:
    name = SONG_SUBMITTED.full_name
    return Partition(name, world.rng.randrange(len(world.broker.topics[name].partitions)))


def _lose_tail(world: World) -> None:
    """Lose acknowledged records of a source; new records take their offsets."""
    partition = _any_source(world)
    log = world.broker.log(partition)
    world.broker.truncate(partition, world.rng.randint(max(log.start, log.end - 8), log.end))
    world.model.cut(partition)
    world.network.break_connections()


def _recreate_topic(world: World) -> None:
    """Delete a source topic and create it again, empty."""
    name = SONG_SUBMITTED.full_name
    topic = world.broker.topics[name]
    for number in range(len(topic.partitions)):
        world.model.forget(Partition(name, number), 0)
    world.broker.delete(name)
    world.broker.create(name, len(topic.partitions), topic.config)
    world.network.break_connections()


def _add_partitions(world: World) -> None:
    topic = world.broker.topics[SONG_SUBMITTED.full_name]
    if len(topic.partitions) < _MAX_PARTITIONS:
        world.broker.add_partitions(SONG_SUBMITTED.full_name, len(topic.partitions) + 1)
        world.model.keys_moved = True


def _flip_bits(world: World) -> None:
    """Damage the next batch of a source on disk before anybody reads it."""
    world.damage_next = True


FAULTS = (
    Fault("kill", _kill, leaves_one_owner=True),
    Fault("kill at a request", _kill_at_request, 0.5, leaves_one_owner=True),
    Fault("stop", _stop, leaves_one_owner=True),
    Fault("power cut of a machine", _power_cut_of_machine, 0.2),
    Fault("disk of a machine lost", _lose_results, 0.1),
    Fault("power cut of the broker", _power_cut, 0.2),
    Fault("broker restarts", _broker_restart, 0.2),
    Fault("connections break", _disconnect),
    Fault("bad network", _bad_network),
    Fault("slow fsync", _slow_fsync, 0.4),
    Fault("tail of a topic lost", _lose_tail, 0.15),
    Fault("topic created again", _recreate_topic, 0.05),
    Fault("partitions added", _add_partitions, 0.05),
    Fault("flipped bits", _flip_bits, 0.15, leaves_one_owner=True),
    Fault("compaction", _compact, 0.2, leaves_one_owner=True),
)
