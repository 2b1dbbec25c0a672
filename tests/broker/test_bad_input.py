"""What is wrong with an input is said in one line, kept as a dead letter, and the worker goes on."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from schemas.request_ended import RequestEnded
from streams.ids import place_id
from streams.kafka import make_consumer
from streams.topics import PARTITIONS, REQUEST_ENDED
from tests.broker.conftest import Answer, Home

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
    """Grey noise: a room with nobody in it, and no sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        noise = np.random.default_rng(1).integers(100, 120, (180, 320, 3), dtype=np.uint8)
        for _ in range(int(seconds * 10)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise)))
        container.mux(stream.encode())
    return path


def _refused(answer: Answer, *words: str) -> None:
    assert answer.status != 0
    assert "\n" not in answer.json["error"]
    assert any(word in answer.json["error"] for word in words), answer.json["error"]
    assert "Traceback" not in answer.said


def test_an_empty_file(home: Home, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").touch()
    _refused(home.bachata("generate", tmp_path / "song.mp3"), "empty")


def test_no_file(home: Home, tmp_path: Path) -> None:
    _refused(home.bachata("generate", tmp_path / "nothing.mp3"), "nothing.mp3")


def test_a_text_file_named_mp3(home: Home, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_text("la la la\n" * 200)
    answer = home.bachata("generate", tmp_path / "song.mp3")
    _refused(answer, "no mp3")
    assert answer.json["dead_letter_id"]


def test_a_video_without_sound_as_a_song(home: Home, tmp_path: Path) -> None:
    answer = home.bachata("generate", _video(tmp_path / "silent.mp4", 12))
    _refused(answer, "audio")
    assert answer.json["reason"] == "no_audio"


def test_a_song_of_silence(home: Home, tmp_path: Path) -> None:
    answer = home.bachata("generate", _wav(tmp_path / "silence.wav", np.zeros(22050 * 20)))
    _refused(answer, "silen")
    assert answer.json["dead_letter_id"]


def test_a_clip_with_nobody_in_it(home: Home, tmp_path: Path) -> None:
    answer = home.bachata("index", _video(tmp_path / "nobody.mp4"))
    assert answer.status != 0
    [clip] = answer.json["clips"]
    assert clip["status"] == "failed"
    assert clip["error"]


def test_clips_that_are_not_there(home: Home, tmp_path: Path) -> None:
    _refused(home.bachata("index", tmp_path / "no-such-folder"), "no-such-folder")
    _refused(home.bachata("index", tmp_path), "no video")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x00\xff\xfe garbage", "invalid_event"),
        (json.dumps({"source": {"path": "/etc/passwd"}}).encode(), "path_not_allowed"),
        (json.dumps({"source": {"path": "../../etc/passwd"}}).encode(), "path_not_allowed"),
        (json.dumps({"source": {"sha256": "0" * 64}}).encode(), "unknown_media"),
    ],
)
async def test_events_from_strangers(home: Home, value: bytes, reason: str) -> None:
    bootstrap = json.loads((home.folder / "run" / "kafka.json").read_text())["bootstrap"]
    letter, outcome = await asyncio.wait_for(_send_and_see(bootstrap, value), 60)
    assert letter.value == value
    assert dict(letter.headers)["bachata.reason"].decode() == reason
    assert (outcome.outcome, outcome.reason) == ("failed", reason)
    assert outcome.dead_letter_id == dict(letter.headers)["bachata.dead-letter-id"].decode()


class _NoText(str):
    """A header's name that is written as bytes that are no text."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


async def test_a_header_name_that_is_no_text_stops_nobody(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (message_accumulator, producer):  # the writer in Python does as the name says
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    bootstrap = json.loads((home.folder / "run" / "kafka.json").read_text())["bootstrap"]
    headers = ((_NoText("ab"), b"x"),)
    letter, _ = await asyncio.wait_for(_send_and_see(bootstrap, b"garbage", headers), 60)
    assert letter.value == b"garbage"
    assert home.bachata("dead-letters", "list").status == 0


async def _send_and_see(bootstrap: str, value: bytes, headers: Any = None) -> tuple[Any, RequestEnded]:
    sender = AIOKafkaProducer(bootstrap_servers=bootstrap)
    consumer = make_consumer(bootstrap)
    await sender.start()
    await consumer.start()
    try:
        topics = (f"{_SONGS}.dlq", REQUEST_ENDED.full_name)
        consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
        for place, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
            consumer.seek(place, end)
        sent = await sender.send_and_wait(_SONGS, value, key=b"stranger", headers=headers)
        wanted = place_id(sent.topic, sent.partition, sent.offset, "intake")
        return await _letter_and_outcome(consumer, wanted)
    finally:
        await sender.stop()
        await consumer.stop()


async def _letter_and_outcome(consumer: AIOKafkaConsumer, wanted: str) -> tuple[Any, RequestEnded]:
    letter = outcome = None
    async for message in consumer:
        if message.topic != REQUEST_ENDED.full_name:
            letter = message if dict(message.headers)["bachata.dead-letter-id"].decode() == wanted else letter
        else:
            ended = RequestEnded.model_validate_json(message.value)
            outcome = ended if ended.dead_letter_id == wanted else outcome
        if letter is not None and outcome is not None:
            return letter, outcome
    raise AssertionError("the topic ended")


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Another folder, whose Kafka and worker run too; nothing is indexed in it."""
    empty_home = Home(tmp_path_factory.mktemp("empty_home"))
    with empty_home.up():
        yield empty_home


def test_an_empty_library(empty_home: Home, demo_song: Path) -> None:
    answer = empty_home.bachata("generate", demo_song)
    _refused(answer, "bachata index")
    assert answer.json["reason"] == "empty_library"


def test_two_data_folders_work_side_by_side(empty_home: Home, home: Home) -> None:
    assert empty_home.bachata("moves", "list").json == {"moves": []}
    assert empty_home.bachata("status").json["kafka"] != home.bachata("status").json["kafka"]


def test_after_all_that_the_worker_still_serves(home: Home, one_move: dict[str, Any], demo_song: Path) -> None:
    answer = home.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast")
    assert answer.status == 0, answer.said
