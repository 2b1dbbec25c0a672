"""Test a full disk: work pauses with a reason, leaves no partial files, and resumes when there is space."""

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
from tests.chaos.cluster import REAL_STEPS, Cluster
from tests.chaos.topic_reader import read_all
from tests.chaos.worker_api import call_api, submitted, wait_until
from tests.paths import DEMO

pytestmark = pytest.mark.chaos

_SIZE_MB, _MIN_FREE_MB = 900, 150
_CLIPS = sorted((DEMO / "clips").glob("*.mp4"))
_SONGS = sorted((DEMO / "songs").glob("*.mp3"))
_FULL_DISK_S = 5.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a small disk."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted on this machine")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - as mount


def _cluster_on(small_disk: Path, folder: Path) -> Cluster:
    """Return a cluster with everything except Kafka's log on the small disk."""
    cluster = Cluster(folder, REAL_STEPS, workers=1)
    cluster.data.mkdir()
    for name in ("media", "cache", "output", "state"):
        (small_disk / name).mkdir()
        (cluster.data / name).symlink_to(small_disk / name)
    cluster.extra_env = {"BACHATA_MIN_FREE_MB": str(_MIN_FREE_MB)}
    return cluster


def _fill(small_disk: Path, leave_mb: int) -> Path:
    """Write a file that leaves `leave_mb` MiB of free space, or none; return its path."""
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        while leave_mb == 0 or shutil.disk_usage(small_disk).free > leave_mb << 20:
            file.write(bytes(1 << 20))
            file.flush()
    return ballast


def _reports_full_disk(cluster: Cluster) -> bool:
    status, health = call_api(cluster, "/readyz")
    return status == 503 and any("disk full" in problem for problem in health["problems"])


def _is_ready(cluster: Cluster) -> bool:
    return call_api(cluster, "/readyz")[0] == 200


async def test_work_waits_for_disk_space(small_disk: Path, tmp_path: Path) -> None:
    with _cluster_on(small_disk, tmp_path) as cluster:
        await cluster.start_all()
        async with submitted(cluster, _CLIPS[:2]):
            pass
        ballast = _fill(small_disk, _MIN_FREE_MB - 20)
        async with submitted(cluster, _CLIPS[2:3], _SONGS[0]) as progress:
            assert await progress.next(lambda record: record.payload.get("state") == "waiting", 30)
            waiting = [record.payload for record in progress.records if record.payload.get("state") == "waiting"]
            assert all(payload["reason"] == "disk_full" and "disk full" in payload["error"] for payload in waiting)
            await wait_until(lambda: _reports_full_disk(cluster))
            ballast.unlink()
        await wait_until(lambda: _is_ready(cluster))
        await _all_is_whole(cluster)


async def test_a_disk_that_fills_up_in_the_middle_of_a_write_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    with _cluster_on(small_disk, tmp_path) as cluster:
        await cluster.start_all()
        async with submitted(cluster, _CLIPS[:2]):
            pass
        for number, step in enumerate(("move_indexing", "rendering")):
            async with submitted(cluster, _CLIPS[2 + number : 3 + number], _SONGS[number]) as progress:
                at_work = await progress.next(lambda record, step=step: record.payload["step"] == step, 90)  # type: ignore[misc]
                assert at_work is not None, f"{step} did not start"
                ballast = await asyncio.to_thread(_fill, small_disk, 0)
                await asyncio.sleep(_FULL_DISK_S)
                cluster.restart_crashed()
                ballast.unlink()
                cluster.restart_crashed()
            cluster.restart_crashed()
            await wait_until(lambda: _is_ready(cluster))
        await _all_is_whole(cluster)


async def _all_is_whole(cluster: Cluster) -> None:
    """Check that there are no dead letters and no partial files, and that the stored files match their checksums."""
    for topic in TOPICS:
        if topic.dead_letters:
            assert not await read_all(cluster.kafka, topic.dead_letter_name)
    videos = list((cluster.data / "output").iterdir())
    assert videos
    for video in videos:
        with av.open(str(video)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 0
    stored = [file for file in (cluster.data / "media").rglob("*") if file.is_file()]
    assert stored
    for file in stored:
        assert hashlib.sha256(file.read_bytes()).hexdigest() in str(file), f"{file} does not match its checksum"
    assert {video.suffix for video in videos} == {".mp4"}
