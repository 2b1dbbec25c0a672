"""Test that no event of a steady flow is lost while workers are restarted one by one or the broker is killed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.song_accepted import SongAccepted
from tests.chaos.checks import at_most, count_is, not_once, repeats, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster, restarting_crashed
from tests.chaos.killing import IDLE_TIMEOUT_S
from tests.chaos.schedule import print_schedule, scaled
from tests.chaos.submissions import Flow, cheap_request, flowing, sending
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_RESTARTS, _BOUNCES = 20, 5
_RATE_PER_S = 50.0
_MAX_EVENTS = 100_000
_DOWNTIME_S = 4.0
_RECOVERY_TIMEOUT_S = 180.0


class Scene:
    """A cluster with two counting workers, a flow through them, and its results so far."""

    def __init__(self, cluster: Cluster, flow: Flow, watch: Outcomes, crashed: list[int]) -> None:
        self.cluster = cluster
        self.flow = flow
        self.watch = watch
        self.crashed = crashed

    async def through(self, count: int, idle_timeout_s: float) -> bool:
        """Wait until the first `count` events of the flow have ended; return False after a timeout."""
        wanted = {_id(number) for number in range(count)}
        deadline = time.monotonic() + idle_timeout_s
        return (
            await self.watch.until(lambda: wanted <= self.watch.ended or time.monotonic() > deadline, idle_timeout_s)
            and wanted <= self.watch.ended
        )


def _id(number: int) -> str:
    return str(cheap_request(number).request_id)


@asynccontextmanager
async def _scene(folder: Path) -> AsyncIterator[Scene]:
    with Cluster(folder, COUNTING) as cluster:
        await cluster.start_all()
        cluster.log_event("the workers are ready")
        watch = Outcomes(map(_id, range(_MAX_EVENTS)))
        async with (
            sending(cluster.kafka) as sender,
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
            restarting_crashed(cluster) as crashed,
        ):
            flow = Flow(sender, _RATE_PER_S)
            async with flowing(flow):
                yield Scene(cluster, flow, watch, crashed)


async def test_rolling_restarts_lose_nothing(tmp_path: Path) -> None:
    restarts = scaled(_RESTARTS, 2)
    async with _scene(tmp_path) as scene:
        slots = [number % len(scene.cluster.slots) for number in range(restarts)]
        print_schedule(
            f"{restarts} rolling restarts", [f"restart {number:2d}: worker {slot}" for number, slot in enumerate(slots)]
        )
        stopped, codes = [], []
        for slot in slots:
            began = time.monotonic()
            codes.append(await scene.cluster.stop(slot))
            stopped.append(time.monotonic() - began)
            scene.cluster.start(slot)
            await scene.cluster.ready(slot)
            scene.cluster.log_event(
                f"worker {slot} ended with {codes[-1]} after {stopped[-1]:.1f} s and is ready again"
            )
        await _check(scene, "restarts")
        at_most("restarts_stop", stopped, 10.0)
        count_is("restarts_exit_codes_that_are_not_0", [code for code in codes if code], 0)
        assert not any(codes)


async def test_a_broker_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    bounces = scaled(_BOUNCES, 1)
    async with _scene(tmp_path) as scene:
        print_schedule(
            f"{bounces} broker restarts", [f"the broker is killed and restarted after {_DOWNTIME_S:.0f} s"] * bounces
        )
        recovered = []
        for _ in range(bounces):
            assert await scene.through(scene.flow.sent, IDLE_TIMEOUT_S), f"events do not end: {scene.cluster.logs}"
            back = await scene.cluster.restart_kafka(_DOWNTIME_S)
            through = await scene.through(scene.flow.sent, _RECOVERY_TIMEOUT_S)
            recovered.append(time.time() - back if through else float("inf"))
            scene.cluster.log_event(f"all events have ended {recovered[-1]:.1f} s after the broker's restart")
        await _check(scene, "bounces")
        at_most("bounces_recovery", recovered, 60.0)


async def _check(scene: Scene, name: str) -> None:
    await scene.flow.stop()
    sent = list(map(_id, range(scene.flow.sent)))
    await scene.through(len(sent), IDLE_TIMEOUT_S)
    passed = await read_all(scene.cluster.kafka, name_of(SongAccepted))
    wrong = wrong_outcomes(scene.watch.records, sent) + not_once(passed, sent)
    print(f"  {len(sent)} events, {repeats(passed)} are repeated, each with its original id")
    figure(f"{name}_workers_ended_by_themselves", len(scene.crashed), "0", met=not scene.crashed)
    count_is(f"{name}_wrong", wrong, 0)
    assert wrong == []
