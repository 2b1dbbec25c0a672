"""Test that clips in a watched folder become moves once each, whatever is killed and however the files arrive."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra.move_index.edge import EdgeMoveIndex
from schemas.move_indexed import MoveIndexed
from streams.topics import TOPICS
from tests.chaos.cluster import REAL_STEPS, Cluster
from tests.chaos.media import CLIP_TEMPO_BPM, clip_contents
from tests.chaos.schedule import print_schedule, scaled, seed
from tests.chaos.topic_reader import name_of, read_all
from tests.chaos.worker_api import call_api
from tests.paths import BACHATA

pytestmark = [pytest.mark.chaos, pytest.mark.broker]
_CLIPS, _KILLS, _WATCHER_KILLS = 37, 3, 2
_PARTS = 4
_PAUSE_S = 3.0  # of a slow copy: longer than a file must not change
_TIMEOUT_S = 1500.0


def _plain(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def _slow(file: Path, content: bytes) -> None:
    with file.open("wb") as writer:
        for part in range(_PARTS):
            writer.write(content[part * len(content) // _PARTS : (part + 1) * len(content) // _PARTS])
            writer.flush()
            time.sleep(_PAUSE_S / _PARTS)


def _renamed(file: Path, content: bytes) -> None:
    partial = file.with_name(file.name + ".part")
    partial.write_bytes(content)
    time.sleep(_PAUSE_S)
    partial.rename(file)


def _twice(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.with_name(f"{file.stem}_again.mp4").write_bytes(content)


def _half(file: Path, content: bytes) -> None:
    file.write_bytes(content[: len(content) // 2])
    time.sleep(2 * _PAUSE_S)
    file.write_bytes(content)


_WAYS: Sequence[Callable[[Path, bytes], None]] = (_plain, _slow, _renamed, _twice, _half)


class _Watcher:
    """A `bachata watch` of the cluster's data folder, which can be killed and started again."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._env = cluster._env(0)
        self._log = cluster.logs / "watch.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = [str(BACHATA), "watch", str(self._folder)]
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def once(self) -> dict[str, Any]:
        """Return the JSON of `bachata watch --once`."""
        command = [str(BACHATA), "watch", str(self._folder), "--once", "--json"]
        run = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        report: dict[str, Any] = json.loads(run.stdout)
        return report


def _done(folder: Path) -> set[str]:
    """Return the SHA-256 of the clips whose outcome stands beside them."""
    found = set()
    for file in folder.rglob("*.bachata.json"):
        with suppress(OSError, ValueError):  # it is just renamed
            result = json.loads(file.read_text())
            assert result["status"] in {"done", "copy"}, result
            assert {"move", "tempo_bpm"} <= result.keys(), result
            found.add(result["sha256"])
    return found


async def _wait_for_done(folder: Path, wanted: int) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while len(_done(folder)) < wanted:
        assert time.monotonic() < deadline, f"{len(_done(folder))} of {wanted}"
        await asyncio.sleep(0.5)


def _drop(folder: Path, contents: Sequence[bytes], rng: random.Random) -> None:
    """Put the clips into the folder, each in one of the ways, and rename some that are done."""
    for number, content in enumerate(contents):
        file = folder / ("turns" if number % 3 else "basics") / f"clip_{number:02d}.mp4"
        _WAYS[number % len(_WAYS)](file, content)
        time.sleep(rng.uniform(0, 1))
        taken = sorted(folder.rglob("*.mp4.bachata.json"))
        if taken and number % 4 == 0:
            done = rng.choice(taken)
            source = done.with_name(done.name.removesuffix(".bachata.json"))
            with suppress(FileNotFoundError):
                source.rename(source.with_name(f"{source.stem}_r.mp4"))


