"""A steady flow of events while workers are restarted one by one, and while the broker is killed: nothing is lost."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.song_accepted import SongAccepted
from tests.chaos.checks import at_most, count_is, figure, not_once, repeats, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster, tended
from tests.chaos.killing import QUIET_S
from tests.chaos.schedule import scaled, show
from tests.chaos.submissions import Flow, flowing, sending, trifle
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, name_of, read_all, watching

pytestmark = pytest.mark.chaos

_RESTARTS, _BOUNCES = 20, 5
_RATE = 50.0
_MOST = 100_000
_DOWN_S = 4.0
_RECOVERED_WITHIN_S = 180.0


class Scene:
    """A rig with two counting workers, a flow through them, and what came of it so far."""

    def __init__(self, rig: Cluster, flow: Flow, watch: Outcomes, fallen: list[int]) -> None:
        self.rig = rig
        self.flow = flow
        self.watch = watch
        self.fallen = fallen

    async def through(self, most: int, quiet_s: float) -> bool:
        """Wait until the first `most` events of the flow are through; False where they are not in time."""
        wanted = {_id(number) for number in range(most)}
        deadline = time.monotonic() + quiet_s
        return (
            await self.watch.until(lambda: wanted <= self.watch.ended or time.monotonic() > deadline, quiet_s)
            and wanted <= self.watch.ended
        )


def _id(number: int) -> str:
    return str(trifle(number).request_id)


@asynccontextmanager
async def _scene(folder: Path) -> AsyncIterator[Scene]:
    with Cluster(folder, COUNTING) as rig:
        await rig.start_all()
        rig.say("the workers are ready")
        watch = Outcomes(map(_id, range(_MOST)))
        async with (
            sending(rig.bootstrap) as sender,
            watching(rig.bootstrap, PROGRESS_AND_OUTCOMES, watch),
            tended(rig) as fallen,
        ):
            flow = Flow(sender, _RATE)
            async with flowing(flow):
                yield Scene(rig, flow, watch, fallen)


async def test_rolling_restarts_lose_nothing(tmp_path: Path) -> None:
    restarts = scaled(_RESTARTS, 2)
    async with _scene(tmp_path) as scene:
        slots = [number % len(scene.rig.slots) for number in range(restarts)]
        show(
            f"{restarts} rolling restarts", [f"restart {number:2d}: worker {slot}" for number, slot in enumerate(slots)]
        )
        stopped, codes = [], []
        for slot in slots:
            began = time.monotonic()
            codes.append(await scene.rig.stop(slot))
            stopped.append(time.monotonic() - began)
            scene.rig.start(slot)
            await scene.rig.ready(slot)
            scene.rig.say(f"worker {slot} ended with {codes[-1]} after {stopped[-1]:.1f} s and is ready again")
        await _judge(scene, "restarts")
        at_most("restarts_stop", stopped, 10.0)
        count_is("restarts_exit_codes_that_are_not_0", [code for code in codes if code], 0)
        assert not any(codes)


async def test_a_broker_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    bounces = scaled(_BOUNCES, 1)
    async with _scene(tmp_path) as scene:
        show(f"{bounces} bounces", [f"the broker is killed and comes back after {_DOWN_S:.0f} s"] * bounces)
        recovered = []
        for _ in range(bounces):
            assert await scene.through(scene.flow.sent, QUIET_S), f"nothing comes through: {scene.rig.logs}"
            back = await scene.rig.bounce_kafka(_DOWN_S)
            through = await scene.through(scene.flow.sent, _RECOVERED_WITHIN_S)
            recovered.append(time.time() - back if through else float("inf"))
            scene.rig.say(f"everything is through {recovered[-1]:.1f} s after the broker was back")
        await _judge(scene, "bounces")
        at_most("bounces_recovery", recovered, 60.0)


async def _judge(scene: Scene, name: str) -> None:
    await scene.flow.stop()
    sent = list(map(_id, range(scene.flow.sent)))
    await scene.through(len(sent), QUIET_S)
    passed = await read_all(scene.rig.bootstrap, name_of(SongAccepted))
    wrong = wrong_outcomes(scene.watch.seen, sent) + not_once(passed, sent)
    print(f"  {len(sent)} events, {repeats(passed)} came twice, each with the id it had")
    figure(f"{name}_workers_ended_by_themselves", len(scene.fallen), "0", met=not scene.fallen)
    count_is(f"{name}_wrong", wrong, 0)
    assert wrong == []
