"""A disk that is full: work pauses and says so, nothing half-written is left, and it goes on when there is room."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import pytest

from streams.topics import TOPICS
from tests.chaos.cluster import DEMO, REAL_STEPS, Cluster
from tests.chaos.topic_reader import read_all
from tests.chaos.worker_api import ask, seen, submitted

pytestmark = pytest.mark.chaos

_SIZE_MB, _LEAST_MB = 900, 150
_CLIPS = sorted((DEMO / "clips").glob("*.mp4"))
_SONGS = sorted((DEMO / "songs").glob("*.mp3"))
_FULL_FOR_S = 5.0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets us mount no small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - as mount


def _rig_on(small: Path, folder: Path) -> Cluster:
    """Everything but Kafka's log lies on the small disk."""
    rig = Cluster(folder, REAL_STEPS, workers=1)
    rig.data.mkdir()
    for name in ("media", "cache", "output", "state"):
        (small / name).mkdir()
        (rig.data / name).symlink_to(small / name)
    rig.extra = {"BACHATA_MIN_FREE_MB": str(_LEAST_MB)}
    return rig


def _fill(small: Path, leave_mb: int) -> Path:
    """A file that leaves so much room, or none."""
    ballast = small / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        while leave_mb == 0 or shutil.disk_usage(small).free > leave_mb << 20:
            file.write(bytes(1 << 20))
            file.flush()
    return ballast


def _says_full(rig: Cluster) -> bool:
    status, health = ask(rig, "/readyz")
    return status == 503 and any("disk full" in problem for problem in health["problems"])


def _is_ready(rig: Cluster) -> bool:
    return ask(rig, "/readyz")[0] == 200


async def test_work_waits_for_room(small: Path, tmp_path: Path) -> None:
    with _rig_on(small, tmp_path) as rig:
        await rig.start_all()
        async with submitted(rig, _CLIPS[:2]):
            pass
        ballast = _fill(small, _LEAST_MB - 20)
        async with submitted(rig, _CLIPS[2:3], _SONGS[0]) as words:
            assert await words.next(lambda word: word.said.get("state") == "waiting", 30)
            waiting = [word.said for word in words.seen if word.said.get("state") == "waiting"]
            assert all(said["reason"] == "disk_full" and "disk full" in said["error"] for said in waiting)
            await seen(lambda: _says_full(rig))
            ballast.unlink()
        await seen(lambda: _is_ready(rig))
        await _all_is_whole(rig)


async def test_a_disk_that_fills_up_in_the_middle_of_a_write_loses_nothing(small: Path, tmp_path: Path) -> None:
    with _rig_on(small, tmp_path) as rig:
        await rig.start_all()
        async with submitted(rig, _CLIPS[:2]):
            pass
        for number, step in enumerate(("move_indexing", "rendering")):
            async with submitted(rig, _CLIPS[2 + number : 3 + number], _SONGS[number]) as words:
                at_work = await words.next(lambda word, step=step: word.said["step"] == step, 90)  # type: ignore[misc]
                assert at_work is not None, f"{step} did not begin"
                ballast = await asyncio.to_thread(_fill, small, 0)
                await asyncio.sleep(_FULL_FOR_S)
                rig.revive()
                ballast.unlink()
                rig.revive()
            rig.revive()
            await seen(lambda: _is_ready(rig))
        await _all_is_whole(rig)


async def _all_is_whole(rig: Cluster) -> None:
    """No dead letter, no half file, and every file is what its name says."""
    for topic in TOPICS:
        if topic.dead_letters:
            assert not await read_all(rig.bootstrap, topic.dead_letter_name)
    videos = list((rig.data / "output").iterdir())
    assert videos
    for video in videos:
        with av.open(str(video)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 0
    stored = [file for file in (rig.data / "media").rglob("*") if file.is_file()]
    assert stored
    for file in stored:
        assert hashlib.sha256(file.read_bytes()).hexdigest() in str(file), f"{file} is not whole"
    assert {video.suffix for video in videos} == {".mp4"}
