"""Checks of the whole stream in a data folder that has nothing yet: each quality, and the recovery from faults."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

from infra.settings import load_settings
from schemas.base import Quality
from schemas.faults import Retryable
from streams.local.services import running_kafka
from streams.pipeline import ChoreoGenerationPipeline, Choreography, ChoreographyError, PipelineConfig

_CLIPS = ("basic_side", "body_roll", "hammerlock", "hip_roll")  # of each difficulty and energy
_VIDEO_S, _TOLERANCE_S = 30.0, 1.0  # a beat or two
_KILL_AFTER_S = 0.3
_STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Check:
    """The outcome of a check. `detail`: what was made, or what is wrong."""

    name: str
    ok: bool
    detail: str
    seconds: float


async def run_checks(demo: Path, qualities: Sequence[Quality], *, recovery: bool) -> AsyncIterator[Check]:
    """Yield the checks as they are done. The data folder of the settings is filled; its services end afterwards."""
    folder = load_settings().data_dir
    song = _copy_demo(demo, folder)
    async with ChoreoGenerationPipeline(PipelineConfig(cleanup_after_generation=False)) as services:
        yield await _check("start and index the moves", partial(_video, services, song))
        for quality in qualities:
            yield await _check(f"video in {quality}", partial(_video_in, quality, song))
        if recovery:
            for name, file, reason in _bad_songs(folder):
                yield await _check(name, partial(_refusal, services, file, reason))
            yield await _check("the worker is killed", partial(_video_after_a_kill, services, song))
            yield await _check("a song after all this", partial(_video, services, song, seed=2))
    await _until_services_end()


async def _check(name: str, run: Callable[[], Awaitable[str]]) -> Check:
    started = monotonic()
    try:
        detail, ok = await run(), True
    except (ChoreographyError, AssertionError) as error:
        detail, ok = str(error), False
    return Check(name, ok, detail, round(monotonic() - started, 1))


async def _video_in(quality: Quality, song: Path) -> str:
    async with ChoreoGenerationPipeline(PipelineConfig(quality_mode=quality)) as pipeline:
        return await _video(pipeline, song)


async def _video(pipeline: ChoreoGenerationPipeline, song: Path, seed: int = 0) -> str:
    return _described(await pipeline.generate_choreography(song, "30s", seed=seed))


def _described(made: Choreography) -> str:
    """Return a description of the video. Raises: `AssertionError` where it is not as it should be."""
    if not made.video_path.is_file():
        raise AssertionError(f"there is no video {made.video_path}")
    if abs(made.duration_s - _VIDEO_S) > _TOLERANCE_S:
        raise AssertionError(f"the video lasts {made.duration_s:.1f} s instead of {_VIDEO_S:.0f} s")
    return f"{made.duration_s:.1f} s at {made.tempo_bpm:.1f} BPM, {len(made.moves)} parts"


async def _refusal(pipeline: ChoreoGenerationPipeline, file: Path, reason: str) -> str:
    try:
        await pipeline.generate_choreography(file, "30s")
    except ChoreographyError as error:
        if error.reason != reason:
            raise
        return f"refused: {reason}"
    raise AssertionError("it was not refused")


async def _video_after_a_kill(pipeline: ChoreoGenerationPipeline, song: Path) -> str:
    making = asyncio.create_task(_video(pipeline, song, seed=1))
    await asyncio.sleep(_KILL_AFTER_S)
    killed = _kill_workers()
    return f"{await making}, after {killed} killed"


def _kill_workers() -> int:
    """Kill the workers of the data folder; return how many there were."""
    killed = 0
    for file in load_settings().run_dir.glob("worker-*.json"):
        with suppress(OSError, ValueError, KeyError):
            os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)
            killed += 1
    if not killed:
        raise AssertionError("no worker was running")
    return killed


def _copy_demo(demo: Path, folder: Path) -> Path:
    """Copy some demo clips into the folder of moves; return a demo song."""
    moves = folder / "moves"
    moves.mkdir(parents=True, mode=0o700)
    for name in _CLIPS:
        shutil.copy(demo / "clips" / f"{name}.mp4", moves)
    shutil.copy(demo / "annotations.json", moves)
    return min((demo / "songs").glob("*.mp3"))


def _bad_songs(folder: Path) -> list[tuple[str, Path, str]]:
    """Return names, files and the reasons for which they are refused."""
    text, empty = folder / "text.mp3", folder / "empty.mp3"
    text.write_text("This is no song.\n" * 100)
    empty.touch()
    missing = folder / "missing.mp3"
    return [("a text", text, "not_media"), ("an empty file", empty, "empty"), ("no file", missing, "not_found")]


async def _until_services_end() -> None:
    """Return when Kafka has ended, so that the data folder can be removed. Raises: `Retryable` after 30 s."""
    deadline = monotonic() + _STOP_TIMEOUT_S
    while running_kafka(load_settings()) is not None:
        if monotonic() > deadline:
            raise Retryable("the services of the self-test do not end", reason="kafka")
        await asyncio.sleep(0.1)
