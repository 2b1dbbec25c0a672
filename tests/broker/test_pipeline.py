"""The calls of the earlier application, on the real stream."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import psutil
import pytest

from infra.base.atomic_file import sha256_of
from infra.base.umask import make_files_private
from infra.kafka_connection import KafkaConnection
from infra.settings import load_settings
from schemas.base import Options, Source
from schemas.move_submitted import MoveSubmitted
from schemas.request_ended import RequestEnded
from schemas.song_submitted import SongSubmitted
from streams.client import ChoreoGenerationPipeline, Choreography, ChoreographyError, PipelineConfig
from streams.envelope import Record
from streams.ids import new_request_id
from streams.kafka import make_consumer, partitions_of, record_of
from streams.local.services import running_kafka, running_worker
from streams.pipeline.moves import index_clips
from streams.topics import topic_of
from tests.broker.conftest import DataFolder
from tests.paths import PROJECT

pytestmark = [pytest.mark.broker, pytest.mark.slow]
make_files_private()  # the data folder of these tests is checked for files that others could read


@pytest.fixture
def services(data_folder: DataFolder, library: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """Use the data folder whose services run, and that has a library."""
    monkeypatch.setenv("BACHATA_DATA_DIR", str(data_folder.path))
    return data_folder


async def _records(kafka: KafkaConnection, model: Any) -> dict[str, Record]:
    """Return the last record of each request on the topic of an event."""
    async with make_consumer(kafka, auto_offset_reset="earliest") as consumer:
        partitions = await partitions_of(consumer._client, [topic_of(model).full_name])
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: dict[str, Record] = {}
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for messages in (await consumer.getmany(timeout_ms=200)).values():
                records = [record_of(message) for message in messages]
                found |= {str(record.header("ce_correlationid")): record for record in records}
    return found


async def _most_at_once(kafka: KafkaConnection, model: Any, request_ids: list[str]) -> int:
    """Return how many requests were open at the same time, by the times at which the broker got their records."""
    submitted, ended = await _records(kafka, model), await _records(kafka, RequestEnded)
    times = [(ended[id_].timestamp_ms, -1) for id_ in request_ids] + [
        (submitted[id_].timestamp_ms, 1) for id_ in request_ids
    ]
    most = count = 0
    for _, change in sorted(times):
        count += change
        most = max(most, count)
    return most


@pytest.fixture
async def made(services: DataFolder, demo_song: Path) -> Choreography:
    """Return a choreography, which is computed once."""
    config = PipelineConfig(quality_mode="fast")
    async with ChoreoGenerationPipeline(config) as pipeline:
        return await pipeline.generate_choreography(
            audio_input=str(demo_song), duration="1min", difficulty="intermediate", energy_level="medium"
        )


async def _made_again(song: Path, **values: Any) -> Choreography:
    async with ChoreoGenerationPipeline(PipelineConfig(quality_mode="fast", **values)) as pipeline:
        return await pipeline.generate_choreography(song, "1min", "intermediate", "medium")


async def test_the_documented_call_makes_a_choreography(made: Choreography) -> None:
    assert made.duration_s == pytest.approx(60, abs=4.5 * 60 / made.tempo_bpm), "it ends with a phrase"
    assert made.tempo_bpm == pytest.approx(124, abs=0.5)
    steps = ["intake", "audio_analysis", "move_scoring", "sequence_planning", "rendering"]
    assert list(made.step_seconds) == steps
    assert len(made.moves) > 3
    with av.open(str(made.video_path)) as video:
        assert (video.duration or 0) / av.time_base == pytest.approx(made.duration_s, abs=0.1)


async def test_the_options_of_a_dance_are_those_of_the_choreography(made: Choreography, demo_song: Path) -> None:
    banned = made.moves[0].move
    options = Options(length_s=20.0, bans=(banned,), difficulty="advanced")
    async with ChoreoGenerationPipeline(PipelineConfig(quality_mode="fast")) as pipeline:
        other = await pipeline.generate_choreography(demo_song, options=options)
    assert other.duration_s == pytest.approx(20, abs=4.5 * 60 / other.tempo_bpm)
    assert banned not in {part.move for part in other.moves}


async def test_without_caching_a_choreography_is_computed_again(made: Choreography, demo_song: Path) -> None:
    again = await _made_again(demo_song)
    assert (again.video_path, again.is_cached) == (made.video_path, True)
    assert not (await _made_again(demo_song, enable_caching=False)).is_cached


async def test_the_encoded_song_is_removed_after_the_video_unless_it_shall_stay(
    made: Choreography, demo_song: Path
) -> None:
    song = sha256_of(demo_song)
    left = []
    for cleanup in (False, True):
        await _made_again(demo_song, enable_caching=False, cleanup_after_generation=cleanup)
        left.append(len(list((load_settings().derived_dir / "audio").glob(f"{song}-*"))))
    assert left == [1, 0]


@pytest.mark.parametrize("workers", [1, 3])
async def test_as_many_songs_are_worked_on_at_the_same_time_as_there_are_workers(
    made: Choreography, services: DataFolder, demo_song: Path, workers: int
) -> None:
    config = PipelineConfig(quality_mode="fast", max_workers=workers)
    async with ChoreoGenerationPipeline(config) as pipeline:
        calls = [pipeline.generate_choreography(demo_song, "1min", "intermediate", "medium") for _ in range(4)]
        ids = [choreography.request_id for choreography in await asyncio.gather(*calls)]
    most = await _most_at_once(services.kafka, SongSubmitted, ids)
    assert most == 1 if workers == 1 else 1 < most <= 3


def test_scripts_may_use_one_event_loop_after_the_other(made: Choreography, demo_song: Path) -> None:
    pipeline = ChoreoGenerationPipeline(PipelineConfig(quality_mode="fast", max_workers=1))

    async def two() -> list[bool]:
        calls = [pipeline.generate_choreography(demo_song, "1min", "intermediate", "medium") for _ in range(2)]
        return [again.is_cached for again in await asyncio.gather(*calls)]

    assert [asyncio.run(two()) for _ in range(2)] == [[True, True]] * 2
    asyncio.run(pipeline.close())


async def test_a_song_that_fails_is_an_error_with_its_reason_and_dead_letter(services: DataFolder) -> None:
    async with ChoreoGenerationPipeline() as pipeline:
        with pytest.raises(ChoreographyError) as caught:
            await pipeline.generate_choreography(PROJECT / "README.md")
    assert caught.value.reason == "not_media"
    letter = services.bachata("dead-letters", "show", str(caught.value.dead_letter_id)).json
    assert letter["reason"] == "not_media"
    assert services.ended(str(caught.value.request_id))["outcome"] == "failed"


async def test_one_clip_is_submitted_after_the_other_has_ended(services: DataFolder) -> None:
    requests = [
        MoveSubmitted(source=Source(sha256=f"{number:064x}"), clip=f"gone_{number}", request_id=new_request_id())
        for number in range(4)
    ]
    results = await index_clips(services.kafka, requests, at_once=1)
    assert {result.ended and result.ended.reason for result in results.values()} == {"unknown_media"}
    assert await _most_at_once(services.kafka, MoveSubmitted, list(results)) == 1


@pytest.fixture(scope="module")
def folder_without_services(tmp_path_factory: pytest.TempPathFactory, short_clip: Path) -> Iterator[Path]:
    """Yield a data folder with a clip, its annotation and a broken clip in `moves`; nothing runs in it."""
    folder = tmp_path_factory.mktemp("pipeline") / "data"
    shutil.copytree(short_clip.parent, folder / "moves")
    (folder / "moves" / "broken.mp4").write_bytes(b"no video")
    yield folder
    assert running_kafka(load_settings().model_copy(update={"data_dir": folder})) is None


async def test_the_pipeline_starts_its_services_and_indexes_the_moves(
    folder_without_services: Path, demo_song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(folder_without_services))
    config = PipelineConfig(quality_mode="balanced", target_fps=8, max_workers=1, max_cache_size_mb=77)
    async with ChoreoGenerationPipeline(config) as pipeline:
        first, second = await asyncio.gather(*[pipeline.generate_choreography(demo_song, "30s") for _ in range(2)])
        worker = running_worker(load_settings())
        assert worker is not None
        submitted = (await _records(worker.kafka, MoveSubmitted)).values()
        [move] = worker.get("/moves")["moves"]
        environment = _worker_process(folder_without_services).environ()
    assert first.video_path == second.video_path
    assert any(warning.startswith("broken is no move: ") for warning in first.warnings)
    assert {MoveSubmitted.model_validate_json(record.value or b"").pose_rate_hz for record in submitted} == {8}
    assert move["move"] == "basic_step"
    assert (environment["BACHATA_STEP_PROCESSES"], environment["BACHATA_MAX_CACHE_MB"]) == ("1", "77")
    async with asyncio.timeout(60):
        while running_kafka(load_settings()) is not None:  # noqa: ASYNC110 - another process ends
            await asyncio.sleep(0.1)


def _worker_process(folder: Path) -> psutil.Process:
    """Return the worker of a data folder."""
    for process in psutil.process_iter():
        with process.oneshot():
            try:
                command, environment = process.cmdline(), process.environ()
            except psutil.Error:
                continue
        if "streams.worker" in command and environment.get("BACHATA_DATA_DIR") == os.fspath(folder):
            return process
    raise AssertionError("no worker runs")
