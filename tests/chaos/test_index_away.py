"""The move index is away for a while: nothing is lost, nothing is doubled, and the worker says what is wrong."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.move_index.edge import EdgeMoveIndex
from schemas.move_indexed import MoveIndexed
from schemas.moves_scored import MovesScored
from streams.topics import TOPICS
from tests.chaos.cluster import DEMO, REAL_STEPS, Cluster
from tests.chaos.qdrant_gate import QdrantGate
from tests.chaos.topic_reader import name_of, read_all
from tests.chaos.worker_api import ask, seen, submitted

pytestmark = [pytest.mark.chaos, pytest.mark.broker]
_CLIPS = sorted((DEMO / "clips").glob("*.mp4"))[:6]
_SONG = min((DEMO / "songs").glob("*.mp3"))


class IndexRig(Cluster):
    """One worker, with a server where `url` names one."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        super().__init__(folder, REAL_STEPS, workers=1)
        self._url = url

    def _env(self, slot: int) -> dict[str, str]:
        return super()._env(slot) | ({"BACHATA_QDRANT_URL": self._url} if self._url else {})


def edge_of(rig: Cluster) -> Path:
    """The embedded engine's folder."""
    return rig.data / "state" / "worker-0" / "moves" / "edge"


async def told(rig: Cluster, said: str) -> None:
    """Return when the worker says that it is not ready, and why."""

    def is_told() -> bool:
        status, health = ask(rig, "/readyz")
        return status == 503 and any(said in problem for problem in health["problems"] if "move index:" in problem)

    await seen(is_told)


async def moves_in_the_index(rig: Cluster, wanted: int) -> None:
    """Return when the worker's library has so many."""
    await seen(lambda: ask(rig, "/library")[1].get("moves") == wanted)


async def nothing_is_lost(rig: Cluster, points: int, moves: int) -> None:
    """As many points as moves, no dead letter, and a worker that is ready."""
    events = await read_all(rig.bootstrap, name_of(MoveIndexed))
    assert points == moves == len({event.key for event in events})
    assert len({event.event_id for event in events}) == moves
    for topic in TOPICS:
        assert not topic.dead_letters or not await read_all(rig.bootstrap, topic.dead_letter_name), topic.name
    await rig.ready(0)


async def test_a_server_that_refuses_hangs_and_fails_loses_nothing(tmp_path: Path) -> None:
    with QdrantGate(tmp_path / "qdrant") as gate, IndexRig(tmp_path, gate.url) as rig:
        gate.refuse()
        rig.start(0)
        await told(rig, "refused")  # it comes up all the same
        async with submitted(rig, _CLIPS) as outcomes:
            for misbehave, seconds, said in (
                (gate.refuse, 10, "refused"),
                (gate.hang, 15, "timed out"),
                (gate.fail, 10, "500 Internal Server Error"),
            ):
                misbehave()
                await asyncio.gather(asyncio.sleep(seconds), told(rig, said))
                status, answer = ask(rig, "/moves/search", {"limit": 1})
                assert (status, said in answer["error"]) == (503, True), answer
            assert not outcomes.ended, "a clip is done when it can be found"
            gate.well()
        await nothing_is_lost(rig, gate.count(), len(_CLIPS))
        await a_song_waits(rig, gate)
        gate.forget()
        await told(rig, "")
        await seen(lambda: gate.count() == len(_CLIPS))
        await nothing_is_lost(rig, gate.count(), len(_CLIPS))


async def a_song_waits(rig: Cluster, gate: QdrantGate) -> None:
    """A song that comes while the library is away is scored with the whole library when it is back."""
    gate.hang()
    async with submitted(rig, [], _SONG) as outcomes:
        await told(rig, "timed out")
        await asyncio.sleep(15)
        assert not outcomes.ended
        gate.fail()
        await asyncio.sleep(15)  # longer than a step's own attempts last
        assert not outcomes.ended
        gate.well()
    scored = await read_all(rig.bootstrap, name_of(MovesScored))
    assert len(scored) == 1
    assert scored[0].said["scores"]["moves"]


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Even its owner, root, cannot write there."""
    flag = shutil.which("chattr")
    if flag is None or subprocess.run([flag, "+i", folder], capture_output=True, check=False).returncode:
        pytest.skip("this file system knows no folders that even root may not change")
    try:
        yield
    finally:
        subprocess.run([flag, "-i", folder], check=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own for a folder, 180 MiB of it free; the path of a file that fills it when it is written."""
    mount, umount = (shutil.which(name) or "/bin/false" for name in ("mount", "umount"))
    folder.mkdir(parents=True)
    command = [mount, "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder / "filling"
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)


async def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path: Path) -> None:
    with IndexRig(tmp_path) as rig:
        await rig.start_all()
        async with submitted(rig, _CLIPS[:2]):
            pass
        async with submitted(rig, _CLIPS[2:]) as outcomes:
            with unwritable(edge_of(rig)):
                await told(rig, "cannot be written")
                assert ask(rig, "/library")[1]["moves"] == 2, "what is in can be searched"
                rig.kill(0)
                rig.start(0)
                await told(rig, "cannot be written")
                assert ask(rig, "/moves/search", {"limit": 1})[0] == 503
            assert not outcomes.ended
        await moves_in_the_index(rig, len(_CLIPS))
        shutil.rmtree(edge_of(rig))
        await moves_in_the_index(rig, len(_CLIPS))
        await nothing_is_lost(rig, len(_CLIPS), len(_CLIPS))
        assert await rig.stop(0) == 0
        index = EdgeMoveIndex(edge_of(rig))
        assert index.count() == len({move.clip.sha256 for move in index.all_moves()}) == len(_CLIPS)
        index.close()


async def test_a_full_disk_under_the_index_loses_nothing(tmp_path: Path) -> None:
    rig = IndexRig(tmp_path)
    with small_disk(edge_of(rig).parent) as filling, rig:
        await rig.start_all()
        async with submitted(rig, _CLIPS[:2]):
            pass
        filling.write_bytes(bytes(100 << 20))
        async with submitted(rig, _CLIPS[2:4]) as outcomes:
            await told(rig, "disk full")
            assert not outcomes.ended
            filling.unlink()
        await moves_in_the_index(rig, 4)
        await nothing_is_lost(rig, 4, 4)
        assert await rig.stop(0) == 0