def _kills(count: int, rng: random.Random) -> list[tuple[int, str]]:
    """Return after how many clips that are done which process is killed, one in each fifth of the run."""
    victims = ["worker"] * _KILLS + ["watcher"] * _WATCHER_KILLS
    rng.shuffle(victims)
    kills = [(rng.randrange(part * count // 5, (part + 1) * count // 5), victims[part]) for part in range(5)]
    print_schedule("kills", [f"the {victim} when {after} clips are done" for after, victim in kills])
    return kills


def _make_folder(folder: Path, contents: Sequence[bytes]) -> None:
    """Make the watched folder, with a tempo for each clip."""
    for inner in ("turns", "basics"):
        (folder / inner).mkdir(parents=True)
    rows = [f"{hashlib.sha256(content).hexdigest()},{CLIP_TEMPO_BPM:g}" for content in contents]
    (folder / "annotations.csv").write_text("\n".join(["sha256,tempo", *rows]))


async def _kill_all(
    kills: Sequence[tuple[int, str]], cluster: Cluster, watcher: _Watcher, folder: Path, rng: random.Random
) -> None:
    """Kill and restart the processes when it is time; with the first worker, delete its index."""
    workers_killed = 0
    for after, victim in kills:
        await _wait_for_done(folder, after)
        await asyncio.sleep(rng.uniform(0, 2))
        cluster.log_event(f"kill the {victim}")
        if victim == "watcher":
            watcher.kill()
            watcher.start()
            continue
        cluster.kill(0)
        if not workers_killed:
            shutil.rmtree(cluster.data / "state" / "worker-0" / "moves", ignore_errors=True)
        workers_killed += 1
        cluster.start(0)
        await cluster.ready(0)


async def test_clips_become_moves_once_each_whatever_is_killed(tmp_path: Path) -> None:
    count = scaled(_CLIPS, minimum=6)
    contents, folder = clip_contents(count), tmp_path / "watched"
    rng = random.Random(seed())  # noqa: S311 - a plan, no secret
    kills = _kills(count, rng)
    _make_folder(folder, contents)
    with Cluster(tmp_path, REAL_STEPS, workers=1) as cluster:
        await cluster.start_all()
        watcher = _Watcher(cluster, folder)
        watcher.start()
        started = time.monotonic()
        dropping = threading.Thread(target=_drop, args=(folder, contents, rng))
        dropping.start()
        try:
            await _kill_all(kills, cluster, watcher, folder, rng)
            await asyncio.to_thread(dropping.join)
            await _wait_for_done(folder, count)
        finally:
            watcher.kill()
        cluster.log_event(f"{count} clips are moves after {time.monotonic() - started:.0f} s")
        assert watcher.once()["without_source"] == []
        await _check(cluster, count)
        files = [file for file in folder.rglob("*.mp4") if "_again" not in file.name and not _has_copy(file)]
        for file in files[:2]:
            file.unlink()
        assert len(watcher.once()["without_source"]) == 2
        assert await cluster.stop(0) == 0
        index = EdgeMoveIndex(cluster.data / "state" / "worker-0" / "moves" / "edge")
        assert index.count() == len({move.clip.sha256 for move in index.all_moves()}) == count
        index.close()


def _has_copy(file: Path) -> bool:
    number = file.stem.removesuffix("_r").split("_")[1]
    return any(number in other.stem for other in file.parent.glob("*_again*.mp4"))


async def _check(cluster: Cluster, count: int) -> None:
    """Check that each clip is one move and one point, of one event, and that nothing failed."""
    moves = call_api(cluster, "/moves")[1]["moves"]
    assert len(moves) == len({move["sha256"] for move in moves}) == count
    assert {move["category"] for move in moves} == {"turns", "basics"}
    events = await read_all(cluster.kafka, name_of(MoveIndexed))
    assert len({event.key for event in events}) == len({event.event_id for event in events}) == count
    for topic in TOPICS:
        assert not topic.dead_letters or not await read_all(cluster.kafka, topic.dead_letter_name), topic.name
