"""Test an unavailable move index: no move is lost or duplicated, and the worker reports the problem."""

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
from tests.chaos.cluster import REAL_STEPS, Cluster
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.chaos.media import clip_contents
from tests.chaos.schedule import scaled
from tests.chaos.topic_reader import name_of, read_all
from tests.chaos.worker_api import call_api, submitted, wait_until
from tests.paths import DEMO

pytestmark = [pytest.mark.chaos, pytest.mark.broker]
_CLIPS = sorted((DEMO / "clips").glob("*.mp4"))[:6]
_CLIPS_OF_A_MINUTE = 37
_SONG = min((DEMO / "songs").glob("*.mp3"))


class IndexCluster(Cluster):
    """A cluster with one worker that uses the server at `url`, or else the embedded index."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        super().__init__(folder, REAL_STEPS, workers=1)
        self._url = url

    def _env(self, slot: int) -> dict[str, str]:
        return super()._env(slot) | ({"BACHATA_QDRANT_URL": self._url} if self._url else {})


def edge_of(cluster: Cluster) -> Path:
    """Return the embedded engine's folder."""
    return cluster.data / "state" / "worker-0" / "moves" / "edge"


def written_clips(folder: Path, count: int) -> Iterator[Path]:
    """Write so many different clips and yield their paths."""
    for number, content in enumerate(clip_contents(count)):
        file = folder / f"clip_{number:02d}.mp4"
        file.write_bytes(content)
        yield file


async def wait_for_problem(cluster: Cluster, text: str) -> None:
    """Return when the worker reports that it is not ready, with this problem of the move index."""

    def is_reported() -> bool:
        status, health = call_api(cluster, "/readyz")
        return status == 503 and any(text in problem for problem in health["problems"] if "move index:" in problem)

    await wait_until(is_reported)


async def wait_for_moves(cluster: Cluster, wanted: int) -> None:
    """Return when the worker's library has `wanted` moves."""
    await wait_until(lambda: call_api(cluster, "/library")[1].get("moves") == wanted)


async def check_nothing_lost(cluster: Cluster, points: int, moves: int) -> None:
    """Check that there are as many points as moves, no dead letter, and that the worker is ready."""
    events = await read_all(cluster.kafka, name_of(MoveIndexed))
    assert points == moves == len({event.key for event in events})
    assert len({event.event_id for event in events}) == moves
    for topic in TOPICS:
        assert not topic.dead_letters or not await read_all(cluster.kafka, topic.dead_letter_name), topic.name
    await cluster.ready(0)


async def test_a_server_that_refuses_hangs_and_fails_loses_nothing(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path / "qdrant") as server, IndexCluster(tmp_path, server.url) as cluster:
        server.refuse()
        cluster.start(0)
        await wait_for_problem(cluster, "refused")  # it starts nevertheless
        clips = list(written_clips(cluster.songs, scaled(_CLIPS_OF_A_MINUTE, minimum=6)))
        async with submitted(cluster, clips) as outcomes:
            for misbehave, seconds, problem in (
                (server.refuse, 20, "refused"),
                (server.hang, 20, "timed out"),
                (server.fail, 20, "500 Internal Server Error"),
            ):
                misbehave()
                await asyncio.gather(asyncio.sleep(seconds), wait_for_problem(cluster, problem))
                status, answer = call_api(cluster, "/moves/search", {"limit": 1})
                assert (status, problem in answer["error"]) == (503, True), answer
            assert not outcomes.ended, "a clip is done only when it can be found"
            server.recover()
        await check_nothing_lost(cluster, server.count(), len(clips))
        await check_song_waits(cluster, server)
        server.drop_collection()
        await wait_for_problem(cluster, "")
        await wait_until(lambda: server.count() == len(clips))
        await check_nothing_lost(cluster, server.count(), len(clips))


async def check_song_waits(cluster: Cluster, server: FaultyQdrantServer) -> None:
    """Check that a song submitted while the library is unavailable is scored with the whole library afterwards."""
    server.hang()
    async with submitted(cluster, [], _SONG) as outcomes:
        await wait_for_problem(cluster, "timed out")
        await asyncio.sleep(15)
        assert not outcomes.ended
        server.fail()
        await asyncio.sleep(15)  # longer than all attempts of a step
        assert not outcomes.ended
        server.recover()
    scored = await read_all(cluster.kafka, name_of(MovesScored))
    assert len(scored) == 1
    assert scored[0].payload["scores"]["moves"]


@contextmanager
def immutable(folder: Path) -> Iterator[None]:
    """Make a folder read-only even for root."""
    flag = shutil.which("chattr")
    if flag is None or subprocess.run([flag, "+i", folder], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no immutable folders")
    try:
        yield
    finally:
        subprocess.run([flag, "-i", folder], check=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk for a folder, 180 MiB of it free; yield the path of a file that can fill it."""
    mount, umount = (shutil.which(name) or "/bin/false" for name in ("mount", "umount"))
    folder.mkdir(parents=True)
    command = [mount, "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted on this machine")
    try:
        yield folder / "filling"
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)


async def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path: Path) -> None:
    with IndexCluster(tmp_path) as cluster:
        await cluster.start_all()
        async with submitted(cluster, _CLIPS[:2]):
            pass
        async with submitted(cluster, _CLIPS[2:]) as outcomes:
            with immutable(edge_of(cluster)):
                await wait_for_problem(cluster, "cannot be written")
                assert call_api(cluster, "/library")[1]["moves"] == 2, "indexed moves can be searched"
                cluster.kill(0)
                cluster.start(0)
                await wait_for_problem(cluster, "cannot be written")
                assert call_api(cluster, "/moves/search", {"limit": 1})[0] == 503
            assert not outcomes.ended
        await wait_for_moves(cluster, len(_CLIPS))
        shutil.rmtree(edge_of(cluster))
        await wait_for_moves(cluster, len(_CLIPS))
        await check_nothing_lost(cluster, len(_CLIPS), len(_CLIPS))
        assert await cluster.stop(0) == 0
        index = EdgeMoveIndex(edge_of(cluster))
        assert index.count() == len({move.clip.sha256 for move in index.all_moves()}) == len(_CLIPS)
        index.close()


async def test_a_full_disk_under_the_index_loses_nothing(tmp_path: Path) -> None:
    cluster = IndexCluster(tmp_path)
    with small_disk(edge_of(cluster).parent) as filling, cluster:
        await cluster.start_all()
        async with submitted(cluster, _CLIPS[:2]):
            pass
        filling.write_bytes(bytes(100 << 20))
        async with submitted(cluster, _CLIPS[2:4]) as outcomes:
            await wait_for_problem(cluster, "disk full")
            assert not outcomes.ended
            filling.unlink()
        await wait_for_moves(cluster, 4)
        await check_nothing_lost(cluster, 4, 4)
        assert await cluster.stop(0) == 0
