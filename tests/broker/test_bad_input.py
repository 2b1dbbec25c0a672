"""Invalid input: the command prints one line, the event becomes a dead letter, and the worker continues."""

from __future__ import annotations

import asyncio
import json
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from infra.kafka_connection import KafkaConnection
from schemas.request_ended import RequestEnded
from streams.kafka import make_consumer
from streams.topics import PARTITIONS, REQUEST_ENDED
from tests.broker.conftest import CommandResult, DataFolder, sent_letter_id

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_SONGS = "bachata.song-submitted.v1"


def _wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def _video(path: Path, seconds: float = 6) -> Path:
    """Write a video of grey noise, without people and without sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        noise = np.random.default_rng(1).integers(100, 120, (180, 320, 3), dtype=np.uint8)
        for _ in range(int(seconds * 10)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise)))
        container.mux(stream.encode())
    return path


def _assert_fails(result: CommandResult, message: str) -> None:
    assert result.exit_code != 0
    assert "\n" not in result.json["error"]
    assert message in result.json["error"]
    assert "Traceback" not in result.stderr


def test_an_empty_file(data_folder: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").touch()
    _assert_fails(data_folder.bachata("generate", tmp_path / "song.mp3"), "empty")


def test_a_missing_file(data_folder: DataFolder, tmp_path: Path) -> None:
    _assert_fails(data_folder.bachata("generate", tmp_path / "nothing.mp3"), "nothing.mp3")


def test_a_text_file_named_mp3(data_folder: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_text("la la la\n" * 200)
    result = data_folder.bachata("generate", tmp_path / "song.mp3")
    _assert_fails(result, "not a readable mp3")
    assert result.json["dead_letter_id"]


def test_a_video_without_sound_as_a_song(data_folder: DataFolder, tmp_path: Path) -> None:
    result = data_folder.bachata("generate", _video(tmp_path / "silent.mp4", 12))
    _assert_fails(result, "audio")
    assert result.json["reason"] == "no_audio"


def test_a_song_of_silence(data_folder: DataFolder, tmp_path: Path) -> None:
    result = data_folder.bachata("generate", _wav(tmp_path / "silence.wav", np.zeros(22050 * 20)))
    _assert_fails(result, "silen")
    assert result.json["dead_letter_id"]


def test_a_clip_without_people(data_folder: DataFolder, tmp_path: Path) -> None:
    result = data_folder.bachata("index", _video(tmp_path / "no_people.mp4"))
    assert result.exit_code != 0
    [clip] = result.json["clips"]
    assert clip["status"] == "failed"
    assert clip["error"]


def test_missing_clips(data_folder: DataFolder, tmp_path: Path) -> None:
    _assert_fails(data_folder.bachata("index", tmp_path / "no-such-folder"), "no-such-folder")
    _assert_fails(data_folder.bachata("index", tmp_path), "no video")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x00\xff\xfe garbage", "invalid_event"),
        (json.dumps({"source": {"path": "/etc/passwd"}}).encode(), "path_not_allowed"),
        (json.dumps({"source": {"path": "../../etc/passwd"}}).encode(), "path_not_allowed"),
        (json.dumps({"source": {"sha256": "0" * 64}}).encode(), "unknown_media"),
    ],
)
async def test_invalid_events_of_other_programs(data_folder: DataFolder, value: bytes, reason: str) -> None:
    kafka = data_folder.kafka
    dead_letter, outcome = await asyncio.wait_for(_send_and_receive(kafka, value), 60)
    assert dead_letter.value == value
    assert dict(dead_letter.headers)["bachata.reason"].decode() == reason
    assert (outcome.outcome, outcome.reason) == ("failed", reason)
    assert outcome.dead_letter_id == dict(dead_letter.headers)["bachata.dead-letter-id"].decode()


class _NotUtf8(str):
    """A header name that is written as bytes that are not UTF-8."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


async def test_a_header_name_that_is_not_utf8_stops_no_reader(
    data_folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (message_accumulator, producer):  # the Python writer calls `encode` of the name
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    kafka = data_folder.kafka
    headers = ((_NotUtf8("ab"), b"x"),)
    dead_letter, _ = await asyncio.wait_for(_send_and_receive(kafka, b"garbage", headers), 60)
    assert dead_letter.value == b"garbage"
    assert data_folder.bachata("dead-letters", "list").exit_code == 0


async def _send_and_receive(kafka: KafkaConnection, value: bytes, headers: Any = None) -> tuple[Any, RequestEnded]:
    sender = AIOKafkaProducer(**kafka.client_options())
    consumer = make_consumer(kafka)
    await sender.start()
    await consumer.start()
    try:
        topics = (f"{_SONGS}.dlq", REQUEST_ENDED.full_name)
        consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
        for tp, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
            consumer.seek(tp, end)
        sent = await sender.send_and_wait(_SONGS, value, key=b"unknown", headers=headers)
        dead_letter_id = sent_letter_id(sent, b"unknown", value)
        return await _dead_letter_and_outcome(consumer, dead_letter_id)
    finally:
        await sender.stop()
        await consumer.stop()


async def _dead_letter_and_outcome(consumer: AIOKafkaConsumer, dead_letter_id: str) -> tuple[Any, RequestEnded]:
    dead_letter = outcome = None
    async for message in consumer:
        if message.topic != REQUEST_ENDED.full_name:
            dead_letter = (
                message if dict(message.headers)["bachata.dead-letter-id"].decode() == dead_letter_id else dead_letter
            )
        else:
            ended = RequestEnded.model_validate_json(message.value)
            outcome = ended if ended.dead_letter_id == dead_letter_id else outcome
        if dead_letter is not None and outcome is not None:
            return dead_letter, outcome
    raise AssertionError("the topic ended")


def test_an_empty_library(empty_data_folder: DataFolder, demo_song: Path) -> None:
    result = empty_data_folder.bachata("generate", demo_song)
    _assert_fails(result, "or give --demo-moves")
    assert result.json["reason"] == "empty_library"


def test_two_data_folders_work_side_by_side(empty_data_folder: DataFolder, data_folder: DataFolder) -> None:
    assert empty_data_folder.bachata("moves", "list").json["moves"] == []
    assert empty_data_folder.bachata("status").json["kafka"] != data_folder.bachata("status").json["kafka"]


def test_after_all_of_these_the_worker_still_works(
    data_folder: DataFolder, one_move: dict[str, Any], demo_song: Path
) -> None:
    result = data_folder.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast")
    assert result.exit_code == 0, result.stderr
